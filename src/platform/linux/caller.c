/*
 * What a process has from whoever started it, and a pod must not have: limits, priorities,
 * processors, keys and the rest of what fork(2) and execve(2) pass on. The supervisor gives it up
 * before it makes the pod's first process. (Descriptors, signals, umask, groups, capabilities and
 * environment are the shim's business, of every process anew.)
 *
 * The ordinary value is the kernel's, or that of the host's PID 1: whoever could change that may.
 * Where the right to go back is missing (CAP_SYS_RESOURCE, CAP_SYS_NICE) the pod starts with what
 * the caller has, and a warning says so. The keyring is no such matter: keys are secrets.
 */
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/linux.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/rlimit.h"

#define MAX_CPUS       8192 /* CONFIG_NR_CPUS of the largest kernels */
#define TIMER_SLACK_NS 50000
#define MIB            (1UL << 20)
#define PROGRAM_FILES  1024 /* more and select(2) breaks; programs that want more ask for it */

/* Soft limits as the kernel starts with; hard ones at most these, and at most PID 1's. */
static const struct limit {
    jp_resource resource;
    const char *name;
    rlim_t soft;
    rlim_t hard;
} limits[] = {
    {RLIMIT_CPU, "processor time", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_FSIZE, "file size", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_DATA, "data size", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_STACK, "stack size", 8 * MIB, RLIM_INFINITY},
    {RLIMIT_CORE, "core file size", 0, RLIM_INFINITY},
    {RLIMIT_RSS, "resident memory", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_NPROC, "processes of a user", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_NOFILE, "open files", PROGRAM_FILES, MIB},
    {RLIMIT_MEMLOCK, "locked memory", 8 * MIB, 8 * MIB},
    {RLIMIT_AS, "address space", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_LOCKS, "file locks", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_SIGPENDING, "pending signals", RLIM_INFINITY, RLIM_INFINITY},
    {RLIMIT_MSGQUEUE, "message queues", 819200, 819200},
    {RLIMIT_NICE, "nice value", 0, 0},
    {RLIMIT_RTPRIO, "real-time priority", 0, 0},
    {RLIMIT_RTTIME, "real-time processor time", RLIM_INFINITY, RLIM_INFINITY},
};

static rlim_t lesser(rlim_t a, rlim_t b)
{
    return a < b ? a : b; /* RLIM_INFINITY is the largest */
}

static void warn(struct jp_strv *warnings, const char *what, const char *more)
{
    JP_AUTO_FREE char *text =
        jp_format("%s of whoever started the pod applies to it%s: %s", what, more, strerror(errno));
    if (text && jp_strv_add(warnings, text) < 0)
        return; /* no memory: the pod is worth more than the text */
}

static void reset_limit(const struct limit *limit, struct jp_strv *warnings)
{
    struct rlimit now, host;
    if (getrlimit(limit->resource, &now) < 0)
        return; /* unknown to this kernel */
    if (prlimit(1, limit->resource, NULL, &host) < 0)
        host = now;
    struct rlimit wanted = {.rlim_max = lesser(limit->hard, host.rlim_max)};
    wanted.rlim_cur = lesser(limit->soft, wanted.rlim_max);
    if (now.rlim_cur == wanted.rlim_cur && now.rlim_max == wanted.rlim_max)
        return;
    if (setrlimit(limit->resource, &wanted) == 0)
        return;
    char more[80];
    (void)snprintf(more, sizeof(more), " (%s, at most %llu)", limit->name,
                   (unsigned long long)now.rlim_max);
    if (now.rlim_max < wanted.rlim_cur) /* else no program feels it that does not ask for more */
        warn(warnings, "the resource limit", more);
    wanted.rlim_max = now.rlim_max;
    wanted.rlim_cur = lesser(limit->soft, wanted.rlim_max);
    (void)setrlimit(limit->resource, &wanted);
}

static int reset_processors(void)
{
    static unsigned char every[MAX_CPUS / 8];
    memset(every, 0xff, sizeof(every)); /* the kernel keeps those that there are */
    return syscall(SYS_sched_setaffinity, 0, sizeof(every), every) < 0 ? -1 : 0;
}

static int reset_scheduling(void)
{
    const struct sched_param plain = {.sched_priority = 0};
    /* Not by musl's function of the name, which refuses to. */
    return syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &plain) < 0 ? -1 : 0;
}

static int reset_nice(void)
{
    return setpriority(PRIO_PROCESS, 0, 0);
}

static int reset_io_priority(void)
{
    long r = syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0);
    return r < 0 && errno != ENOSYS ? -1 : 0;
}

static int reset_timer_slack(void)
{
    return prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
}

static int reset_huge_pages(void)
{
    return prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

static int reset_memory_policy(void)
{
    long r = syscall(SYS_set_mempolicy, 0 /* MPOL_DEFAULT */, NULL, 0);
    return r < 0 && errno != ENOSYS ? -1 : 0;
}

static int reset_personality(void)
{
    return personality(PER_LINUX) < 0 ? -1 : 0;
}

static int write_own(const char *path, const char *text)
{
    JP_AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* not in this kernel */
    return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static int reset_oom_score(void)
{
    return write_own("/proc/self/oom_score_adj", "0");
}

static int reset_core_filter(void)
{
    return write_own("/proc/self/coredump_filter", "0x33");
}

static const struct attribute {
    const char *name;
    int (*reset)(void);
} attributes[] = {
    {"the set of processors", reset_processors},
    {"the scheduling class", reset_scheduling},
    {"the nice value", reset_nice},
    {"the I/O priority", reset_io_priority},
    {"the timer slack", reset_timer_slack},
    {"the ban of huge pages", reset_huge_pages},
    {"the memory policy", reset_memory_policy},
    {"the personality", reset_personality},
    {"the out-of-memory score", reset_oom_score},
    {"the core dump filter", reset_core_filter},
};

/* An anonymous keyring in the place of the caller's. Without keys, or a right to them, no matter.
 */
static int leave_keyring(struct jp_error *err)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS &&
        errno != EPERM)
        return jp_fail_sys(err, "leave the keyring of the caller");
    return 0;
}

/* Without them root's capabilities are what execve(2) always makes of uid 0. */
static int reset_secure_bits(struct jp_error *err)
{
    if (prctl(PR_GET_SECUREBITS) > 0 && prctl(PR_SET_SECUREBITS, 0) < 0)
        return jp_fail_sys(err, "reset the secure bits of the caller");
    return 0;
}

static void limit_files(rlim_t soft)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) == 0) {
        now.rlim_cur = lesser(soft, now.rlim_max);
        (void)setrlimit(RLIMIT_NOFILE, &now);
    }
}

void jp_linux_limit_program(void)
{
    limit_files(PROGRAM_FILES);
}

int jp_linux_forget_caller(struct jp_strv *warnings, struct jp_error *err)
{
    for (size_t i = 0; i < JP_LEN(limits); i++)
        reset_limit(&limits[i], warnings);
    for (size_t i = 0; i < JP_LEN(attributes); i++) {
        if (attributes[i].reset() < 0)
            warn(warnings, attributes[i].name, "");
    }
    limit_files(RLIM_INFINITY); /* we hold several for each app */
    return leave_keyring(err) < 0 ? -1 : reset_secure_bits(err);
}
