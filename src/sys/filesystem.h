/* What file systems can do beyond POSIX, in one spelling for both systems. */
#ifndef JP_SYS_FILESYSTEM_H
#define JP_SYS_FILESYSTEM_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/* Brings everything written to fd's file system to disk. 0, or -1 with errno. */
int jp_filesystem_sync(int fd);

/* Bytes that an ordinary user may still write on fd's file system. 0, or -1 with errno. */
int jp_filesystem_free(int fd, uint64_t *ret_bytes);

/*
 * True where setting an extended attribute leaves the file's ctime as it was: ZFS keeps attributes
 * as files of their own.
 */
bool jp_filesystem_has_silent_attributes(int fd);

/*
 * Bytes of the file that no other file shares, not counting what is kept among its metadata (short
 * files of some file systems). -1 with errno ENOTSUP where the file system cannot tell.
 */
int jp_file_own_bytes(int fd, uint64_t *ret_bytes);

/* A device number, and its parts. False when they do not fit this system's dev_t. */
bool jp_device_make(uint64_t major, uint64_t minor, dev_t *ret);
void jp_device_split(dev_t device, uint64_t *ret_major, uint64_t *ret_minor);

#endif
