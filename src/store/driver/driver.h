/*
 * How root file systems are kept: the interface of a storage driver.
 *
 * An image's own files live in one tree (images/ID/rootfs for drivers that use directories). A
 * pod's app gets a writable clone of a stack of such trees. A driver only makes what lies on disk;
 * mounting for a run is the platform's work, told by struct jp_plan_root.
 *
 * Removing is no driver's: what lies there may have been made by another one, before storage.driver
 * was changed. jp_clone_remove() and trash.h go by what they find.
 *
 * A layer is the name of a tree: the id of an image, or "view-..." (store/views.h), a plain
 * directory that the store made where an image cannot be stacked as it is. jp_plain_layer_open()
 * opens either, jp_plain_layer_path() names it. Laid over each other, the lowest first, the layers
 * are the root: dependencies, whitelists and directories that an archive left unnamed are dealt
 * with before, and no driver hears of them. What an image takes away is a layer below its own, of
 * whiteouts ("view-without-...", common.h): overlay stacks it, a driver that copies deletes what it
 * names. It is never the lowest. A layer never changes while a clone stands on it, and
 * equal lists of layers give equal roots, so a driver may keep what it made of one.
 */
#ifndef JP_STORE_DRIVER_H
#define JP_STORE_DRIVER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "plan/plan.h"

struct jp_driver;

/* What the configuration says about ZFS; properties are texts "name=value". */
struct jp_driver_zfs {
    const char *dataset; /* root.zfs; may be NULL */
    struct jp_strv root, images, pods;
};

/* Where a driver works. Descriptors stay the store's. */
struct jp_driver_context {
    int root_fd;                     /* the root directory */
    const char *root_path;           /* its absolute path: mount options need one */
    const struct jp_driver_zfs *zfs; /* may be NULL */
};

/* The top directory of an empty volume. */
struct jp_driver_volume {
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

/*
 * A path of a clone and what became of it: 'A' added, 'M' modified, 'D' deleted, 'T' a directory
 * whose time alone changed (with what is in it), '=' unchanged. Of a directory that was deleted, or
 * made something else, what was in it is told once, by the topmost names. Contents, attributes and
 * times are compared wherever the clone's file may have been written.
 */
struct jp_driver_change {
    char what;
    const char *path; /* relative to the root; "." the root itself */
    size_t tree;      /* where it lies: 0 the clone's own tree, n the n-th layer; none for 'D' */
};

struct jp_driver_changes {
    bool all; /* also '=', so that what is told is the whole tree */
    /* A directory before what is in it, names in byte order. Non-zero stops and is returned. */
    int (*each)(void *context, const struct jp_driver_change *change);
    void *context;
};

struct jp_driver_ops {
    const char *name; /* "zfs", "overlay", "btrfs", "copy" */
    /*
     * Can this driver work here? 1 yes, 0 no with the reason in `why` (a sentence); probes really
     * (mounts in a private namespace, clones a file), never guesses from names.
     */
    int (*probe)(const struct jp_driver_context *ctx, char why[160]);
    /* Makes the empty tree for a new image at DIR/rootfs, DIR below tmp/. */
    int (*image_create)(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);
    /* Called after the last file was written, before the commit. */
    int (*image_seal)(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);
    /*
     * A clean, writable clone of `layers` (names, topmost first) for pods/UUID/apps/APP, whose
     * directory is open as app_fd and lies at app_path. An earlier clone there is removed first.
     * *ret is filled for the plan (is_read_only and is_volatile are left alone).
     */
    int (*clone)(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                 const struct jp_strv *layers, struct jp_plan_root *ret, struct jp_error *err);
    /* Bytes that the clone alone uses. */
    int (*clone_usage)(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                       struct jp_error *err);
    /*
     * Tells what differs between the clone and its layers. The clone should not be in use: of a
     * tree that changes meanwhile this or that is told (jp_store_clone_changes() finds out).
     */
    int (*clone_changes)(const struct jp_driver_context *ctx, int app_fd,
                         const struct jp_driver_changes *changes, struct jp_error *err);
    /*
     * Makes the empty volume dir_fd/name, which is not there. It appears under its name when it is
     * complete: what is left of an interrupted one is replaced.
     */
    int (*volume)(const struct jp_driver_context *ctx, int dir_fd, const char *name,
                  const struct jp_driver_volume *volume, struct jp_error *err);
};

/* The changes of an app's clone, whichever driver made it. As jp_driver_ops.clone_changes. */
int jp_clone_changes(const struct jp_driver_context *ctx, int app_fd,
                     const struct jp_driver_changes *changes, struct jp_error *err);

/* What the clone's own tree in app_fd is called, whichever driver made it; NULL without one. */
const char *jp_clone_tree(int app_fd);

/*
 * All paths of `layers` (names, topmost first) laid over each other, as '=' with tree counted from
 * 0, the topmost layer.
 */
int jp_layers_list(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                   const struct jp_driver_changes *changes, struct jp_error *err);

/* Removes an app's clone, whichever driver made it; nothing there is fine. */
int jp_clone_remove(const struct jp_driver_context *ctx, int app_fd, struct jp_error *err);

extern const struct jp_driver_ops jp_driver_copy;
extern const struct jp_driver_ops jp_driver_overlay; /* Linux builds only */
extern const struct jp_driver_ops jp_driver_btrfs;   /* Linux builds only */
extern const struct jp_driver_ops jp_driver_zfs;     /* builds with ZFS only */

/* NULL-terminated, in the order in which `auto` tries them. */
extern const struct jp_driver_ops *const jp_drivers[];

#endif
