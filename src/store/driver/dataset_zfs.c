/* Datasets where there is ZFS: dataset.h says what is promised. */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "store/driver/dataset.h"
#include "store/driver/list.h"
#include "store/driver/zfs_core.h"
#include "sys/calls.h"
#include "sys/dataset.h"
#include "sys/fd.h"

#define LEAF_BYTES 12
#define BUSY_TRIES 100 /* of BUSY_WAIT: what was killed takes a moment to let go */
#define BUSY_WAIT  ((struct timespec){.tv_nsec = 50 * 1000 * 1000})

/* Where a dataset is entered in the file system. */
struct place {
    int dir_fd;
    const char *name;
    char mark[JP_ZFS_NAME_SIZE];
    char dataset[JP_ZFS_NAME_SIZE];
};

static int find_place(int dir_fd, const char *name, struct place *ret, struct jp_error *err)
{
    *ret = (struct place){.dir_fd = dir_fd, .name = name};
    int len = snprintf(ret->mark, sizeof(ret->mark), "%s" JP_DATASET_MARK, name);
    return len > 0 && (size_t)len < sizeof(ret->mark)
               ? 0
               : jp_fail(err, JP_EINVALID, 0, "'%s' is too long", name);
}

/* What a mark may say: POOL/.../LEAF, LEAF being 24 hexadecimal digits, as we make them. */
static bool is_ours(const char *dataset)
{
    const char *leaf = strrchr(dataset, '/');
    return leaf && leaf != dataset && strlen(leaf + 1) == 2 * LEAF_BYTES &&
           strspn(leaf + 1, "0123456789abcdef") == 2 * LEAF_BYTES && !strpbrk(dataset, "@#%\n");
}

/* 1, 0 when it names nothing, or -1. */
static int read_mark(int dir_fd, const char *name, struct place *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (find_place(dir_fd, name, ret, err) < 0 || jp_zfs_open(err) < 0 ||
        jp_file_read(dir_fd, ret->mark, sizeof(ret->dataset), &text, err) < 0)
        return -1;
    size_t len = strcspn(jp_buf_text(&text), "\n");
    /* Not complete: killed while it was written, when nothing had been made yet. */
    if (jp_buf_text(&text)[len] == '\0')
        return 0;
    if (len < sizeof(ret->dataset))
        memcpy(ret->dataset, jp_buf_text(&text), len);
    if (len >= sizeof(ret->dataset) || !is_ours(ret->dataset))
        return jp_fail(err, JP_ECORRUPT, 0, "'%s' names no dataset of Jetpack's", ret->mark);
    return 1;
}

/* The same where there must be one. */
static int need_mark(int dir_fd, const char *name, struct place *ret, struct jp_error *err)
{
    int r = read_mark(dir_fd, name, ret, err);
    return r != 0 ? r : jp_fail(err, JP_ECORRUPT, 0, "'%s' is empty", ret->mark);
}

/* ---- mounted -----------------------------------------------------------------------------------
 */

static int mount_place(const struct place *place, struct jp_error *err)
{
    char sealed[JP_ZFS_NAME_SIZE + sizeof(JP_ZFS_SEAL)];
    (void)snprintf(sealed, sizeof(sealed), "%s" JP_ZFS_SEAL, place->dataset);
    bool is_sealed = jp_zfs_exists(sealed);
    const char *what = is_sealed ? sealed : place->dataset;
    JP_AUTO_FD int fd = jp_fd_make_dir(place->dir_fd, place->name, 0700, err);
    if (fd < 0)
        return -1;
    if (jp_dataset_mount_at(what, place->dir_fd, place->name, is_sealed) < 0)
        return jp_fail_sys(err, "mount dataset '%s'", what);
    return 0;
}

int jp_dataset_mount(int dir_fd, const char *name, struct jp_error *err)
{
    struct place place;
    if (!jp_dataset_is(dir_fd, name) || jp_dataset_is_mounted(dir_fd, name))
        return 0;
    return need_mark(dir_fd, name, &place, err) < 0 ? -1 : mount_place(&place, err);
}

static int tell_users(const struct place *place, dev_t device, struct jp_error *err)
{
    JP_AUTO(jp_buf) users = JP_BUF_INIT;
    jp_dataset_users(place->dataset, device, &users);
    return jp_fail(err, JP_EBUSY, 0, "dataset '%s' is busy: %s%s", place->dataset,
                   users.len ? "used by " : "nobody is seen to use it", jp_buf_text(&users));
}

static int unmount_place(const struct place *place, struct jp_error *err)
{
    struct stat st = {0};
    for (int i = 0; jp_dataset_is_mounted(place->dir_fd, place->name); i++) {
        if (jp_dataset_unmount_at(place->dir_fd, place->name) == 0)
            continue;
        if (errno != EBUSY)
            return jp_fail_sys(err, "unmount dataset '%s'", place->dataset);
        if (i >= BUSY_TRIES)
            return fstatat(place->dir_fd, place->name, &st, 0) < 0
                       ? jp_fail_sys(err, "stat '%s'", place->name)
                       : tell_users(place, st.st_dev, err);
        (void)nanosleep(&BUSY_WAIT, NULL);
    }
    return 0;
}

/* ---- where -------------------------------------------------------------------------------------
 */

int jp_dataset_base(const struct jp_driver_context *ctx, char ret[JP_DATASET_NAME_SIZE],
                    struct jp_error *err)
{
    char below[JP_DATASET_NAME_SIZE];
    const char *wanted = ctx->zfs ? ctx->zfs->dataset : NULL;
    if (jp_zfs_open(err) < 0)
        return -1;
    if (wanted && strlen(wanted) < JP_DATASET_NAME_SIZE && jp_zfs_has_pool(wanted)) {
        if (ret)
            memcpy(ret, wanted, strlen(wanted) + 1);
        return 0;
    }
    if (jp_dataset_below(ctx->root_fd, below, sizeof(below)) < 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "root.zfs (%s) is on no pool of this host, nor is the root directory",
                       wanted ? wanted : "not set");
    int len = ret ? snprintf(ret, JP_DATASET_NAME_SIZE, "%s/jetpack", below) : 0;
    return len < JP_DATASET_NAME_SIZE
               ? 0
               : jp_fail(err, JP_EINVALID, 0, "the dataset of the root directory: too long a name");
}

/* Makes a dataset and those above it that are missing. */
static int make_parents(const char *dataset, const struct jp_strv *properties, struct jp_error *err)
{
    static const struct jp_strv none = JP_STRV_INIT;
    char name[JP_ZFS_NAME_SIZE];
    size_t len = strlen(dataset);
    if (len >= sizeof(name))
        return jp_fail(err, JP_EINVALID, 0, "dataset name '%s' is too long", dataset);
    memcpy(name, dataset, len + 1);
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (!jp_zfs_exists(name) && jp_zfs_make(name, NULL, &none, &why) < 0 &&
            why.code != JP_EEXISTS) {
            if (err)
                jp_error_move(err, &why);
            return -1;
        }
        *slash = '/';
    }
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_zfs_exists(name) || jp_zfs_make(name, NULL, properties, &why) == 0 ||
        why.code == JP_EEXISTS)
        return 0;
    if (err)
        jp_error_move(err, &why);
    return -1;
}

/* Mounts the root dataset on the directory `root`, which is made. */
static int mount_root(const char *dataset, const char *root, struct jp_error *err)
{
    JP_AUTO_FREE char *above = jp_strdup(root);
    if (!above)
        return jp_oom(err);
    char *slash = strrchr(above, '/');
    for (char *at = strchr(above + 1, '/'); at && at <= slash; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (jp_sys.mkdirat(AT_FDCWD, above, 0755) < 0 && errno != EEXIST)
            return jp_fail_sys(err, "make directory '%s'", above);
        *at = '/';
    }
    *slash = '\0';
    /* Not jp_fd_open_dir: the administrator may have made links on the way. */
    JP_AUTO_FD int fd = open(*above ? above : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", above);
    const char *name = root + (slash - above) + 1;
    if (jp_sys.mkdirat(fd, name, 0711) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "make directory '%s'", root);
    if (jp_dataset_is_mounted(fd, name))
        return 0;
    return jp_dataset_mount_at(dataset, fd, name, false) < 0
               ? jp_fail_sys(err, "mount dataset '%s' on '%s'", dataset, root)
               : 0;
}

int jp_dataset_prepare_root(const struct jp_driver_zfs *zfs, const char *root, struct jp_error *err)
{
    JP_AUTO(jp_strv) properties = JP_STRV_INIT;
    JP_AUTO_FREE char *mountpoint = jp_format("mountpoint=%s", root);
    char there[JP_ZFS_NAME_SIZE * 4] = "";
    if (!mountpoint || jp_strv_add(&properties, mountpoint) < 0 ||
        jp_strv_extend(&properties, zfs->root.items, zfs->root.count) < 0)
        return jp_oom(err);
    if (!zfs->dataset || root[0] != '/' || root[1] == '\0' || root[strlen(root) - 1] == '/' ||
        jp_zfs_open(NULL) < 0 || !jp_zfs_has_pool(zfs->dataset))
        return 0;
    if (!jp_zfs_exists(zfs->dataset))
        return make_parents(zfs->dataset, &properties, err) < 0
                   ? -1
                   : mount_root(zfs->dataset, root, err);
    if (jp_zfs_mount_point(zfs->dataset, there, sizeof(there), err) < 0)
        return -1;
    return strcmp(there, root) == 0 ? mount_root(zfs->dataset, root, err) : 0;
}

/* ---- made --------------------------------------------------------------------------------------
 */

static bool is_of_images(const char *group)
{
    return strcmp(group, "images") == 0;
}

/* ROOT/images or ROOT/pods: carries the properties that those below inherit, is never mounted. */
static int make_group(const struct jp_driver_context *ctx, const char *base, const char *group,
                      struct jp_error *err)
{
    static const char *const own[] = {"canmount=off", "mountpoint=none",
                                      JP_ZFS_DEFAULTS "com.sun:auto-snapshot=false"};
    static const struct jp_driver_zfs nothing = {.dataset = NULL};
    const struct jp_driver_zfs *zfs = ctx->zfs ? ctx->zfs : &nothing;
    JP_AUTO(jp_strv) properties = JP_STRV_INIT;
    JP_AUTO_FREE char *dataset = jp_format("%s/%s", base, group);
    bool failed = !dataset;
    if (dataset && jp_zfs_exists(dataset))
        return 0;
    for (size_t i = 0; i < JP_LEN(own); i++)
        failed = failed || jp_strv_add(&properties, own[i]) < 0;
    const struct jp_strv *more = is_of_images(group) ? &zfs->images : &zfs->pods;
    if (failed || jp_strv_extend(&properties, more->items, more->count) < 0)
        return jp_oom(err);
    return make_parents(dataset, &properties, err);
}

static int choose_name(const char *base, const char *group, struct place *place,
                       struct jp_error *err)
{
    unsigned char salt[LEAF_BYTES];
    char leaf[2 * LEAF_BYTES + 1];
    if (jp_random_bytes(salt, sizeof(salt), err) < 0)
        return -1;
    jp_hex_encode(salt, sizeof(salt), leaf);
    int len = snprintf(place->dataset, sizeof(place->dataset), "%s/%s/%s", base, group, leaf);
    return len > 0 && (size_t)len < sizeof(place->dataset)
               ? 0
               : jp_fail(err, JP_EINVALID, 0, "dataset name '%s' is too long", base);
}

/* An image's dataset says that it is not to be written to; only its import mounts it writable. */
static int make_place(const struct place *place, const char *group, const char *origin,
                      struct jp_error *err)
{
    JP_AUTO(jp_strv) properties = JP_STRV_INIT;
    JP_AUTO_FREE char *leaf = jp_format("jetpack:leaf=%s", strrchr(place->dataset, '/') + 1);
    if (!leaf || jp_strv_add(&properties, leaf) < 0 ||
        jp_strv_add(&properties, "mountpoint=legacy") < 0 ||
        jp_strv_add(&properties, "canmount=noauto") < 0 ||
        (is_of_images(group) && jp_strv_add(&properties, "readonly=on") < 0))
        return jp_oom(err);
    return jp_zfs_make(place->dataset, origin, &properties, err);
}

int jp_dataset_make(const struct jp_driver_context *ctx, const char *group, int from_fd,
                    const char *from_name, int dir_fd, const char *name, struct jp_error *err)
{
    struct place place, from;
    char origin[JP_ZFS_NAME_SIZE + sizeof(JP_ZFS_SEAL)] = "", base[JP_DATASET_NAME_SIZE];
    if (jp_dataset_base(ctx, base, err) < 0 || find_place(dir_fd, name, &place, err) < 0 ||
        make_group(ctx, base, group, err) < 0 || choose_name(base, group, &place, err) < 0)
        return -1;
    if (from_fd >= 0 && need_mark(from_fd, from_name, &from, err) < 0)
        return -1;
    if (from_fd >= 0)
        (void)snprintf(origin, sizeof(origin), "%s" JP_ZFS_SEAL, from.dataset);
    JP_AUTO_FREE char *text = jp_format("%s\n", place.dataset);
    if (!text)
        return jp_oom(err);
    /* On disk before the dataset is. */
    if (jp_store_write_new(dir_fd, place.mark, text, strlen(text), true, err) < 0 ||
        make_place(&place, group, origin[0] ? origin : NULL, err) < 0)
        return -1;
    return mount_place(&place, err);
}

int jp_dataset_seal(int dir_fd, const char *name, struct jp_error *err)
{
    struct place place;
    if (need_mark(dir_fd, name, &place, err) < 0 || unmount_place(&place, err) < 0)
        return -1;
    JP_AUTO_FREE char *seal = jp_format("%s" JP_ZFS_SEAL, place.dataset);
    if (!seal)
        return jp_oom(err);
    return jp_zfs_snapshot(seal, err) < 0 ? -1 : mount_place(&place, err);
}

int jp_dataset_rename(int dir_fd, const char *from, const char *to, struct jp_error *err)
{
    struct place old, new;
    if (need_mark(dir_fd, from, &old, err) < 0 || find_place(dir_fd, to, &new, err) < 0 ||
        unmount_place(&old, err) < 0)
        return -1;
    if (jp_sys.renameat(dir_fd, old.mark, dir_fd, new.mark) < 0)
        return jp_fail_sys(err, "rename '%s'", old.mark);
    if (jp_sys.unlinkat(dir_fd, from, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", from);
    return jp_dataset_mount(dir_fd, to, err);
}

int jp_dataset_usage(int dir_fd, const char *name, uint64_t *ret_bytes, struct jp_error *err)
{
    struct place place;
    return need_mark(dir_fd, name, &place, err) < 0 ? -1
                                                    : jp_zfs_used(place.dataset, ret_bytes, err);
}

/* ---- let go ------------------------------------------------------------------------------------
 */

static int destroy_place(const struct place *place, struct jp_error *err)
{
    for (int i = 0;; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (jp_zfs_destroy(place->dataset, &why) == 0)
            return 0;
        bool is_in_use = why.code == JP_EBUSY && strstr(jp_error_text(&why), "in use");
        if (is_in_use && i < BUSY_TRIES) {
            (void)nanosleep(&BUSY_WAIT, NULL);
            continue;
        }
        if (is_in_use)
            return tell_users(place, 0, err);
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
}

int jp_dataset_release(int dir_fd, const char *name, struct jp_error *err)
{
    struct place place;
    if (!jp_dataset_is(dir_fd, name))
        return 0;
    int r = read_mark(dir_fd, name, &place, err);
    if (r < 0 || (r > 0 && (unmount_place(&place, err) < 0 || destroy_place(&place, err) < 0)))
        return -1;
    if (jp_sys.unlinkat(dir_fd, place.mark, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", place.mark);
    return 0;
}
