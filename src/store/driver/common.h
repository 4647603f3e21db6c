/* What the drivers share. */
#ifndef JP_STORE_DRIVER_COMMON_H
#define JP_STORE_DRIVER_COMMON_H

#include <sys/types.h>
#include <sys/stat.h>

#include <stdbool.h>
#include <time.h>

#include "base/error.h"
#include "base/strv.h"
#include "store/driver/driver.h"

#define JP_VIEWS_DIR   "views"
#define JP_VIEW_PREFIX "view-"
/*
 * A layer that takes away: directories, and whiteouts (character devices 0:0, as overlayfs has
 * them, and as no image can) for what layers below must not show. Everything that it has is visible
 * below it. The file `removed` beside its tree lists the whiteouts, a NUL after each.
 */
#define JP_VIEW_WITHOUT_PREFIX "view-without-"
#define JP_VIEW_REMOVED_FILE   "removed"
#define JP_VIEW_REMOVED_MAX    (64U << 20)

/* DIR/rootfs, empty, 0755 root:root; the import sets owner, mode and times from the archive. */
int jp_plain_image_create(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);
/* Nothing to do: a directory is as it is. */
int jp_plain_image_seal(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);

/* An empty volume that is a directory. */
int jp_plain_volume(const struct jp_driver_context *ctx, int dir_fd, const char *name,
                    const struct jp_driver_volume *volume, struct jp_error *err);
/* Sets owner and mode of dir_fd/name. */
int jp_plain_volume_own(int dir_fd, const char *name, const struct jp_driver_volume *volume,
                        struct jp_error *err);

/* Opens images/ID, or views/NAME, and the tree `rootfs` in it. JP_ENOTFOUND. */
int jp_plain_layer_open_dir(const struct jp_driver_context *ctx, const char *layer,
                            struct jp_error *err);
int jp_plain_layer_open(const struct jp_driver_context *ctx, const char *layer,
                        struct jp_error *err);
/* Its absolute path; the caller's, NULL without memory. */
char *jp_plain_layer_path(const struct jp_driver_context *ctx, const char *layer);

/* Adds what a layer takes away: relative paths. Nothing unless it is one for that. */
int jp_plain_layer_removed(const struct jp_driver_context *ctx, const char *layer,
                           struct jp_strv *ret, struct jp_error *err);
bool jp_plain_is_whiteout(const struct stat *st);

/*
 * Opens the directory `path` (normal; "" is the root itself) below root_fd, following nothing: -1
 * with errno, ENOENT when something on the way is absent, ENOTDIR when it is no directory.
 */
int jp_below_open_dir(int root_fd, const char *path);

/* jp_below_open_dir() of the directory that `path` is in; *ret_name is its last component. */
int jp_below_open_parent(int root_fd, const char *path, const char **ret_name);

/*
 * How a driver begins a clone in a draft directory: it makes draft_fd/rootfs. Returns 1 when that
 * has the files of lowest_fd (the lowest layer's tree) already, 0 when it is empty, -1.
 */
typedef int jp_plain_start(int draft_fd, int lowest_fd, struct jp_error *err);

/*
 * A clone that is one private tree, app_fd/rootfs: begun by `start`, the other layers copied over
 * it. Made in tmp/ and renamed into place, so that an interrupted one is never taken for a clean
 * root. For the rest as jp_driver_ops.clone.
 */
int jp_plain_clone(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                   const struct jp_strv *layers, jp_plain_start *start, struct jp_plan_root *ret,
                   struct jp_error *err);
/* Copies the first `count` layers over each other into root_fd, lowest first. */
int jp_plain_layers_copy(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                         size_t count, int root_fd, struct jp_error *err);
int jp_plain_clone_usage(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                         struct jp_error *err);
int jp_plain_clone_compare(const struct jp_driver_context *ctx, int app_fd,
                           const struct jp_driver_changes *changes, struct jp_error *err);

/* The file `layers` beside a clone: their names, topmost first, a line each. */
int jp_plain_layers_write(int app_fd, const struct jp_strv *layers, struct jp_error *err);
int jp_plain_layers_read(int app_fd, struct jp_strv *ret, struct jp_error *err);

/* Gives `to` mode, owner, xattrs and times of `from`, in the order in which they last. */
int jp_plain_copy_metadata(int from_fd, int to_fd, struct jp_error *err);

/* What jp_plain_changes() compares. */
struct jp_plain_comparison {
    int top_fd;           /* the clone's root, or its upper directory; -1: layers alone */
    const int *layer_fds; /* topmost first */
    size_t n_layers;
    bool is_sparse; /* absent in top means unchanged; 0:0 devices are whiteouts */
    /*
     * Complete trees only: when the last file was copied. What changed since is looked at closely,
     * not only by size and times.
     */
    struct timespec born;
    /* Setting an attribute leaves a file's ctime as it was: those are looked at in every file. */
    bool has_silent_attributes;
    /* Sparse only: 1 when this directory hides those below, 0, -1 for one that cannot be told. */
    int (*is_opaque)(int dir_fd, struct jp_error *err);
    const struct jp_driver_changes *changes;
};
int jp_plain_changes(const struct jp_plain_comparison *comparison, struct jp_error *err);

/* Opens all layers of a clone and compares; fills in layer_fds, n_layers and born. */
int jp_plain_clone_changes(const struct jp_driver_context *ctx, int app_fd,
                           struct jp_plain_comparison *comparison, struct jp_error *err);

#endif
