#include <sys/param.h>
#include <sys/cpuset.h>
#include <sys/domainset.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/rtprio.h>
#include <sys/sysctl.h>

#include <unistd.h>

#include "base/macros.h"
#include "sys/caller.h"

#define FIRST         1         /* the host's PID 1 */
#define ORDINARY_USER "default" /* login.conf(5): the class of whom no other is said */

static int reset_limits(void)
{
    int result = 0;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_RLIMIT, FIRST, i};
        struct rlimit ordinary;
        size_t len = sizeof(ordinary);
        if (sysctl(name, JP_LEN(name), &ordinary, &len, NULL, 0) == 0 &&
            setrlimit(i, &ordinary) < 0)
            result = -1;
    }
    return result;
}

static int reset_nice(void)
{
    return setpriority(PRIO_PROCESS, 0, 0);
}

static int reset_scheduling(void)
{
    struct rtprio plain = {.type = RTP_PRIO_NORMAL, .prio = 0};
    return rtprio(RTP_SET, 0, &plain);
}

/* The set first: what is asked for within it must be part of it. */
static int reset_processors(void)
{
    cpusetid_t set;
    cpuset_t all;
    if (cpuset_getid(CPU_LEVEL_CPUSET, CPU_WHICH_PID, FIRST, &set) < 0 ||
        cpuset_setid(CPU_WHICH_PID, -1, set) < 0 ||
        cpuset_getaffinity(CPU_LEVEL_CPUSET, CPU_WHICH_PID, -1, sizeof(all), &all) < 0)
        return -1;
    return cpuset_setaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(all), &all);
}

static int reset_memory_policy(void)
{
    domainset_t all;
    int policy;
    if (cpuset_getdomain(CPU_LEVEL_WHICH, CPU_WHICH_PID, FIRST, sizeof(all), &all, &policy) < 0)
        return -1;
    return cpuset_setdomain(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(all), &all, policy);
}

static int set_control(int command, int value)
{
    return procctl(P_PID, getpid(), command, &value);
}

static int reset_protection(void)
{
    return set_control(PROC_SPROTECT, PPROT_CLEAR);
}

static int reset_address_layout(void)
{
    return set_control(PROC_ASLR_CTL, PROC_ASLR_NOFORCE);
}

/* Of the next program: the gap of one that runs cannot come back. */
static int reset_stack_gap(void)
{
    return set_control(PROC_STACKGAP_CTL, PROC_STACKGAP_ENABLE_EXEC);
}

static int reset_login_class(void)
{
    return setloginclass(ORDINARY_USER);
}

/* It is the session's: only of one that is ours alone. */
static int reset_login_name(void)
{
    return getsid(0) == getpid() ? setlogin("") : 0;
}

static const struct attribute {
    const char *name;
    int (*reset)(void);
} attributes[] = {
    {"a resource limit", reset_limits},
    {"the nice value", reset_nice},
    {"the scheduling class", reset_scheduling},
    {"the set of processors", reset_processors},
    {"the memory policy", reset_memory_policy},
    {"the protection from being killed for want of memory", reset_protection},
    {"the layout of addresses", reset_address_layout},
    {"the gap at the stack", reset_stack_gap},
    {"the login class", reset_login_class},
    {"the login name", reset_login_name},
};

void jp_caller_forget(void (*kept)(void *context, const char *what), void *context)
{
    for (size_t i = 0; i < JP_LEN(attributes); i++) {
        if (attributes[i].reset() < 0 && kept)
            kept(context, attributes[i].name);
    }
}
