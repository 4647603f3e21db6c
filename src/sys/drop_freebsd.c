#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "sys/drop.h"

#define NOTHING "/var/empty"

static int become_user(uint32_t uid, uint32_t gid, struct jp_error *err)
{
    const gid_t group = (gid_t)gid;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "this does not run as root");
    if (chroot(NOTHING) < 0 || chdir("/") < 0)
        return jp_fail_sys(err, "enter '%s'", NOTHING);
    if (setgroups(1, &group) < 0 || setresgid(group, group, group) < 0 ||
        setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    return 0;
}

int jp_drop_rights(uint32_t uid, uint32_t gid, struct jp_error *err)
{
    const struct rlimit none = {0, 0};
    int death = SIGKILL;
    int no_trace = PROC_TRACE_CTL_DISABLE;
    (void)setrlimit(RLIMIT_CORE, &none);
    if (geteuid() == 0 && become_user(uid, gid, err) < 0)
        return -1;
    if (procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &death) < 0 ||
        procctl(P_PID, getpid(), PROC_TRACE_CTL, &no_trace) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}
