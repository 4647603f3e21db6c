#include "sys/listen.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "sys/fd.h"

#define WAITING 1024 /* connections that the kernel keeps until they are accepted */
#define QUEUE   4096 /* the same of published ports; the kernel has a limit of its own */

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

static int listen_at(const union jp_address *address, int type, bool takes_all,
                     struct jp_error *err)
{
    int on = 1, is_alone = !takes_all;
    JP_AUTO_FD int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    /* Of TCP: not of UDP, where it would let two have the same port. */
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_alone, sizeof(is_alone)) < 0)
        return jp_fail_sys(err, "set the families of a socket");
    if (bind(fd, &address->any, jp_address_len(address)) < 0 ||
        (type == SOCK_STREAM && listen(fd, QUEUE) < 0))
        return jp_fail_sys(err, "bind a socket to port %u", jp_address_port(address));
    return jp_fd_take(&fd);
}

int jp_listen_at(const union jp_address *address, int type, struct jp_error *err)
{
    return listen_at(address, type, false, err);
}

int jp_listen_everywhere(uint16_t port, int type, struct jp_error *err)
{
    union jp_address address;
    if (jp_address_read(jp_listen_knows_ipv6() ? "::" : "0.0.0.0", port, &address, err) < 0)
        return -1;
    return listen_at(&address, type, true, err);
}

bool jp_listen_is_exclusive(int type)
{
#if defined(__linux__)
    (void)type;
    return true;
#else
    return type != SOCK_STREAM; /* SO_REUSEADDR means that there */
#endif
}

bool jp_listen_knows_ipv6(void)
{
    JP_AUTO_FD int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0;
}
