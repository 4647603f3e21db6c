/*
 * FreeBSD. Capability mode is of no use: it forbids connect(2) to addresses. What is left without
 * it: another user, and a root directory in which there is nothing.
 */
#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "forward/confine.h"
#include "sys/fd.h"

#define NOTHING "/var/empty"

int jp_forward_confine_ids(const struct jp_forward_rights *rights, struct jp_error *err)
{
    gid_t gid = (gid_t)rights->gid;
    uid_t uid = (uid_t)rights->uid;
    int death = SIGKILL;
    int no_trace = PROC_TRACE_CTL_DISABLE;
    jp_fd_allow(INT_MAX);
    if (geteuid() == 0) {
        if (uid == 0)
            return jp_fail(err, JP_EINVALID, 0, "the forwarder does not run as root");
        if (chroot(NOTHING) < 0 || chdir("/") < 0)
            return jp_fail_sys(err, "enter '%s'", NOTHING);
        if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            return jp_fail_sys(err, "become user %u", (unsigned)uid);
    }
    if (procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &death) < 0 ||
        procctl(P_PID, getpid(), PROC_TRACE_CTL, &no_trace) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}

int jp_forward_confine_calls(struct jp_error *err)
{
    (void)err;
    return 0;
}
