/*
 * File flags, as chflags(2) of FreeBSD sets them: a file that may not change, be removed, be
 * dumped. They belong to images (an archive of a FreeBSD system has them), so trees of ours have
 * them, and what makes and removes such trees must get past them. Linux has some (chattr(1) calls
 * them i, a and d), which are read where an app has set them, never set.
 */
#ifndef JP_SYS_FILEFLAGS_H
#define JP_SYS_FILEFLAGS_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

/* Does this system set flags? Where it does not, those of an archive are on no disk. */
bool jp_file_flags_can_be_set(void);

/*
 * Sets the flags that chflags(1) calls so (comma-separated) on an entry, not following a link.
 * 1 done, 0 this system or file system has no such flags, -1 with errno (EINVAL for a word nobody
 * knows).
 */
int jp_file_flags_set(int dir_fd, const char *name, const char *words);

/*
 * The flags of a file, without what a file system notes for itself (ZFS: that it was written).
 * FreeBSD tells them of every entry by `st`; Linux of a file or directory that is open in `fd`
 * (-1: it is not, there are none), what an overlay notes for its upper layer included. There new
 * files take nodump over from the directory `dir_fd` in which they lie (-1: not known): one that
 * it has too is not the file's own, and perhaps that of a root directory which nobody backs up.
 */
uint32_t jp_file_flags_of(const struct stat *st, int fd, int dir_fd);

/* Their words, always in the same order; NULL with errno ENOMEM. The caller's. */
char *jp_file_flags_words(uint32_t flags);

/* As jp_file_flags_set(), by number; `name` "." is the directory itself. */
int jp_file_flags_put(int dir_fd, const char *name, uint32_t flags);

/* Takes from an entry what keeps it from being changed or removed. True when there was something.
 */
bool jp_file_flags_lift(int dir_fd, const char *name);

/*
 * unlinkat(2), also of a file that its flags, or those of its directory, keep. The directory and
 * other names of the file have theirs again afterwards. 0, or -1 with errno.
 */
int jp_file_unlink(int dir_fd, const char *name, int how);

/*
 * linkat(2), not following links, also of a file whose flags forbid it: it has them again
 * afterwards. 0, or -1 with errno.
 */
int jp_file_link(int from_dir, const char *from, int to_dir, const char *to);

#endif
