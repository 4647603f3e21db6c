/*
 * The ZFS driver: an image is a dataset with a snapshot @seal, which is what is mounted; a clone is
 * a clone of that, whatever the size; an empty volume is a dataset of its own.
 *
 * Objects keep their directories (manifest, record, logs) where every driver has them; only trees
 * are datasets, at random names below root.zfs, so that none is ever renamed. Further layers of an
 * app are copied over the clone of the lowest one. An image that another driver left as a plain
 * directory is copied, too.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/dataset.h"
#include "store/driver/trash.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"

static int image_create(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    return jp_dataset_make(ctx, "images", -1, NULL, dir_fd, "rootfs", err);
}

static int image_seal(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    (void)ctx;
    return jp_dataset_seal(dir_fd, "rootfs", err);
}

/* An image and its clone, for trial. */
static int try_datasets(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    if (image_create(ctx, dir_fd, err) < 0 || image_seal(ctx, dir_fd, err) < 0 ||
        jp_dataset_make(ctx, "pods", dir_fd, "rootfs", dir_fd, "clone", err) < 0)
        return -1;
    return jp_dataset_release(dir_fd, "clone", err);
}

static int probe(const struct jp_driver_context *ctx, char why[160])
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char name[JP_TMP_NAME_SIZE];
    why[0] = '\0';
    if (jp_dataset_base(ctx, NULL, &err) < 0) {
        (void)snprintf(why, 160, "%s", jp_error_text(&err));
        return 0;
    }
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", &err);
    JP_AUTO_FD int dir_fd = tmp_fd < 0 ? -1 : jp_tmp_make(tmp_fd, name, &err);
    if (dir_fd < 0 || try_datasets(ctx, dir_fd, &err) < 0)
        (void)snprintf(why, 160, "%s", jp_error_text(&err));
    if (dir_fd >= 0) {
        (void)jp_dataset_release(dir_fd, "clone", NULL);
        (void)jp_trash_empty(tmp_fd, name, NULL);
    }
    return why[0] == '\0';
}

static int make_tree(const struct jp_driver_context *ctx, int app_fd, const struct jp_strv *layers,
                     struct jp_error *err)
{
    size_t left = layers->count;
    JP_AUTO_FD int lowest = jp_plain_layer_open_dir(ctx, layers->items[left - 1], err);
    if (lowest < 0)
        return -1;
    bool is_dataset = jp_dataset_is(lowest, "rootfs");
    if (jp_dataset_make(ctx, "pods", is_dataset ? lowest : -1, "rootfs", app_fd, "rootfs", err) < 0)
        return -1;
    JP_AUTO_FD int root_fd = jp_fd_open_dir(app_fd, "rootfs", err);
    return root_fd < 0
               ? -1
               : jp_plain_layers_copy(ctx, layers, left - (is_dataset ? 1 : 0), root_fd, err);
}

static int clone_dataset(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                         const struct jp_strv *layers, struct jp_plan_root *ret,
                         struct jp_error *err)
{
    if (jp_clone_remove(ctx, app_fd, err) < 0 || make_tree(ctx, app_fd, layers, err) < 0 ||
        jp_plain_layers_write(app_fd, layers, err) < 0)
        return -1;
    char *dir = jp_format("%s/rootfs", app_path);
    if (!dir)
        return jp_oom(err);
    ret->kind = JP_ROOT_DATASET;
    ret->dir = dir;
    return 0;
}

static int clone_usage(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                       struct jp_error *err)
{
    return jp_dataset_is(app_fd, "rootfs") ? jp_dataset_usage(app_fd, "rootfs", ret_bytes, err)
                                           : jp_plain_clone_usage(ctx, app_fd, ret_bytes, err);
}

/* What interrupted an earlier one is undone first; the volume has its name when it is complete. */
static int volume(const struct jp_driver_context *ctx, int dir_fd, const char *name,
                  const struct jp_driver_volume *wanted, struct jp_error *err)
{
    JP_AUTO_FREE char *draft = jp_format(".%s", name);
    if (!draft)
        return jp_oom(err);
    if (jp_dataset_release(dir_fd, draft, err) < 0 ||
        jp_dataset_make(ctx, "pods", -1, NULL, dir_fd, draft, err) < 0 ||
        jp_plain_volume_own(dir_fd, draft, wanted, err) < 0)
        return -1;
    return jp_dataset_rename(dir_fd, draft, name, err);
}

const struct jp_driver_ops jp_driver_zfs = {
    .name = "zfs",
    .probe = probe,
    .image_create = image_create,
    .image_seal = image_seal,
    .clone = clone_dataset,
    .clone_usage = clone_usage,
    .clone_changes = jp_plain_clone_compare,
    .volume = volume,
};
