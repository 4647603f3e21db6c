#include "image/attributes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/name.h"
#include "sys/attribute.h"
#include "sys/calls.h"

bool jp_attributes_time_is_unusual(const struct timespec *time)
{
    return time->tv_sec < 0 || time->tv_sec > INT32_MAX || time->tv_nsec != 0;
}

int jp_attributes_check_time(const struct timespec *want, const struct stat *st,
                             struct jp_error *err)
{
    if (st->st_mtim.tv_sec == want->tv_sec && st->st_mtim.tv_nsec == want->tv_nsec)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "a modification time that the file system cannot hold");
}

int jp_attributes_set(int fd, const struct jp_tar_entry *entry, struct jp_error *err)
{
    if (jp_sys.fchown(fd, entry->uid, entry->gid) != 0)
        return jp_fail_sys(err, "set owner %u:%u", entry->uid, entry->gid);
    if (jp_sys.fchmod(fd, entry->mode) != 0)
        return jp_fail_sys(err, "set mode %04o", (unsigned)entry->mode);
    for (size_t i = 0; i < entry->n_xattrs; i++) {
        const struct jp_tar_xattr *x = &entry->xattrs[i];
        if (jp_xattr_set(fd, x->name, x->value, x->len) != 0)
            return jp_fail_sys(err, "set attribute '%s'", x->name);
    }
    const struct timespec times[2] = {entry->atime, entry->mtime};
    if (jp_sys.futimens(fd, times) != 0)
        return jp_fail_sys(err, "set times");
    if (!jp_attributes_time_is_unusual(&entry->mtime))
        return 0;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return jp_fail_sys(err, "read times");
    return jp_attributes_check_time(&entry->mtime, &st, err);
}

static const struct jp_tar_xattr *find(const struct jp_tar_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->n_xattrs; i++) {
        if (strcmp(entry->xattrs[i].name, name) == 0)
            return &entry->xattrs[i];
    }
    return NULL;
}

/* The kernel gives revision 3 of a capability with owner 0 back as revision 2. */
static bool same_value(const struct jp_tar_xattr *x, const struct jp_buf *have)
{
    static const unsigned char no_owner[4] = {0};
    if (have->len == x->len)
        return memcmp(jp_buf_text(have), x->value, x->len) == 0;
    return strcmp(x->name, "security.capability") == 0 && x->len == 24 && have->len == 20 &&
           memcmp(x->value + 20, no_owner, 4) == 0 &&
           memcmp(jp_buf_text(have) + 4, x->value + 4, 16) == 0;
}

static int say(char **ret, const char *name, const char *what, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    *ret = jp_format("attribute '%s' %s", jp_image_name_show(name, shown), what);
    return *ret ? 1 : jp_oom(err);
}

int jp_attributes_xattrs_equal(int fd, const struct jp_tar_entry *entry, char **ret_what,
                               struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    if (jp_xattr_list(fd, &names) != 0)
        return jp_fail_sys(err, "list attributes");
    for (size_t i = 0; i < names.count; i++) {
        if (!find(entry, names.items[i]) && !jp_xattr_is_systems_own(names.items[i]))
            return say(ret_what, names.items[i], "is extra", err);
    }
    for (size_t i = 0; i < entry->n_xattrs; i++) {
        const struct jp_tar_xattr *x = &entry->xattrs[i];
        if (!jp_strv_contains(&names, x->name))
            return say(ret_what, x->name, "is missing", err);
        if (jp_xattr_get(fd, x->name, &value) != 0)
            return jp_fail_sys(err, "read attribute '%s'", x->name);
        if (!same_value(x, &value))
            return say(ret_what, x->name, "differs", err);
    }
    return 0;
}
