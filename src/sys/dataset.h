/*
 * ZFS datasets as file systems of the host: mounted, unmounted, and who keeps one busy. What is
 * done to the datasets themselves is the storage driver's.
 */
#ifndef JP_SYS_DATASET_H
#define JP_SYS_DATASET_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/buf.h"

/* True when something is mounted on the directory dir_fd/name (as far as its device tells). */
bool jp_dataset_is_mounted(int dir_fd, const char *name);

/*
 * The dataset that is mounted where dir_fd lies. 0, or -1 when that is no file system of ZFS (or
 * the name is longer than `size`).
 */
int jp_dataset_below(int dir_fd, char *ret, size_t size);

/*
 * Mounts a dataset or snapshot on dir_fd/name, without devices in it, read-only or writable
 * whatever its property readonly says. Changes the working directory for a moment where the system
 * mounts by path only: one thread at a time. 0, or -1 with errno.
 */
int jp_dataset_mount_at(const char *dataset, int dir_fd, const char *name, bool is_read_only);

/* Takes away what is mounted on dir_fd/name; never by force. 0, or -1 with errno. */
int jp_dataset_unmount_at(int dir_fd, const char *name);

/*
 * Appends "NAME (PID), ..." of processes that use the file system (an open file, their working or
 * root directory) or see the dataset mounted in a mount namespace of their own. `device` is 0 when
 * it is not mounted here. A handful at most; nothing when nobody is found.
 */
void jp_dataset_users(const char *dataset, dev_t device, struct jp_buf *ret);

#endif
