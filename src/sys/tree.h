/* Whole directory trees: remove, copy, measure. All work through descriptors only. */
#ifndef JP_SYS_TREE_H
#define JP_SYS_TREE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Removes `name` (one name, not a path) in dir_fd with everything below. Never follows a link,
 * never crosses into another mount (refuses with JP_EBUSY, naming it); a subvolume is part of the
 * tree. File flags keep nothing (fileflags.h). Nothing there is fine.
 */
int jp_tree_remove(int dir_fd, const char *name, struct jp_error *err);

/*
 * Copies what is below from_fd into the existing directory to_fd: owner, mode, times, xattrs, hard
 * links, symbolic links, devices, holes. The top directory's own metadata is copied as well. What
 * is mounted inside the source is refused with JP_EBUSY. Uses reflinks where the file system can;
 * *ret_reflinked (may be NULL) tells whether every file was shared. Existing entries are replaced:
 * a directory merges with a directory, anything else is removed first; a symbolic link is never
 * followed. JP_EINVALID when the walk comes to the destination itself.
 */
int jp_tree_copy(int from_fd, int to_fd, bool *ret_reflinked, struct jp_error *err);

/*
 * The same into somebody's own tree: a directory of the destination is never removed for something
 * else, nor anything else for a directory (as cp -a). JP_EEXISTS when that would be needed.
 * `is_tame` for what a stranger offers: set-id bits and file capabilities are left out, and a
 * device is refused (JP_EINVALID).
 */
int jp_tree_merge(int from_fd, int to_fd, bool is_tame, struct jp_error *err);

/*
 * Copies one entry that is no directory, under the same name, in the same way. JP_EINVALID for a
 * directory.
 */
int jp_tree_copy_entry(int from_dir, const char *name, int to_dir, bool is_tame,
                       struct jp_error *err);

/*
 * Gives everything below dir_fd, and itself, to this owner; links themselves, not what they name.
 * Set-id bits and file capabilities are lost, as chown(2) does it.
 */
int jp_tree_own(int dir_fd, uid_t uid, gid_t gid, struct jp_error *err);

/* Bytes that the tree takes on disk (blocks of files, each hard-linked file once). */
int jp_tree_usage(int dir_fd, uint64_t *ret_bytes, struct jp_error *err);

/* The same without what its files share with others (reflinks, snapshots), where that is known. */
int jp_tree_usage_own(int dir_fd, uint64_t *ret_bytes, struct jp_error *err);

#endif
