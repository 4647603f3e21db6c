/* The way down in a tree that is not to be trusted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* One component; what is not a directory gives ENOTDIR on every system, a link included. */
static int open_component(int dir_fd, const char *path, size_t len)
{
    char name[NAME_MAX + 1];
    if (len >= sizeof(name)) {
        errno = ENOENT; /* no file system of ours holds such a name */
        return -1;
    }
    memcpy(name, path, len);
    name[len] = '\0';
    int fd = jp_sys.openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ELOOP || errno == EMLINK))
        errno = ENOTDIR;
    return fd;
}

int jp_below_open_dir(int root_fd, const char *path)
{
    JP_AUTO_FD int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
    while (fd >= 0 && *path) {
        size_t len = strcspn(path, "/");
        int next = open_component(fd, path, len);
        jp_fd_close(&fd);
        fd = next;
        path += len + (path[len] == '/');
    }
    return jp_fd_take(&fd);
}

int jp_below_open_parent(int root_fd, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    JP_AUTO_FREE char *parent = jp_memdup0(path, slash ? (size_t)(slash - path) : 0);
    if (!parent) {
        errno = ENOMEM;
        return -1;
    }
    return jp_below_open_dir(root_fd, parent);
}
