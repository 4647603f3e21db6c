#include "platform/linux/ceiling.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define PERIOD_US    100000 /* of the CPU quota */
#define MIN_QUOTA_US 1000   /* the kernel takes no less */
#define MIN_SHARES   2
#define MAX_SHARES   262144
#define MAX_DEVICES  4096         /* block devices that are limited */
#define MAX_VALUES   (256U << 10) /* bytes of a file with a line for each device */

/* ---- files of a group ------------------------------------------------------------------------ */

static int write_text(int dir_fd, const char *file, const char *text)
{
    JP_AUTO_FD int fd = openat(dir_fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    return jp_sys.write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static int write_number(int dir_fd, const char *file, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    return write_text(dir_fd, file, text);
}

/* The first number of a file ("50000 100000" of cpu.max). */
static bool read_number(int dir_fd, const char *file, uint64_t *ret)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(dir_fd, file, 64, &text, NULL) < 0 || text.len == 0)
        return false;
    text.data[strcspn(jp_buf_text(&text), " \n")] = '\0';
    return jp_parse_u64(text.data, 10, 0, UINT64_MAX, ret);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static void ignore(struct jp_ceiling_verdict *v, const char *what, int error)
{
    v->verdict = JP_VERDICT_IGNORED;
    (void)snprintf(v->reason, sizeof(v->reason), "%s: %s", what, strerror(error));
}

/* Never believe that a write worked: what the kernel says now counts (CVE-2019-16884). */
static void compare(struct jp_ceiling_verdict *v, int fd, const char *file, uint64_t wanted,
                    const char *why)
{
    uint64_t got = 0;
    if (!read_number(fd, file, &got)) {
        ignore(v, file, EIO);
    } else if (got != wanted) {
        v->verdict = JP_VERDICT_MODIFIED;
        (void)snprintf(v->reason, sizeof(v->reason), "%s says %" PRIu64 " instead of %" PRIu64 "%s",
                       file, got, wanted, why);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/*
 * The kernel counts pages and would round down, 1000 bytes to nothing: a limit of 0 that nobody
 * asked for. What is beyond its numbers stays, and is no limit.
 */
static uint64_t whole_pages(uint64_t bytes)
{
    long size = sysconf(_SC_PAGESIZE);
    uint64_t page = size > 0 ? (uint64_t)size : 4096;
    uint64_t rest = bytes % page;
    return rest == 0 || bytes > UINT64_MAX - page ? bytes : bytes + (page - rest);
}

/*
 * No swap beside memory. Absent where the kernel does not count swap. What v1 limits is the sum,
 * and no sum is less than the memory in it: a limit that is raised takes the sum first.
 */
static void limit_swap(int fd, bool is_v2, uint64_t bytes)
{
    (void)(is_v2 ? write_text(fd, "memory.swap.max", "0")
                 : write_number(fd, "memory.memsw.limit_in_bytes", bytes));
}

static void apply_memory(int fd, bool is_v2, const struct jp_plan_limits *l,
                         struct jp_ceiling_verdict *v)
{
    const char *file = is_v2 ? "memory.max" : "memory.limit_in_bytes";
    const char *request = is_v2 ? "memory.low" : "memory.soft_limit_in_bytes";
    if (l->memory_request_bytes > 0 && write_number(fd, request, l->memory_request_bytes) < 0 &&
        l->memory_bytes == 0) {
        ignore(v, request, errno);
        return;
    }
    if (l->memory_bytes == 0)
        return;
    uint64_t bytes = whole_pages(l->memory_bytes);
    limit_swap(fd, is_v2, bytes);
    if (write_number(fd, file, bytes) < 0) {
        ignore(v, file, errno);
        return;
    }
    limit_swap(fd, is_v2, bytes);
    compare(v, fd, file, l->memory_bytes, ": whole pages");
}

/* ---- processor ------------------------------------------------------------------------------- */

static int write_quota(bool is_v2, int fd, uint64_t quota_us)
{
    char text[64];
    if (is_v2) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " %d", quota_us, PERIOD_US);
        return write_text(fd, "cpu.max", text);
    }
    if (write_number(fd, "cpu.cfs_period_us", PERIOD_US) < 0)
        return -1;
    return write_number(fd, "cpu.cfs_quota_us", quota_us);
}

/* The kernel's own documentation maps shares of 2 to 262144 to weights of 1 to 10000 in this way.
 */
static uint64_t weight_of(uint64_t shares)
{
    return 1 + (shares - MIN_SHARES) * 9999 / (MAX_SHARES - MIN_SHARES);
}

static void apply_shares(int fd, bool is_v2, uint64_t shares, struct jp_ceiling_verdict *v)
{
    const char *file = is_v2 ? "cpu.weight" : "cpu.shares";
    shares = shares < MIN_SHARES ? MIN_SHARES : shares > MAX_SHARES ? MAX_SHARES : shares;
    uint64_t value = is_v2 ? weight_of(shares) : shares;
    if (write_number(fd, file, value) < 0)
        ignore(v, file, errno);
    else
        compare(v, fd, file, value, "");
}

static void apply_cpu(int fd, bool is_v2, const struct jp_plan_limits *l,
                      struct jp_ceiling_verdict *v)
{
    if (l->cpu_request_milli > 0 && l->cpu_shares == 0)
        apply_shares(fd, is_v2, l->cpu_request_milli * 1024 / 1000, v);
    if (l->cpu_milli == 0)
        return;
    *v = (struct jp_ceiling_verdict){.verdict = JP_VERDICT_ENFORCED}; /* the limit is what counts */
    uint64_t quota =
        l->cpu_milli > UINT64_MAX / PERIOD_US ? UINT64_MAX / 1000 : l->cpu_milli * PERIOD_US / 1000;
    bool is_raised = quota < MIN_QUOTA_US;
    if (is_raised)
        quota = MIN_QUOTA_US;
    if (write_quota(is_v2, fd, quota) < 0) {
        ignore(v, "CPU quota", errno);
        return;
    }
    compare(v, fd, is_v2 ? "cpu.max" : "cpu.cfs_quota_us", quota, "");
    if (is_raised && v->verdict == JP_VERDICT_ENFORCED) {
        v->verdict = JP_VERDICT_MODIFIED;
        (void)snprintf(v->reason, sizeof(v->reason),
                       "10 thousandths of a core, the least the kernel can");
    }
}

static void apply_cpu_shares(int fd, bool is_v2, const struct jp_plan_limits *l,
                             struct jp_ceiling_verdict *v)
{
    apply_shares(fd, is_v2, l->cpu_shares, v);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void apply_processes(int fd, JP_UNUSED bool is_v2, const struct jp_plan_limits *l,
                            struct jp_ceiling_verdict *v)
{
    if (write_number(fd, "pids.max", l->processes) < 0)
        ignore(v, "pids.max", errno);
    else
        compare(v, fd, "pids.max", l->processes, "");
}

/* ---- block devices --------------------------------------------------------------------------- */

/*
 * The kernel limits each whole device by itself; "default: true" (ace.md) is all that there are
 * now. v1 charges nobody for what goes through the page cache to be written later: only what a
 * program waits for is limited.
 */
struct devices {
    int group_fd;
    const char *file;
    const char *keys[2]; /* of a line of v2; NULL: the number alone, as v1 has it */
    uint64_t number;
    size_t limited;
    int error;
};

static void limit_device(struct devices *d, unsigned major, unsigned minor)
{
    char line[128];
    if (d->keys[0])
        (void)snprintf(line, sizeof(line), "%u:%u %s=%" PRIu64 " %s=%" PRIu64, major, minor,
                       d->keys[0], d->number, d->keys[1], d->number);
    else
        (void)snprintf(line, sizeof(line), "%u:%u %" PRIu64, major, minor, d->number);
    if (write_text(d->group_fd, d->file, line) < 0)
        d->error = errno;
    else
        d->limited++;
}

static void each_device(struct devices *d)
{
    DIR *dir = opendir("/sys/block");
    if (!dir) {
        d->error = errno;
        return;
    }
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_DEVICES && (entry = readdir(dir)); n++) {
        char path[300];
        unsigned major, minor;
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        (void)snprintf(path, sizeof(path), "%s/dev", entry->d_name);
        if (entry->d_name[0] != '.' && jp_file_read(dirfd(dir), path, 32, &text, NULL) == 0 &&
            sscanf(jp_buf_text(&text), "%u:%u", &major, &minor) == 2)
            limit_device(d, major, minor);
    }
    (void)closedir(dir);
}

/* True when the line has the number as a word, or after a '='. */
static bool has_number(const char *line, const char *number)
{
    size_t len = strlen(number), end = strcspn(line, "\n");
    for (size_t i = 1; i + len <= end; i++) {
        if ((line[i - 1] == ' ' || line[i - 1] == '=') && strncmp(line + i, number, len) == 0 &&
            strchr(" \n", line[i + len]))
            return true;
    }
    return false;
}

/* The file has a line with the number for each device that was limited. */
static bool are_limited(const struct devices *d)
{
    char number[24];
    size_t found = 0;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(number, sizeof(number), "%" PRIu64, d->number);
    if (jp_file_read(d->group_fd, d->file, MAX_VALUES, &text, NULL) < 0)
        return false;
    for (const char *p = jp_buf_text(&text); *p != '\0'; p += *p == '\n') {
        found += has_number(p, number);
        p += strcspn(p, "\n");
    }
    return found >= d->limited;
}

static void limit_devices(struct devices d, struct jp_ceiling_verdict *v)
{
    if (v->verdict == JP_VERDICT_IGNORED)
        return;
    each_device(&d);
    if (d.limited == 0)
        ignore(v, d.file, d.error ? d.error : ENODEV);
    else if (!are_limited(&d))
        ignore(v, d.file, EIO);
}

/* One file with two keys in v2, two files in v1. */
static void limit_block(struct devices d, const char *const v1[2], bool is_v2,
                        struct jp_ceiling_verdict *v)
{
    if (is_v2) {
        d.file = "io.max";
        limit_devices(d, v);
        return;
    }
    d.keys[0] = NULL;
    for (size_t i = 0; i < 2; i++) {
        d.file = v1[i];
        limit_devices(d, v);
    }
}

static void apply_block_bandwidth(int fd, bool is_v2, const struct jp_plan_limits *l,
                                  struct jp_ceiling_verdict *v)
{
    const char *const v1[] = {"blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"};
    struct devices d = {.group_fd = fd, .keys = {"rbps", "wbps"}, .number = l->block_bytes};
    limit_block(d, v1, is_v2, v);
}

static void apply_block_iops(int fd, bool is_v2, const struct jp_plan_limits *l,
                             struct jp_ceiling_verdict *v)
{
    const char *const v1[] = {"blkio.throttle.read_iops_device",
                              "blkio.throttle.write_iops_device"};
    struct devices d = {.group_fd = fd, .keys = {"riops", "wiops"}, .number = l->block_operations};
    limit_block(d, v1, is_v2, v);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define MEMBER(name) offsetof(struct jp_plan_limits, name)
static const struct {
    const char *resource;
    enum jp_cgroup_controller controller;
    size_t limit;   /* a uint64_t of struct jp_plan_limits */
    size_t request; /* ... which also makes it asked for; the limit again when there is none */
    void (*apply)(int fd, bool is_v2, const struct jp_plan_limits *l, struct jp_ceiling_verdict *v);
} rows[JP_CEILINGS] = {
    [JP_CEILING_MEMORY] = {"memory", JP_CGROUP_MEMORY, MEMBER(memory_bytes),
                           MEMBER(memory_request_bytes), apply_memory},
    [JP_CEILING_CPU] = {"cpu", JP_CGROUP_CPU, MEMBER(cpu_milli), MEMBER(cpu_request_milli),
                        apply_cpu},
    [JP_CEILING_CPU_SHARES] = {"os/linux/cpu-shares", JP_CGROUP_CPU, MEMBER(cpu_shares),
                               MEMBER(cpu_shares), apply_cpu_shares},
    [JP_CEILING_PROCESSES] = {"processes", JP_CGROUP_PIDS, MEMBER(processes), MEMBER(processes),
                              apply_processes},
    [JP_CEILING_BLOCK_BANDWIDTH] = {"block-bandwidth", JP_CGROUP_BLOCK, MEMBER(block_bytes),
                                    MEMBER(block_bytes), apply_block_bandwidth},
    [JP_CEILING_BLOCK_IOPS] = {"block-iops", JP_CGROUP_BLOCK, MEMBER(block_operations),
                               MEMBER(block_operations), apply_block_iops},
};
#undef MEMBER

static uint64_t get(const struct jp_plan_limits *limits, size_t member)
{
    uint64_t number;
    memcpy(&number, (const char *)limits + member, sizeof(number));
    return number;
}

const char *jp_ceiling_resource(enum jp_ceiling ceiling)
{
    return rows[ceiling].resource;
}

enum jp_cgroup_controller jp_ceiling_controller(enum jp_ceiling ceiling)
{
    return rows[ceiling].controller;
}

bool jp_ceiling_is_asked(const struct jp_plan_limits *limits, enum jp_ceiling ceiling)
{
    return get(limits, rows[ceiling].limit) > 0 || get(limits, rows[ceiling].request) > 0;
}

unsigned jp_ceilings_bound(struct jp_plan_limits *limits, const struct jp_plan_limits *pod)
{
    unsigned bounded = 0;
    for (unsigned i = 0; i < JP_CEILINGS; i++) {
        uint64_t upper = get(pod, rows[i].limit);
        if (i == JP_CEILING_CPU_SHARES || upper == 0 || get(limits, rows[i].limit) <= upper)
            continue; /* shares are of the pod's: there is nothing to bound */
        memcpy((char *)limits + rows[i].limit, &upper, sizeof(upper));
        bounded |= 1U << i;
    }
    return bounded;
}

void jp_ceiling_apply(int group_fd, bool is_v2, enum jp_ceiling ceiling,
                      const struct jp_plan_limits *limits, struct jp_ceiling_verdict *ret)
{
    *ret = (struct jp_ceiling_verdict){.verdict = JP_VERDICT_ENFORCED};
    rows[ceiling].apply(group_fd, is_v2, limits, ret);
}
