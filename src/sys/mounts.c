#include "sys/mounts.h"

#include <errno.h>

#ifdef __linux__
#include <sys/mount.h>

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <unistd.h>

#include "base/macros.h"
#include "sys/fd.h"

static int open_directory(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int make_private(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int jp_mounts_make_private(void)
{
    if (make_private() == 0)
        return 0;
    /* In a chroot "/" is no mount. The namespace has a root of its own above us; entering it again
     * leads there. */
    JP_AUTO_FD int ns_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    JP_AUTO_FD int root_fd = open_directory("/");
    JP_AUTO_FD int work_fd = open_directory(".");
    if (ns_fd < 0 || root_fd < 0 || work_fd < 0 || setns(ns_fd, CLONE_NEWNS) < 0)
        return -1;
    int r = make_private();
    return fchdir(root_fd) < 0 || chroot(".") < 0 || fchdir(work_fd) < 0 ? -1 : r;
}

#else

int jp_mounts_make_private(void)
{
    errno = ENOSYS;
    return -1;
}

#endif
