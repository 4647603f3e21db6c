/* What a process inherits on FreeBSD alone: odd.c. */
#include <sys/param.h>
#include <sys/cpuset.h>
#include <sys/procctl.h>
#include <sys/rtprio.h>

#include <unistd.h>

#include "odd.h"

static void control(int command, int value)
{
    procctl(P_PID, getpid(), command, &value);
}

void become_odd(void)
{
    cpuset_t one;
    struct rtprio soon = {.type = RTP_PRIO_REALTIME, .prio = RTP_PRIO_MAX};
    limit(RLIMIT_SBSIZE, 123456789);
    limit(RLIMIT_KQUEUES, 54321);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    cpuset_setaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(one), &one);
    rtprio(RTP_SET, 0, &soon);
    control(PROC_SPROTECT, PPROT_SET | PPROT_INHERIT);
    control(PROC_ASLR_CTL, PROC_ASLR_FORCE_DISABLE);
    control(PROC_STACKGAP_CTL, PROC_STACKGAP_DISABLE | PROC_STACKGAP_DISABLE_EXEC);
    setloginclass("odd");
    setsid(); /* the name is the session's */
    setlogin("odd");
}
