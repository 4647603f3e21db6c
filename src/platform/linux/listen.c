/* Sockets of the pod's network, made by us: the app that gets them may have no right to the port.
 */
#include "sys/listen.h"

#include <sys/socket.h>

#include "platform/linux/linux.h"
#include "platform/linux/settle.h"

struct job {
    const struct jp_plan_socket *socket;
    int fd;
};

static int work(void *context, struct jp_error *err)
{
    struct job *job = context;
    int type = job->socket->is_udp ? SOCK_DGRAM : SOCK_STREAM;
    job->fd = jp_listen_everywhere((uint16_t)job->socket->port, type, err);
    return job->fd < 0 ? -1 : 0;
}

int jp_linux_listen(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                    struct jp_error *err)
{
    struct job job = {socket, -1};
    if (jp_linux_inside(pod, work, &job, err) < 0)
        return -1;
    *ret_fd = job.fd;
    return 0;
}
