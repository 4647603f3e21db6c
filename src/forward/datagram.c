#include "forward/datagram.h"

#include <sys/uio.h>

#include <string.h>

#include "forward/destination.h"

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

int jp_datagram_prepare(int fd, sa_family_t family)
{
    const int on = 1;
    if (family == AF_INET6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    return setsockopt(fd, IPPROTO_IP, jp_destination_option, &on, sizeof(on));
}

static void read_v6(const struct cmsghdr *h, union jp_address *local)
{
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(h), sizeof(info));
    local->any.sa_family = AF_INET6;
    local->v6.sin6_addr = info.ipi6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
        local->v6.sin6_scope_id = (uint32_t)info.ipi6_ifindex;
}

ssize_t jp_datagram_receive(int fd, void *bytes, size_t size, union jp_address *client,
                            union jp_address *local)
{
    union control control;
    struct iovec iov = {.iov_base = bytes, .iov_len = size};
    memset(client, 0, sizeof(*client));
    memset(local, 0, sizeof(*local));
    struct msghdr message = {.msg_name = client,
                             .msg_namelen = sizeof(*client),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0)
        return n;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO)
            read_v6(h, local);
        else if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == jp_destination_type)
            jp_destination_read(CMSG_DATA(h), &local->v4);
    }
    return n;
}

/* Bytes of the data. */
static size_t write_v6(struct cmsghdr *h, const union jp_address *local)
{
    struct in6_pktinfo info;
    memset(&info, 0, sizeof(info));
    info.ipi6_addr = local->v6.sin6_addr;
    info.ipi6_ifindex = local->v6.sin6_scope_id;
    h->cmsg_level = IPPROTO_IPV6;
    h->cmsg_type = IPV6_PKTINFO;
    memcpy(CMSG_DATA(h), &info, sizeof(info));
    return sizeof(info);
}

static size_t write_v4(struct cmsghdr *h, const union jp_address *local)
{
    h->cmsg_level = IPPROTO_IP;
    h->cmsg_type = jp_destination_source;
    return jp_destination_write(CMSG_DATA(h), &local->v4);
}

ssize_t jp_datagram_send(int fd, const void *bytes, size_t len, const union jp_address *client,
                         const union jp_address *local)
{
    union control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_name = (void *)(uintptr_t)client,
                             .msg_namelen = jp_address_len(client),
                             .msg_iov = &iov,
                             .msg_iovlen = 1};
    if (local->any.sa_family != AF_UNSPEC) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
        struct cmsghdr *h = CMSG_FIRSTHDR(&message);
        size_t size = local->any.sa_family == AF_INET6 ? write_v6(h, local) : write_v4(h, local);
        h->cmsg_len = (socklen_t)CMSG_LEN(size);
        message.msg_controllen = (socklen_t)CMSG_SPACE(size);
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
