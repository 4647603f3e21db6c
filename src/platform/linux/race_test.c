/*
 * Rows 13 and 14 of SECURITY.md (CVE-2021-30465, CVE-2024-45310, CVE-2025-52881): two pods share a
 * volume. In one a racer exchanges a directory of it with a link that leads up to the root, while
 * the other, which has a mount point below, is started again and again. What is mounted or made
 * must stay in the pod that asked for it, whichever of the two the name meant at each step.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/bed.h"
#include "sys/fd.h"
#include "tap.h"

#define MAX_STARTS  400
#define MAX_MS      2500 /* of one race: a slow machine makes fewer starts */
#define MIN_STARTS  20
#define CANARY_TEXT "canary\n"

struct race {
    const char *link;  /* what the directory is exchanged with */
    const char *inner; /* mount point below the volume; one that is there is also on the host */
    bool is_there;     /* in the directory */
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t start_racer(struct bed *bed)
{
    struct jp_orders o = orders_of("race", "/vol/dst", "/vol/link");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {null, null, null}};
    pid_t pid = -1;
    if (jp_platform.isolation->spawn(bed->pod, &spawn, &pid, NULL) < 0)
        pid = -1;
    close(null);
    jp_orders_clear(&o);
    return pid;
}

/* True when the pod's mountinfo has the source of the second volume once, where it may be. */
static bool mounts_are_expected(const char *text, const char *mark)
{
    static const char *const places[] = {
        " /vol/dst/jp-inner ", " /vol/link/jp-inner ", " /jp-inner ",
        " /vol/dst/tmp ",      " /vol/link/tmp ",      " /tmp ",
    };
    size_t found = 0;
    bool fine = true;
    char line[4096];
    while (*text) {
        size_t len = strcspn(text, "\n");
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
        text += len + (text[len] == '\n');
        if (!strstr(line, mark))
            continue;
        bool is_known = false;
        for (size_t i = 0; i < JP_LEN(places); i++)
            is_known = is_known || strstr(line, places[i]);
        if (!is_known)
            printf("# unexpected: %s\n", line);
        fine = fine && is_known;
        found++;
    }
    return fine && found == 1;
}

struct tally {
    size_t starts, refused, through_link, wrong;
};

static void start_once(struct bed *bed, struct tally *tally)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct outcome *out = NULL;
    tally->starts++;
    if (bed_try(bed, &err) == 0)
        out = run(bed, "mounts", NULL, NULL);
    if (!out || out->started < 0) {
        tally->refused++;
    } else {
        tally->through_link += strstr(out->text, " /jp-inner ") || strstr(out->text, " /tmp ");
        tally->wrong += !mounts_are_expected(out->text, "jp-source");
        tally->wrong += !strstr(run(bed, "cat", "/vol/shared", NULL)->text, "shared");
    }
    bed_end(bed);
}

static char *host_mounts(void)
{
    struct jp_buf text = JP_BUF_INIT;
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_CLOEXEC);
    (void)jp_file_read(self, "mountinfo", 1 << 20, &text, NULL);
    return jp_buf_steal(&text);
}

/* The canary is beside the beds: what "up to the root" would be if the host's were meant. */
static bool canary_is_whole(const struct bed *bed)
{
    JP_AUTO_FREE char *path = in_bed(bed, "canary");
    JP_AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct stat st;
    return jp_file_read(dir, "file", 100, &text, NULL) == 0 &&
           strcmp(jp_buf_text(&text), CANARY_TEXT) == 0 && fstat(dir, &st) == 0 &&
           st.st_nlink == 2 && access("/jp-inner", F_OK) < 0;
}

static void run_race(const struct race *race)
{
    struct bed a, b;
    bed_open(&a, 1);
    bed_open(&b, 1);
    b.apps[0].root.is_volatile = false; /* mounted again and again */
    make_dir(&a, "canary");
    make_file(&a, "canary/file", CANARY_TEXT);
    make_dir(&a, "data");
    make_file(&a, "data/shared", "shared\n");
    make_dir(&a, "data/dst");
    if (race->is_there)
        make_dir(&a, "data/dst/tmp");
    make_link(&a, race->link, "data/link");
    add_volume(&a, "data", "/vol", false);
    make_dir(&b, "jp-source");
    add_volume(&b, "jp-source", "/vol", false);
    add_volume(&b, "jp-source", race->inner, false);
    free(b.volumes[0].source);
    b.volumes[0].source = in_bed(&a, "data");
    JP_AUTO_FREE char *before = host_mounts();
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    pid_t racer = bed_start(&a, &err) == 0 ? start_racer(&a) : -1;
    if (TAP_OK(racer > 0, "a racer to '%s' runs", race->link)) {
        struct tally tally = {0};
        int64_t end = now_ms() + MAX_MS;
        while (tally.starts < MAX_STARTS && (now_ms() < end || tally.starts < MIN_STARTS))
            start_once(&b, &tally);
        printf("# %zu starts, %zu refused, %zu through the link\n", tally.starts, tally.refused,
               tally.through_link);
        TAP_OK(waitpid(racer, NULL, WNOHANG) == 0, "it raced till the end");
        TAP_OK(tally.wrong == 0, "mounts are where they may be");
        TAP_OK(tally.refused < tally.starts && tally.through_link > 0,
               "starts succeed, and the race was one");
        tap_kill(racer, SIGKILL);
        (void)waitpid(racer, NULL, 0);
    }
    JP_AUTO_FREE char *made = in_bed(&a, "data/dst/jp-inner");
    JP_AUTO_FREE char *other = in_bed(&a, "data/link/jp-inner");
    TAP_OK(race->is_there || (access(made, F_OK) < 0 && access(other, F_OK) < 0),
           "and no mount point was made in the volume");
    JP_AUTO_FREE char *after = host_mounts();
    TAP_OK(before && after && strcmp(before, after) == 0, "no mount of the host changed");
    TAP_OK(canary_is_whole(&a), "nothing of the host was touched");
    bed_close(&b);
    bed_close(&a);
}

int main(int argc, char **argv)
{
    static const struct race races[] = {
        {"/", "/vol/dst/tmp", true},
        {"../../../../../../../..", "/vol/dst/tmp", true},
        {"/", "/vol/dst/jp-inner", false},
        {"../../../../../../../..", "/vol/dst/jp-inner", false},
    };
    if (!bed_prepare(argc, argv)) {
        tap_skip("races", "needs root");
        return tap_done();
    }
    for (size_t i = 0; i < JP_LEN(races); i++)
        run_race(&races[i]);
    return tap_done();
}
