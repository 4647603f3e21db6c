/* Sockets of the pod's network, made by us: the app that gets them may have no right to the port.
 */
#include "sys/listen.h"

#include <sys/socket.h>

#include "platform/freebsd/freebsd.h"
#include "sys/fd.h"

struct listen_job {
    const struct jp_plan_socket *socket;
    int out;
};

/* In the jail: there the kernel holds the socket to the jail's stack, or to its addresses. */
static int listen_inside(void *context, struct jp_error *err)
{
    const struct listen_job *job = context;
    int type = job->socket->is_udp ? SOCK_DGRAM : SOCK_STREAM;
    JP_AUTO_FD int fd = jp_listen_everywhere((uint16_t)job->socket->port, type, err);
    if (fd < 0)
        return -1;
    return jp_fd_send(job->out, "s", 1, &fd, 1, 0) < 0 ? jp_fail_sys(err, "hand on a socket") : 0;
}

int jp_freebsd_listen(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                      struct jp_error *err)
{
    int ends[2];
    char byte;
    size_t count = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int in = ends[0];
    JP_AUTO_FD int out = ends[1];
    struct listen_job job = {socket, out};
    if (jp_freebsd_in_jail(pod->jid, listen_inside, &job, err) < 0)
        return -1;
    if (jp_fd_receive(in, &byte, 1, ret_fd, 1, &count, 0) < 0 || count != 1)
        return jp_fail_sys(err, "take a socket");
    return 0;
}
