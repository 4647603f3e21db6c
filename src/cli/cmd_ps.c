/* ps and top: the processes of a pod. */
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "cli/stream.h"
#include "pod/inspect.h"

struct sample {
    struct jp_pod_process *items;
    size_t count;
    size_t capacity;
    int64_t taken_ms;
};

static void sample_free(struct sample *sample)
{
    free(sample->items);
    *sample = (struct sample){NULL, 0, 0, 0};
}

static int keep(void *context, const struct jp_pod_process *process)
{
    struct sample *sample = context;
    if (jp_grow(&sample->items, &sample->capacity, sample->count, sizeof(*process)) < 0)
        return 1;
    sample->items[sample->count++] = *process;
    return 0;
}

static int sample_take(struct jp_cli *cli, const struct jp_store_pod *pod, struct sample *ret,
                       struct jp_error *err)
{
    ret->taken_ms = jp_time_monotonic_ms();
    int r = jp_pod_processes(jp_cli_pods(cli, err), pod, keep, ret, err);
    return r > 0 ? jp_oom(err) : r;
}

static void format_cpu(uint64_t cpu_ns, char out[JP_WORD_SIZE])
{
    uint64_t s = cpu_ns / 1000000000;
    (void)snprintf(out, JP_WORD_SIZE, "%u:%02u.%02u", (unsigned)(s / 60), (unsigned)(s % 60),
                   (unsigned)(cpu_ns / 10000000 % 100));
}

static json_t *process_json(const struct jp_pod_process *p)
{
    char state[2] = {p->state ? p->state : '?', '\0'};
    return json_pack("{s:i, s:o, s:i, s:s, s:I, s:I, s:o, s:o}", "pid", (int)p->pid, "pod_pid",
                     p->pod_pid ? json_integer(p->pod_pid) : json_null(), "uid", (int)p->uid,
                     "state", state, "cpu_ns", (json_int_t)p->cpu_ns, "resident",
                     (json_int_t)p->resident_bytes, "started", jp_json_time(p->start_ns), "command",
                     jp_json_text(p->command));
}

static int print_ps(const struct sample *sample, bool is_bare, struct jp_error *err)
{
    struct jp_table table = jp_table_new("PID|INSIDE|UID|STATE|TIME|RSS|STARTED|COMMAND", is_bare);
    for (size_t i = 0; i < sample->count; i++) {
        const struct jp_pod_process *p = &sample->items[i];
        char word[JP_WORD_SIZE];
        jp_table_addf(&table, "%d", (int)p->pid);
        jp_table_addf(&table, "%d", (int)p->pod_pid);
        jp_table_addf(&table, "%u", p->uid);
        jp_table_addf(&table, "%c", p->state ? p->state : '?');
        format_cpu(p->cpu_ns, word);
        jp_table_add(&table, word);
        jp_format_size(p->resident_bytes, word);
        jp_table_add(&table, word);
        jp_format_time(p->start_ns, word);
        jp_table_add(&table, word);
        jp_table_add(&table, p->command);
    }
    return jp_table_print(&table, err);
}

int jp_cmd_ps(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct sample sample = {NULL, 0, 0, 0};
    int r = jp_cli_find_pod(cli, cli->args.words[0], &pod, err);
    if (r == 0)
        r = sample_take(cli, &pod, &sample, err);
    if (r == 0 && jp_cli_wants_json(&cli->args)) {
        json_t *list = json_array();
        for (size_t i = 0; list && i < sample.count; i++)
            (void)json_array_append_new(list, process_json(&sample.items[i]));
        r = jp_print_json(list, err);
    } else if (r == 0) {
        r = print_ps(&sample, jp_cli_has(&cli->args, "no-header"), err);
    }
    sample_free(&sample);
    return r < 0 ? -1 : 0;
}

/* ---- top ------------------------------------------------------------------------------------- */

struct top {
    struct jp_cli *cli;
    const struct jp_store_pod *pod;
    bool is_batch;
    uint64_t iterations; /* 0: without end */
    int64_t delay_ms;
};

/* Tenths of a percent of one core since the sample before. */
static unsigned usage(const struct sample *before, const struct sample *now, size_t at)
{
    const struct jp_pod_process *p = &now->items[at];
    int64_t passed_ms = now->taken_ms - before->taken_ms;
    for (size_t i = 0; passed_ms > 0 && i < before->count; i++) {
        const struct jp_pod_process *q = &before->items[i];
        if (q->pid == p->pid && q->start_ns == p->start_ns && p->cpu_ns >= q->cpu_ns)
            return (unsigned)((p->cpu_ns - q->cpu_ns) / 1000 / (uint64_t)passed_ms);
    }
    return 0;
}

static int print_top(const struct top *top, const struct sample *before, const struct sample *now,
                     struct jp_error *err)
{
    struct jp_cli_window window = jp_cli_window();
    size_t rows = top->is_batch || window.rows < 5 ? now->count : (size_t)window.rows - 3;
    struct jp_table table = jp_table_new("PID|INSIDE|UID|STATE|%CPU|TIME|RSS|COMMAND", false);
    if (!top->is_batch)
        (void)fputs("\033[H\033[2J", stdout);
    (void)printf("pod %s, %zu process%s\n", top->pod->name, now->count,
                 now->count == 1 ? "" : "es");
    for (size_t i = 0; i < now->count && i < rows; i++) {
        const struct jp_pod_process *p = &now->items[i];
        unsigned tenths = usage(before, now, i);
        char word[JP_WORD_SIZE];
        jp_table_addf(&table, "%d", (int)p->pid);
        jp_table_addf(&table, "%d", (int)p->pod_pid);
        jp_table_addf(&table, "%u", p->uid);
        jp_table_addf(&table, "%c", p->state ? p->state : '?');
        jp_table_addf(&table, "%u.%u", tenths / 10, tenths % 10);
        format_cpu(p->cpu_ns, word);
        jp_table_add(&table, word);
        jp_format_size(p->resident_bytes, word);
        jp_table_add(&table, word);
        jp_table_addf(&table, "%.*s", window.columns > 60 ? window.columns - 60 : 20, p->command);
    }
    int r = jp_table_print(&table, err);
    (void)fflush(stdout);
    return r;
}

/* Waits for the next table: 1 when a key or a signal ends it. */
static int pause_or_quit(const struct top *top)
{
    const volatile sig_atomic_t *interrupted = top->cli->signals.interrupted;
    struct pollfd fds[2] = {{.fd = top->cli->signals.fd, .events = POLLIN},
                            {.fd = top->is_batch ? -1 : STDIN_FILENO, .events = POLLIN}};
    int64_t end = jp_time_monotonic_ms() + top->delay_ms;
    for (int64_t left = top->delay_ms; left > 0; left = end - jp_time_monotonic_ms()) {
        (void)poll(fds, 2, (int)left);
        char bytes[64];
        if (fds[0].revents && read(fds[0].fd, bytes, sizeof(bytes)) > 0 && *interrupted)
            return 1;
        if (fds[1].revents) {
            ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
            if (n <= 0 || memchr(bytes, 'q', (size_t)n))
                return 1;
        }
    }
    return *interrupted != 0;
}

static int run_top(const struct top *top, struct jp_error *err)
{
    struct sample before = {NULL, 0, 0, 0};
    int r = 0;
    jp_store_rest(top->cli->store);
    for (uint64_t i = 0; r == 0 && (top->iterations == 0 || i < top->iterations); i++) {
        struct sample now = {NULL, 0, 0, 0};
        if (i > 0 && pause_or_quit(top))
            break;
        r = sample_take(top->cli, top->pod, &now, err);
        if (r == 0)
            r = print_top(top, &before, &now, err);
        sample_free(&before);
        before = now;
    }
    sample_free(&before);
    return r;
}

static int read_top(struct jp_cli *cli, struct top *top, struct jp_error *err)
{
    const char *iterations = jp_cli_value(&cli->args, "iterations");
    const char *delay = jp_cli_value(&cli->args, "delay");
    top->is_batch =
        jp_cli_has(&cli->args, "batch") || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    top->delay_ms = 2000;
    if (iterations && !jp_parse_u64(iterations, 10, 1, UINT32_MAX, &top->iterations))
        return jp_fail(err, JP_EUSAGE, 0, "-iterations=%s: expected a number", iterations);
    if (delay && (!jp_parse_duration(delay, &top->delay_ms) || top->delay_ms < 1))
        return jp_fail(err, JP_EUSAGE, 0, "-delay=%s: expected a number of seconds", delay);
    return 0;
}

int jp_cmd_top(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct top top = {.cli = cli, .pod = &pod};
    struct termios saved;
    if (read_top(cli, &top, err) < 0 || jp_cli_find_pod(cli, cli->args.words[0], &pod, err) < 0)
        return -1;
    bool is_raw = !top.is_batch && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (is_raw) {
        struct termios raw = saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    int r = run_top(&top, err);
    if (is_raw)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    return r < 0 ? -1 : 0;
}
