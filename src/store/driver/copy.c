/*
 * The copy driver: a clone is a private copy of its layers, lowest first, each over the other.
 *
 * Works on every system and file system. Files are shared with the image where the file system can
 * (reflink), else their bytes are copied.
 */
#include "store/driver/common.h"
#include "sys/fd.h"

static int probe(const struct jp_driver_context *ctx, char why[160])
{
    (void)ctx;
    why[0] = '\0';
    return 1;
}

static int start_empty(int draft_fd, int lowest_fd, struct jp_error *err)
{
    (void)lowest_fd;
    JP_AUTO_FD int fd = jp_fd_make_dir(draft_fd, "rootfs", 0755, err);
    return fd < 0 ? -1 : 0;
}

static int clone_tree(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                      const struct jp_strv *layers, struct jp_plan_root *ret, struct jp_error *err)
{
    return jp_plain_clone(ctx, app_fd, app_path, layers, start_empty, ret, err);
}

const struct jp_driver_ops jp_driver_copy = {
    .name = "copy",
    .probe = probe,
    .image_create = jp_plain_image_create,
    .image_seal = jp_plain_image_seal,
    .clone = clone_tree,
    .clone_usage = jp_plain_clone_usage,
    .clone_changes = jp_plain_clone_compare,
    .volume = jp_plain_volume,
};
