#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "sys/drop.h"

#define NOTHING "/var/empty"

static int become_user(const struct jp_drop *drop, struct jp_error *err)
{
    const gid_t gid = (gid_t)drop->gid;
    const uid_t uid = (uid_t)drop->uid;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "this does not run as root");
    if (!drop->keeps_files && (chroot(NOTHING) < 0 || chdir("/") < 0))
        return jp_fail_sys(err, "enter '%s'", NOTHING);
    if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
        return jp_fail(err, JP_ESYS, 0, "could not give up root for good");
    return 0;
}

int jp_drop_rights(const struct jp_drop *drop, struct jp_error *err)
{
    const struct rlimit none = {0, 0};
    int death = SIGKILL;
    int no_trace = PROC_TRACE_CTL_DISABLE;
    (void)setrlimit(RLIMIT_CORE, &none);
    if (geteuid() == 0 && become_user(drop, err) < 0)
        return -1;
    if ((!drop->outlives_parent && procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &death) < 0) ||
        procctl(P_PID, getpid(), PROC_TRACE_CTL, &no_trace) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}
