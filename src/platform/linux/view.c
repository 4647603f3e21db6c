/*
 * How an app sees control groups: its own are "/". A namespace shows them from where its maker was,
 * and the pod's was made by the supervisor, elsewhere: the app would see "/../../jetpack/UUID/app".
 * So a helper goes where the app's processes will be, and makes one there.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

/* In the helper, which shares our descriptors: `place` becomes the namespace. */
static int make_view(const struct jp_linux_groups *groups, int place)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (write(groups->procs_fd[i], "0", 1) != 1)
            return -1;
    }
    if (unshare(CLONE_NEWCGROUP) < 0)
        return -1;
    int fd = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -1 : dup3(fd, place, O_CLOEXEC);
    jp_fd_close(&fd);
    return r < 0 ? -1 : 0;
}

int jp_linux_group_view(const struct jp_linux_groups *groups)
{
    int status = -1;
    JP_AUTO_FD int place = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
    pid_t pid = place < 0 ? -1 : jp_linux_fork(CLONE_FILES, SIGCHLD, NULL);
    if (pid == 0)
        _exit(make_view(groups, place) < 0);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? jp_fd_take(&place) : -1;
}
