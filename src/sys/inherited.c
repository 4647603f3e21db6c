#include "sys/inherited.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

#define FIRST_FD 3

static unsigned number_in(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t number = 0;
    return text && jp_parse_u64(text, 10, 1, INT32_MAX, &number) ? (unsigned)number : 0;
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

static bool look_at(int fd, struct jp_inherited *ret)
{
    socklen_t len = sizeof(ret->address);
    memset(ret, 0, sizeof(*ret));
    ret->fd = fd;
    ret->type = option_of(fd, SOL_SOCKET, SO_TYPE);
    if (getsockname(fd, &ret->address.any, &len) < 0)
        return false;
    bool is_v6 = ret->address.any.sa_family == AF_INET6;
    ret->takes_all = is_v6 && IN6_IS_ADDR_UNSPECIFIED(&ret->address.v6.sin6_addr) &&
                     !option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!is_v6 && ret->address.any.sa_family != AF_INET)
        return false;
    return ret->type == SOCK_DGRAM ||
           (ret->type == SOCK_STREAM && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

size_t jp_inherited_sockets(struct jp_inherited *ret, size_t max)
{
    size_t count = 0;
    unsigned n_fds = number_in("LISTEN_FDS");
    if (number_in("LISTEN_PID") != (unsigned)getpid())
        return 0;
    for (unsigned i = 0; i < n_fds && i < JP_INHERITED_MAX && count < max; i++)
        count += look_at(FIRST_FD + (int)i, &ret[count]);
    return count;
}
