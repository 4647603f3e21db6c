/* What a process inherits on Linux alone: odd.c. */
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "odd.h"

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    (void)!write(fd, text, strlen(text));
    close(fd);
}

void become_odd(void)
{
    cpu_set_t one;
    unsigned long node = 1;
    limit(RLIMIT_MSGQUEUE, 12345);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
    prctl(PR_SET_TIMERSLACK, 123456);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    syscall(SYS_set_mempolicy, 1, &node, 8 * sizeof(node)); /* MPOL_PREFERRED */
    personality(ADDR_NO_RANDOMIZE);
    put("/proc/self/oom_score_adj", "333");
    put("/proc/self/coredump_filter", "0x1");
    syscall(SYS_keyctl, 1, "jetpack-test"); /* KEYCTL_JOIN_SESSION_KEYRING */
    syscall(SYS_add_key, "user", "jetpack-test", "secret", 6, -3);
}
