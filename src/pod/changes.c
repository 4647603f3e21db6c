/* What an app has written into its root file system. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "pod/internal.h"
#include "sys/fd.h"

void jp_pod_tree_clear(struct jp_pod_tree *tree)
{
    jp_store_clone_clear(&tree->clone);
    jp_fd_close(&tree->lock_fd);
}

/* 0 and the lock, or -1 in *ret_lock when somebody is at work in the pod. */
static int lock_or_share(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                         int pod_fd, int *ret_lock, struct jp_error *err)
{
    JP_AUTO(jp_error) busy = JP_ERROR_INIT;
    *ret_lock = jp_pod_lock_calm(ctx, pod, pod_fd, &busy);
    if (*ret_lock < 0 && busy.code != JP_EBUSY) {
        jp_error_move(err, &busy);
        return -1;
    }
    if (*ret_lock >= 0 && faccessat(pod_fd, JP_POD_KEPT_FILE, F_OK, 0) < 0)
        return jp_fail(err, JP_ENOTFOUND, 0,
                       "pod '%s' does not run, and its last run left no root file system: 'run "
                       "-keep' does",
                       pod->name);
    return 0;
}

int jp_pod_tree_open(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                     const char *app, struct jp_pod_tree *ret, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO_FD int lock_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0 ||
        lock_or_share(ctx, pod, pod_fd, &lock_fd, err) < 0 ||
        jp_store_clone_open(ctx->store, pod, app, &ret->clone, err) < 0)
        return -1;
    ret->lock_fd = jp_fd_take(&lock_fd);
    return 0;
}

/* ---- without what is ours ---- */

struct filter {
    const struct jp_driver_changes *changes;
    const char *made; /* the directory of ours below which we are; NULL */
};

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Made by us when it is not the image's. */
static const char *made_for_run(const char *path)
{
    static const char *const names[] = {"dev", "proc", "sys", "etc/hosts"};
    for (size_t i = 0; i < JP_LEN(names); i++)
        if (strcmp(path, names[i]) == 0)
            return names[i];
    return NULL;
}

static int pass(void *context, const struct jp_driver_change *change)
{
    struct filter *f = context;
    struct jp_driver_change seen = *change;
    if (f->made && is_below(change->path, f->made))
        return 0;
    f->made = change->what == 'A' ? made_for_run(change->path) : NULL;
    if (f->made)
        return 0;
    if (strcmp(change->path, "etc/resolv.conf") == 0) {
        if (change->what == 'A' || !f->changes->all)
            return 0;
        seen.what = '='; /* replaced by ours: the image's stays as it is */
    }
    return f->changes->each(f->changes->context, &seen);
}

int jp_pod_tree_changes(const struct jp_pod_context *ctx, const struct jp_pod_tree *tree,
                        const struct jp_driver_changes *changes, struct jp_error *err)
{
    struct filter filter = {.changes = changes};
    const struct jp_driver_changes inner = {.all = changes->all, .each = pass, .context = &filter};
    return jp_store_clone_changes(ctx->store, &tree->clone, &inner, err);
}

int jp_pod_tree_check(const struct jp_pod_tree *tree, struct jp_error *err)
{
    return jp_store_clone_check(&tree->clone, err);
}
