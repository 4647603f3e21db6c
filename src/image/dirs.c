#include "image/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/tar.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* Levels kept open. Deeper ones (the tar's paths allow 2,000) are walked each time. */
#define KEPT 48U

struct jp_dirs {
    int root_fd;
    int loose_fd; /* the result when it is deeper than what is kept */
    size_t depth;
    int fds[KEPT];
    size_t ends[KEPT]; /* fds[i] is the directory path[0 .. ends[i]) */
    char path[JP_TAR_PATH_MAX + 1];
};

struct jp_dirs *jp_dirs_new(int root_fd)
{
    struct jp_dirs *dirs = jp_calloc(1, sizeof(*dirs));
    if (dirs) {
        dirs->root_fd = root_fd;
        dirs->loose_fd = -1;
    }
    return dirs;
}

static void cut(struct jp_dirs *dirs, size_t depth)
{
    while (dirs->depth > depth)
        jp_fd_close(&dirs->fds[--dirs->depth]);
}

void jp_dirs_free(struct jp_dirs *dirs)
{
    if (!dirs)
        return;
    cut(dirs, 0);
    jp_fd_close(&dirs->loose_fd);
    free(dirs);
}

/* How many of the open levels are on the way to path[0 .. len). */
static size_t shared(const struct jp_dirs *dirs, const char *path, size_t len)
{
    size_t depth = 0;
    size_t checked = 0;
    while (depth < dirs->depth) {
        size_t end = dirs->ends[depth];
        if (end > len || (end < len && path[end] != '/') ||
            memcmp(path + checked, dirs->path + checked, end - checked) != 0)
            break;
        checked = end;
        depth++;
    }
    return depth;
}

/* Opens the component path[start .. end) in `at`. */
static int open_component(int at, const char *path, size_t start, size_t end)
{
    char name[JP_TAR_COMPONENT_MAX + 1];
    if (end - start >= sizeof(name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, path + start, end - start);
    name[end - start] = '\0';
    return jp_sys.openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void keep(struct jp_dirs *dirs, int fd, size_t end)
{
    if (dirs->depth < KEPT) {
        dirs->ends[dirs->depth] = end;
        dirs->fds[dirs->depth++] = fd;
        return;
    }
    jp_fd_close(&dirs->loose_fd);
    dirs->loose_fd = fd;
}

int jp_dirs_parent(struct jp_dirs *dirs, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    if (!slash)
        return dirs->root_fd;
    size_t len = (size_t)(slash - path);
    if (len > JP_TAR_PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    cut(dirs, shared(dirs, path, len));
    jp_fd_close(&dirs->loose_fd);
    int fd = dirs->depth ? dirs->fds[dirs->depth - 1] : dirs->root_fd;
    size_t at = dirs->depth ? dirs->ends[dirs->depth - 1] + 1 : 0;
    memcpy(dirs->path, path, len);
    while (at < len) {
        const char *next = memchr(path + at, '/', len - at);
        size_t end = next ? (size_t)(next - path) : len;
        fd = open_component(fd, path, at, end);
        if (fd < 0)
            return -1;
        keep(dirs, fd, end);
        at = end + 1;
    }
    return fd;
}
