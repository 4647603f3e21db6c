/* The directories of a view that is being filled. Nothing in it is a stranger's but the names. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "store/views_internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

int jp_view_make_dirs(int view_fd, const char *path, jp_view_made_fn *made, void *context,
                      struct jp_error *err)
{
    JP_AUTO_FD int fd = fcntl(view_fd, F_DUPFD_CLOEXEC, 3);
    for (size_t end = 0; fd >= 0 && path[end];) {
        size_t start = end ? end + 1 : 0;
        end = start + strcspn(path + start, "/");
        JP_AUTO_FREE char *name = jp_memdup0(path + start, end - start);
        if (!name)
            return jp_oom(err);
        int r = jp_sys.mkdirat(fd, name, 0700);
        if (r < 0 && errno != EEXIST)
            return jp_fail_sys(err, "make '%s'", path);
        if (r == 0 && made(context, path, end, err) < 0)
            return -1;
        int next = jp_fd_open_dir(fd, name, err);
        if (next < 0)
            return -1;
        jp_fd_close(&fd);
        fd = next;
    }
    return fd < 0 ? jp_fail_sys(err, "make '%s'", path) : jp_fd_take(&fd);
}
