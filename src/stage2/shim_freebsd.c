/* The shim on FreeBSD: the jail confines, there are neither capabilities nor filters. */
#include <sys/types.h>
#include <sys/procctl.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "stage2/shim.h"

int jp_shim_protect(void)
{
    int disable = PROC_TRACE_CTL_DISABLE_EXEC;
    return procctl(P_PID, getpid(), PROC_TRACE_CTL, &disable);
}

void jp_shim_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int n = 1; n < NSIG; n++)
        (void)sigaction(n, &action, NULL);
}

int jp_shim_check_cwd(void)
{
    char path[PATH_MAX];
    if (!getcwd(path, sizeof(path)))
        return -1;
    if (path[0] != '/') {
        errno = EXDEV;
        return -1;
    }
    return 0;
}

int jp_shim_label(const struct jp_orders *orders)
{
    (void)orders;
    return 0;
}

int jp_shim_limit(const struct jp_orders *orders)
{
    (void)orders;
    return 0;
}

/* The first of the kernel's list is the effective group: setresgid(2) would overwrite another. */
int jp_shim_groups(const struct jp_orders *orders)
{
    static gid_t list[JP_ORDERS_MAX_GROUPS + 1];
    int count = 0;
    list[count++] = orders->gid;
    for (size_t i = 0; i < orders->n_groups && i < JP_ORDERS_MAX_GROUPS; i++) {
        if (orders->groups[i] != orders->gid)
            list[count++] = orders->groups[i];
    }
    return setgroups(count, list);
}

int jp_shim_ids(const struct jp_orders *orders)
{
    if (setresgid(orders->gid, orders->gid, orders->gid) < 0)
        return -1;
    return setresuid(orders->uid, orders->uid, orders->uid);
}

int jp_shim_drop(const struct jp_orders *orders)
{
    (void)orders;
    return 0;
}

int jp_shim_enter(pid_t *ret_pid)
{
    *ret_pid = getpid();
    return 0;
}

/* The program may be traced by its own like any other: the ban ends with the shim, in execve(2). */
int jp_shim_filter(const struct jp_orders *orders)
{
    (void)orders;
    int until_exec = PROC_TRACE_CTL_DISABLE;
    return procctl(P_PID, getpid(), PROC_TRACE_CTL, &until_exec);
}
