/*
 * Users and groups of an image, read by our own parser from its /etc/passwd and /etc/group: libc's
 * name service would load code from the image (CVE-2019-14271). The files are resolved in the
 * root, must be regular, and are read up to a limit (row 9 of SECURITY.md).
 */
#ifndef JP_SYS_USERDB_H
#define JP_SYS_USERDB_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct jp_user {
    uint32_t uid;
    uint32_t gid; /* of the passwd entry, 0 when there is none */
    char *name;   /* NULL when uid has no entry */
    char *home;   /* "/" when there is none */
    char *shell;  /* "/bin/sh" when there is none */
};

/*
 * Resolves `user` as aci.md says: a name in /etc/passwd first (a name may be all digits), then a
 * number, or the owner of the file when it begins with "/". "" is refused. JP_ENOTFOUND names it.
 */
int jp_userdb_user(int root_fd, const char *user, struct jp_user *ret, struct jp_error *err);

/* The same for a group. */
int jp_userdb_group(int root_fd, const char *group, uint32_t *ret_gid, struct jp_error *err);

/* What a group is called; *ret is the caller's. JP_ENOTFOUND. */
int jp_userdb_group_name(int root_fd, uint32_t gid, char **ret, struct jp_error *err);

/* Groups of /etc/group that list the user by name; *ret is the caller's. */
int jp_userdb_groups_of(int root_fd, const char *user_name, uint32_t **ret, size_t *ret_count,
                        struct jp_error *err);

void jp_user_clear(struct jp_user *user);

#endif
