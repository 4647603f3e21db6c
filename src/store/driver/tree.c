/*
 * Clones that are one private tree: what the drivers that copy, or let the file system copy, have
 * in common. What a layer takes away is deleted when its turn comes.
 */
#include "sys/tree.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/list.h"
#include "store/driver/trash.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

/* The directory stays as it is but for the name. */
static int remove_one(int dir_fd, const char *name, struct jp_error *err)
{
    struct stat st;
    if (!jp_store_exists(dir_fd, name))
        return 0;
    if (fstat(dir_fd, &st) < 0)
        return jp_fail_sys(err, "look at the directory of '%s'", name);
    if (jp_tree_remove(dir_fd, name, err) < 0)
        return -1;
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    return jp_sys.futimens(dir_fd, times) < 0 ? jp_fail_sys(err, "set times") : 0;
}

/* A layer that takes away: what it names is not looked for through links. */
static int remove_all(const struct jp_strv *removed, int root_fd, struct jp_error *err)
{
    for (size_t i = 0; i < removed->count; i++) {
        const char *name = NULL;
        JP_AUTO_FD int fd = jp_below_open_parent(root_fd, removed->items[i], &name);
        if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
            return jp_fail_sys(err, "open the directory of '%s'", removed->items[i]);
        if (fd >= 0 && remove_one(fd, name, err) < 0)
            return -1;
    }
    return 0;
}

static int put_layer(const struct jp_driver_context *ctx, const char *layer, int root_fd,
                     struct jp_error *err)
{
    JP_AUTO(jp_strv) removed = JP_STRV_INIT;
    if (jp_plain_layer_removed(ctx, layer, &removed, err) < 0)
        return -1;
    if (removed.count > 0)
        return remove_all(&removed, root_fd, err);
    JP_AUTO_FD int from_fd = jp_plain_layer_open(ctx, layer, err);
    return from_fd < 0 ? -1 : jp_tree_copy(from_fd, root_fd, NULL, err);
}

int jp_plain_layers_copy(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                         size_t count, int root_fd, struct jp_error *err)
{
    while (count-- > 0) {
        if (put_layer(ctx, layers->items[count], root_fd, err) < 0)
            return jp_wrap(err, "copy layer %.21s", layers->items[count]);
    }
    return 0;
}

static int fill(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                jp_plain_start *start, int draft_fd, struct jp_error *err)
{
    size_t left = layers->count;
    JP_AUTO_FD int lowest_fd = jp_plain_layer_open(ctx, layers->items[left - 1], err);
    int done = lowest_fd < 0 ? -1 : start(draft_fd, lowest_fd, err);
    JP_AUTO_FD int root_fd = done < 0 ? -1 : jp_fd_open_dir(draft_fd, "rootfs", err);
    if (root_fd < 0)
        return -1;
    return jp_plain_layers_copy(ctx, layers, left - (size_t)done, root_fd, err);
}

static int make_tree(const struct jp_driver_context *ctx, int app_fd, const struct jp_strv *layers,
                     jp_plain_start *start, struct jp_error *err)
{
    char name[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", err);
    JP_AUTO_FD int draft_fd = tmp_fd < 0 ? -1 : jp_tmp_make(tmp_fd, name, err);
    if (draft_fd < 0)
        return -1;
    int r = fill(ctx, layers, start, draft_fd, err);
    if (r == 0 && jp_sys.renameat(draft_fd, "rootfs", app_fd, "rootfs") < 0)
        r = jp_fail_sys(err, "move the clone into place");
    /* Empty by now, or what an error left. */
    (void)jp_trash_empty(tmp_fd, name, NULL);
    return r;
}

int jp_plain_clone(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                   const struct jp_strv *layers, jp_plain_start *start, struct jp_plan_root *ret,
                   struct jp_error *err)
{
    /* The list comes last: its time says when the tree was whole (jp_plain_comparison.born). */
    if (jp_clone_remove(ctx, app_fd, err) < 0 || make_tree(ctx, app_fd, layers, start, err) < 0 ||
        jp_plain_layers_write(app_fd, layers, err) < 0)
        return -1;
    char *dir = jp_format("%s/rootfs", app_path);
    if (!dir)
        return jp_oom(err);
    ret->kind = JP_ROOT_DIRECTORY;
    ret->dir = dir;
    return 0;
}

int jp_plain_clone_usage(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                         struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "rootfs", err);
    return fd < 0 ? -1 : jp_tree_usage_own(fd, ret_bytes, err);
}

int jp_plain_clone_compare(const struct jp_driver_context *ctx, int app_fd,
                           const struct jp_driver_changes *changes, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "rootfs", err);
    struct jp_plain_comparison comparison = {
        .top_fd = fd,
        .changes = changes,
        .has_silent_attributes = fd >= 0 && jp_filesystem_has_silent_attributes(fd),
    };
    return fd < 0 ? -1 : jp_plain_clone_changes(ctx, app_fd, &comparison, err);
}
