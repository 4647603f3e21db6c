/*
 * The pod's network: a bridge on the host, a pair of virtual Ethernet devices between them.
 *
 * The bridge is made by the first pod that needs it and stays; pods that start at the same time
 * may both try, each step is fine with having been done. The pair is made in one request: one end
 * on the bridge, the other directly in the pod's namespace, so that nothing but the bridge can be
 * left on the host, and only for as long as the kernel takes to end the namespace. Nobody waits
 * for that. Hardware addresses come from the IP addresses: who gets an address that was in use a
 * moment ago is found under it at once, without stale neighbour entries.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"

#define LOOPBACK   1 /* its index in every network namespace */

struct link {
    const struct jp_plan_net *net;
    struct in_addr address;
    struct in_addr gateway;
    char host_end[IFNAMSIZ];
};

int jp_linux_host_end(const char *uuid, char out[IFNAMSIZ], struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    (void)snprintf(out, IFNAMSIZ, "jp%.8s%.4s", uuid, uuid + 9);
    return 0;
}

static int read_plan(const struct jp_plan *plan, struct link *ret, struct jp_error *err)
{
    const struct jp_plan_net *net = &plan->net;
    *ret = (struct link){.net = net};
    if (!net->bridge || net->bridge[0] == '\0' || strlen(net->bridge) >= IFNAMSIZ ||
        strchr(net->bridge, '/'))
        return jp_fail(err, JP_EINVALID, 0, "bad name of a bridge");
    if (!net->address || inet_pton(AF_INET, net->address, &ret->address) != 1 || !net->gateway ||
        inet_pton(AF_INET, net->gateway, &ret->gateway) != 1 || net->prefix_len > 32)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the pod or of its gateway");
    return jp_linux_host_end(plan->uuid, ret->host_end, err);
}

/* Locally administered, unicast, the IP address in its last four bytes. */
static void hardware_address(struct in_addr address, unsigned char out[6])
{
    out[0] = 0x02;
    out[1] = 0x6a;
    memcpy(out + 2, &address, 4);
}

static void request_address(struct jp_netlink_batch *b, const char *what, unsigned index,
                            struct in_addr address, uint32_t prefix_len)
{
    struct ifaddrmsg body = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix_len, .ifa_index = index};
    jp_netlink_begin(b, what, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, IFA_LOCAL, &address, sizeof(address));
    jp_netlink_attribute(b, IFA_ADDRESS, &address, sizeof(address));
    if (prefix_len < 31) {
        struct in_addr broadcast = {.s_addr = address.s_addr | htonl(0xffffffffU >> prefix_len)};
        if (prefix_len == 0)
            broadcast.s_addr = 0xffffffffU;
        jp_netlink_attribute(b, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    }
}

static void request_up(struct jp_netlink_batch *b, const char *what, unsigned index)
{
    struct ifinfomsg body = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    jp_netlink_begin(b, what, RTM_NEWLINK, 0, 0);
    jp_netlink_body(b, &body, sizeof(body));
}

static void request_bridge(struct jp_netlink_batch *b, const struct link *link)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    hardware_address(link->gateway, mac);
    jp_netlink_begin(b, "make the bridge", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, link->net->bridge);
    /* A bridge without an address of its own takes the lowest of its ports': it would change. */
    jp_netlink_attribute(b, IFLA_ADDRESS, mac, sizeof(mac));
    size_t info = jp_netlink_open_nest(b, IFLA_LINKINFO);
    jp_netlink_text(b, IFLA_INFO_KIND, "bridge");
    jp_netlink_close_nest(b, info);
}

/* Asks a socket's namespace for the index of a device; 0 when there is none. */
static unsigned index_of(int fd, const char *name)
{
    struct ifreq request = {0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

/* True when the bridge is up and has the gateway's address: the usual case costs two questions. */
static bool is_ready(const struct link *link)
{
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link->net->bridge);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP))
        return false;
    if (ioctl(fd, SIOCGIFADDR, &request) < 0)
        return false;
    struct sockaddr_in address;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    return address.sin_addr.s_addr == link->gateway.s_addr;
}

static int ensure_bridge(int fd, const struct link *link, unsigned *ret_index, struct jp_error *err)
{
    unsigned index = index_of(fd, link->net->bridge);
    if (index == 0) {
        struct jp_netlink_batch make = {0};
        request_bridge(&make, link);
        if (jp_netlink_send(fd, &make, err) < 0)
            return -1;
        index = index_of(fd, link->net->bridge);
    }
    if (index == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "bridge '%s' has vanished", link->net->bridge);
    *ret_index = index;
    if (is_ready(link))
        return 0;
    struct jp_netlink_batch b = {0};
    request_address(&b, "give the bridge its address", index, link->gateway, link->net->prefix_len);
    request_up(&b, "bring the bridge up", index);
    return jp_netlink_send(fd, &b, err);
}

static void request_peer(struct jp_netlink_batch *b, const struct link *link, int net_fd)
{
    /* Not up yet: the kernel has not joined the two when it configures this end. */
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    hardware_address(link->address, mac);
    size_t peer = jp_netlink_open_nest(b, VETH_INFO_PEER);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, JP_LINUX_POD_DEVICE);
    jp_netlink_attribute(b, IFLA_ADDRESS, mac, sizeof(mac));
    jp_netlink_number(b, IFLA_NET_NS_FD, (uint32_t)net_fd);
    jp_netlink_close_nest(b, peer);
}

static int make_pair(int fd, const struct link *link, unsigned bridge, int net_fd,
                     struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    jp_netlink_begin(&b, "make the pod's network device", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
                     0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_text(&b, IFLA_IFNAME, link->host_end);
    jp_netlink_number(&b, IFLA_MASTER, bridge);
    size_t info = jp_netlink_open_nest(&b, IFLA_LINKINFO);
    jp_netlink_text(&b, IFLA_INFO_KIND, "veth");
    size_t data = jp_netlink_open_nest(&b, IFLA_INFO_DATA);
    request_peer(&b, link, net_fd);
    jp_netlink_close_nest(&b, data);
    jp_netlink_close_nest(&b, info);
    return jp_netlink_send(fd, &b, err);
}

static void request_default_route(struct jp_netlink_batch *b, const struct link *link)
{
    struct rtmsg body = {.rtm_family = AF_INET,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST};
    jp_netlink_begin(b, "set the pod's default route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
                     EEXIST);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, RTA_GATEWAY, &link->gateway, sizeof(link->gateway));
}

static int delete_host_end(int fd, const char *name, struct jp_error *err)
{
    unsigned index = index_of(fd, name);
    if (index == 0)
        return 0;
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)index};
    jp_netlink_begin(&b, "delete a dead pod's network device", RTM_DELLINK, 0, ENODEV);
    jp_netlink_body(&b, &body, sizeof(body));
    return jp_netlink_send(fd, &b, err);
}

/*
 * The namespace of this pod's last run may not have died yet, and our name for the host's end is
 * the pod's: whatever has it under the pod's lock is garbage.
 */
static int make_pair_again(int fd, const struct link *link, unsigned bridge, int net_fd,
                           struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (make_pair(fd, link, bridge, net_fd, &why) == 0)
        return 0;
    if (why.sys == EEXIST)
        return delete_host_end(fd, link->host_end, err) < 0
                   ? -1
                   : make_pair(fd, link, bridge, net_fd, err);
    jp_error_move(err, &why);
    return -1;
}

static int join_bridge(struct jp_isolation *pod, struct jp_netlink_batch *inside,
                       struct jp_error *err)
{
    struct link link;
    unsigned bridge = 0;
    if (read_plan(pod->plan, &link, err) < 0)
        return -1;
    JP_AUTO_FD int host = jp_netlink_open(err);
    if (host < 0 || ensure_bridge(host, &link, &bridge, err) < 0 ||
        make_pair_again(host, &link, bridge, pod->net_fd, err) < 0)
        return -1;
    unsigned device = index_of(pod->netlink_fd, JP_LINUX_POD_DEVICE);
    if (device == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "the pod's network device has vanished");
    request_up(inside, "bring the pod's device up", device);
    request_address(inside, "give the pod its address", device, link.address, link.net->prefix_len);
    request_default_route(inside, &link);
    return 0;
}

static int setup(struct jp_isolation *pod, struct jp_error *err)
{
    if (pod->plan->net.mode == JP_NET_HOST)
        return 0;
    struct jp_netlink_batch inside = {0};
    request_up(&inside, "bring the loopback up", LOOPBACK);
    int r = 0;
    if (pod->plan->net.mode == JP_NET_POD)
        r = join_bridge(pod, &inside, err);
    if (r == 0)
        r = jp_netlink_send(pod->netlink_fd, &inside, err);
    jp_fd_close(&pod->netlink_fd);
    return r < 0 ? jp_wrap(err, "join the pod to its network") : 0;
}

/* The namespace takes both ends along when it dies; waiting for that would cost 17 ms. */
static void teardown(struct jp_isolation *pod)
{
    if (pod)
        jp_fd_close(&pod->netlink_fd);
}

static int clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (jp_linux_host_end(uuid, name, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_netlink_open(err);
    if (fd < 0)
        return -1;
    return delete_host_end(fd, name, err);
}

const struct jp_link_ops jp_linux_links = {.setup = setup, .publish = jp_linux_publish, .teardown = teardown, .clean = clean};
