/*
 * Attributes of mounts: by mount_setattr(2), or where it is missing (before Linux 5.12) by the
 * classic way, mount by mount.
 *
 * mount(2) changes flags only of mounts that are attached in our mount namespace, and wants a path.
 * The path is that of a descriptor, so nothing is looked up that somebody could exchange. A mount
 * that is nowhere yet is attached for a moment where it is in nobody's way, changed, copied (a copy
 * keeps the flags), and let go: its descriptor is then that of the copy. All this happens in a
 * namespace in which nobody else runs yet.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/kernel.h"
#include "platform/linux/mountinfo.h"
#include "sys/fd.h"

#define FD_PATH_SIZE 32
#define MAX_TREE     10000 /* mounts below a volume: more than hosts have */

/* Over "/" nothing is looked up: absolute names begin at the root below it. */
static const char some_directory[] = "/";
static const char some_file[] = "/proc/filesystems";

static const struct {
    uint64_t attribute;
    unsigned long flag;  /* of mount(2) */
    unsigned long shown; /* by statvfs(3) */
} flags[] = {
    {MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY},
    {MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID},
    {MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV},
    {MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC},
    {0, MS_NOATIME, ST_NOATIME},
    {0, MS_NODIRATIME, ST_NODIRATIME},
    {0, MS_RELATIME, ST_RELATIME},
};

struct change {
    uint64_t set;
    uint64_t clear;
};

static const char *fd_path(int fd, char path[FD_PATH_SIZE])
{
    (void)snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
    return path;
}

/* Of an attached mount by a descriptor of its root. EINVAL: it is not attached. */
static int remount(int fd, const struct change *change)
{
    char path[FD_PATH_SIZE];
    struct statvfs now;
    unsigned long wanted = MS_REMOUNT | MS_BIND;
    if (fstatvfs(fd, &now) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(flags); i++) {
        bool is_on = now.f_flag & flags[i].shown && !(change->clear & flags[i].attribute);
        if (is_on || change->set & flags[i].attribute)
            wanted |= flags[i].flag;
    }
    return mount(NULL, fd_path(fd, path), NULL, wanted, NULL);
}

/* Mounts of our namespace with what is below one of them. */
struct tree {
    uint64_t *ids; /* of the tree, the top first */
    char **points;
    size_t count;
    size_t capacity;
    size_t points_capacity;
    bool has_grown;
};

static void tree_clear(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->points[i]);
    free(tree->points);
    free(tree->ids);
}

static bool tree_has(const struct tree *tree, uint64_t id)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->ids[i] == id)
            return true;
    }
    return false;
}

static int tree_add(struct tree *tree, uint64_t id, const char *point)
{
    if (tree->count >= MAX_TREE ||
        jp_grow(&tree->ids, &tree->capacity, tree->count, sizeof(*tree->ids)) < 0 ||
        jp_grow(&tree->points, &tree->points_capacity, tree->count, sizeof(*tree->points)) < 0)
        return -1;
    char *copy = jp_strdup(point);
    if (!copy)
        return -1;
    tree->ids[tree->count] = id;
    tree->points[tree->count++] = copy;
    tree->has_grown = true;
    return 0;
}

static int take_below(void *context, const struct jp_mountinfo *mount)
{
    struct tree *tree = context;
    if (!tree_has(tree, mount->parent) || tree_has(tree, mount->id))
        return 0;
    return tree_add(tree, mount->id, mount->point);
}

/* Lines are not always in the order of the tree: until nothing is new. */
static int find_below(uint64_t top, struct tree *tree, struct jp_error *err)
{
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self < 0)
        return jp_fail_sys(err, "open '/proc/self'");
    if (tree_add(tree, top, "") < 0)
        return jp_oom(err);
    while (tree->has_grown) {
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        tree->has_grown = false;
        if (jp_file_read(self, "mountinfo", JP_MOUNTINFO_MAX, &text, err) < 0)
            return -1;
        if (text.len > 0 && jp_mountinfo_each(text.data, take_below, tree) < 0)
            return jp_fail(err, JP_ELIMIT, 0, "too many mounts in one volume");
    }
    return 0;
}

/* One mount of the tree, by the place that the kernel names; what is found there must be it. */
static int remount_below(int top_fd, const char *point, uint64_t id, const struct change *change,
                         struct jp_error *err)
{
    const char *name = point + strspn(point, "/");
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    JP_AUTO_FD int fd = (int)syscall(SYS_openat2, top_fd, *name ? name : ".", &how, sizeof(how));
    if (fd < 0)
        return jp_fail_sys(err, "open the mount at '%s'", name);
    if (jp_linux_mount_id(fd) != id)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "the mount at '%s' is covered by another, which this kernel (before Linux "
                       "5.12) cannot change",
                       name);
    return remount(fd, change) < 0 ? jp_fail_sys(err, "change the mount at '%s'", name) : 0;
}

static int remount_tree(int top_fd, const struct change *change, struct jp_error *err)
{
    struct tree tree = {.count = 0};
    int r = find_below(jp_linux_mount_id(top_fd), &tree, err);
    for (size_t i = 1; r == 0 && i < tree.count; i++)
        r = remount_below(top_fd, tree.points[i], tree.ids[i], change, err);
    tree_clear(&tree);
    return r;
}

static int change_attached(int fd, const struct change *change, bool is_recursive,
                           struct jp_error *err)
{
    if (remount(fd, change) < 0)
        return jp_fail_sys(err, "set mount attributes");
    return is_recursive ? remount_tree(fd, change, err) : 0;
}

/* A copy in the place of the mount, which is let go. */
static int replace_by_copy(int mount_fd, struct jp_error *err)
{
    char path[FD_PATH_SIZE];
    JP_AUTO_FD int copy = jp_linux_clone_mount(mount_fd, "", /* is_recursive= */ true, err);
    if (copy < 0)
        return -1;
    if (umount2(fd_path(mount_fd, path), MNT_DETACH) < 0)
        return jp_fail_sys(err, "let a mount go");
    if (dup3(copy, mount_fd, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "duplicate a descriptor");
    return 0;
}

static int change_detached(int mount_fd, const struct change *change, bool is_recursive,
                           struct jp_error *err)
{
    struct stat st;
    if (fstat(mount_fd, &st) < 0)
        return jp_fail_sys(err, "stat a mount");
    const char *place = S_ISDIR(st.st_mode) ? some_directory : some_file;
    if (jp_linux_attach(mount_fd, AT_FDCWD, place, err) < 0 ||
        change_attached(mount_fd, change, is_recursive, err) < 0)
        return -1;
    return replace_by_copy(mount_fd, err);
}

/* Only trees that are attached nowhere are changed with all that is below (volumes). */
static int change_one_by_one(int mount_fd, const struct change *change, bool is_recursive,
                             struct jp_error *err)
{
    if (!is_recursive && remount(mount_fd, change) == 0)
        return 0;
    if (!is_recursive && errno != EINVAL)
        return jp_fail_sys(err, "set mount attributes");
    return change_detached(mount_fd, change, is_recursive, err);
}

int jp_linux_set_attributes(int mount_fd, uint64_t set, uint64_t clear, bool is_recursive,
                            struct jp_error *err)
{
    if (!jp_linux_can(JP_LINUX_SETATTR))
        return change_one_by_one(mount_fd, &(struct change){set, clear}, is_recursive, err);
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    unsigned how = AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0U);
    if (mount_setattr(mount_fd, "", how, &attr, sizeof(attr)) < 0)
        return jp_fail_sys(err, "set mount attributes");
    return 0;
}
