/* Plain directories, layers and clones: what the drivers have in common. */
#include "store/driver/common.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/driver/dataset.h"
#include "store/driver/list.h"
#include "store/driver/trash.h"
#include "sys/attribute.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"

#define UPPER           "upper" /* of overlay; of the others "rootfs" */
#define LAYERS_FILE_MAX (JP_PLAN_MAX_LAYERS * 256)

int jp_plain_image_create(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FD int fd = jp_fd_make_dir(dir_fd, "rootfs", 0755, err);
    return fd < 0 ? -1 : 0;
}

int jp_plain_image_seal(const struct jp_driver_context *ctx, int dir_fd, struct jp_error *err)
{
    (void)ctx;
    (void)dir_fd;
    (void)err;
    return 0;
}

int jp_plain_volume_own(int dir_fd, const char *name, const struct jp_driver_volume *volume,
                        struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int fd = jp_fd_make_dir(dir_fd, name, 0700, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "look at it");
    if ((st.st_uid != volume->uid || st.st_gid != volume->gid) &&
        jp_sys.fchown(fd, volume->uid, volume->gid) < 0)
        return jp_fail_sys(err, "set owner %u:%u", volume->uid, volume->gid);
    return jp_sys.fchmod(fd, volume->mode) < 0 ? jp_fail_sys(err, "set mode") : 0;
}

int jp_plain_volume(const struct jp_driver_context *ctx, int dir_fd, const char *name,
                    const struct jp_driver_volume *volume, struct jp_error *err)
{
    (void)ctx;
    JP_AUTO_FREE char *draft = jp_format(".%s", name);
    if (!draft)
        return jp_oom(err);
    if (jp_plain_volume_own(dir_fd, draft, volume, err) < 0)
        return -1;
    return jp_sys.renameat(dir_fd, draft, dir_fd, name) < 0 ? jp_fail_sys(err, "rename") : 0;
}

/* The directory below the root directory that layers of this kind are in. */
static const char *home_of(const char *layer)
{
    return strncmp(layer, JP_VIEW_PREFIX, strlen(JP_VIEW_PREFIX)) == 0 ? JP_VIEWS_DIR : "images";
}

int jp_plain_layer_open_dir(const struct jp_driver_context *ctx, const char *layer,
                            struct jp_error *err)
{
    if (layer[0] == '\0' || layer[0] == '.' || strchr(layer, '/'))
        return jp_fail(err, JP_EINVALID, 0, "bad name of a layer '%s'", layer);
    /* In steps, so that no component is a link. */
    JP_AUTO_FD int home = jp_fd_open_dir(ctx->root_fd, home_of(layer), err);
    return home < 0 ? -1 : jp_fd_open_dir(home, layer, err);
}

int jp_plain_layer_open(const struct jp_driver_context *ctx, const char *layer,
                        struct jp_error *err)
{
    JP_AUTO_FD int dir = jp_plain_layer_open_dir(ctx, layer, err);
    return dir < 0 || jp_dataset_mount(dir, "rootfs", err) < 0 ? -1
                                                               : jp_fd_open_dir(dir, "rootfs", err);
}

char *jp_plain_layer_path(const struct jp_driver_context *ctx, const char *layer)
{
    return jp_format("%s/%s/%s/rootfs", ctx->root_path, home_of(layer), layer);
}

bool jp_plain_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

int jp_plain_layer_removed(const struct jp_driver_context *ctx, const char *layer,
                           struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (strncmp(layer, JP_VIEW_WITHOUT_PREFIX, strlen(JP_VIEW_WITHOUT_PREFIX)) != 0)
        return 0;
    JP_AUTO_FD int dir = jp_plain_layer_open_dir(ctx, layer, err);
    if (dir < 0 || jp_file_read(dir, JP_VIEW_REMOVED_FILE, JP_VIEW_REMOVED_MAX, &text, err) < 0)
        return -1;
    for (size_t at = 0; at < text.len; at += strlen(jp_buf_text(&text) + at) + 1) {
        if (jp_strv_add(ret, jp_buf_text(&text) + at) < 0)
            return jp_oom(err);
    }
    return 0;
}

/* Every part is renamed into tmp/ first: a half-removed clone is never taken for a clean one. */
int jp_clone_remove(const struct jp_driver_context *ctx, int app_fd, struct jp_error *err)
{
    static const char *const parts[] = {UPPER, "work", "rootfs", "layers"};
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(ctx->root_fd, "tmp", err);
    if (tmp_fd < 0 || jp_dataset_release(app_fd, "rootfs", err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        if (jp_store_exists(app_fd, parts[i]) && jp_trash_remove(tmp_fd, app_fd, parts[i], err) < 0)
            return -1;
    }
    return 0;
}

int jp_plain_layers_write(int app_fd, const struct jp_strv *layers, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (layers->count > JP_PLAN_MAX_LAYERS)
        return jp_fail(err, JP_ELIMIT, 0, "%zu layers; a root file system has at most %d",
                       layers->count, JP_PLAN_MAX_LAYERS);
    for (size_t i = 0; i < layers->count; i++)
        jp_buf_printf(&text, "%s\n", layers->items[i]);
    if (jp_buf_failed(&text))
        return jp_oom(err);
    return jp_store_write_new(app_fd, "layers", jp_buf_text(&text), text.len, false, err);
}

int jp_plain_layers_read(int app_fd, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(app_fd, "layers", LAYERS_FILE_MAX, &text, err) < 0)
        return jp_wrap(err, "there is no clone");
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    for (const char *line = jp_buf_text(&text); *line;) {
        size_t len = strcspn(line, "\n");
        if (jp_strv_add_owned(&layers, jp_memdup0(line, len)) < 0)
            return jp_oom(err);
        line += len + (line[len] == '\n');
    }
    *ret = layers;
    layers = (struct jp_strv)JP_STRV_INIT;
    return 0;
}

static int copy_attributes(int from_fd, int to_fd, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    if (jp_xattr_list(from_fd, &names) < 0)
        return errno == ENOTSUP ? 0 : jp_fail_sys(err, "list extended attributes");
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        /* The label is the system's to give. */
        if (strcmp(name, "security.selinux") == 0)
            continue;
        if (jp_xattr_get(from_fd, name, &value) < 0 ||
            jp_xattr_set(to_fd, name, jp_buf_text(&value), value.len) < 0)
            return jp_fail_sys(err, "copy extended attribute '%s'", name);
    }
    return 0;
}

int jp_plain_copy_metadata(int from_fd, int to_fd, struct jp_error *err)
{
    struct stat st;
    if (fstat(from_fd, &st) < 0)
        return jp_fail_sys(err, "stat");
    if (jp_sys.fchown(to_fd, st.st_uid, st.st_gid) < 0)
        return jp_fail_sys(err, "set owner");
    if (copy_attributes(from_fd, to_fd, err) < 0)
        return -1;
    /* After the owner (chown drops set-id bits) and the ACLs (which change the mode). */
    if (jp_sys.fchmod(to_fd, st.st_mode & 07777) < 0)
        return jp_fail_sys(err, "set mode");
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    return jp_sys.futimens(to_fd, times) < 0 ? jp_fail_sys(err, "set times") : 0;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        jp_fd_close(&fds[i]);
    free(fds);
}

static int open_all(const struct jp_driver_context *ctx, const struct jp_strv *layers, int *fds,
                    struct jp_plain_comparison *comparison, struct jp_error *err)
{
    comparison->layer_fds = fds;
    for (; comparison->n_layers < layers->count; comparison->n_layers++) {
        size_t i = comparison->n_layers;
        fds[i] = jp_plain_layer_open(ctx, layers->items[i], err);
        if (fds[i] < 0)
            return -1;
    }
    return 0;
}

static int compare(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                   struct jp_plain_comparison *comparison, struct jp_error *err)
{
    int *fds = jp_calloc(layers->count + 1, sizeof(*fds));
    if (!fds)
        return jp_oom(err);
    jp_fd_allow((layers->count + 8) * 64); /* a directory of each layer at every depth */
    comparison->n_layers = 0;
    int r = open_all(ctx, layers, fds, comparison, err);
    if (r == 0)
        r = jp_plain_changes(comparison, err);
    close_all(fds, comparison->n_layers);
    return r;
}

int jp_plain_clone_changes(const struct jp_driver_context *ctx, int app_fd,
                           struct jp_plain_comparison *comparison, struct jp_error *err)
{
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    struct stat st;
    if (jp_plain_layers_read(app_fd, &layers, err) < 0)
        return -1;
    if (fstatat(app_fd, "layers", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jp_fail_sys(err, "stat 'layers'");
    comparison->born = st.st_mtim;
    return compare(ctx, &layers, comparison, err);
}

int jp_layers_list(const struct jp_driver_context *ctx, const struct jp_strv *layers,
                   const struct jp_driver_changes *changes, struct jp_error *err)
{
    struct jp_plain_comparison comparison = {.top_fd = -1, .changes = changes};
    return compare(ctx, layers, &comparison, err);
}

const char *jp_clone_tree(int app_fd)
{
    static const char *const trees[] = {UPPER, "rootfs"};
    for (size_t i = 0; i < JP_LEN(trees); i++)
        if (jp_store_exists(app_fd, trees[i]))
            return trees[i];
    return NULL;
}

int jp_clone_changes(const struct jp_driver_context *ctx, int app_fd,
                     const struct jp_driver_changes *changes, struct jp_error *err)
{
    /* All drivers but overlay keep a whole tree, which any of them can compare. */
    const char *name = jp_store_exists(app_fd, UPPER) ? "overlay" : "copy";
    for (size_t i = 0; jp_drivers[i]; i++)
        if (strcmp(jp_drivers[i]->name, name) == 0)
            return jp_drivers[i]->clone_changes(ctx, app_fd, changes, err);
    return jp_fail(err, JP_EUNSUPPORTED, 0, "this system has no driver '%s'", name);
}
