#include <netinet/in.h>
#include <string.h>

#include "forward/origin.h"
#include "plan/forward.h"
#include "sys/fd.h"

/* Not in the headers of every C library that we build with. */
#define OPTION_TRANSPARENT   19 /* IP_TRANSPARENT */
#define OPTION_TRANSPARENT_6 75 /* IPV6_TRANSPARENT */
#define OPTION_PORT_LATER    24 /* IP_BIND_ADDRESS_NO_PORT */

static int become_transparent(int fd, sa_family_t family)
{
    const int on = 1;
    const uint32_t mark = JP_FORWARD_MARK;
    int r = family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, OPTION_TRANSPARENT_6, &on, sizeof(on))
                               : setsockopt(fd, IPPROTO_IP, OPTION_TRANSPARENT, &on, sizeof(on));
    if (r < 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

bool jp_origin_works(void)
{
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && become_transparent(fd, AF_INET) == 0;
}

/* The port is chosen when the other end is known: as many as there are for each destination. */
static int bind_to(int fd, const union jp_address *name)
{
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (jp_address_port(name) == 0)
        (void)setsockopt(fd, IPPROTO_IP, OPTION_PORT_LATER, &on, sizeof(on));
    return bind(fd, &name->any, jp_address_len(name));
}

static int connect_from(const union jp_address *name, const union jp_address *to)
{
    JP_AUTO_FD int fd =
        socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    if (name && (become_transparent(fd, name->any.sa_family) < 0 || bind_to(fd, name) < 0))
        return -1;
    if (connect(fd, &to->any, jp_address_len(to)) < 0 && errno != EINPROGRESS)
        return -1;
    return jp_fd_take(&fd);
}

int jp_origin_connect(const union jp_address *name, const union jp_address *to)
{
    int fd = connect_from(name, to);
    /* EACCES: a port below 1024, which the forwarder may not have (CAP_NET_BIND_SERVICE). */
    if (fd >= 0 || !name || (errno != EADDRNOTAVAIL && errno != EADDRINUSE && errno != EACCES))
        return fd;
    /* That port is not to be had: most often an earlier connection is not forgotten yet. */
    union jp_address any_port = *name;
    jp_address_set_port(&any_port, 0);
    return connect_from(&any_port, to);
}
