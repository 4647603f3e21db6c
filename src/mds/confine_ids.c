/* The part of confine.h that POSIX and its neighbours have. */
#include <grp.h>
#include <unistd.h>

#include "mds/confine.h"

static int drop(const struct jp_service_settings *settings, struct jp_error *err)
{
    gid_t gid = (gid_t)settings->gid;
    uid_t uid = (uid_t)settings->uid;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "the metadata service does not run as root");
    if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || getuid() != uid || geteuid() != uid ||
        getgid() != gid || getegid() != gid)
        return jp_fail(err, JP_ESYS, 0, "could not give up root for good");
    return 0;
}

int jp_confine_ids(const struct jp_service_settings *settings, struct jp_error *err)
{
    return settings->keeps_uid ? 0 : drop(settings, err);
}
