/*
 * The control socket `control` in the pod's directory.
 *
 * It is bound by its bare name from inside the directory: paths of sockets end after a hundred
 * bytes, and a directory descriptor cannot be mistaken for another directory. A supervisor has one
 * thread and no use for a working directory, so it may go there and back. Never an abstract socket
 * (CVE-2020-15257).
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <string.h>
#include <unistd.h>

#include "plan/state.h"
#include "stage1/supervisor.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define BACKLOG 64
#define UNREADY ".control" /* its name until somebody listens there */

static int bind_here(int fd, struct jp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, UNREADY, sizeof(UNREADY));
    mode_t saved = umask(0177);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address));
    (void)umask(saved);
    return r < 0 ? jp_fail_sys(err, "bind '%s'", JP_STATE_CONTROL) : 0;
}

static int listen_here(int pod_fd, int fd, struct jp_error *err)
{
    if (bind_here(fd, err) < 0)
        return -1;
    if (listen(fd, BACKLOG) < 0)
        return jp_fail_sys(err, "listen on '%s'", JP_STATE_CONTROL);
    /* A client that finds the socket is never refused. Replaces what a killed supervisor left. */
    if (jp_sys.renameat(pod_fd, UNREADY, pod_fd, JP_STATE_CONTROL) < 0)
        return jp_fail_sys(err, "make '%s'", JP_STATE_CONTROL);
    return 0;
}

int jp_control_listen(struct jp_supervisor *s, struct jp_error *err)
{
    JP_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    if (jp_sys.unlinkat(s->pod_fd, UNREADY, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", UNREADY);
    if (fchdir(s->pod_fd) < 0)
        return jp_fail_sys(err, "enter the pod's directory");
    int r = listen_here(s->pod_fd, fd, err);
    if (chdir("/") < 0 && r == 0)
        r = jp_fail_sys(err, "change to '/'");
    if (r < 0) {
        (void)jp_sys.unlinkat(s->pod_fd, UNREADY, 0);
        return -1;
    }
    s->listen_fd = jp_fd_take(&fd);
    return 0;
}

void jp_control_close(struct jp_supervisor *s)
{
    if (s->listen_fd >= 0)
        (void)jp_sys.unlinkat(s->pod_fd, JP_STATE_CONTROL, 0);
    jp_fd_close(&s->listen_fd);
}
