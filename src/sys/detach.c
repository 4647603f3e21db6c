#include "sys/detach.h"

#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "sys/fd.h"
#include "sys/rlimit.h"

#ifdef __linux__
#include <sys/syscall.h>

#include <linux/keyctl.h>
#include <sched.h>
#else
#include "sys/caller.h"
#endif

#define MAX_FILES 16384      /* open at once: what the metadata service lets in and keeps waiting */
#define STACK     (8U << 20) /* bytes: everybody's default */

extern char **environ;

static void reset_limits(void)
{
    static const struct {
        jp_resource what;
        rlim_t value;
    } limits[] = {
        {RLIMIT_AS, RLIM_INFINITY},    {RLIMIT_CPU, RLIM_INFINITY}, {RLIMIT_DATA, RLIM_INFINITY},
        {RLIMIT_FSIZE, RLIM_INFINITY}, {RLIMIT_RSS, RLIM_INFINITY}, {RLIMIT_NPROC, RLIM_INFINITY},
        {RLIMIT_STACK, STACK},         {RLIMIT_NOFILE, MAX_FILES},  {RLIMIT_CORE, 0},
    };
    for (size_t i = 0; i < JP_LEN(limits); i++) {
        struct rlimit limit = {.rlim_cur = limits[i].value, .rlim_max = limits[i].value};
        if (setrlimit(limits[i].what, &limit) == 0 || getrlimit(limits[i].what, &limit) < 0)
            continue;
        /* Root without the right to raise it: as far as it goes. */
        limit.rlim_cur = limits[i].value < limit.rlim_max ? limits[i].value : limit.rlim_max;
        (void)setrlimit(limits[i].what, &limit);
    }
}

#ifdef __linux__
static void leave_system(void)
{
    struct sched_param plain = {.sched_priority = 0};
    cpu_set_t all;
    memset(&all, 0xff, sizeof(all));
    (void)sched_setscheduler(0, SCHED_OTHER, &plain);
    (void)sched_setaffinity(0, sizeof(all), &all);
    (void)syscall(SYS_ioprio_set, 1, 0, 0); /* this process: none of its own */
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    (void)jp_file_put("/proc/self/oom_score_adj", "0", NULL);
}
#else
static void leave_system(void)
{
    jp_caller_forget(NULL, NULL);
}
#endif

int jp_detach(struct jp_error *err)
{
    static char *nothing[] = {NULL};
    (void)setsid();
    (void)umask(077);
    environ = nothing;
    if (chdir("/") < 0)
        return jp_fail_sys(err, "change to '/'");
    (void)setpriority(PRIO_PROCESS, 0, 0);
    leave_system();
    reset_limits();
    return 0;
}
