/*
 * The seam: system calls whose failure must be survivable go through this table, so that a test can
 * make the n-th of them fail, kill the process before it, or stand in for it (the idea is
 * SQLite's). Rooms call jp_sys.renameat(...) where they would call renameat(...). Calls that only
 * read what nobody can lose stay direct.
 */
#ifndef JP_SYS_CALLS_H
#define JP_SYS_CALLS_H

#include <sys/types.h>
#include <sys/stat.h>

#include <stdbool.h>
#include <stdio.h>

struct jp_sys_calls {
    int (*openat)(int dir_fd, const char *path, int flags, ...);
    ssize_t (*write)(int fd, const void *bytes, size_t len);
    ssize_t (*pwrite)(int fd, const void *bytes, size_t len, off_t offset);
    int (*ftruncate)(int fd, off_t len);
    int (*fsync)(int fd);
    int (*mkdirat)(int dir_fd, const char *path, mode_t mode);
    int (*mknodat)(int dir_fd, const char *path, mode_t mode, dev_t device);
    int (*mkfifoat)(int dir_fd, const char *path, mode_t mode);
    int (*symlinkat)(const char *target, int dir_fd, const char *path);
    int (*linkat)(int from_fd, const char *from, int to_fd, const char *to, int flags);
    int (*unlinkat)(int dir_fd, const char *path, int flags);
    int (*renameat)(int from_fd, const char *from, int to_fd, const char *to);
    int (*fchown)(int fd, uid_t uid, gid_t gid);
    int (*fchownat)(int dir_fd, const char *path, uid_t uid, gid_t gid, int flags);
    int (*fchmod)(int fd, mode_t mode);
    int (*fchmodat)(int dir_fd, const char *path, mode_t mode, int flags);
    int (*futimens)(int fd, const struct timespec times[2]);
    int (*utimensat)(int dir_fd, const char *path, const struct timespec times[2], int flags);
};

extern struct jp_sys_calls jp_sys;

/*
 * Arms the seam from the environment of a test build: JETPACK_FAULT="renameat:3:ENOSPC" fails the
 * third renameat, "*:7:KILL" kills this process before the seventh call of any kind. Does nothing
 * in a release build or when the variable is unset.
 */
void jp_sys_arm(void);

/*
 * For calls that are not in the table, being one system's: true when the seam makes this call fail;
 * errno is set. Always false in a release build.
 */
bool jp_sys_trips(const char *call);

#endif
