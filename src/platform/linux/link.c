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
#include "platform/hostwide.h"
#include "platform/linux/bridge.h"
#include "platform/linux/claim.h"
#include "platform/linux/firewall.h"
#include "platform/linux/forwarding.h"
#include "platform/linux/hush.h"
#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "platform/linux/redirect.h"
#include "sys/fd.h"

#define LOOPBACK 1 /* its index in every network namespace */

int jp_linux_host_end(const char *uuid, char out[IFNAMSIZ], struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    (void)snprintf(out, IFNAMSIZ, "jp%.8s%.4s", uuid, uuid + 9);
    return 0;
}

static int read_plan(const struct jp_plan *plan, struct jp_linux_link *ret, struct jp_error *err)
{
    const struct jp_plan_net *net = &plan->net;
    *ret = (struct jp_linux_link){.bridge = net->bridge,
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
    if (ret->has_six && (inet_pton(AF_INET6, net->address6, &ret->address6) != 1 ||
                         !net->gateway6 || inet_pton(AF_INET6, net->gateway6, &ret->gateway6) != 1))
        return jp_fail(err, JP_EINVALID, 0, "bad IPv6 address of the pod or of its gateway");
    return jp_linux_host_end(plan->uuid, ret->host_end, err);
}

static void request_peer(struct jp_netlink_batch *b, const struct jp_linux_link *link, int net_fd)
{
    /* Not up yet: the kernel has not joined the two when it configures this end. */
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    jp_linux_hardware_address(link->address, mac);
    size_t peer = jp_netlink_open_nest(b, VETH_INFO_PEER);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, JP_LINUX_POD_DEVICE);
    jp_netlink_attribute(b, IFLA_ADDRESS, mac, sizeof(mac));
    jp_netlink_number(b, IFLA_NET_NS_FD, (uint32_t)net_fd);
    jp_netlink_close_nest(b, peer);
}

static int make_pair(int fd, const struct jp_linux_link *link, unsigned bridge, int net_fd,
                     struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
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
    jp_linux_request_silence(&b, 0, link->host_end);
    if (link->is_isolated)
        jp_linux_request_isolation(&b, link);
    jp_linux_request_up(&b, "bring the host's end of the pod's network device up", 0,
                        link->host_end);
    return jp_netlink_send(fd, &b, err);
}

/* A device of the pod's own on one of the host's, as if it were plugged in beside it. */
static int make_macvlan(int fd, const struct jp_linux_link *link, int net_fd, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    unsigned parent = jp_linux_device_index(fd, link->bridge);
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    if (parent == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no device '%s' for macvlan", link->bridge);
    jp_linux_hardware_address(link->address, mac);
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
    unsigned index = jp_linux_device_index(fd, name);
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
static int make_pair_again(int fd, const struct jp_linux_link *link, unsigned bridge, int net_fd,
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

/* A pod that reaches nothing outside is told of, and still a pod. */
static int open_the_way(struct jp_isolation *pod, struct jp_error *err)
{
    const struct jp_plan_host *host = &pod->plan->net.host;
    JP_AUTO_FD int state_fd = -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!host->state || !host->table)
        return 0;
    if (jp_hostwide_hold(host, &pod->net_lock_fd, &state_fd, err) < 0)
        return -1;
    if (jp_forwarding_open(host, pod->plan->net.bridge, state_fd, &why) == 0)
        return 0;
    JP_AUTO_FREE char *text =
        jp_format("the pod reaches nothing outside of this host: %s ('jetpack network show' tells "
                  "the rules that are needed)",
                  jp_error_text(&why));
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

/* What cannot be sent on is carried by the forwarder, which listens all the same. */
static int redirect(struct jp_isolation *pod, struct jp_error *err)
{
    const struct jp_plan *plan = pod->plan;
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    bool all = false;
    const struct jp_redirection redirection = {
        .uuid = plan->uuid,
        .dir = plan->dir,
        .host = &plan->net.host,
        .address = plan->net.address,
        .address6 = plan->net.address6,
        .ports = &plan->ports,
    };
    if (!plan->redirects_ports)
        return 0;
    if (jp_forwarding_devices(&plan->net.host, &devices, &all, &why) == 0 &&
        jp_redirect_install(&redirection, all ? NULL : &devices, &why) == 0)
        return 0;
    JP_AUTO_FREE char *text = jp_format("published ports are carried, not sent on as net.publish "
                                        "asks: %s",
                                        jp_error_text(&why));
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

/* A kernel without such rules has none of ours. */
static int let_go(const struct jp_plan_host *host, int state_fd, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    jp_forwarding_restore(state_fd);
    if (!host->table || jp_firewall_remove(host->table, &why) == 0 || why.code == JP_EUNSUPPORTED)
        return 0;
    jp_error_move(err, &why);
    return -1;
}

static void leave(struct jp_isolation *pod)
{
    jp_hostwide_leave(&pod->plan->net.host, &pod->net_lock_fd, let_go);
}

static int release(const struct jp_plan_host *host, struct jp_error *err)
{
    return jp_hostwide_release(host, let_go, err);
}

static int prepare(const struct jp_plan_network *network, struct jp_error *err)
{
    struct jp_linux_link link;
    unsigned index;
    JP_AUTO_FD int fd = jp_netlink_open(err);
    if (fd < 0)
        return -1;
    jp_linux_link_read(network, &link);
    return jp_linux_bridge_ensure(fd, &link, &index, err);
}

/* ---- the pod's side ---- */

/* Before the pod is on it: what it shall not share, and what it shall be told of. */
static int check_bridge(struct jp_isolation *pod, int fd, const struct jp_linux_link *link,
                        unsigned bridge, struct jp_error *err)
{
    const struct jp_plan_host *host = &pod->plan->net.host;
    char route[JP_LINUX_ROUTE_SIZE];
    if (!host->state || !host->table)
        return 0;
    if (jp_linux_claim_bridge(fd, host, link->bridge, bridge, err) < 0)
        return -1;
    jp_linux_overlap(link, /* narrow= */ true, route);
    if (route[0] == '\0')
        return 0;
    JP_AUTO_FREE char *text = jp_format("the host has a route to %s, which are addresses of the "
                                        "pods' network: set its subnet to another",
                                        route);
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

static int make_device(struct jp_isolation *pod, const struct jp_linux_link *link,
                       struct jp_error *err)
{
    unsigned bridge = 0;
    JP_AUTO_FD int host = jp_netlink_open(err);
    if (host < 0)
        return -1;
    if (link->kind == JP_NET_MACVLAN)
        return make_macvlan(host, link, pod->net_fd, err);
    if (jp_linux_bridge_ensure(host, link, &bridge, err) < 0 ||
        check_bridge(pod, host, link, bridge, err) < 0 || open_the_way(pod, err) < 0 ||
        redirect(pod, err) < 0)
        return -1;
    if (make_pair_again(host, link, bridge, pod->net_fd, err) < 0)
        return -1;
    jp_linux_hush(host, bridge, link->host_end);
    return 0;
}

/* On a bridge the link-local address is the pod's alone, as its hardware address is. */
static void request_addresses(struct jp_netlink_batch *inside, const struct jp_linux_link *link,
                              unsigned device)
{
    unsigned char mac[6];
    jp_linux_hardware_address(link->address, mac);
    if (link->kind != JP_NET_MACVLAN) {
        jp_linux_request_silence(inside, device, NULL);
        jp_linux_request_link_local(inside, device, mac);
    }
    jp_linux_request_address(inside, "give the pod its address", device, link->address,
                             link->prefix_len);
    if (link->has_six)
        jp_linux_request_address6(inside, "give the pod its IPv6 address", device, &link->address6,
                                  link->prefix_len6);
}

/*
 * Addresses before the device is up: then the groups that come with them are told to the network
 * once, not each by itself.
 */
static int join_network(struct jp_isolation *pod, struct jp_netlink_batch *inside,
                        struct jp_error *err)
{
    struct jp_linux_link link;
    if (read_plan(pod->plan, &link, err) < 0 || make_device(pod, &link, err) < 0)
        return -1;
    unsigned device = jp_linux_device_index(pod->netlink_fd, JP_LINUX_POD_DEVICE);
    if (device == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "the pod's network device has vanished");
    request_addresses(inside, &link, device);
    jp_linux_request_up(inside, "bring the pod's device up", device, NULL);
    request_default_route(inside, AF_INET, &link.gateway, sizeof(link.gateway), EEXIST);
    /* Better no way than one that ends at the host: programs would try it first, and wait. */
    if (link.has_six && jp_forwarding_has_ipv6())
        request_default_route(inside, AF_INET6, &link.gateway6, sizeof(link.gateway6),
                              JP_NETLINK_NO_IPV6);
    return 0;
}

static void close_ports(const struct jp_isolation *pod)
{
    if (pod->plan->redirects_ports)
        (void)jp_redirect_remove(pod->plan->uuid, pod->plan->dir, NULL);
}

static int setup(struct jp_isolation *pod, struct jp_error *err)
{
    if (pod->plan->net.mode == JP_NET_HOST)
        return 0;
    struct jp_netlink_batch inside = {0};
    jp_linux_request_up(&inside, "bring the loopback up", LOOPBACK, NULL);
    int r = 0;
    if (pod->plan->net.mode == JP_NET_POD)
        r = join_network(pod, &inside, err);
    if (r == 0)
        r = jp_netlink_send(pod->netlink_fd, &inside, err);
    jp_fd_close(&pod->netlink_fd);
    if (r < 0) {
        close_ports(pod);
        leave(pod);
    }
    return r < 0 ? jp_wrap(err, "join the pod to its network") : 0;
}

/* The namespace takes both ends along when it dies; waiting for that would cost 17 ms. */
static void teardown(struct jp_isolation *pod)
{
    if (!pod)
        return;
    jp_fd_close(&pod->netlink_fd);
    close_ports(pod);
    leave(pod);
}

static int clean(const char *uuid, const char *dir, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (jp_linux_host_end(uuid, name, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_netlink_open(err);
    int r = fd < 0 ? -1 : delete_host_end(fd, name, err);
    if (dir && jp_redirect_remove(uuid, dir, r < 0 ? NULL : err) < 0)
        r = -1;
    return r;
}

static bool has_stacks(void)
{
    return true;
}

const struct jp_link_ops jp_linux_links = {
    .kinds = 1U << JP_NET_BRIDGE | 1U << JP_NET_ROUTED | 1U << JP_NET_MACVLAN,
    .has_ipv6 = true,
    .has_names = true,
    .has_stacks = has_stacks,
    .prepare = prepare,
    .setup = setup,
    .publish = jp_linux_publish,
    .listen = jp_linux_listen,
    .teardown = teardown,
    .clean = clean,
    .release = release,
    .inspect = jp_linux_inspect,
    .print_rules = jp_firewall_print,
};
