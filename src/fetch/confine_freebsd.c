/*
 * FreeBSD. Capability mode forbids connect(2) to addresses, and the resolver reads files: what is
 * left is a user that owns nothing.
 */
#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "fetch/confine.h"

static int become_user(const struct jp_wire_settings *settings, struct jp_error *err)
{
    gid_t gid = (gid_t)settings->gid;
    uid_t uid = (uid_t)settings->uid;
    if (geteuid() != 0)
        return 0;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "jetpack-fetch does not run as root");
    if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    return 0;
}

int jp_fetch_confine(const struct jp_wire_settings *settings, struct jp_error *err)
{
    const struct rlimit none = {0, 0};
    int death = SIGKILL;
    int no_trace = PROC_TRACE_CTL_DISABLE;
    (void)setrlimit(RLIMIT_CORE, &none);
    if (become_user(settings, err) < 0)
        return -1;
    if (procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &death) < 0 ||
        procctl(P_PID, getpid(), PROC_TRACE_CTL, &no_trace) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}
