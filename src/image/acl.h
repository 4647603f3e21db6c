/*
 * POSIX ACLs: from the text that pax archives carry (SCHILY.acl.*) to the binary form that Linux
 * keeps as an extended attribute (linux/posix_acl_xattr.h: version 2, then tag, permissions, id).
 */
#ifndef JP_IMAGE_ACL_H
#define JP_IMAGE_ACL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define JP_ACL_ENTRIES_MAX 1024U /* ext4 keeps far fewer in its one block */

/*
 * "user::rwx,user:1000:r-x,group::r--,mask::r-x,other::---" and star's fourth field with the
 * number. Names without a number are refused: this host's names mean nothing in an image.
 */
int jp_acl_from_text(const char *text, struct jp_buf *out, struct jp_error *err);

/* True for a well-formed binary ACL. */
bool jp_acl_valid(const unsigned char *value, size_t len);

/*
 * The nine permission bits that a valid access ACL stands for (its mask is the group's part), as
 * the kernel sets them with it. True in *ret_is_all when it says no more than these: the kernel
 * then keeps no ACL.
 */
mode_t jp_acl_mode(const unsigned char *value, size_t len, bool *ret_is_all);

#endif
