/*
 * The btrfs driver (Linux): an image is a read-only subvolume, a clone a snapshot of it.
 *
 * Nothing is copied when an app has one layer, whatever its size; further layers are copied over
 * the snapshot (their files shared, not doubled). An image that another driver left as a plain
 * directory is copied, too. Subvolumes need no mark: the kernel says what is one, and they lie
 * where the other drivers have directories. An app may make subvolumes in its root: they are its
 * files, and go with them.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "store/driver/common.h"
#include "store/driver/trash.h"
#include "sys/fd.h"
#include "sys/subvolume.h"

static int create(int dir_fd, struct jp_error *err)
{
    if (jp_subvolume_create(dir_fd, "rootfs") < 0)
        return jp_fail_sys(err, "make a subvolume");
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, "rootfs", err);
    return fd < 0 ? -1 : fchmod(fd, 0755) < 0 ? jp_fail_sys(err, "set mode of a subvolume") : 0;
}

/* Makes one and its snapshot. */
static int try_subvolumes(int dir_fd, struct jp_error *err)
{
    if (create(dir_fd, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, "rootfs", err);
    if (fd < 0)
        return -1;
    if (jp_subvolume_set_read_only(fd, true) < 0)
        return jp_fail_sys(err, "seal a subvolume");
    if (jp_subvolume_snapshot(fd, dir_fd, "snapshot") < 0)
        return jp_fail_sys(err, "make a snapshot");
    return jp_subvolume_delete(dir_fd, "snapshot") == 1 ? 0
                                                        : jp_fail_sys(err, "delete a subvolume");
}

static int probe(const struct jp_driver_context *ctx, char why[160])
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char name[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", &err);
    if (tmp_fd >= 0 && !jp_subvolume_is_possible(tmp_fd)) {
        (void)snprintf(why, 160, "the root directory is not on btrfs");
        return 0;
    }
    JP_AUTO_FD int dir_fd = tmp_fd < 0 ? -1 : jp_tmp_make(tmp_fd, name, &err);
    if (dir_fd < 0 || try_subvolumes(dir_fd, &err) < 0)
        (void)snprintf(why, 160, "%s", jp_error_text(&err));
    else
        why[0] = '\0';
    if (dir_fd >= 0)
        (void)jp_trash_empty(tmp_fd, name, NULL);
    return why[0] == '\0';
}

static int image_create(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    (void)ctx;
    return create(dir_fd, err);
}

static int image_seal(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, "rootfs", err);
    if (fd < 0)
        return -1;
    return jp_subvolume_set_read_only(fd, true) < 0 ? jp_fail_sys(err, "seal the image") : 0;
}

static int start_snapshot(int draft_fd, int lowest_fd, struct jp_error *err)
{
    if (!jp_subvolume_is(lowest_fd))
        return create(draft_fd, err);
    if (jp_subvolume_snapshot(lowest_fd, draft_fd, "rootfs") < 0)
        return jp_fail_sys(err, "make a snapshot of the image");
    return 1;
}

static int clone_snapshot(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                          const struct jp_strv *layers, struct jp_plan_root *ret,
                          struct jp_error *err)
{
    return jp_plain_clone(ctx, app_fd, app_path, layers, start_snapshot, ret, err);
}

const struct jp_driver_ops jp_driver_btrfs = {
    .name = "btrfs",
    .probe = probe,
    .image_create = image_create,
    .image_seal = image_seal,
    .clone = clone_snapshot,
    .clone_usage = jp_plain_clone_usage,
    .clone_changes = jp_plain_clone_compare,
    .volume = jp_plain_volume,
};
