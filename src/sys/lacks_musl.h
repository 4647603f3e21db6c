/*
 * What musl has no wrapper for and the GNU library has: system calls under their usual names.
 * Included ahead of every file of the static stages, where they are built with musl
 * (doc/decisions/0004-musl-for-the-stages.md).
 */
#ifndef JP_SYS_LACKS_MUSL_H
#define JP_SYS_LACKS_MUSL_H

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdint.h>
#include <unistd.h>

static inline int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static inline void closefrom(int first)
{
    (void)close_range((unsigned)first, ~0U, 0);
}

static inline int execveat(int dir_fd, const char *path, char *const argv[], char *const env[],
                           int flags)
{
    return (int)syscall(SYS_execveat, dir_fd, path, argv, env, flags);
}

static inline int statx(int dir_fd, const char *path, int flags, unsigned mask, struct statx *ret)
{
    return (int)syscall(SYS_statx, dir_fd, path, flags, mask, ret);
}

static inline int fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fd, unsigned command, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

static inline int fsmount(int fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

static inline int open_tree(int dir_fd, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir_fd, path, flags);
}

static inline int move_mount(int from_fd, const char *from, int to_fd, const char *to,
                             unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

static inline int mount_setattr(int dir_fd, const char *path, unsigned flags,
                                struct mount_attr *attr, size_t size)
{
    return (int)syscall(SYS_mount_setattr, dir_fd, path, flags, attr, size);
}

#endif
