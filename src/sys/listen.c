#include "sys/listen.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "sys/fd.h"

#define WAITING 1024 /* connections that the kernel keeps until they are accepted */

/* Binds to an address that may come later. */
static int allow_any_address(int fd)
{
    int on = 1;
#if defined(IP_FREEBIND)
    return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
#elif defined(IP_BINDANY)
    return setsockopt(fd, IPPROTO_IP, IP_BINDANY, &on, sizeof(on));
#else
    (void)fd;
    (void)on;
    return 0;
#endif
}

int jp_listen_tcp(const char *address, uint16_t port, struct jp_error *err)
{
    int on = 1;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &where.sin_addr) != 1)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is no IPv4 address", address);
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    /* Connections of a service that has just ended must not keep the next one out. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)allow_any_address(fd);
    if (bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, WAITING) < 0)
        return errno == EADDRINUSE
                   ? jp_fail(err, JP_EBUSY, 0, "another program has port %u of %s", port, address)
                   : jp_fail_sys(err, "listen on %s:%u", address, port);
    return jp_fd_take(&fd);
}
