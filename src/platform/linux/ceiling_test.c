/*
 * What control groups are told, in v1's and v2's words. The group is a directory with plain files:
 * what is written stands in them, and is read back as from the kernel. No privileges.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "platform/linux/ceiling.h"
#include "sys/fd.h"
#include "tap.h"

static const struct {
    enum jp_ceiling ceiling;
    struct jp_plan_limits limits;
    const char *file[2]; /* of v1, of v2 */
    const char *text[2];
} cases[] = {
    {JP_CEILING_MEMORY,
     {.memory_bytes = 4096},
     {"memory.limit_in_bytes", "memory.max"},
     {"4096", "4096"}},
    {JP_CEILING_CPU,
     {.cpu_milli = 1500},
     {"cpu.cfs_quota_us", "cpu.max"},
     {"150000", "150000 100000"}},
    {JP_CEILING_CPU_SHARES, {.cpu_shares = 2}, {"cpu.shares", "cpu.weight"}, {"2", "1"}},
    {JP_CEILING_CPU_SHARES, {.cpu_shares = 1024}, {"cpu.shares", "cpu.weight"}, {"1024", "39"}},
    {JP_CEILING_CPU_SHARES,
     {.cpu_shares = 262144},
     {"cpu.shares", "cpu.weight"},
     {"262144", "10000"}},
    {JP_CEILING_CPU, {.cpu_request_milli = 1000}, {"cpu.shares", "cpu.weight"}, {"1024", "39"}},
    {JP_CEILING_PROCESSES, {.processes = 7}, {"pids.max", "pids.max"}, {"7", "7"}},
};

static const char *const files[] = {
    "memory.limit_in_bytes",
    "memory.max",
    "memory.swap.max",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.max",
    "cpu.shares",
    "cpu.weight",
    "pids.max",
};

static void make_files(int dir)
{
    for (size_t i = 0; i < JP_LEN(files); i++) {
        JP_AUTO_FD int fd = openat(dir, files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            abort();
    }
}

static void remove_files(int dir)
{
    for (size_t i = 0; i < JP_LEN(files); i++)
        (void)unlinkat(dir, files[i], 0);
}

static void try(int dir, size_t index, bool is_v2)
{
    struct jp_ceiling_verdict verdict;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    make_files(dir);
    jp_ceiling_apply(dir, is_v2, cases[index].ceiling, &cases[index].limits, &verdict);
    (void)jp_file_read(dir, cases[index].file[is_v2], 64, &text, NULL);
    TAP_STR(jp_buf_text(&text), cases[index].text[is_v2], "%s is written",
            cases[index].file[is_v2]);
    TAP_OK(verdict.verdict == JP_VERDICT_ENFORCED && verdict.reason[0] == '\0', "and enforced");
}

/* 1000 bytes are a page, not none: told. */
static void pages(int dir, bool is_v2)
{
    const struct jp_plan_limits limits = {.memory_bytes = 1000};
    const char *file = is_v2 ? "memory.max" : "memory.limit_in_bytes";
    struct jp_ceiling_verdict verdict;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *page = jp_format("%ld", sysconf(_SC_PAGESIZE));
    JP_AUTO_FREE char *reason =
        jp_format("%s says %s instead of 1000: whole pages", file, page ? page : "");
    make_files(dir);
    jp_ceiling_apply(dir, is_v2, JP_CEILING_MEMORY, &limits, &verdict);
    (void)jp_file_read(dir, file, 64, &text, NULL);
    TAP_STR(jp_buf_text(&text), page, "%s: less than a page is rounded up to one", file);
    TAP_OK(verdict.verdict == JP_VERDICT_MODIFIED, "and told");
    TAP_STR(verdict.reason, reason, "with both numbers");
}

static void refusals(int dir)
{
    struct jp_ceiling_verdict verdict;
    struct jp_plan_limits limits = {.memory_bytes = 4096, .cpu_milli = 1};
    remove_files(dir);
    jp_ceiling_apply(dir, true, JP_CEILING_MEMORY, &limits, &verdict);
    TAP_OK(verdict.verdict == JP_VERDICT_IGNORED, "without the file the limit is ignored");
    TAP_STR(verdict.reason, "memory.max: No such file or directory", "and the reason names it");
    make_files(dir);
    jp_ceiling_apply(dir, true, JP_CEILING_CPU, &limits, &verdict);
    TAP_OK(verdict.verdict == JP_VERDICT_MODIFIED, "less than the kernel can is modified");
}

static void bounds(void)
{
    struct jp_plan_limits app = {.memory_bytes = 10, .cpu_milli = 5, .cpu_shares = 100};
    const struct jp_plan_limits pod = {
        .memory_bytes = 4, .cpu_milli = 6, .processes = 3, .cpu_shares = 10};
    unsigned bounded = jp_ceilings_bound(&app, &pod);
    TAP_OK(app.memory_bytes == 4 && bounded == 1U << JP_CEILING_MEMORY,
           "what is above the pod's is lowered");
    TAP_OK(app.cpu_milli == 5 && app.processes == 0, "nothing else is");
    TAP_OK(app.cpu_shares == 100, "shares are parts of the pod's and stay");
}

int main(void)
{
    char path[] = "/tmp/jp-ceiling-XXXXXX";
    int dir = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir < 0)
        abort();
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        try(dir, i, false);
        try(dir, i, true);
    }
    pages(dir, false);
    pages(dir, true);
    refusals(dir);
    bounds();
    remove_files(dir);
    close(dir);
    (void)rmdir(path);
    return tap_done();
}
