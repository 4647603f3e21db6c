/*
 * Times commands against each other: all of them once a round, in another order each time, so that
 * whatever else the machine does hits them alike, and with it what a command leaves to the kernel
 * to clear away after it. Reads lines "NAME|UNTIMED COMMAND|TIMED COMMAND" (words parted by blanks,
 * no shell), runs every line once as a warm-up, then ROUNDS times, and prints a table: median, 90th
 * percentile, peak resident memory, and the median of the per-round ratios to the first line.
 *
 *   interleave ROUNDS < LINES
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES  32
#define MAX_WORDS  128
#define MAX_ROUNDS 1000

extern char **environ;

struct contender {
    char *name;
    char *before[MAX_WORDS];
    char *command[MAX_WORDS];
    double ms[MAX_ROUNDS];
    double ratio[MAX_ROUNDS];
    long peak_kib;
};

static struct contender contenders[MAX_LINES];

static void split(char *text, char **words)
{
    int n = 0;
    for (char *w = strtok(text, " \t"); w; w = strtok(NULL, " \t")) {
        if (n == MAX_WORDS - 1)
            errx(2, "too many words");
        words[n++] = w;
    }
    words[n] = NULL;
}

static void parse(char *line, struct contender *c)
{
    char *first = strchr(line, '|');
    char *second = first ? strchr(first + 1, '|') : NULL;
    if (!second)
        errx(2, "a line needs NAME|UNTIMED|TIMED: %s", line);
    *first = *second = '\0';
    c->name = strdup(line);
    split(strdup(first + 1), c->before);
    split(strdup(second + 1), c->command);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void run(const char *name, char **words, long *peak_kib)
{
    if (!words[0])
        return;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    if (posix_spawnp(&pid, words[0], &quiet, NULL, words, environ) != 0)
        err(1, "%s", words[0]);
    posix_spawn_file_actions_destroy(&quiet);
    int status;
    struct rusage usage;
    if (wait4(pid, &status, 0, &usage) < 0)
        err(1, "wait");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        errx(1, "%s: %s ended with status %d", name, words[0], status);
    if (peak_kib && usage.ru_maxrss > *peak_kib)
        *peak_kib = usage.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double *values, int n, double q)
{
    qsort(values, (size_t)n, sizeof(*values), compare);
    return values[(int)((double)(n - 1) * q + 0.5)];
}

/* The same orders in every run. */
static void shuffle(int *order, int n)
{
    static unsigned state = 1;
    for (int i = n - 1; i > 0; i--) {
        state = state * 1103515245U + 12345U;
        int other = (int)((state >> 16) % (unsigned)(i + 1));
        int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

int main(int argc, char **argv)
{
    int rounds = argc == 2 ? (int)strtol(argv[1], NULL, 10) : 0;
    if (rounds < 1 || rounds > MAX_ROUNDS)
        errx(2, "usage: interleave ROUNDS (1 to %d) < LINES", MAX_ROUNDS);
    int n = 0;
    char line[16384];
    while (n < MAX_LINES && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            parse(line, &contenders[n++]);
    }
    int order[MAX_LINES];
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int round = -1; round < rounds; round++) {
        shuffle(order, n);
        for (int i = 0; i < n; i++) {
            struct contender *c = &contenders[order[i]];
            run(c->name, c->before, NULL);
            double begin = now_ms();
            run(c->name, c->command, &c->peak_kib);
            if (round >= 0)
                c->ms[round] = now_ms() - begin;
        }
        for (int i = 0; round >= 0 && i < n; i++)
            contenders[i].ratio[round] = contenders[i].ms[round] / contenders[0].ms[round];
    }
    printf("| what | median ms | p90 ms | ratio | peak RSS KiB |\n|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        struct contender *c = &contenders[i];
        double ratio = quantile(c->ratio, rounds, 0.5);
        double median = quantile(c->ms, rounds, 0.5), p90 = quantile(c->ms, rounds, 0.9);
        printf("| %s | %.1f | %.1f | %.2f | %ld |\n", c->name, median, p90, ratio, c->peak_kib);
    }
    return 0;
}
