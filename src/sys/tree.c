/*
 * Removing and measuring trees: see tree.h.
 *
 * What lies in the tree was made by strangers, and they may still be at work. So: no path is used
 * twice, every step is relative to a descriptor, a directory is opened with O_NOFOLLOW and must lie
 * on the mount that the work started on (row 61 of SECURITY.md: `rm -rf` that goes on into a
 * leftover bind mount deletes the host).
 */
#include "sys/tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/filesystem.h"
#include "sys/subvolume.h"
#include "sys/treewalk.h"

#define OPEN_DIR    (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
#define MAX_REFILLS 100 /* times that a directory may be filled again while it is being emptied */

struct removal {
    struct jp_tree_stack stack;
    struct jp_tree_mount mount; /* all of it must lie here */
};

static void removal_clear(struct removal *removal)
{
    jp_tree_stack_clear(&removal->stack);
}

/* Says why a removal failed, in words that help. */
static int fail_remove(struct removal *r, int dir_fd, const char *name, struct jp_error *err)
{
    int failure = errno;
    JP_AUTO_FREE char *path = jp_tree_path(&r->stack, name);
    const char *shown = path ? path : name;
    if (failure == EBUSY)
        return jp_fail(err, JP_EBUSY, 0, "'%s' is a mount point or in use", shown);
    if ((failure == EPERM || failure == EACCES) && jp_tree_is_immutable(dir_fd, name))
        return jp_fail(err, JP_ESYS, failure, "'%s' has the immutable or append-only flag", shown);
    if ((failure == EPERM || failure == EACCES) && jp_tree_is_immutable(dir_fd, ""))
        return jp_fail(err, JP_ESYS, failure,
                       "the directory of '%s' has the immutable or append-only flag", shown);
    return jp_fail(err, JP_ESYS, failure, "remove '%s'", shown);
}

/* Goes into a directory of dir_fd. 0 also when it has just gone. */
static int enter(struct removal *r, int dir_fd, const char *name, struct jp_error *err)
{
    JP_AUTO_FD int fd = openat(dir_fd, name, OPEN_DIR);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_remove(r, dir_fd, name, err);
    struct jp_tree_mount mount;
    if (jp_tree_mount_of(fd, &mount) < 0)
        return fail_remove(r, dir_fd, name, err);
    if (!jp_tree_same_mount(&mount, &r->mount)) {
        JP_AUTO_FREE char *path = jp_tree_path(&r->stack, name);
        return jp_fail(err, JP_EBUSY, 0, "something is mounted on '%s'", path ? path : name);
    }
    /* A file system of its own that is not mounted here: a subvolume. It goes at once if it can. */
    if (mount.device != r->mount.device && jp_subvolume_delete(dir_fd, name) == 1)
        return 0;
    return jp_tree_push(&r->stack, jp_fd_take(&fd), name, true, err);
}

/* One entry: goes at once, or is entered when it is a directory. */
static int remove_entry(struct removal *r, int dir_fd, const char *name, char kind,
                        struct jp_error *err)
{
    if (kind != JP_TREE_DIR) {
        if (jp_file_unlink(dir_fd, name, 0) == 0 || errno == ENOENT)
            return 0;
        int failure = errno;
        struct stat st;
        /* Linux says EISDIR, POSIX EPERM, to the name of a directory. */
        if ((failure != EISDIR && failure != EPERM) ||
            fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
            errno = failure;
            return fail_remove(r, dir_fd, name, err);
        }
    }
    return enter(r, dir_fd, name, err);
}

/* The lowest level is empty: leaves and removes it; enters it again when it was filled meanwhile.
 */
static int remove_level(struct removal *r, int dir_fd, struct jp_error *err)
{
    struct jp_tree_level *level = jp_tree_top(&r->stack);
    unsigned retries = level->retries + 1;
    JP_AUTO_FREE char *name = jp_strdup(level->name);
    if (!name)
        return jp_oom(err);
    if (jp_tree_pop(&r->stack, err) < 0)
        return -1;
    struct jp_tree_level *above = jp_tree_top(&r->stack);
    int above_fd = above ? above->fd : dir_fd;
    if (jp_file_unlink(above_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if ((errno != ENOTEMPTY && errno != EEXIST) || retries > MAX_REFILLS)
        return fail_remove(r, above_fd, name, err);
    size_t before = r->stack.count;
    if (enter(r, above_fd, name, err) < 0)
        return -1;
    if (r->stack.count > before)
        jp_tree_top(&r->stack)->retries = retries;
    return 0;
}

int jp_tree_remove(int dir_fd, const char *name, struct jp_error *err)
{
    __attribute__((__cleanup__(removal_clear))) struct removal r = {.stack = JP_TREE_STACK_INIT};
    /* One name: a path could lead through links, and ".." is not ours. */
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return jp_fail(err, JP_EINVALID, 0, "remove '%s': not a name", name);
    if (jp_tree_mount_of(dir_fd, &r.mount) < 0)
        return jp_fail_sys(err, "stat the directory of '%s'", name);
    if (remove_entry(&r, dir_fd, name, JP_TREE_UNKNOWN, err) < 0)
        return -1;
    while (r.stack.count > 0) {
        char kind;
        struct jp_tree_level *level = jp_tree_top(&r.stack);
        const char *entry = jp_tree_next(level, &kind);
        int done =
            entry ? remove_entry(&r, level->fd, entry, kind, err) : remove_level(&r, dir_fd, err);
        if (done < 0)
            return -1;
    }
    return 0;
}

struct measure {
    struct jp_tree_stack stack;
    struct jp_tree_inodes seen;
    struct jp_tree_mount mount;
    uint64_t bytes;
    bool own_only; /* not what is shared with other files */
};

static void measure_clear(struct measure *m)
{
    jp_tree_stack_clear(&m->stack);
    jp_tree_inodes_clear(&m->seen);
}

/* What a file takes. */
static uint64_t file_bytes(const struct measure *m, int dir_fd, const char *name,
                           const struct stat *st)
{
    uint64_t bytes = (uint64_t)st->st_blocks * 512U;
    if (!m->own_only || !S_ISREG(st->st_mode) || bytes == 0)
        return bytes;
    JP_AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint64_t own;
    return fd >= 0 && jp_file_own_bytes(fd, &own) == 0 ? own : bytes;
}

/* Adds one entry; directories of the same mount are entered. What vanishes meanwhile is nothing. */
static int measure_entry(struct measure *m, int dir_fd, const char *name, struct jp_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "stat '%s'", name);
    if (!S_ISDIR(st.st_mode)) {
        if (st.st_nlink > 1 && jp_tree_inodes_find(&m->seen, &st))
            return 0;
        m->bytes += file_bytes(m, dir_fd, name, &st);
        return st.st_nlink > 1 ? jp_tree_inodes_add(&m->seen, &st, "", err) : 0;
    }
    JP_AUTO_FD int fd = openat(dir_fd, name, OPEN_DIR);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : jp_fail_sys(err, "open '%s'", name);
    struct jp_tree_mount mount;
    if (jp_tree_mount_of(fd, &mount) < 0)
        return jp_fail_sys(err, "stat '%s'", name);
    if (!jp_tree_same_mount(&mount, &m->mount))
        return 0;
    m->bytes += (uint64_t)st.st_blocks * 512U;
    return jp_tree_push(&m->stack, jp_fd_take(&fd), name, true, err);
}

static int measure_tree(int dir_fd, bool own_only, uint64_t *ret_bytes, struct jp_error *err)
{
    __attribute__((__cleanup__(measure_clear))) struct measure m = {
        .stack = JP_TREE_STACK_INIT, .seen = JP_TREE_INODES_INIT, .own_only = own_only};
    if (jp_tree_mount_of(dir_fd, &m.mount) < 0)
        return jp_fail_sys(err, "stat a directory");
    if (measure_entry(&m, dir_fd, ".", err) < 0)
        return -1;
    while (m.stack.count > 0) {
        char kind;
        struct jp_tree_level *level = jp_tree_top(&m.stack);
        const char *entry = jp_tree_next(level, &kind);
        int r = entry ? measure_entry(&m, level->fd, entry, err) : jp_tree_pop(&m.stack, err);
        if (r < 0)
            return -1;
    }
    *ret_bytes = m.bytes;
    return 0;
}

int jp_tree_usage(int dir_fd, uint64_t *ret_bytes, struct jp_error *err)
{
    return measure_tree(dir_fd, false, ret_bytes, err);
}

int jp_tree_usage_own(int dir_fd, uint64_t *ret_bytes, struct jp_error *err)
{
    return measure_tree(dir_fd, true, ret_bytes, err);
}

/* ---- owner ------------------------------------------------------------------------------------
 */

static int own_entry(struct jp_tree_stack *stack, const char *name, uid_t uid, gid_t gid,
                     struct jp_error *err)
{
    int dir_fd = jp_tree_top(stack)->fd;
    struct stat st;
    if (jp_sys.fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jp_fail_sys(err, "set the owner of '%s'", name);
    if (!S_ISDIR(st.st_mode))
        return 0;
    int fd = jp_fd_open_dir(dir_fd, name, err);
    return fd < 0 ? -1 : jp_tree_push(stack, fd, name, true, err);
}

int jp_tree_own(int dir_fd, uid_t uid, gid_t gid, struct jp_error *err)
{
    struct jp_tree_stack stack = JP_TREE_STACK_INIT;
    int fd = jp_fd_open_dir(dir_fd, ".", err);
    if (fd < 0 || jp_tree_push(&stack, fd, ".", true, err) < 0)
        return -1;
    int r = jp_sys.fchown(dir_fd, uid, gid) < 0 ? jp_fail_sys(err, "set owner") : 0;
    while (r == 0 && stack.count > 0) {
        char kind;
        const char *name = jp_tree_next(jp_tree_top(&stack), &kind);
        r = name ? own_entry(&stack, name, uid, gid, err) : jp_tree_pop(&stack, err);
    }
    jp_tree_stack_clear(&stack);
    return r;
}
