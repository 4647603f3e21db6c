/* File descriptors: scoped ownership, whole reads and writes, files replaced in one step. */
#ifndef JP_SYS_FD_H
#define JP_SYS_FD_H

#include <sys/types.h>

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"

/* Closes at the end of the scope; errno is preserved. Initialise with -1. */
#define JP_AUTO_FD __attribute__((__cleanup__(jp_fd_auto_close)))
void jp_fd_auto_close(int *fd);

/* Closes *fd if it is open and makes it -1; errno is preserved. */
void jp_fd_close(int *fd);

/* Hands a descriptor over: yields it and leaves -1 behind. */
int jp_fd_take(int *fd);

/*
 * Opens below dir_fd with O_CLOEXEC and O_NOFOLLOW added. Descriptors of ours are never 0 to 2, so
 * that a caller who closed those does not get a database as its standard output.
 */
int jp_fd_open(int dir_fd, const char *path, int flags, mode_t mode, struct jp_error *err);

/* Opens a directory for reading, O_NOFOLLOW. */
int jp_fd_open_dir(int dir_fd, const char *path, struct jp_error *err);

/* Makes one directory level if it is not there (mode exact, umask ignored) and opens it. */
int jp_fd_make_dir(int dir_fd, const char *path, mode_t mode, struct jp_error *err);

/* True when the directory has no entry but "." and ".."; false also when that cannot be told. */
bool jp_fd_is_empty_dir(int dir_fd);

/* Writes everything or fails. `what` names the file in the error. */
int jp_fd_write_all(int fd, const void *bytes, size_t len, const char *what, struct jp_error *err);

/* Reads to the end of file into `out`; JP_ELIMIT beyond max bytes. */
int jp_fd_read_all(int fd, size_t max, const char *what, struct jp_buf *out, struct jp_error *err);

/* Reads a whole regular file (refuses others), at most max bytes. JP_ENOTFOUND when missing. */
int jp_file_read(int dir_fd, const char *path, size_t max, struct jp_buf *out,
                 struct jp_error *err);

/*
 * Replaces or makes a file in one step: written beside, synced when `durable`, renamed. A reader
 * sees the old or the new content, never a part.
 */
int jp_file_replace(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode,
                    bool durable, struct jp_error *err);

/*
 * The same, not durable, for what must be known even when the disk is full: then a file that is
 * there already is written over in place, where that takes no more room. Only then may a reader see
 * a part.
 */
int jp_file_update(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode,
                   struct jp_error *err);

/*
 * Writes a text into a file that is there, in one write(2): parameters of the kernel, control
 * files.
 */
int jp_file_put(const char *path, const char *text, struct jp_error *err);

/*
 * A new empty file in dir_fd without a name, for reading and writing, which is gone with its last
 * descriptor.
 */
int jp_fd_unnamed(int dir_fd, struct jp_error *err);

/* Makes sure that 0, 1 and 2 are open (on /dev/null where they are not). First thing in main(). */
int jp_fd_sane_stdio(struct jp_error *err);

/* Raises the soft limit of open files to `count` if it is lower, as far as the hard one goes. */
void jp_fd_allow(size_t count);

/* Sends len bytes (at least 1) with `count` descriptors over a Unix socket; as sendmsg(2). */
ssize_t jp_fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t count,
                   int flags);

/*
 * Receives bytes and at most `max` descriptors (close-on-exec); *ret_count tells how many came.
 * -1 with errno EMSGSIZE when either was cut (whatever came is closed). A peer that closed with
 * something unread has its last words heard, and then it is at its end: Linux says ECONNRESET
 * before them, once.
 */
ssize_t jp_fd_receive(int socket, void *bytes, size_t len, int *fds, size_t max, size_t *ret_count,
                      int flags);

/* The effective user of the process at the other end of a connected Unix socket; as getsockopt(2).
 */
int jp_fd_peer_uid(int socket, uid_t *ret_uid);

#endif
