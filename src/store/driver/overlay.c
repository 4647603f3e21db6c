/*
 * The overlay driver (Linux): a clone is an empty upper directory over the images' own trees.
 *
 * Nothing is copied, whatever the size of the images, and nothing is mounted here: the supervisor
 * mounts the stack inside the pod's own mount namespace. The upper directory starts as the image's
 * root directory does (owner, mode, xattrs, times), since it is what the app sees as "/".
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/trash.h"
#include "sys/attribute.h"
#include "sys/fd.h"
#include "sys/mounts.h"
#include "sys/tree.h"

#define OPAQUE_XATTR   "trusted.overlay.opaque"
#define REDIRECT_XATTR "trusted.overlay.redirect"

/* ---- does it work here? ------------------------------------------------------------------------
 */

/* What the child of a probe found; its exit status. */
enum probe_result {
    PROBE_WORKS,
    PROBE_NO_NAMESPACE,
    PROBE_NO_MOUNT,
    PROBE_NO_WRITE,
    PROBE_NO_DELETE,
};

static const char *const probe_texts[] = {
    [PROBE_WORKS] = "",
    [PROBE_NO_NAMESPACE] = "no mount namespace can be made (are you root?)",
    [PROBE_NO_MOUNT] = "overlayfs cannot be mounted on this file system",
    [PROBE_NO_WRITE] = "files written to an overlay do not arrive in its upper directory",
    [PROBE_NO_DELETE] = "a file deleted in an overlay leaves no whiteout",
};

/*
 * Runs in a child of its own, in a mount namespace that dies with it; nothing is ever mounted where
 * others could see it. Only system calls: the parent may hold locks and a database.
 */
static enum probe_result try_overlay(int dir_fd)
{
    if (fchdir(dir_fd) < 0 || unshare(CLONE_NEWNS) < 0 || jp_mounts_make_private() < 0)
        return PROBE_NO_NAMESPACE;
    /* Relative paths: the root directory's own may hold what separates options. */
    if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") < 0)
        return PROBE_NO_MOUNT;
    struct stat st;
    int fd = open("merged/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fstatat(AT_FDCWD, "upper/new", &st, 0) < 0)
        return PROBE_NO_WRITE;
    (void)close(fd);
    if (unlink("merged/old") < 0 || fstatat(AT_FDCWD, "upper/old", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISCHR(st.st_mode) || st.st_rdev != makedev(0, 0))
        return PROBE_NO_DELETE;
    return PROBE_WORKS;
}

static int make_probe_tree(int dir_fd, struct jp_error *err)
{
    static const char *const parts[] = {"lower", "upper", "work", "merged"};
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        JP_AUTO_FD int fd = jp_fd_make_dir(dir_fd, parts[i], 0700, err);
        if (fd < 0)
            return -1;
    }
    JP_AUTO_FD int fd = jp_fd_open(dir_fd, "lower/old", O_WRONLY | O_CREAT, 0600, err);
    return fd < 0 ? -1 : 0;
}

static enum probe_result run_probe(int dir_fd)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit((int)try_overlay(dir_fd));
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > PROBE_NO_DELETE)
        return PROBE_NO_MOUNT;
    return (enum probe_result)WEXITSTATUS(status);
}

static int probe(const struct jp_driver_context *ctx, char why[160])
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    char name[JP_TMP_NAME_SIZE];
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", &err);
    JP_AUTO_FD int dir_fd = tmp_fd < 0 ? -1 : jp_tmp_make(tmp_fd, name, &err);
    if (dir_fd < 0 || make_probe_tree(dir_fd, &err) < 0) {
        (void)snprintf(why, 160, "%s", jp_error_text(&err));
    } else {
        (void)snprintf(why, 160, "%s", probe_texts[run_probe(dir_fd)]);
    }
    if (dir_fd >= 0)
        (void)jp_trash_empty(tmp_fd, name, NULL);
    return why[0] == '\0';
}

/* ---- clones ------------------------------------------------------------------------------------
 */

static int make_upper(const struct jp_driver_context *ctx, int app_fd, const struct jp_strv *layers,
                      struct jp_error *err)
{
    JP_AUTO_FD int work = jp_fd_make_dir(app_fd, "work", 0700, err);
    JP_AUTO_FD int upper = work < 0 ? -1 : jp_fd_make_dir(app_fd, "upper", 0700, err);
    JP_AUTO_FD int root = upper < 0 ? -1 : jp_plain_layer_open(ctx, layers->items[0], err);
    if (root < 0)
        return -1;
    /* All of them must be there now, rather than the mount fail without a name. */
    for (size_t i = 1; i < layers->count; i++) {
        JP_AUTO_FD int fd = jp_plain_layer_open(ctx, layers->items[i], err);
        if (fd < 0)
            return -1;
    }
    return jp_plain_copy_metadata(root, upper, err);
}

static void root_clear(struct jp_plan_root *root)
{
    free(root->upper);
    free(root->work);
    jp_strv_clear(&root->layers);
}

static int clone_stack(const struct jp_driver_context *ctx, int app_fd, const char *app_path,
                       const struct jp_strv *layers, struct jp_plan_root *ret, struct jp_error *err)
{
    if (jp_clone_remove(ctx, app_fd, err) < 0 || jp_plain_layers_write(app_fd, layers, err) < 0 ||
        make_upper(ctx, app_fd, layers, err) < 0)
        return -1;
    struct jp_plan_root root = {.kind = JP_ROOT_OVERLAY,
                                .is_volatile = ret->is_volatile,
                                .is_read_only = ret->is_read_only};
    root.upper = jp_format("%s/upper", app_path);
    root.work = jp_format("%s/work", app_path);
    bool failed = !root.upper || !root.work;
    for (size_t i = 0; !failed && i < layers->count; i++)
        failed = jp_strv_add_owned(&root.layers, jp_plain_layer_path(ctx, layers->items[i])) < 0;
    if (failed) {
        root_clear(&root);
        return jp_oom(err);
    }
    *ret = root;
    return 0;
}

static int clone_usage(const struct jp_driver_context *ctx, int app_fd, uint64_t *ret_bytes,
                       struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "upper", err);
    return fd < 0 ? -1 : jp_tree_usage(fd, ret_bytes, err);
}

/*
 * Our mounts make no redirects (platform/linux/builder.c): one that is there was made by a mount of
 * somebody else, and what it stands for cannot be told from this directory.
 */
static int is_opaque(int dir_fd, struct jp_error *err)
{
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    if (jp_xattr_get(dir_fd, REDIRECT_XATTR, &value) == 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "a directory was renamed by reference");
    return jp_xattr_get(dir_fd, OPAQUE_XATTR, &value) == 0 && strcmp(jp_buf_text(&value), "y") == 0;
}

static int clone_changes(const struct jp_driver_context *ctx, int app_fd,
                         const struct jp_driver_changes *changes, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open_dir(app_fd, "upper", err);
    struct jp_plain_comparison comparison = {
        .top_fd = fd, .is_sparse = true, .is_opaque = is_opaque, .changes = changes};
    return fd < 0 ? -1 : jp_plain_clone_changes(ctx, app_fd, &comparison, err);
}

const struct jp_driver_ops jp_driver_overlay = {
    .name = "overlay",
    .probe = probe,
    .image_create = jp_plain_image_create,
    .image_seal = jp_plain_image_seal,
    .clone = clone_stack,
    .clone_usage = clone_usage,
    .clone_changes = clone_changes,
    .volume = jp_plain_volume,
};
