/*
 * Paths inside a root directory that belongs to somebody else.
 *
 * Everything between root_fd and the last component is resolved *in* that root: ".." never climbs
 * above it, absolute symbolic links start at it. Magic links (/proc/PID/fd and the like) are
 * refused. Two implementations, one table of tests: openat2(2) with RESOLVE_IN_ROOT, and a walker
 * of our own for systems without it (FreeBSD, Linux before 5.6, filtered sandboxes). This is what
 * answers CVE-2018-15664, CVE-2021-30465, CVE-2022-23648 and their kind.
 *
 * "path" arguments may be absolute or relative; both mean "from the root". The empty path is
 * refused. At most 40 symbolic links are followed (ELOOP).
 */
#ifndef JP_SYS_PATH_H
#define JP_SYS_PATH_H

#include <sys/types.h>

#include <fcntl.h>
#include <stdbool.h>

#include "base/error.h"

/* Flags for a descriptor of a place, not of what is in it. FreeBSD has O_PATH since 13. */
#ifdef O_PATH
#define JP_PATH_PLACE O_PATH
#else
#define JP_PATH_PLACE (O_RDONLY | O_NONBLOCK)
#endif

/*
 * Opens a path inside the root: flags as open(2) without O_CREAT (O_CLOEXEC is added; O_NOFOLLOW
 * concerns the last component). Returns a descriptor, or -1 with JP_ENOTFOUND or JP_ESYS.
 */
int jp_path_open(int root_fd, const char *path, int flags, struct jp_error *err);

/*
 * Opens a regular file inside the root for reading, following links that stay inside. Anything else
 * (a device, a FIFO, a directory) is refused with JP_EINVALID before it is opened: opening a device
 * can do things. (FreeBSD before 13 opens it without blocking, then refuses.)
 */
int jp_path_open_regular(int root_fd, const char *path, struct jp_error *err);

/*
 * Splits off the last component: opens its directory inside the root (O_PATH or O_RDONLY) and
 * copies the component to name[NAME_MAX + 1]. The component is never a link that was followed,
 * nor "." or "..": JP_EINVALID. For making, removing and renaming.
 */
int jp_path_open_parent(int root_fd, const char *path, char *name, struct jp_error *err);

/*
 * Makes a directory and every missing parent inside the root (mode, owner 0:0), following symbolic
 * links that stay inside. Returns an O_PATH descriptor of it. JP_EEXISTS when something that is
 * not a directory is in the way.
 */
int jp_path_make_dirs(int root_fd, const char *path, mode_t mode, struct jp_error *err);

/* How directories are made by jp_path_make_dirs_where. */
struct jp_path_making {
    mode_t mode;
    /* Asked about the directory that something would be made in: false refuses with EXDEV. */
    bool (*may_make)(void *context, int dir_fd);
    void *context;
};

/*
 * The same, asking before each directory: what is asked about is what is made in, whatever its
 * name means meanwhile. JP_EINVALID when refused.
 */
int jp_path_make_dirs_where(int root_fd, const char *path, const struct jp_path_making *how,
                            struct jp_error *err);

/*
 * Opens an absolute path of the host, refusing every symbolic link on the way (ace.md: volume
 * sources). -1 with JP_EINVALID that names the link.
 */
int jp_path_open_strict(const char *path, int flags, struct jp_error *err);

/* For the tests: uses our own walker even where openat2 works. */
void jp_path_force_walker(bool force);

#endif
