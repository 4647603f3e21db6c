/*
 * The last part of an app's root: the file systems and devices of OS-SPEC.md, what must not be
 * seen or written, and the step that makes it "/".
 *
 * /proc, /sys and /dev are always fresh and always ours: whatever the image or a volume has in
 * their place is replaced or covered (CVE-2019-19921, CVE-2025-31133), and what is put into them
 * goes through the descriptor of the mount just made. Every mount is nodev but the devices that
 * OS-SPEC.md names and devpts. The devices are nodes of the app's own /dev, each bound over itself
 * without nodev and read-only, so that no chmod in a pod changes a node of the host.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define INERT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct device {
    const char *name;
    unsigned minor_number;
    unsigned major_number;
    mode_t mode;
};

static const struct device devices[] =
    {
        {"null", 3, 1, 0666},    {"zero", 5, 1, 0666},    {"full", 7, 1, 0666},
        {"random", 8, 1, 0666},  {"urandom", 9, 1, 0666}, {"tty", 0, 5, 0666},
        {"console", 3, 1, 0600}, /* the null device, until a terminal comes: a pod has no console of
                                    the host's */
};

static const char *const links[][2] = {
    {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
    {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
};

/* Below /proc: facts about the host that a pod has no use for, and files that steer the kernel. */
static const char *const hidden_in_proc[] = {
    "kcore",       "keys",       "latency_stats", "timer_list", "timer_stats",
    "sched_debug", "interrupts", "acpi",          "scsi",       "asound",
};
static const char *const read_only_in_proc[] = {"sys", "bus", "fs", "irq", "sysrq-trigger"};
static const char *const hidden_in_sys[] = {"firmware", "devices/virtual/powercap"};

/* A mount of our own on NAME of the root, which becomes a directory whatever it was. */
static int mount_top(int root_fd, const char *name, int mount_fd, struct jp_error *err)
{
    struct stat st;
    bool is_there = fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && !S_ISDIR(st.st_mode)) {
        if (jp_sys.unlinkat(root_fd, name, 0) < 0)
            return jp_fail_sys(err, "replace '/%s'", name);
        is_there = false;
    }
    if (!is_there && jp_sys.mkdirat(root_fd, name, 0755) < 0)
        return jp_fail_sys(err, "make '/%s'", name);
    JP_AUTO_FD int target = openat(root_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return jp_fail_sys(err, "open '/%s'", name);
    return jp_linux_attach(mount_fd, target, "", err);
}

/* A file system of a type on a directory made for it in a mount of ours. */
static int mount_in(int dir_fd, const char *name, int mount_fd, struct jp_error *err)
{
    if (jp_sys.mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "make directory '%s'", name);
    return jp_linux_attach(mount_fd, dir_fd, name, err);
}

static int make_device(int dev_fd, const struct device *device, struct jp_error *err)
{
    dev_t number = makedev(device->major_number, device->minor_number);
    if (jp_sys.mknodat(dev_fd, device->name, S_IFCHR | device->mode, number) < 0)
        return jp_fail_sys(err, "make device '%s'", device->name);
    JP_AUTO_FD int node = jp_linux_clone_mount(dev_fd, device->name, false, err);
    if (node < 0)
        return -1;
    if (jp_linux_set_attributes(node, MOUNT_ATTR_RDONLY, 0, false, err) < 0)
        return -1;
    return jp_linux_attach(node, dev_fd, device->name, err);
}

static int mount_pts(int dev_fd, int *ret_pts_fd, struct jp_error *err)
{
    static const char *const options[] = {"ptmxmode", "0666", "mode", "0620", "gid", "5", NULL};
    JP_AUTO_FD int fd =
        jp_linux_new_mount("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
    if (fd < 0 || mount_in(dev_fd, "pts", fd, err) < 0)
        return -1;
    *ret_pts_fd = jp_fd_take(&fd);
    return 0;
}

static int mount_queues(const struct jp_linux_builder *b, int dev_fd, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_linux_new_mount("mqueue", NULL, INERT, &why);
    if (fd < 0 && why.code == JP_EUNSUPPORTED) {
        jp_linux_warn(b, "this kernel has no message queues: no /dev/mqueue");
        return 0;
    }
    if (fd < 0) {
        jp_error_move(err, &why);
        return -1;
    }
    return mount_in(dev_fd, "mqueue", fd, err);
}

/* Shared memory belongs to the pod, as its IPC namespace does: one file system for all apps. */
static int mount_shm(struct jp_linux_builder *b, size_t app, int dev_fd, struct jp_error *err)
{
    static const char *const options[] = {"mode", "1777", NULL};
    bool is_first = app == 0 && !b->is_renewal;
    if (is_first) {
        b->shm = jp_calloc(b->plan->n_apps + 1, sizeof(*b->shm));
        if (!b->shm)
            return jp_oom(err);
        b->shm[0] = jp_linux_new_mount("tmpfs", options, INERT, err);
    }
    if (b->shm[app] < 0 || mount_in(dev_fd, "shm", b->shm[app], err) < 0)
        return -1;
    /* Only what is attached in this namespace can be copied (before Linux 6.15), so all at once. */
    for (size_t i = 1; is_first && i <= b->plan->n_apps; i++) {
        b->shm[i] = jp_linux_clone_mount(b->shm[0], "", false, err);
        if (b->shm[i] < 0)
            return -1;
    }
    jp_fd_close(&b->shm[app]);
    return 0;
}

static int fill_dev(int dev_fd, struct jp_error *err)
{
    for (size_t i = 0; i < JP_LEN(devices); i++) {
        if (make_device(dev_fd, &devices[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < JP_LEN(links); i++) {
        if (jp_sys.symlinkat(links[i][0], dev_fd, links[i][1]) < 0)
            return jp_fail_sys(err, "make link '%s'", links[i][1]);
    }
    return 0;
}

/* What stands for hidden things. */
struct masks {
    int node;  /* the app's /dev, whose "null" cannot be opened without its bind */
    int empty; /* a mount of an empty directory; given away with the first thing it hides */
    int first; /* where that is: copies are made of it */
};

/* Below what will be mounted on it, a directory of the app's /dev stays empty for ever. */
static int make_empty(int dev_fd, const char *name, struct jp_error *err)
{
    if (jp_sys.mkdirat(dev_fd, name, 0555) < 0)
        return jp_fail_sys(err, "make directory '%s'", name);
    JP_AUTO_FD int fd = jp_linux_clone_mount(dev_fd, name, false, err);
    if (fd < 0 || jp_linux_set_attributes(fd, INERT | MOUNT_ATTR_RDONLY, 0, false, err) < 0)
        return -1;
    return jp_fd_take(&fd);
}

static int mount_dev(struct jp_linux_builder *b, size_t app, int root_fd, struct masks *masks,
                     int *ret_pts_fd, struct jp_error *err)
{
    static const char *const options[] = {"mode", "0755", "size", "64k", NULL};
    JP_AUTO_FD int fd =
        jp_linux_new_mount("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
    if (fd < 0 || mount_top(root_fd, "dev", fd, err) < 0)
        return -1;
    masks->empty = make_empty(fd, "shm", err);
    if (masks->empty < 0 || fill_dev(fd, err) < 0 || mount_pts(fd, ret_pts_fd, err) < 0 ||
        mount_shm(b, app, fd, err) < 0 || mount_queues(b, fd, err) < 0)
        return -1;
    /* The nodes below the binds are dead from here on. */
    if (jp_linux_set_attributes(fd, INERT, 0, false, err) < 0)
        return -1;
    masks->node = jp_fd_take(&fd);
    return 0;
}

static int hide_directory(struct masks *masks, int target, struct jp_error *err)
{
    if (masks->first < 0) {
        masks->first = masks->empty;
        masks->empty = -1;
        return jp_linux_attach(masks->first, target, "", err);
    }
    JP_AUTO_FD int fd = jp_linux_clone_mount(masks->first, "", false, err);
    return fd < 0 ? -1 : jp_linux_attach(fd, target, "", err);
}

static int hide(struct masks *masks, int dir_fd, const char *name, struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int target = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0) /* ENOENT: this kernel does not have it; anything else would leave it bare */
        return errno == ENOENT ? 0 : jp_fail_sys(err, "open '%s'", name);
    if (fstat(target, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", name);
    if (S_ISDIR(st.st_mode))
        return hide_directory(masks, target, err);
    JP_AUTO_FD int fd = jp_linux_clone_mount(masks->node, "null", false, err);
    if (fd < 0 || jp_linux_set_attributes(fd, INERT | MOUNT_ATTR_RDONLY, 0, false, err) < 0)
        return -1;
    return jp_linux_attach(fd, target, "", err);
}

static int hide_all(struct masks *masks, int dir_fd, const char *const *names, size_t count,
                    struct jp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (hide(masks, dir_fd, names[i], err) < 0)
            return jp_wrap(err, "hide '%s'", names[i]);
    }
    return 0;
}

static int make_read_only(int dir_fd, const char *name, struct jp_error *err)
{
    JP_AUTO_FD int target = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "open '%s'", name);
    JP_AUTO_FD int fd = jp_linux_clone_mount(target, "", false, err);
    if (fd < 0 || jp_linux_set_attributes(fd, INERT | MOUNT_ATTR_RDONLY, 0, false, err) < 0)
        return -1;
    return jp_linux_attach(fd, target, "", err);
}

/* Of the processes that there are where it is made: outside of the pod a copy is what there is. */
static int mount_proc(struct jp_linux_builder *b, size_t app, struct masks *masks, int root_fd,
                      struct jp_error *err)
{
    JP_AUTO_FD int fd =
        b->is_renewal ? jp_fd_take(&b->proc) : jp_linux_new_mount("proc", NULL, INERT, err);
    if (fd < 0 || mount_top(root_fd, "proc", fd, err) < 0)
        return -1;
    if (app == 0 && !b->is_renewal && (b->proc = jp_linux_clone_mount(fd, "", false, err)) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(read_only_in_proc); i++) {
        if (make_read_only(fd, read_only_in_proc[i], err) < 0)
            return jp_wrap(err, "protect '/proc/%s'", read_only_in_proc[i]);
    }
    return hide_all(masks, fd, hidden_in_proc, JP_LEN(hidden_in_proc), err);
}

static int mount_sys(struct masks *masks, int root_fd, struct jp_error *err)
{
    /* Shows the network devices of our network namespace. No control group is mounted in it. */
    JP_AUTO_FD int fd = jp_linux_new_mount("sysfs", NULL, INERT | MOUNT_ATTR_RDONLY, err);
    if (fd < 0 || mount_top(root_fd, "sys", fd, err) < 0)
        return -1;
    return hide_all(masks, fd, hidden_in_sys, JP_LEN(hidden_in_sys), err);
}

int jp_linux_seal(struct jp_linux_builder *b, size_t app, int root_fd, int *ret_pts_fd,
                  struct jp_error *err)
{
    struct masks masks = {-1, -1, -1};
    int r = mount_dev(b, app, root_fd, &masks, ret_pts_fd, err);
    if (r == 0)
        r = mount_proc(b, app, &masks, root_fd, err);
    if (r == 0)
        r = jp_linux_await_net(b, err);
    if (r == 0)
        r = mount_sys(&masks, root_fd, err);
    jp_fd_close(&masks.node);
    jp_fd_close(&masks.empty);
    jp_fd_close(&masks.first);
    if (r == 0 && b->plan->apps[app].root.is_read_only)
        r = jp_linux_set_attributes(root_fd, MOUNT_ATTR_RDONLY, 0, false, err);
    return r;
}

int jp_linux_switch_root(int root_fd, int ns_fd, struct jp_error *err)
{
    if (fchdir(root_fd) < 0)
        return jp_fail_sys(err, "enter the root");
    int r = jp_linux_pivot_root(".", ".");
    if (r < 0 && errno == EINVAL) {
        /* Started in a chroot: from the namespace's own root it works. */
        if (setns(ns_fd, CLONE_NEWNS) < 0 || fchdir(root_fd) < 0)
            return jp_fail_sys(err, "leave the chroot");
        r = jp_linux_pivot_root(".", ".");
    }
    if (r == 0)
        r = umount2(".", MNT_DETACH); /* the old root, which pivot_root put over the new one */
    else if (errno == EINVAL)
        /* The old root is the initial ramfs, which cannot be moved: it is covered for good. */
        r = move_mount(root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    if (r < 0 || chroot(".") < 0 || chdir("/") < 0)
        return jp_fail_sys(err, "change the root");
    return 0;
}
