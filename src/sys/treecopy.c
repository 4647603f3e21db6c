/*
 * Copying trees: jp_tree_copy() of tree.h.
 *
 * Two stacks go down side by side. Everything is made under its final name with no rights for
 * others and gets owner, mode, xattrs, times and file flags when its content is there, in this
 * order: chown(2) clears set-id bits and file capabilities, writing changes times, flags forbid all
 * of it. The destination may belong to a
 * running pod (`cp`): nothing in it is followed, new files are made with O_EXCL, a second name of
 * an inode is made by walking to the first one again without following links.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/xattr.h>

#include <linux/fs.h>
#endif
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strv.h"
#include "sys/attribute.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/tree.h"
#include "sys/treewalk.h"

#define OPEN_DIR    (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
#define OPEN_SOURCE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define CHUNK       131072U
#define RANGE       (1UL << 30) /* bytes for one copy_file_range(2) */

struct copy {
    struct jp_tree_stack from, to;
    struct jp_tree_inodes links; /* inode of the source -> path below the destination */
    int to_root;                 /* borrowed */
    struct stat top;             /* of the destination: it is not copied into itself */
    struct jp_tree_mount mount;  /* of the source: what is mounted in it is not part of it */
    bool can_clone, can_range;
    bool all_cloned;
    bool is_merge; /* kinds are not exchanged */
    bool is_tame;  /* nothing that gives rights */
    char *chunk;   /* CHUNK bytes, owned */
};

static void copy_clear(struct copy *c)
{
    jp_tree_stack_clear(&c->from);
    jp_tree_stack_clear(&c->to);
    jp_tree_inodes_clear(&c->links);
    free(c->chunk);
}

static int fail_copy(struct copy *c, const char *what, const char *name, struct jp_error *err)
{
    int failure = errno;
    JP_AUTO_FREE char *path = jp_tree_path(&c->from, name);
    return jp_fail(err, JP_ESYS, failure, "%s '%s'", what, path ? path : name ? name : ".");
}

/* Label of the host's own policy: the target file gets one by itself, ours may not set it. */
static bool is_optional(const char *name)
{
    return strcmp(name, "security.selinux") == 0;
}

static bool gives_rights(const char *name)
{
    return strcmp(name, "security.capability") == 0;
}

static mode_t mode_of(const struct copy *c, const struct stat *st)
{
    return st->st_mode & (c->is_tame ? 01777 : 07777);
}

/* Those that a copy must not have more of than its source: inherited ACLs, a replaced directory's.
 */
static bool is_exact(const char *name)
{
    return strncmp(name, "system.posix_acl_", 17) == 0 || strncmp(name, "user.", 5) == 0;
}

static int drop_xattr(int fd, const char *name)
{
#ifdef __linux__
    return fremovexattr(fd, name);
#else
    (void)fd, (void)name;
    errno = EOPNOTSUPP;
    return -1;
#endif
}

/* Extended attributes of a file or directory, exactly. 0, or -1 with errno. */
static int copy_xattrs(const struct copy *c, int from, int to)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    JP_AUTO(jp_strv) present = JP_STRV_INIT;
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    if (jp_xattr_list(from, &names) < 0 || jp_xattr_list(to, &present) < 0)
        return -1;
    for (size_t i = 0; i < present.count; i++) {
        const char *name = present.items[i];
        if (is_exact(name) && !jp_strv_contains(&names, name) && drop_xattr(to, name) < 0)
            return -1;
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (c->is_tame && gives_rights(name))
            continue;
        if ((jp_xattr_get(from, name, &value) < 0 ||
             jp_xattr_set(to, name, jp_buf_text(&value), value.len) < 0) &&
            !is_optional(name))
            return -1;
    }
    return 0;
}

/* Everything but content, on an open file or directory. 0, or -1 with errno. */
static int copy_metadata(const struct copy *c, int from, int to, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (jp_sys.fchown(to, st->st_uid, st->st_gid) < 0 || jp_sys.fchmod(to, mode_of(c, st)) < 0 ||
        copy_xattrs(c, from, to) < 0)
        return -1;
    return jp_sys.futimens(to, times);
}

/* Those of a clone: what is copied in and out of pods has no such power. */
static int copy_flags(const struct copy *c, int to_dir, const char *name, const struct stat *st)
{
    uint32_t flags = jp_file_flags_of(st, -1, -1); /* Linux's are never set */
    if (flags == 0 || c->is_tame || c->is_merge)
        return 0;
    return jp_file_flags_put(to_dir, name, flags) < 0 ? -1 : 0;
}

static bool try_clone(struct copy *c, int from, int to)
{
#ifdef FICLONE
    if (!c->can_clone)
        return false;
    if (ioctl(to, FICLONE, from) == 0)
        return true;
    /* EINVAL is about this file (alignment, inline data), the others are about the file system. */
    if (errno != EINVAL)
        c->can_clone = false;
#else
    (void)c, (void)from, (void)to;
#endif
    return false;
}

/* Reads and writes [at, end). */
static int copy_plainly(struct copy *c, int from, int to, off_t at, off_t end)
{
    while (at < end) {
        size_t want = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;
        ssize_t n = pread(from, c->chunk, want, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -1 : 0; /* it was cut meanwhile: the size is set later */
        for (ssize_t done = 0; done < n;) {
            ssize_t w = jp_sys.pwrite(to, c->chunk + done, (size_t)(n - done), at + done);
            if (w < 0 && errno != EINTR)
                return -1;
            done += w > 0 ? w : 0;
        }
        at += n;
    }
    return 0;
}

/* One run of data [at, end): inside the kernel where it can, else by hand. */
static int copy_run(struct copy *c, int from, int to, off_t at, off_t end)
{
#ifdef __linux__
    while (c->can_range && at < end) {
        off_t in = at, out = at;
        size_t want = end - at < (off_t)RANGE ? (size_t)(end - at) : RANGE;
        ssize_t n = copy_file_range(from, &in, to, &out, want, 0);
        if (n < 0 && errno != EINTR) {
            if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
                return -1;
            c->can_range = false;
        } else if (n == 0) {
            break;
        }
        at += n > 0 ? n : 0;
    }
#endif
    return copy_plainly(c, from, to, at, end);
}

/* Content with its holes. 0, or -1 with errno. */
static int copy_content(struct copy *c, int from, int to, off_t size)
{
    if (size == 0)
        return 0;
    if (try_clone(c, from, to))
        return 0;
    c->all_cloned = false;
    off_t at = 0;
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole until the end */
        off_t end = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        data = data < 0 ? at : data; /* no holes on this file system */
        if (end < 0 || end > size)
            end = size;
        if (data < size && copy_run(c, from, to, data, end) < 0)
            return -1;
        at = end > data ? end : size;
    }
    return jp_sys.ftruncate(to, size);
}

/* Another name of a file that was copied already: `first` is its path below the destination. */
static int link_again(struct copy *c, const char *first, int to_dir, const char *name)
{
    JP_AUTO_FD int dir = -1;
    const char *p = first;
    for (const char *slash = strchr(p, '/'); slash; slash = strchr(p, '/')) {
        JP_AUTO_FREE char *part = jp_memdup0(p, (size_t)(slash - p));
        if (!part) {
            errno = ENOMEM;
            return -1;
        }
        int next = openat(dir >= 0 ? dir : c->to_root, part, OPEN_DIR);
        jp_fd_close(&dir);
        dir = next;
        if (dir < 0)
            return -1;
        p = slash + 1;
    }
    return jp_file_link(dir >= 0 ? dir : c->to_root, p, to_dir, name);
}

/* The whole path below the destination, for link_again(). */
static char *path_below(const struct copy *c, const char *name)
{
    struct jp_buf path = JP_BUF_INIT;
    for (size_t i = 1; i < c->to.count; i++)
        jp_buf_printf(&path, "%s/", c->to.levels[i].name);
    jp_buf_puts(&path, name);
    return jp_buf_steal(&path);
}

static int copy_regular(struct copy *c, int from_dir, int to_dir, const char *name,
                        struct jp_error *err)
{
    JP_AUTO_FD int from = openat(from_dir, name, OPEN_SOURCE);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0)
        return fail_copy(c, "open", name, err);
    if (!S_ISREG(st.st_mode))
        return jp_fail(err, JP_EBUSY, 0, "'%s' was exchanged while it was copied", name);
    JP_AUTO_FD int to = jp_sys.openat(
        to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
    if (to < 0)
        return fail_copy(c, "make", name, err);
    if (copy_content(c, from, to, st.st_size) < 0 || copy_metadata(c, from, to, &st) < 0 ||
        copy_flags(c, to_dir, name, &st) < 0)
        return fail_copy(c, "copy", name, err);
    return 0;
}

/*
 * Attributes of what cannot be opened (links, devices, FIFOs: labels and ACLs), through procfs, the
 * last component not followed.
 */
static int copy_special_xattrs(struct copy *c, int from_dir, int to_dir, const char *name)
{
#ifdef __linux__
    char from[NAME_MAX + 64], to[NAME_MAX + 64];
    (void)snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", from_dir, name);
    (void)snprintf(to, sizeof(to), "/proc/self/fd/%d/%s", to_dir, name);
    char list[4096]; /* a link or device with more has none of the kinds that we know */
    ssize_t size = llistxattr(from, list, sizeof(list));
    if (size < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    for (const char *p = list; p < list + size; p += strlen(p) + 1) {
        ssize_t len = lgetxattr(from, p, c->chunk, CHUNK);
        if (c->is_tame && gives_rights(p))
            continue;
        if ((len < 0 || lsetxattr(to, p, c->chunk, (size_t)len, 0) < 0) && !is_optional(p))
            return -1;
    }
#else
    (void)c, (void)from_dir, (void)to_dir, (void)name;
#endif
    return 0;
}

static int make_special(struct copy *c, int from_dir, int to_dir, const char *name,
                        const struct stat *st)
{
    if (S_ISFIFO(st->st_mode))
        return jp_sys.mkfifoat(to_dir, name, 0600);
    if (!S_ISLNK(st->st_mode))
        return jp_sys.mknodat(to_dir, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev);
    ssize_t len = readlinkat(from_dir, name, c->chunk, CHUNK - 1);
    if (len < 0)
        return -1;
    c->chunk[len] = '\0';
    return jp_sys.symlinkat(c->chunk, to_dir, name);
}

/* Links, FIFOs, devices, sockets (a socket's name without its listener, as cp -a does). */
static int copy_special(struct copy *c, int to_dir, const char *name, const struct stat *st,
                        struct jp_error *err)
{
    int from_dir = jp_tree_top(&c->from)->fd;
    if (c->is_tame && (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))) {
        JP_AUTO_FREE char *path = jp_tree_path(&c->from, name);
        return jp_fail(err, JP_EINVALID, 0, "'%s' is a device: devices are not copied",
                       path ? path : name);
    }
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (make_special(c, from_dir, to_dir, name, st) < 0) {
        /* FreeBSD's mknod(2) does not make sockets; a name without listener is of no use. */
        if (S_ISSOCK(st->st_mode) && errno == EINVAL)
            return 0;
        return fail_copy(c, "make", name, err);
    }
    if (jp_sys.fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISLNK(st->st_mode) &&
         jp_sys.fchmodat(to_dir, name, mode_of(c, st), AT_SYMLINK_NOFOLLOW) < 0) ||
        copy_special_xattrs(c, from_dir, to_dir, name) < 0 ||
        jp_sys.utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
        copy_flags(c, to_dir, name, st) < 0)
        return fail_copy(c, "copy", name, err);
    return 0;
}

static bool is_destination(const struct copy *c, int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_ino == c->top.st_ino && st.st_dev == c->top.st_dev;
}

/* Makes or merges a directory and goes into both. Others may not look in before it is finished. */
static int copy_dir(struct copy *c, int from_dir, int to_dir, const char *name,
                    struct jp_error *err)
{
    JP_AUTO_FD int from = openat(from_dir, name, OPEN_DIR);
    if (from < 0)
        return fail_copy(c, "open", name, err);
    struct jp_tree_mount mount;
    if (jp_tree_mount_of(from, &mount) < 0)
        return fail_copy(c, "stat", name, err);
    if (!jp_tree_same_mount(&mount, &c->mount))
        return jp_fail(err, JP_EBUSY, 0, "something is mounted on '%s'", name);
    if (is_destination(c, from)) {
        JP_AUTO_FREE char *path = jp_tree_path(&c->from, name);
        return jp_fail(err, JP_EINVALID, 0,
                       "'%s' is where the copy goes: a directory is not copied into itself",
                       path ? path : name);
    }
    if (jp_sys.mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
        return fail_copy(c, "make", name, err);
    JP_AUTO_FD int to = openat(to_dir, name, OPEN_DIR);
    if (to < 0)
        return fail_copy(c, "open the copy of", name, err);
    if (!c->is_tame && !c->is_merge)
        (void)jp_file_flags_lift(to, "."); /* of an earlier layer's */
    if (jp_tree_push(&c->from, jp_fd_take(&from), name, true, err) < 0)
        return -1;
    return jp_tree_push(&c->to, jp_fd_take(&to), name, false, err);
}

/* Takes what is in the way off, but a directory stays for a directory. */
static int clear_place(struct copy *c, int to_dir, const char *name, bool is_dir,
                       struct jp_error *err)
{
    struct stat st;
    if (fstatat(to_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "stat '%s'", name);
    if (is_dir && S_ISDIR(st.st_mode))
        return 0;
    if (!c->is_merge)
        return jp_tree_remove(to_dir, name, err);
    if (!is_dir && !S_ISDIR(st.st_mode) && jp_sys.unlinkat(to_dir, name, 0) == 0)
        return 0;
    JP_AUTO_FREE char *path = jp_tree_path(&c->from, name);
    return jp_fail(err, JP_EEXISTS, 0, "'%s' does not replace the %s of that name",
                   path ? path : name, S_ISDIR(st.st_mode) ? "directory" : "file");
}

static int copy_entry(struct copy *c, const char *name, struct jp_error *err)
{
    int from_dir = jp_tree_top(&c->from)->fd, to_dir = jp_tree_top(&c->to)->fd;
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_copy(c, "stat", name, err);
    if (clear_place(c, to_dir, name, S_ISDIR(st.st_mode), err) < 0)
        return -1;
    if (S_ISDIR(st.st_mode))
        return copy_dir(c, from_dir, to_dir, name, err);
    const char *first = st.st_nlink > 1 ? jp_tree_inodes_find(&c->links, &st) : NULL;
    if (first)
        return link_again(c, first, to_dir, name) < 0 ? fail_copy(c, "link", name, err) : 0;
    int r = S_ISREG(st.st_mode) ? copy_regular(c, from_dir, to_dir, name, err)
                                : copy_special(c, to_dir, name, &st, err);
    if (r < 0 || st.st_nlink <= 1)
        return r;
    JP_AUTO_FREE char *path = path_below(c, name);
    return path ? jp_tree_inodes_add(&c->links, &st, path, err) : jp_oom(err);
}

/* A directory is done: its metadata now, because work inside changed its times. */
static int finish_dir(struct copy *c, struct jp_error *err)
{
    int from = jp_tree_top(&c->from)->fd, to = jp_tree_top(&c->to)->fd;
    struct stat st;
    if (fstat(from, &st) < 0 || copy_metadata(c, from, to, &st) < 0 ||
        copy_flags(c, to, ".", &st) < 0)
        return fail_copy(c, "copy", NULL, err);
    return jp_tree_pop(&c->from, err) < 0 ? -1 : jp_tree_pop(&c->to, err);
}

static int start_copy(struct copy *c, int from_fd, int to_fd, struct jp_error *err)
{
    JP_AUTO_FD int from = openat(from_fd, ".", OPEN_DIR);
    JP_AUTO_FD int to = openat(to_fd, ".", OPEN_DIR);
    c->chunk = jp_alloc(CHUNK);
    if (!c->chunk)
        return jp_oom(err);
    if (from < 0 || to < 0 || jp_tree_mount_of(from, &c->mount) < 0 || fstat(to, &c->top) < 0)
        return jp_fail_sys(err, "open the directories");
    if (jp_tree_push(&c->from, jp_fd_take(&from), "", true, err) < 0)
        return -1;
    return jp_tree_push(&c->to, jp_fd_take(&to), "", false, err);
}

static int copy_tree(int from_fd, int to_fd, bool is_merge, bool is_tame, bool *ret_reflinked,
                     struct jp_error *err)
{
    __attribute__((__cleanup__(copy_clear))) struct copy c = {.from = JP_TREE_STACK_INIT,
                                                              .to = JP_TREE_STACK_INIT,
                                                              .links = JP_TREE_INODES_INIT,
                                                              .to_root = to_fd,
                                                              .can_clone = true,
                                                              .can_range = true,
                                                              .all_cloned = true,
                                                              .is_merge = is_merge,
                                                              .is_tame = is_tame};
    if (start_copy(&c, from_fd, to_fd, err) < 0)
        return -1;
    while (c.from.count > 0) {
        char kind;
        const char *name = jp_tree_next(jp_tree_top(&c.from), &kind);
        if ((name ? copy_entry(&c, name, err) : finish_dir(&c, err)) < 0)
            return -1;
    }
    if (ret_reflinked)
        *ret_reflinked = c.all_cloned;
    return 0;
}

int jp_tree_copy(int from_fd, int to_fd, bool *ret_reflinked, struct jp_error *err)
{
    return copy_tree(from_fd, to_fd, /* is_merge= */ false, /* is_tame= */ false, ret_reflinked,
                     err);
}

int jp_tree_merge(int from_fd, int to_fd, bool is_tame, struct jp_error *err)
{
    return copy_tree(from_fd, to_fd, /* is_merge= */ true, is_tame, NULL, err);
}

int jp_tree_copy_entry(int from_dir, const char *name, int to_dir, bool is_tame,
                       struct jp_error *err)
{
    __attribute__((__cleanup__(copy_clear))) struct copy c = {.from = JP_TREE_STACK_INIT,
                                                              .to = JP_TREE_STACK_INIT,
                                                              .links = JP_TREE_INODES_INIT,
                                                              .to_root = to_dir,
                                                              .can_clone = true,
                                                              .can_range = true,
                                                              .is_tame = is_tame};
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jp_fail_sys(err, "stat '%s'", name);
    if (S_ISDIR(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is a directory", name);
    JP_AUTO_FD int from = openat(from_dir, ".", OPEN_DIR);
    JP_AUTO_FD int to = openat(to_dir, ".", OPEN_DIR);
    c.chunk = jp_alloc(CHUNK);
    if (!c.chunk)
        return jp_oom(err);
    if (from < 0 || to < 0)
        return jp_fail_sys(err, "open the directories of '%s'", name);
    if (jp_tree_push(&c.from, jp_fd_take(&from), "", false, err) < 0 ||
        jp_tree_push(&c.to, jp_fd_take(&to), "", false, err) < 0)
        return -1;
    if (copy_entry(&c, name, err) < 0)
        return -1;
    return c.from.count == 1 ? 0 : jp_fail(err, JP_EBUSY, 0, "'%s' was exchanged", name);
}
