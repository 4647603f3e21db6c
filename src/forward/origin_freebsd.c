#include <netinet/in.h>

#include "forward/origin.h"
#include "sys/fd.h"

bool jp_origin_works(void)
{
    return false;
}

int jp_origin_connect(const union jp_address *name, const union jp_address *to)
{
    (void)name;
    JP_AUTO_FD int fd =
        socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    if (connect(fd, &to->any, jp_address_len(to)) < 0 && errno != EINPROGRESS)
        return -1;
    return jp_fd_take(&fd);
}
