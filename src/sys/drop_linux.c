#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sys/drop.h"

/* Nothing that we might execute could get a capability back. */
static int empty_bounding_set(struct jp_error *err)
{
    for (unsigned long n = 0; n < 64 && prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0; n++) {
        if (prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
            return jp_fail_sys(err, "drop capability %lu", n);
    }
    return 0;
}

static int become_user(const struct jp_drop *drop, struct jp_error *err)
{
    const gid_t gid = (gid_t)drop->gid;
    const uid_t uid = (uid_t)drop->uid;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "this does not run as root");
    if ((drop->keeps_raw_sockets && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) ||
        setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    return 0;
}

static int drop_capabilities(const struct jp_drop *drop, struct jp_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof(data));
    if (drop->keeps_raw_sockets)
        data[0].permitted = data[0].effective = 1U << CAP_NET_RAW;
    if (syscall(SYS_capset, &header, data) < 0)
        return jp_fail_sys(err, "give up capabilities");
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
        return jp_fail(err, JP_ESYS, 0, "could not give up root for good");
    return 0;
}

int jp_drop_rights(const struct jp_drop *drop, struct jp_error *err)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    if (geteuid() == 0 && (empty_bounding_set(err) < 0 || become_user(drop, err) < 0 ||
                           drop_capabilities(drop, err) < 0))
        return -1;
    /*
     * These are undone by a change of ids, so they come after it. The sanitizers' check for leaks
     * at the end needs ptrace(2).
     */
    if ((!drop->outlives_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) ||
        prctl(PR_SET_DUMPABLE, JP_SANITIZED ? 1 : 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}
