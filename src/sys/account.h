/* Users of the host, for programs of ours that give up root. */
#ifndef JP_SYS_ACCOUNT_H
#define JP_SYS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The ids of a user of the host's /etc/passwd. JP_ENOTFOUND names it. */
int jp_account_find(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, struct jp_error *err);

/*
 * The same, and makes a system user with a group of its own, without home and shell, when there is
 * none (by useradd(8), adduser(8) of busybox, or pw(8)). *ret_made may be NULL.
 */
int jp_account_ensure(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, bool *ret_made,
                      struct jp_error *err);

/* What the host's /etc/group calls a group; *ret is the caller's. JP_ENOTFOUND. */
int jp_account_group_name(uint32_t gid, char **ret, struct jp_error *err);

#endif
