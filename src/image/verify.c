/*
 * Verify: is an image on disk still what was imported? The tar is made again in memory's passing
 * and hashed (its SHA-512 is the id), every entry's metadata is compared with what the tar says,
 * and the tree is walked for files that the tar does not have.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/buf.h"
#include "base/mem.h"
#include "image/attributes.h"
#include "image/dirs.h"
#include "image/export.h"
#include "image/pathset.h"
#include "image/restore.h"
#include "store/views.h"
#include "sys/fd.h"
#include "sys/filesystem.h"
#include "sys/treewalk.h"

struct verify {
    const struct jp_image_verify_options *options;
    int rootfs_fd;
    struct jp_dirs *dirs; /* for targets of hard links */
    struct jp_pathset *paths;
    struct jp_pathset *implicit; /* directories that the tar does not name */
    uint64_t differences;
};

JP_PRINTF(4, 5)
static int differs(struct verify *v, const char *path, struct jp_error *err, const char *fmt, ...)
{
    va_list ap;
    char what[512];
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    (void)err;
    v->differences++;
    if (v->options->difference)
        v->options->difference(v->options->watch.context, path, what);
    return 0;
}

static int damaged(void *context, const struct jp_tar_entry *entry, const char *what,
                   struct jp_error *err)
{
    return differs(context, entry->path, err, "%s", what);
}

static mode_t kind_of(const struct jp_tar_entry *entry)
{
    static const mode_t kinds[] = {
        [JP_TAR_FILE] = S_IFREG, [JP_TAR_DIR] = S_IFDIR,          [JP_TAR_SYMLINK] = S_IFLNK,
        [JP_TAR_CHAR] = S_IFCHR, [JP_TAR_BLOCK_DEVICE] = S_IFBLK, [JP_TAR_FIFO] = S_IFIFO,
    };
    return kinds[entry->type];
}

static const char *kind_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    case S_IFIFO:
        return "a FIFO";
    default:
        return "a socket";
    }
}

static int compare_metadata(struct verify *v, const struct jp_tar_entry *e, const struct stat *st,
                            struct jp_error *err)
{
    uint64_t major_number = 0;
    uint64_t minor_number = 0;
    bool is_device = e->type == JP_TAR_CHAR || e->type == JP_TAR_BLOCK_DEVICE;
    if (st->st_uid != e->uid || st->st_gid != e->gid)
        (void)differs(v, e->path, err, "owner is %u:%u, was %u:%u", (unsigned)st->st_uid,
                      (unsigned)st->st_gid, e->uid, e->gid);
    if (e->type != JP_TAR_SYMLINK && (st->st_mode & 07777) != e->mode)
        (void)differs(v, e->path, err, "mode is %04o, was %04o", (unsigned)(st->st_mode & 07777),
                      (unsigned)e->mode);
    if (st->st_mtim.tv_sec != e->mtime.tv_sec || st->st_mtim.tv_nsec != e->mtime.tv_nsec)
        (void)differs(v, e->path, err, "modification time is %lld.%09ld, was %lld.%09ld",
                      (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                      (long long)e->mtime.tv_sec, e->mtime.tv_nsec);
    if (is_device)
        jp_device_split(st->st_rdev, &major_number, &minor_number);
    if (is_device && (major_number != e->major || minor_number != e->minor))
        (void)differs(v, e->path, err, "device number differs");
    return 0;
}

static int compare_target(struct verify *v, const struct jp_tar_entry *e, int dir_fd,
                          const char *name, struct jp_error *err)
{
    char target[JP_TAR_PATH_MAX + 2];
    ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));
    if (n < 0 || (size_t)n != strlen(e->link) || memcmp(target, e->link, (size_t)n) != 0)
        return differs(v, e->path, err, "target of the link differs");
    return 0;
}

/* A name of a file that has another name: both must still be one file. */
static int compare_hardlink(struct verify *v, const struct jp_tar_entry *e, const struct stat *st,
                            struct jp_error *err)
{
    struct stat other;
    const char *name = NULL;
    const char *inside = jp_aci_inside(e->link);
    int dir_fd = inside ? jp_dirs_parent(v->dirs, inside, &name) : -1;
    if (dir_fd < 0 || fstatat(dir_fd, name, &other, AT_SYMLINK_NOFOLLOW) != 0)
        return differs(v, e->path, err, "the file that it is a link to is missing");
    if (other.st_dev != st->st_dev || other.st_ino != st->st_ino)
        return differs(v, e->path, err, "is not a link to the same file any more");
    return 0;
}

static int compare_xattrs(struct verify *v, const struct jp_tar_entry *e, int dir_fd,
                          const char *name, struct jp_error *err)
{
    JP_AUTO_FREE char *what = NULL;
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    if (e->type != JP_TAR_FILE && e->type != JP_TAR_DIR)
        return 0;
    JP_AUTO_FD int fd = openat(dir_fd, name, flags);
    if (fd < 0)
        return jp_fail_sys(err, "open it for its attributes");
    int r = jp_attributes_xattrs_equal(fd, e, &what, err);
    return r > 0 ? differs(v, e->path, err, "%s", what) : r;
}

static int compare_entry(struct verify *v, const struct jp_tar_entry *e, int dir_fd,
                         const char *name, struct jp_error *err)
{
    struct stat st;
    if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        /* Of a file with content, the restorer says it. */
        return e->type == JP_TAR_FILE ? 0 : differs(v, e->path, err, "it is missing");
    }
    if (e->type == JP_TAR_HARDLINK)
        return compare_hardlink(v, e, &st, err);
    if ((st.st_mode & S_IFMT) != kind_of(e)) {
        if (e->type == JP_TAR_FILE)
            return 0;
        return differs(v, e->path, err, "it is %s, was %s", kind_name(st.st_mode),
                       kind_name(kind_of(e)));
    }
    (void)compare_metadata(v, e, &st, err);
    if (e->type == JP_TAR_SYMLINK)
        return compare_target(v, e, dir_fd, name, err);
    return compare_xattrs(v, e, dir_fd, name, err);
}

static int see_entry(void *context, const struct jp_tar_entry *entry, int dir_fd, const char *name,
                     struct jp_error *err)
{
    struct verify *v = context;
    const char *inside = jp_aci_inside(entry->path);
    if (strcmp(entry->path, JP_ACI_MANIFEST) == 0)
        return 0; /* of the manifest only the content matters: its file is ours */
    if (inside && jp_pathset_add(v->paths, inside, err) != 0)
        return -1;
    return compare_entry(v, entry, dir_fd, name, err);
}

/* ---- extra files ----------------------------------------------------------------------------- */

static char *full_path(const struct jp_tree_stack *stack, const char *name)
{
    struct jp_buf path = JP_BUF_INIT;
    for (size_t i = 1; i < stack->count; i++) /* the first level is the root itself */
        jp_buf_printf(&path, "%s/", stack->levels[i].name);
    jp_buf_puts(&path, name);
    return jp_buf_steal(&path);
}

/* One name in the tree; an unknown directory is reported as a whole. */
static int see_name(struct verify *v, struct jp_tree_stack *stack, const char *name, char kind,
                    struct jp_error *err)
{
    JP_AUTO_FREE char *path = full_path(stack, name);
    if (!path)
        return jp_oom(err);
    int known = jp_pathset_has(v->paths, path, err);
    if (known < 0)
        return -1;
    if (!known)
        known = jp_pathset_has(v->implicit, path, err);
    if (known < 0)
        return -1;
    if (!known) {
        JP_AUTO_FREE char *whole = jp_format("%s/%s", JP_ACI_ROOTFS, path);
        return whole ? differs(v, whole, err, "it is extra") : jp_oom(err);
    }
    struct stat st;
    int dir_fd = jp_tree_top(stack)->fd;
    if (kind == JP_TREE_OTHER || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(st.st_mode))
        return 0;
    int fd = jp_fd_open_dir(dir_fd, name, err);
    return fd < 0 ? -1 : jp_tree_push(stack, fd, name, true, err);
}

static int walk(struct verify *v, struct jp_tree_stack *stack, struct jp_error *err)
{
    const volatile sig_atomic_t *cancel = v->options->watch.cancel;
    int fd = jp_fd_open_dir(v->rootfs_fd, ".", err);
    if (fd < 0 || jp_tree_push(stack, fd, "", true, err) != 0)
        return -1;
    while (stack->count > 0) {
        char kind;
        const char *name = jp_tree_next(jp_tree_top(stack), &kind);
        if (cancel && *cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        int r = name ? see_name(v, stack, name, kind, err) : jp_tree_pop(stack, err);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int find_extra(struct verify *v, struct jp_error *err)
{
    struct jp_tree_stack stack = JP_TREE_STACK_INIT;
    int r = walk(v, &stack, err);
    jp_tree_stack_clear(&stack);
    return r;
}

/* ---- directories that the tar does not name ----------------------------------------------------
 */

static int check_implicit(struct verify *v, const char *path, struct jp_error *err)
{
    struct stat st;
    const char *name = NULL;
    JP_AUTO_FREE char *whole = jp_format("%s/%s", JP_ACI_ROOTFS, path);
    if (!whole || jp_pathset_add(v->implicit, path, err) != 0)
        return whole ? -1 : jp_oom(err);
    int named = jp_pathset_has(v->paths, path, err);
    int dir_fd = jp_dirs_parent(v->dirs, path, &name);
    JP_AUTO_FD int fd = dir_fd < 0 ? -1 : jp_fd_open_dir(dir_fd, name, NULL);
    if (named < 0)
        return -1;
    if (named)
        return differs(v, JP_STORE_IMPLICIT_FILE, err, "it lists '%s', which has an entry", path);
    if (fd < 0 || fstat(fd, &st) != 0 || jp_fd_is_empty_dir(fd))
        return differs(v, whole, err, "it is missing or empty");
    if (st.st_uid != 0 || st.st_gid != 0 || (st.st_mode & 07777) != JP_ACI_IMPLICIT_MODE)
        return differs(v, whole, err, "owner or mode was changed");
    return 0;
}

static int check_all_implicit(struct verify *v, int dir_fd, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_error why = JP_ERROR_INIT;
    if (jp_file_read(dir_fd, JP_STORE_IMPLICIT_FILE, JP_STORE_IMPLICIT_MAX, &text, &why) != 0) {
        bool is_absent = why.code == JP_ENOTFOUND;
        int r = is_absent ? 0 : differs(v, JP_STORE_IMPLICIT_FILE, err, "it cannot be read");
        jp_error_clear(&why);
        return r;
    }
    for (size_t at = 0; at < text.len; at += strlen(jp_buf_text(&text) + at) + 1) {
        if (check_implicit(v, jp_buf_text(&text) + at, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int check_id(struct verify *v, const struct jp_restored *restored, struct jp_error *err)
{
    char expected[JP_IMAGE_ID_SIZE];
    char now[JP_IMAGE_ID_SIZE];
    jp_image_id_format(restored->expected, expected);
    jp_image_id_format(restored->digest, now);
    if (strcmp(expected, v->options->id) != 0 ||
        (strcmp(now, expected) != 0 && v->differences == 0))
        return differs(v, JP_SKELETON_FILE, err, "it gives another image id");
    return 0;
}

int jp_verify_run(int dir_fd, const struct jp_image_verify_options *options,
                  uint64_t *ret_differences, struct jp_error *err)
{
    struct jp_restored restored;
    JP_AUTO_FD int rootfs_fd = jp_fd_open_dir(dir_fd, JP_ACI_ROOTFS, err);
    if (rootfs_fd < 0)
        return -1;
    JP_AUTO_PTR(jp_dirs) dirs = jp_dirs_new(rootfs_fd);
    JP_AUTO_PTR(jp_pathset) paths = jp_pathset_new();
    JP_AUTO_PTR(jp_pathset) implicit = jp_pathset_new();
    if (!dirs || !paths || !implicit)
        return jp_oom(err);
    struct verify v = {.options = options,
                       .rootfs_fd = rootfs_fd,
                       .dirs = dirs,
                       .paths = paths,
                       .implicit = implicit};
    struct jp_restore restore = {
        .dir_fd = dir_fd,
        .entry = see_entry,
        .damaged = damaged,
        .context = &v,
        .watch = options->watch,
    };
    if (jp_restore_run(&restore, &restored, err) != 0)
        return -1;
    if (check_all_implicit(&v, dir_fd, err) != 0 || find_extra(&v, err) != 0 ||
        check_id(&v, &restored, err) != 0)
        return -1;
    *ret_differences = v.differences;
    return 0;
}
