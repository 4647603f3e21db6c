/*
 * Extended attributes under one set of names (Linux's: "user.mime", "security.capability",
 * "system.posix_acl_access"). FreeBSD keeps "user.*" in its user name space; ACLs and capabilities
 * that it cannot hold in Linux's binary form fail with EOPNOTSUPP, so that nothing gets lost
 * silently. All work on descriptors: no path, no link to follow.
 */
#ifndef JP_SYS_ATTRIBUTE_H
#define JP_SYS_ATTRIBUTE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_XATTR_SIZE_MAX 65536U /* bytes of a value: Linux's XATTR_SIZE_MAX */
#ifdef ENOATTR
#define JP_NO_XATTR ENOATTR
#else
#define JP_NO_XATTR ENODATA
#endif
#define JP_XATTR_NAME_MAX 255U /* bytes of a name: Linux's XATTR_NAME_MAX */

/* As fsetxattr(2): 0, or -1 with errno. */
int jp_xattr_set(int fd, const char *name, const void *value, size_t len);

/* Replaces `out` by the value. 0, or -1 with errno (JP_NO_XATTR when there is none). */
int jp_xattr_get(int fd, const char *name, struct jp_buf *out);

/* True for what the host's own policy hangs on files (SELinux's labels and the like). */
bool jp_xattr_is_systems_own(const char *name);

/* True for those, and for what an overlay keeps on files of its upper layer: not the file's own. */
bool jp_xattr_is_hosts(const char *name);

/* Appends the names that this file has, in the system's order. 0, or -1 with errno. */
int jp_xattr_list(int fd, struct jp_strv *names);

#endif
