/*
 * What is done to datasets, through libzfs_core; no program is run. Private to the zfs driver.
 *
 * Properties are texts "name=value", as they are typed after `zfs create -o`. A dataset of ours has
 * the user property `jetpack:leaf`, equal to the last part of its name, which is random: what does
 * not have it is somebody else's and is never destroyed.
 */
#ifndef JP_STORE_DRIVER_ZFS_CORE_H
#define JP_STORE_DRIVER_ZFS_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "store/driver/zfs_library.h"

#define JP_ZFS_NAME_SIZE 256 /* ZFS_MAX_DATASET_NAME_LEN, with NUL */
#define JP_ZFS_SEAL      "@seal"

/* Opens the library; again is fine. JP_EUNSUPPORTED when the kernel has no ZFS. */
int jp_zfs_open(struct jp_error *err);

/* False also for what is no valid name. */
bool jp_zfs_exists(const char *dataset);
/* Whether the pool that a dataset's name begins with is there. */
bool jp_zfs_has_pool(const char *dataset);

/* Makes a file system, or a clone of `origin` (a snapshot) when that is not NULL. */
int jp_zfs_make(const char *dataset, const char *origin, const struct jp_strv *properties,
                struct jp_error *err);
int jp_zfs_snapshot(const char *snapshot, struct jp_error *err);

/* Bytes that would be free if it were destroyed. */
int jp_zfs_used(const char *dataset, uint64_t *ret_bytes, struct jp_error *err);

/* Its property `mountpoint`. */
int jp_zfs_mount_point(const char *dataset, char *ret, size_t size, struct jp_error *err);

/*
 * Destroys a dataset of ours with its @seal, in one transaction; it must not be mounted. Not there
 * is fine. JP_EBUSY, naming it, when there is a child, a clone or a snapshot of somebody else's;
 * or with "in use" when a mount or a hold keeps it. JP_EUNTRUSTED when it is none of ours.
 */
int jp_zfs_destroy(const char *dataset, struct jp_error *err);

/* zfs_properties.c: adds "name=value" as the kernel wants it. JP_EINVALID names what is unknown. */
int jp_zfs_property_add(nvlist_t *list, const char *text, struct jp_error *err);

#endif
