#include "sys/attribute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool jp_xattr_is_systems_own(const char *name)
{
    return strcmp(name, "security.selinux") == 0 || strcmp(name, "security.SMACK64") == 0 ||
           strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

bool jp_xattr_is_hosts(const char *name)
{
    static const char overlay[] = "trusted.overlay.";
    return jp_xattr_is_systems_own(name) || strncmp(name, overlay, sizeof(overlay) - 1) == 0;
}

#ifdef __linux__

#include <sys/xattr.h>

int jp_xattr_set(int fd, const char *name, const void *value, size_t len)
{
    return fsetxattr(fd, name, value, len, 0);
}

int jp_xattr_get(int fd, const char *name, struct jp_buf *out)
{
    JP_AUTO_FREE char *value = jp_alloc(JP_XATTR_SIZE_MAX);
    if (!value) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t len = fgetxattr(fd, name, value, JP_XATTR_SIZE_MAX);
    if (len < 0)
        return -1;
    jp_buf_reset(out);
    jp_buf_add(out, value, (size_t)len);
    if (jp_buf_failed(out)) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int jp_xattr_list(int fd, struct jp_strv *names)
{
    ssize_t size = flistxattr(fd, NULL, 0);
    if (size < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    if (size == 0)
        return 0;
    JP_AUTO_FREE char *list = jp_alloc((size_t)size);
    if (!list) {
        errno = ENOMEM;
        return -1;
    }
    size = flistxattr(fd, list, (size_t)size);
    if (size < 0)
        return -1;
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(list + at) + 1) {
        if (jp_strv_add(names, list + at) != 0) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 0;
}

#else

#include <sys/types.h>
#include <sys/extattr.h>

#define USER "user."

static const char *user_name(const char *name)
{
    if (strncmp(name, USER, sizeof(USER) - 1) == 0)
        return name + sizeof(USER) - 1;
    errno = EOPNOTSUPP;
    return NULL;
}

int jp_xattr_set(int fd, const char *name, const void *value, size_t len)
{
    const char *own = user_name(name);
    if (!own)
        return -1;
    ssize_t written = extattr_set_fd(fd, EXTATTR_NAMESPACE_USER, own, value, len);
    if (written >= 0 && (size_t)written != len)
        errno = ENOSPC;
    return written >= 0 && (size_t)written == len ? 0 : -1;
}

int jp_xattr_get(int fd, const char *name, struct jp_buf *out)
{
    const char *own = user_name(name);
    if (!own)
        return -1;
    JP_AUTO_FREE char *value = jp_alloc(JP_XATTR_SIZE_MAX);
    if (!value) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t len = extattr_get_fd(fd, EXTATTR_NAMESPACE_USER, own, value, JP_XATTR_SIZE_MAX);
    if (len < 0)
        return -1;
    jp_buf_reset(out);
    jp_buf_add(out, value, (size_t)len);
    if (jp_buf_failed(out)) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

/* The list is a sequence of one length byte and a name without NUL. */
static int add_names(const unsigned char *list, size_t size, struct jp_strv *names)
{
    for (size_t at = 0; at < size && at + 1 + list[at] <= size; at += 1U + list[at]) {
        char name[sizeof(USER) + 256] = USER;
        memcpy(name + sizeof(USER) - 1, list + at + 1, list[at]);
        name[sizeof(USER) - 1 + list[at]] = '\0';
        if (jp_strv_add(names, name) != 0) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 0;
}

int jp_xattr_list(int fd, struct jp_strv *names)
{
    ssize_t size = extattr_list_fd(fd, EXTATTR_NAMESPACE_USER, NULL, 0);
    if (size < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    if (size == 0)
        return 0;
    JP_AUTO_FREE unsigned char *list = jp_alloc((size_t)size);
    if (!list) {
        errno = ENOMEM;
        return -1;
    }
    size = extattr_list_fd(fd, EXTATTR_NAMESPACE_USER, list, (size_t)size);
    if (size < 0)
        return -1;
    return add_names(list, (size_t)size, names);
}

#endif
