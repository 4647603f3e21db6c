/*
 * Trees of ours that are ZFS datasets: at DIR/NAME a mount point, beside it the mark DIR/NAME.zfs,
 * a file with the dataset's name.
 *
 * The mark is written before the dataset is made and removed after it was destroyed, so a command
 * that is killed leaves nothing that the sweep of tmp/ does not find. It lies in a directory that
 * belongs to Jetpack alone, never in a tree that an image or an app fills, and it is believed only
 * together with the dataset's own property (zfs_core.h): a forged one leads nowhere.
 *
 * Mounting is ours: datasets have no mount point of their own (legacy), because the objects that
 * they belong to are renamed. What is not mounted (the host was started again) is mounted by
 * whoever needs it next. Builds without ZFS have those of the calls that come across marks, which
 * then say that they cannot help.
 */
#ifndef JP_STORE_DRIVER_DATASET_H
#define JP_STORE_DRIVER_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/driver/driver.h"

#define JP_DATASET_MARK ".zfs"

#define JP_DATASET_NAME_SIZE 256 /* with NUL */

/*
 * The dataset below which everything is made: root.zfs when its pool is there, else `jetpack` below
 * the one that the root directory lies on. `ret` may be NULL. JP_EUNSUPPORTED, and why, when there
 * is neither.
 */
int jp_dataset_base(const struct jp_driver_context *ctx, char ret[JP_DATASET_NAME_SIZE],
                    struct jp_error *err);

/*
 * Before a root directory is filled: makes root.zfs, when its pool is there, mounted on `root`; or
 * mounts it when it belongs there and is not mounted. Fine when there is nothing to be done.
 */
int jp_dataset_prepare_root(const struct jp_driver_zfs *zfs, const char *root,
                            struct jp_error *err);

/* True when dir_fd/name has a mark. */
bool jp_dataset_is(int dir_fd, const char *name);

/*
 * Makes dir_fd/name a new dataset below `group` ("images" or "pods"), mounted; a clone of the
 * sealed dataset at from_fd/from_name when from_fd >= 0. One of "images" has readonly=on from the
 * beginning, and is mounted writable in spite of it until it is sealed.
 */
int jp_dataset_make(const struct jp_driver_context *ctx, const char *group, int from_fd,
                    const char *from_name, int dir_fd, const char *name, struct jp_error *err);

/* Takes its snapshot and mounts that instead: nobody can write to it any more. */
int jp_dataset_seal(int dir_fd, const char *name, struct jp_error *err);

/* Mounts it if it is a dataset and not mounted; anything else is fine as it is. */
int jp_dataset_mount(int dir_fd, const char *name, struct jp_error *err);

/* Gives it another name in the same directory. An interrupted one is finished by the next. */
int jp_dataset_rename(int dir_fd, const char *from, const char *to, struct jp_error *err);

/* Bytes that it alone uses. */
int jp_dataset_usage(int dir_fd, const char *name, uint64_t *ret_bytes, struct jp_error *err);

/*
 * Unmounts and destroys it, if it is a dataset; an empty directory is left. JP_EBUSY says who uses
 * it, or what of somebody else's hangs on it.
 */
int jp_dataset_release(int dir_fd, const char *name, struct jp_error *err);

/* Both for what an object's directory has: rootfs, apps/APP/rootfs, volumes/NAME. */
int jp_dataset_release_object(int object_fd, struct jp_error *err);
int jp_dataset_mount_object(int object_fd, struct jp_error *err);

#endif
