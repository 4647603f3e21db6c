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
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "base/subnet.h"
#include "platform/linux/firewall.h"
#include "platform/linux/forwarding.h"
#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_ADDRESSES (1U << 20) /* bytes of a list of addresses */
#define LOOPBACK   1 /* its index in every network namespace */

struct link {
    const char *bridge;
    bool is_isolated;
    uint8_t kind;
    struct in_addr address; /* the pod's; not of a link that is only a network */
    struct in_addr gateway;
    uint32_t prefix_len;
    bool has_six;
    struct in6_addr address6;
    struct in6_addr gateway6;
    uint32_t prefix_len6;
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
    *ret = (struct link){.bridge = net->bridge,
                         .is_isolated = net->is_isolated,
                         .kind = net->kind,
                         .prefix_len = net->prefix_len,
                         .prefix_len6 = net->prefix_len6};
    if (!net->bridge || net->bridge[0] == '\0' || strlen(net->bridge) >= IFNAMSIZ ||
        strchr(net->bridge, '/'))
        return jp_fail(err, JP_EINVALID, 0, "bad name of a bridge");
    if (!net->address || inet_pton(AF_INET, net->address, &ret->address) != 1 || !net->gateway ||
        inet_pton(AF_INET, net->gateway, &ret->gateway) != 1 || net->prefix_len > 32)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the pod or of its gateway");
    ret->has_six = net->address6 != NULL;
    if (ret->has_six && (inet_pton(AF_INET6, net->address6, &ret->address6) != 1 || !net->gateway6 ||
                         inet_pton(AF_INET6, net->gateway6, &ret->gateway6) != 1))
        return jp_fail(err, JP_EINVALID, 0, "bad IPv6 address of the pod or of its gateway");
    return jp_linux_host_end(plan->uuid, ret->host_end, err);
}

/* The host's side alone. */
static void read_network(const struct jp_plan_network *network, struct link *ret)
{
    struct jp_subnet four = {0, 0};
    struct jp_subnet6 six = {.prefix_len = 0};
    (void)jp_subnet_parse(network->subnet, &four);
    *ret = (struct link){.bridge = network->bridge,
                         .is_isolated = network->is_isolated,
                         .kind = network->kind,
                         .gateway.s_addr = htonl(jp_subnet_gateway(&four)),
                         .prefix_len = four.prefix_len};
    if (!network->subnet6 || !jp_subnet6_parse(network->subnet6, &six))
        return;
    ret->has_six = true;
    ret->prefix_len6 = six.prefix_len;
    jp_subnet6_address(&six, 1, ret->gateway6.s6_addr);
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

/* Nobody else can have it: it comes from the lease. Looking for another would take a second. */
static void request_address6(struct jp_netlink_batch *b, const char *what, unsigned index,
                             const struct in6_addr *address, uint32_t prefix_len)
{
    struct ifaddrmsg body = {.ifa_family = AF_INET6,
                             .ifa_prefixlen = (uint8_t)prefix_len,
                             .ifa_flags = IFA_F_NODAD,
                             .ifa_index = index};
    jp_netlink_begin(b, what, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, JP_NETLINK_NO_IPV6);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, IFA_LOCAL, address, sizeof(*address));
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
    jp_netlink_text(b, IFLA_IFNAME, link->bridge);
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
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link->bridge);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP))
        return false;
    /* Asked for one address, the kernel answers with that one if the device has it. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = link->gateway};
    memcpy(&request.ifr_addr, &address, sizeof(address));
    if (ioctl(fd, SIOCGIFADDR, &request) < 0)
        return false;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    return address.sin_addr.s_addr == link->gateway.s_addr;
}

/* In /proc/net/if_inet6: the address as 32 digits, four numbers, the device. */
static bool has_address6(const char *device, const struct in6_addr *address)
{
    char wanted[33];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, "/proc/net/if_inet6", MAX_ADDRESSES, &text, NULL) < 0)
        return true; /* no IPv6 here: nothing was lost */
    jp_hex_encode(address, sizeof(*address), wanted);
    for (const char *line = jp_buf_text(&text); line && *line;) {
        char digits[33], name[IFNAMSIZ];
        if (sscanf(line, "%32s %*s %*s %*s %*s %15s", digits, name) == 2 &&
            strcmp(digits, wanted) == 0 && strcmp(name, device) == 0)
            return true;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

void jp_linux_distrust_routers(const char *device)
{
    char path[64 + IFNAMSIZ];
    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", device);
    JP_AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, "0", 1);
}

static int ensure_bridge(int fd, const struct link *link, unsigned *ret_index, struct jp_error *err)
{
    unsigned index = index_of(fd, link->bridge);
    if (index == 0) {
        struct jp_netlink_batch make = {0};
        request_bridge(&make, link);
        if (jp_netlink_send(fd, &make, err) < 0)
            return -1;
        index = index_of(fd, link->bridge);
    }
    if (index == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "bridge '%s' has vanished", link->bridge);
    *ret_index = index;
    if (is_ready(link))
        return 0;
    jp_linux_distrust_routers(link->bridge);
    struct jp_netlink_batch b = {0};
    request_address(&b, "give the bridge its address", index, link->gateway, link->prefix_len);
    if (link->has_six)
        request_address6(&b, "give the bridge its IPv6 address", index, &link->gateway6,
                         link->prefix_len6);
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

/* The other ports of the bridge that are isolated are no neighbours of this one; the host is. */
static void request_isolation(struct jp_netlink_batch *b, const struct link *link)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    uint8_t on = 1;
    jp_netlink_begin(b, "isolate the pod's network device", RTM_NEWLINK, 0, 0);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, link->host_end);
    size_t info = jp_netlink_open_nest(b, IFLA_LINKINFO);
    jp_netlink_text(b, IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = jp_netlink_open_nest(b, IFLA_INFO_SLAVE_DATA);
    jp_netlink_attribute(b, IFLA_BRPORT_ISOLATED, &on, sizeof(on));
    jp_netlink_close_nest(b, data);
    jp_netlink_close_nest(b, info);
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
    if (link->is_isolated)
        request_isolation(&b, link);
    return jp_netlink_send(fd, &b, err);
}

/* A device of the pod's own on one of the host's, as if it were plugged in beside it. */
static int make_macvlan(int fd, const struct link *link, int net_fd, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    unsigned parent = index_of(fd, link->bridge);
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    if (parent == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no device '%s' for macvlan",
                       link->bridge);
    hardware_address(link->address, mac);
    jp_netlink_begin(&b, "make the pod's macvlan device", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
                     0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_text(&b, IFLA_IFNAME, JP_LINUX_POD_DEVICE);
    jp_netlink_number(&b, IFLA_LINK, parent);
    jp_netlink_number(&b, IFLA_NET_NS_FD, (uint32_t)net_fd);
    jp_netlink_attribute(&b, IFLA_ADDRESS, mac, sizeof(mac));
    size_t info = jp_netlink_open_nest(&b, IFLA_LINKINFO);
    jp_netlink_text(&b, IFLA_INFO_KIND, "macvlan");
    size_t data = jp_netlink_open_nest(&b, IFLA_INFO_DATA);
    jp_netlink_number(&b, IFLA_MACVLAN_MODE,
                      link->is_isolated ? MACVLAN_MODE_PRIVATE : MACVLAN_MODE_BRIDGE);
    jp_netlink_close_nest(&b, data);
    jp_netlink_close_nest(&b, info);
    return jp_netlink_send(fd, &b, err);
}

static void request_default_route(struct jp_netlink_batch *b, uint8_t family, const void *gateway,
                                  size_t len, int tolerated)
{
    struct rtmsg body = {.rtm_family = family,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_STATIC,
                         .rtm_scope = RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST};
    jp_netlink_begin(b, "set the pod's default route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
                     tolerated);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, RTA_GATEWAY, gateway, len);
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

/* ---- what all pods need of the host ---- */

#define LOCK_FILE "lock"

static int hold(struct jp_isolation *pod, int *ret_state_fd, struct jp_error *err)
{
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, pod->plan->net.host.state, err);
    if (state_fd < 0)
        return -1;
    pod->net_lock_fd = jp_lock_take(state_fd, LOCK_FILE, JP_LOCK_SHARED, true, err);
    *ret_state_fd = jp_fd_take(&state_fd);
    return pod->net_lock_fd < 0 ? -1 : 0;
}

/* A pod that reaches nothing outside is told of, and still a pod. */
static int open_the_way(struct jp_isolation *pod, struct jp_error *err)
{
    const struct jp_plan_host *host = &pod->plan->net.host;
    JP_AUTO_FD int state_fd = -1;
    JP_AUTO(jp_strv) guarded = JP_STRV_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!host->state || !host->table)
        return 0;
    if (hold(pod, &state_fd, err) < 0)
        return -1;
    if (jp_forwarding_guarded(host, pod->plan->net.bridge, state_fd, &guarded, &why) == 0 &&
        jp_firewall_ensure(host, &guarded, &why) == 0 &&
        jp_forwarding_ensure(host, pod->plan->net.bridge, state_fd, &why) == 0)
        return 0;
    JP_AUTO_FREE char *text =
        jp_format("the pod reaches nothing outside of this host: %s ('jetpack network show' tells "
                  "the rules that are needed)",
                  jp_error_text(&why));
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

static int let_go(const struct jp_plan_host *host, int state_fd, struct jp_error *err)
{
    jp_forwarding_restore(state_fd);
    return host->table ? jp_firewall_remove(host->table, err) : 0;
}

/* The last one turns off the light. Who comes meanwhile waits for the lock and makes it anew. */
static void leave(struct jp_isolation *pod)
{
    const struct jp_plan_host *host = &pod->plan->net.host;
    if (pod->net_lock_fd < 0)
        return;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, NULL);
    if (state_fd >= 0 && flock(pod->net_lock_fd, LOCK_EX | LOCK_NB) == 0)
        (void)let_go(host, state_fd, NULL);
    jp_fd_close(&pod->net_lock_fd);
}

static int release(const struct jp_plan_host *host, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, NULL);
    if (state_fd < 0)
        return 0;
    JP_AUTO_FD int lock = jp_lock_take(state_fd, LOCK_FILE, JP_LOCK_EXCLUSIVE, false, &why);
    if (lock < 0 && why.code == JP_EBUSY)
        return 0;
    if (lock >= 0 && (let_go(host, state_fd, &why) == 0 || why.code == JP_EUNSUPPORTED))
        return 0;
    jp_error_move(err, &why);
    return -1;
}

/* ---- the pod's side ---- */

static int make_device(struct jp_isolation *pod, const struct link *link, struct jp_error *err)
{
    unsigned bridge = 0;
    JP_AUTO_FD int host = jp_netlink_open(err);
    if (host < 0)
        return -1;
    if (link->kind == JP_NET_MACVLAN)
        return make_macvlan(host, link, pod->net_fd, err);
    if (ensure_bridge(host, link, &bridge, err) < 0 || open_the_way(pod, err) < 0)
        return -1;
    return make_pair_again(host, link, bridge, pod->net_fd, err);
}

static int join_network(struct jp_isolation *pod, struct jp_netlink_batch *inside,
                        struct jp_error *err)
{
    struct link link;
    if (read_plan(pod->plan, &link, err) < 0 || make_device(pod, &link, err) < 0)
        return -1;
    unsigned device = index_of(pod->netlink_fd, JP_LINUX_POD_DEVICE);
    if (device == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "the pod's network device has vanished");
    request_up(inside, "bring the pod's device up", device);
    request_address(inside, "give the pod its address", device, link.address, link.prefix_len);
    request_default_route(inside, AF_INET, &link.gateway, sizeof(link.gateway), EEXIST);
    if (!link.has_six)
        return 0;
    request_address6(inside, "give the pod its IPv6 address", device, &link.address6,
                     link.prefix_len6);
    /* Better no way than one that ends at the host: programs would try it first, and wait. */
    if (jp_forwarding_has_ipv6())
        request_default_route(inside, AF_INET6, &link.gateway6, sizeof(link.gateway6),
                              JP_NETLINK_NO_IPV6);
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
        r = join_network(pod, &inside, err);
    if (r == 0)
        r = jp_netlink_send(pod->netlink_fd, &inside, err);
    jp_fd_close(&pod->netlink_fd);
    if (r < 0)
        leave(pod);
    return r < 0 ? jp_wrap(err, "join the pod to its network") : 0;
}

/* The namespace takes both ends along when it dies; waiting for that would cost 17 ms. */
static void teardown(struct jp_isolation *pod)
{
    if (!pod)
        return;
    jp_fd_close(&pod->netlink_fd);
    leave(pod);
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

/* ---- looking after it ---- */

/* What is wrong with a bridge, or NULL. */
static const char *bridge_fault(int fd, const struct link *link)
{
    char address[JP_ADDRESS6_SIZE] = "";
    if (index_of(fd, link->bridge) == 0)
        return "is gone";
    if (!is_ready(link))
        return "is down or has lost its address";
    if (link->has_six && inet_ntop(AF_INET6, &link->gateway6, address, sizeof(address)) &&
        !has_address6(link->bridge, &link->gateway6))
        return "has lost its IPv6 address";
    return NULL;
}

struct inspection {
    const struct jp_link_report *report;
    bool repair;
    int fd; /* netlink */
};

static int found(const struct inspection *i, const char *what, const char *name,
                 const char *problem, const char *remedy, struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_format("%s %s", what, name);
    if (!text)
        return jp_oom(err);
    i->report->say(i->report->context, text, problem, remedy);
    return 0;
}

#define REMEDY "jetpack network repair"

static int inspect_bridge(const struct inspection *i, const struct link *link,
                          struct jp_error *err)
{
    unsigned index;
    const char *fault = bridge_fault(i->fd, link);
    if (!fault)
        return 0;
    if (i->repair && ensure_bridge(i->fd, link, &index, err) < 0)
        return -1;
    return found(i, "bridge", link->bridge, fault, i->repair ? NULL : REMEDY, err);
}

struct master {
    uint32_t index;
};

static void read_master(void *context, const unsigned char *bytes, size_t len)
{
    struct master *master = context;
    struct nlattr header;
    size_t at = NLMSG_ALIGN(sizeof(struct ifinfomsg));
    while (at + sizeof(header) <= len) {
        memcpy(&header, bytes + at, sizeof(header));
        if (header.nla_len < sizeof(header) || header.nla_len > len - at)
            return;
        if (header.nla_type == IFLA_MASTER &&
            header.nla_len >= sizeof(header) + sizeof(master->index))
            memcpy(&master->index, bytes + at + sizeof(header), sizeof(master->index));
        at += (size_t)NLA_ALIGN(header.nla_len);
    }
}

/* The bridge that a device is on; 0: none. */
static int master_of(int fd, unsigned device, unsigned *ret, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)device};
    struct master master = {0};
    jp_netlink_before(&b, RTM_GETLINK, NLM_F_ACK);
    jp_netlink_body(&b, &body, sizeof(body));
    if (jp_netlink_list(fd, &b, read_master, &master, err) < 0)
        return -1;
    *ret = master.index;
    return 0;
}

static int join_again(int fd, const struct link *link, unsigned device, unsigned bridge,
                      struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {
        .ifi_index = (int)device, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    jp_netlink_begin(&b, "join a pod's network device to its bridge", RTM_NEWLINK, 0, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_number(&b, IFLA_MASTER, bridge);
    if (link->is_isolated)
        request_isolation(&b, link);
    return jp_netlink_send(fd, &b, err);
}

static int inspect_pod(const struct inspection *i, const struct jp_link_pod *pod,
                       struct link *link, struct jp_error *err)
{
    unsigned master = 0;
    if (jp_linux_host_end(pod->uuid, link->host_end, err) < 0)
        return -1;
    unsigned device = index_of(i->fd, link->host_end);
    if (device == 0)
        return found(i, "pod", pod->uuid, "has lost its network device", "restart the pod", err);
    if (master_of(i->fd, device, &master, err) < 0)
        return -1;
    unsigned bridge = index_of(i->fd, link->bridge);
    if (bridge != 0 && master == bridge)
        return 0;
    if (i->repair && join_again(i->fd, link, device, bridge, err) < 0)
        return -1;
    return found(i, "pod", pod->uuid, "is cut off from its bridge", i->repair ? NULL : REMEDY, err);
}

static int inspect_firewall(const struct inspection *i, const struct jp_plan_host *host,
                            struct jp_error *err)
{
    enum jp_firewall_state state = JP_FIREWALL_ABSENT;
    JP_AUTO(jp_strv) guarded = JP_STRV_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, err);
    if (state_fd < 0 || jp_forwarding_guarded(host, NULL, state_fd, &guarded, err) < 0 ||
        jp_firewall_examine(host, &guarded, &state, err) < 0)
        return -1;
    if (state == JP_FIREWALL_WHOLE)
        return 0;
    if (i->repair && jp_firewall_ensure(host, &guarded, err) < 0)
        return -1;
    return found(i, "firewall table", host->table,
                 state == JP_FIREWALL_ABSENT ? "is gone or empty" : "was changed",
                 i->repair ? NULL : REMEDY, err);
}

static int inspect_forwarding(const struct inspection *i, const struct jp_plan_host *host,
                              const struct link *link, struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, err);
    if (state_fd < 0 || jp_forwarding_missing(host, link->bridge, &devices, err) < 0)
        return -1;
    if (i->repair && jp_forwarding_ensure(host, link->bridge, state_fd, err) < 0)
        return -1;
    for (size_t n = 0; n < devices.count; n++) {
        if (found(i, "device", devices.items[n], "does not forward", i->repair ? NULL : REMEDY,
                  err) < 0)
            return -1;
    }
    return 0;
}

/* A network with pods on it. */
static int inspect_network(const struct inspection *i, const struct jp_plan_host *host,
                           const struct jp_plan_network *network, const struct jp_link_pod *pods,
                           size_t n_pods, struct jp_error *err)
{
    struct link link;
    read_network(network, &link);
    if (inspect_bridge(i, &link, err) < 0)
        return -1;
    for (size_t n = 0; n < n_pods; n++) {
        if (pods[n].network == network && inspect_pod(i, &pods[n], &link, err) < 0)
            return -1;
    }
    return host->table ? inspect_forwarding(i, host, &link, err) : 0;
}

static int inspect(const struct jp_plan_host *host, const struct jp_link_pod *pods, size_t n_pods,
                   bool repair, const struct jp_link_report *report, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_netlink_open(err);
    struct inspection i = {report, repair, fd};
    bool needs_firewall = false;
    if (fd < 0)
        return -1;
    for (size_t n = 0; n < host->n_networks; n++) {
        const struct jp_plan_network *network = &host->networks[n];
        bool has_pods = false;
        for (size_t m = 0; m < n_pods; m++)
            has_pods |= pods[m].network == network;
        if (!has_pods || network->kind == JP_NET_MACVLAN)
            continue;
        needs_firewall = true;
        if (inspect_network(&i, host, network, pods, n_pods, err) < 0)
            return -1;
    }
    return needs_firewall && host->table ? inspect_firewall(&i, host, err) : 0;
}

const struct jp_link_ops jp_linux_links = {
    .kinds = 1U << JP_NET_BRIDGE | 1U << JP_NET_ROUTED | 1U << JP_NET_MACVLAN,
    .has_ipv6 = true,
    .setup = setup,
    .publish = jp_linux_publish,
    .teardown = teardown,
    .clean = clean,
    .release = release,
    .inspect = inspect,
    .print_rules = jp_firewall_print,
};
