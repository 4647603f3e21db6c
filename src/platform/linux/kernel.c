#include "platform/linux/kernel.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/calls.h"
#include "sys/fd.h"

pid_t jp_linux_fork(uint64_t flags, int signal, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args args = {.flags = flags, .exit_signal = (unsigned)signal};
    if (ret_pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)&pidfd;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid > 0 && ret_pidfd)
        *ret_pidfd = pidfd;
    return pid;
}

int jp_linux_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int jp_linux_kill_fd(int pidfd)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

int jp_linux_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

/* The last message that the file system left in its context, without the leading "e ". */
static int fail_with_log(int fs_fd, const char *what, struct jp_error *err)
{
    int sys = errno;
    char log[256];
    ssize_t n = read(fs_fd, log, sizeof(log) - 1);
    if (n <= 2)
        return jp_fail(err, JP_ESYS, sys, "%s", what);
    log[n] = '\0';
    log[strcspn(log, "\n")] = '\0';
    return jp_fail(err, JP_ESYS, sys, "%s (%s)", what, log + 2);
}

int jp_linux_fs_open(const char *type, struct jp_error *err)
{
    int fd = fsopen(type, FSOPEN_CLOEXEC);
    if (fd < 0)
        return jp_fail(err, errno == ENODEV ? JP_EUNSUPPORTED : JP_ESYS, errno,
                       "open file system '%s'", type);
    return fd;
}

int jp_linux_fs_set(int fs_fd, const char *key, const char *value, struct jp_error *err)
{
    unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (fsconfig(fs_fd, command, key, value, 0) < 0) {
        char what[64];
        (void)snprintf(what, sizeof(what), "set mount option '%s'", key);
        return fail_with_log(fs_fd, what, err);
    }
    return 0;
}

int jp_linux_fs_mount(int fs_fd, const char *type, uint64_t attributes, struct jp_error *err)
{
    char what[64];
    (void)snprintf(what, sizeof(what), "mount '%s'", type);
    if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fail_with_log(fs_fd, what, err);
    int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (fd < 0)
        return fail_with_log(fs_fd, what, err);
    return fd;
}

int jp_linux_new_mount(const char *type, const char *const *options, uint64_t attributes,
                       struct jp_error *err)
{
    JP_AUTO_FD int fs_fd = jp_linux_fs_open(type, err);
    if (fs_fd < 0)
        return -1;
    /* What /proc/mounts shows as the device; programs look for "proc" there. */
    if (jp_linux_fs_set(fs_fd, "source", type, err) < 0)
        return jp_wrap(err, "mount '%s'", type);
    for (; options && options[0]; options += 2) {
        if (jp_linux_fs_set(fs_fd, options[0], options[1], err) < 0)
            return jp_wrap(err, "mount '%s'", type);
    }
    return jp_linux_fs_mount(fs_fd, type, attributes, err);
}

int jp_linux_clone_mount(int dir_fd, const char *path, bool is_recursive, struct jp_error *err)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
    if (path[0] == '\0')
        flags |= AT_EMPTY_PATH;
    if (is_recursive)
        flags |= AT_RECURSIVE;
    int fd = open_tree(dir_fd, path, flags);
    if (fd < 0)
        return jp_fail_sys(err, "copy the mount of '%s'", path);
    return fd;
}

int jp_linux_attach(int mount_fd, int dir_fd, const char *path, struct jp_error *err)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;
    if (path[0] == '\0')
        flags |= MOVE_MOUNT_T_EMPTY_PATH;
    if (move_mount(mount_fd, "", dir_fd, path, flags) < 0)
        return jp_fail_sys(err, "attach a mount to '%s'", path);
    return 0;
}

static bool probe_setattr(void)
{
    struct mount_attr attr = {.attr_set = 0};
    if (jp_sys_trips("mount_setattr"))
        return errno != ENOSYS;
    return mount_setattr(-1, "", 0, &attr, 0) == 0 || errno != ENOSYS;
}

bool jp_linux_can(enum jp_linux_feature feature)
{
    static struct {
        bool (*probe)(void);
        bool is_known;
        bool is_there;
    } features[] = {
        [JP_LINUX_SETATTR] = {.probe = probe_setattr},
    };
    if (!features[feature].is_known) {
        features[feature].is_there = features[feature].probe();
        features[feature].is_known = true;
    }
    return features[feature].is_there;
}

uint64_t jp_linux_mount_id(int fd)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
        return 0;
    return st.stx_mnt_id;
}
