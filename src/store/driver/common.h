/* What the drivers that keep plain directories share. */
#ifndef JP_STORE_DRIVER_COMMON_H
#define JP_STORE_DRIVER_COMMON_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"
#include "store/driver/driver.h"

/* DIR/rootfs, empty, 0755 root:root; the import sets owner, mode and times from the archive. */
int jp_plain_image_create(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);
/* Nothing to do: a directory is as it is. */
int jp_plain_image_seal(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);
int jp_plain_image_destroy(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err);

/* Opens images/ID/rootfs. JP_ENOTFOUND. */
int jp_plain_layer_open(const struct jp_driver_context *ctx, const char *id, struct jp_error *err);

/*
 * Removes an app's clone, whichever driver made it: every part is renamed into tmp/ first, so that
 * a half-removed one is never taken for a clean one.
 */
int jp_plain_clone_destroy(const struct jp_driver_context *ctx, int app_fd, struct jp_error *err);

/* The file `layers` beside a clone: ids, topmost first, a line each. */
int jp_plain_layers_write(int app_fd, const struct jp_strv *layers, struct jp_error *err);
int jp_plain_layers_read(int app_fd, struct jp_strv *ret, struct jp_error *err);

/* Gives `to` mode, owner, xattrs and times of `from`, in the order in which they last. */
int jp_plain_copy_metadata(int from_fd, int to_fd, struct jp_error *err);

/* What jp_plain_changes() compares. */
struct jp_plain_comparison {
    int top_fd;           /* the clone's root, or its upper directory */
    const int *layer_fds; /* topmost first */
    size_t n_layers;
    bool is_sparse;                /* absent in top means unchanged; 0:0 devices are whiteouts */
    bool (*is_opaque)(int dir_fd); /* sparse only: this directory hides those below */
    int (*each)(void *context, char change, const char *path);
    void *context;
};
int jp_plain_changes(const struct jp_plain_comparison *comparison, struct jp_error *err);

/* Opens all layers of a clone and compares; fills in layer_fds and n_layers. */
int jp_plain_clone_changes(const struct jp_driver_context *ctx, int app_fd,
                           struct jp_plain_comparison *comparison, struct jp_error *err);

#endif
