/*
 * Subvolumes of btrfs: directories that can be copied and deleted as a whole, in one step, whatever
 * lies in them. Systems without btrfs answer ENOTSUP, and that nothing is a subvolume.
 */
#ifndef JP_SYS_SUBVOLUME_H
#define JP_SYS_SUBVOLUME_H

#include <stdbool.h>

/* True when the directory lies on a file system that has subvolumes. */
bool jp_subvolume_is_possible(int dir_fd);

/* True when the directory is the top of a subvolume. */
bool jp_subvolume_is(int dir_fd);

/* Makes an empty subvolume, 0755 less the umask. 0, or -1 with errno. */
int jp_subvolume_create(int dir_fd, const char *name);

/* Makes dir_fd/name a writable snapshot of the subvolume from_fd. 0, or -1 with errno. */
int jp_subvolume_snapshot(int from_fd, int dir_fd, const char *name);

/* Lets nobody write to it any more, or everybody who could before. 0, or -1 with errno. */
int jp_subvolume_set_read_only(int subvolume_fd, bool is_read_only);

/*
 * Deletes dir_fd/name at once if it is a subvolume without others in it. 1 done, 0 it is no such
 * thing (or not there, or holds other subvolumes: then it is writable now and can be emptied as a
 * directory), -1 with errno. What is mounted on or in it is only unmounted.
 */
int jp_subvolume_delete(int dir_fd, const char *name);

#endif
