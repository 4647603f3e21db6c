/* The root file system of an app, looked at while it is used or after its run. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/internal.h"
#include "sys/fd.h"

void jp_store_clone_clear(struct jp_store_clone *clone)
{
    jp_fd_close(&clone->fd);
    jp_fd_close(&clone->app_fd);
    jp_fd_close(&clone->pod_fd);
    free(jp_take(&clone->path));
}

static int open_clone(struct jp_store *store, const struct jp_store_pod *pod, const char *app,
                      struct jp_store_clone *clone, struct jp_error *err)
{
    JP_AUTO_FREE char *dir = jp_format("apps/%s", app);
    if (!dir)
        return jp_oom(err);
    if (jp_store_pod_check(pod, err) < 0 ||
        jp_store_pod_open(store, pod->uuid, &clone->pod_fd, err) < 0 ||
        jp_store_pod_mount(clone->pod_fd, err) < 0)
        return -1;
    clone->app_fd = jp_fd_open_dir(clone->pod_fd, dir, NULL);
    const char *tree = clone->app_fd < 0 ? NULL : jp_clone_tree(clone->app_fd);
    if (!tree)
        return jp_fail(err, JP_ENOTFOUND, 0, "app '%s' of pod '%s' has no root file system now",
                       app, pod->name);
    clone->path = jp_format("%s/%s", dir, tree);
    if (!clone->path)
        return jp_oom(err);
    clone->fd = jp_fd_open_dir(clone->pod_fd, clone->path, err);
    return clone->fd < 0 ? -1 : 0;
}

int jp_store_clone_open(struct jp_store *store, const struct jp_store_pod *pod, const char *app,
                        struct jp_store_clone *ret, struct jp_error *err)
{
    struct jp_store_clone clone = JP_STORE_CLONE_INIT;
    if (open_clone(store, pod, app, &clone, err) < 0) {
        jp_store_clone_clear(&clone);
        return -1;
    }
    *ret = clone;
    return 0;
}

int jp_store_clone_changes(struct jp_store *store, const struct jp_store_clone *clone,
                           const struct jp_driver_changes *changes, struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    return jp_clone_changes(&ctx, clone->app_fd, changes, err);
}

/* A tree leaves its place before the first of its files is removed (jp_clone_remove). */
int jp_store_clone_check(const struct jp_store_clone *clone, struct jp_error *err)
{
    struct stat opened, now;
    if (fstat(clone->fd, &opened) == 0 &&
        fstatat(clone->pod_fd, clone->path, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        opened.st_dev == now.st_dev && opened.st_ino == now.st_ino)
        return 0;
    return jp_fail(err, JP_EBUSY, 0, "the root file system was removed or replaced meanwhile");
}

int jp_store_layers_open(struct jp_store *store, const struct jp_strv *layers, int *fds,
                         struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    for (size_t i = 0; i < layers->count; i++) {
        fds[i] = jp_plain_layer_open(&ctx, layers->items[i], err);
        if (fds[i] >= 0)
            continue;
        while (i-- > 0)
            jp_fd_close(&fds[i]);
        return -1;
    }
    return 0;
}

int jp_store_layers_list(struct jp_store *store, const struct jp_strv *layers,
                         const struct jp_driver_changes *changes, struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    return jp_layers_list(&ctx, layers, changes, err);
}

int jp_store_layer_removed(struct jp_store *store, const char *layer, struct jp_strv *ret,
                           struct jp_error *err)
{
    struct jp_driver_context ctx = jp_store_driver_context(store);
    return jp_plain_layer_removed(&ctx, layer, ret, err);
}
