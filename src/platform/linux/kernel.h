/* System calls of Linux that libc has no wrapper for, and small helpers around the mount API. */
#ifndef JP_PLATFORM_LINUX_KERNEL_H
#define JP_PLATFORM_LINUX_KERNEL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* clone3(2) in the manner of fork(2); *ret_pidfd may be NULL. `signal` is sent when it ends. */
pid_t jp_linux_fork(uint64_t flags, int signal, int *ret_pidfd);

/* pidfd_open(2); SIGKILL for the process of a pidfd. */
int jp_linux_pidfd(pid_t pid);
int jp_linux_kill_fd(int pidfd);

int jp_linux_pivot_root(const char *new_root, const char *put_old);

/* A new file system of a type, configured by pairs "key", "value" (NULL: a flag), NULL at the end,
 * and mounted nowhere yet, with the attributes MOUNT_ATTR_*. Errors carry the kernel's own words.
 */
int jp_linux_new_mount(const char *type, const char *const *options, uint64_t attributes,
                       struct jp_error *err);

/* Parts of it, for who sets options one by one: a context; the mount made of it. */
int jp_linux_fs_open(const char *type, struct jp_error *err);
int jp_linux_fs_set(int fs_fd, const char *key, const char *value, struct jp_error *err);
int jp_linux_fs_mount(int fs_fd, const char *type, uint64_t attributes, struct jp_error *err);

/* A copy, mounted nowhere yet, of what is mounted at dir_fd/path ("" : dir_fd itself). */
int jp_linux_clone_mount(int dir_fd, const char *path, bool is_recursive, struct jp_error *err);

/* Attaches a mount to dir_fd/path ("" : dir_fd itself). Links are not followed. */
int jp_linux_attach(int mount_fd, int dir_fd, const char *path, struct jp_error *err);

/* What kernels that we run on (5.10 and later) have or have not; asked once in a process. */
enum jp_linux_feature {
    JP_LINUX_SETATTR, /* mount_setattr(2), since 5.12 */
};
bool jp_linux_can(enum jp_linux_feature feature);

/*
 * Sets and clears MOUNT_ATTR_* of the mount behind a descriptor (attributes.c), with is_recursive
 * of a tree that is attached nowhere, and all that is mounted below.
 */
int jp_linux_set_attributes(int mount_fd, uint64_t set, uint64_t clear, bool is_recursive,
                            struct jp_error *err);

/* The kernel's number of the mount that a descriptor is on; 0 when unknown. */
uint64_t jp_linux_mount_id(int fd);

#endif
