/*
 * Takes down what a pod may have left, from its UUID and directory alone: every process in its
 * jail, its network devices, the jail, then what is mounted below its world, its limits. Used by
 * the keeper and by `clean`. Everything is tried; the first failure is told.
 */
#include <signal.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/freebsd/freebsd.h"

struct ending {
    const char *uuid;
    const char *dir;
    int result;
    struct jp_error *err;
};

static void end_jail(void *context, int jid, bool is_dying)
{
    struct ending *e = context;
    /* A dying one has no processes left to speak of; attaching to it is not allowed. */
    if (!is_dying && jp_freebsd_end(jid, e->uuid, e->dir, e->result < 0 ? NULL : e->err) < 0)
        e->result = -1;
}

int jp_freebsd_end(int jid, const char *uuid, const char *dir, struct jp_error *err)
{
    if (jid <= 0)
        return 0;
    /* From the inside first: nobody there can fork faster than the kernel walks its list. */
    (void)jp_freebsd_jail_signal(jid, SIGKILL, NULL);
    int result = jp_freebsd_links.clean(uuid, dir, err);
    if (jp_freebsd_jail_end(jid, result < 0 ? NULL : err) < 0)
        result = -1;
    return result;
}

int jp_freebsd_sweep(const char *uuid, const char *dir, struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    struct ending e = {.uuid = uuid, .dir = dir, .result = 0, .err = err};
    jp_freebsd_jail_find(uuid, end_jail, &e);
    JP_AUTO_FREE char *world = dir ? jp_format("%s/" JP_FREEBSD_WORLD, dir) : NULL;
    if (dir && !world)
        return jp_oom(err);
    if (world && jp_freebsd_unmount_below(world, e.result < 0 ? NULL : err) < 0)
        e.result = -1;
    if (jp_freebsd_links.clean(uuid, dir, e.result < 0 ? NULL : err) < 0)
        e.result = -1;
    if (jp_freebsd_limits.clean(uuid, dir, e.result < 0 ? NULL : err) < 0)
        e.result = -1;
    return e.result;
}
