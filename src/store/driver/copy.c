/*
 * The copy driver: a clone is a private copy of its layers, lowest first, each over the other.
 *
 * Works on every system and file system. Files are shared with the image where the file system can
 * (reflink), else their bytes are copied. The copy is made in tmp/ and renamed into place, so an
 * interrupted one is never taken for a clean root.
 */
#include <string.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/trash.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"

static int probe(const struct jp_driver_context *ctx, char why[160])
{
    (void)ctx;
    why[0] = '\0';
    return 1;
}

static int copy_layers(const struct jp_driver_context *ctx, const struct jp_strv *layers, int to_fd,
                       struct jp_error *err)
{
    for (size_t i = layers->count; i-- > 0;) {
        JP_AUTO_FD int from_fd = jp_plain_layer_open(ctx, layers->items[i], err);
        if (from_fd < 0 || jp_tree_copy(from_fd, to_fd, NULL, err) < 0)
            return jp_wrap(err, "copy image %.19s", layers->items[i]);
    }
    return 0;
}

static int make_copy(const struct jp_driver_context *ctx, int tmp_fd, int app_fd,
                     const struct jp_strv *layers, struct jp_error *err)
{
    char name[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int draft_fd = jp_tmp_make(tmp_fd, name, err);
    if (draft_fd < 0)
        return -1;
    JP_AUTO_FD int root_fd = jp_fd_make_dir(draft_fd, "rootfs", 0755, err);
    int r = root_fd < 0 ? -1 : copy_layers(ctx, layers, root_fd, err);
    if (r == 0 && jp_sys.renameat(draft_fd, "rootfs", app_fd, "rootfs") < 0)
        r = jp_fail_sys(err, "move the copy into place");
    /* Empty by now, or what an error left. */
    (void)jp_trash_empty(tmp_fd, name, NULL);
    return r;
}

static int clone_tree(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                      const struct jp_strv *layers, struct jp_plan_root *ret, struct jp_error *err)
{
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", err);
    if (tmp_fd < 0 || jp_plain_clone_destroy(ctx, app_fd, err) < 0 ||
        jp_plain_layers_write(app_fd, layers, err) < 0 ||
        make_copy(ctx, tmp_fd, app_fd, layers, err) < 0)
        return -1;
    char *dir = jp_format("%s/rootfs", app_path);
    if (!dir)
        return jp_oom(err);
    ret->kind = JP_ROOT_DIRECTORY;
    ret->dir = dir;
    return 0;
}

static int clone_usage(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                       struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "rootfs", err);
    return fd < 0 ? -1 : jp_tree_usage(fd, ret_bytes, err);
}

static int clone_changes(const struct jp_driver_context *ctx, int app_fd,
                         int (*each)(void *context, char change, const char *path), void *context,
                         struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "rootfs", err);
    struct jp_plain_comparison comparison = {.top_fd = fd, .each = each, .context = context};
    return fd < 0 ? -1 : jp_plain_clone_changes(ctx, app_fd, &comparison, err);
}

const struct jp_driver_ops jp_driver_copy = {
    .name = "copy",
    .probe = probe,
    .image_create = jp_plain_image_create,
    .image_seal = jp_plain_image_seal,
    .image_destroy = jp_plain_image_destroy,
    .clone = clone_tree,
    .clone_destroy = jp_plain_clone_destroy,
    .clone_usage = clone_usage,
    .clone_changes = clone_changes,
};
