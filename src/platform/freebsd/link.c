/*
 * The pod's network. With a stack of its own (VNET): a pair of epair devices, one end on a bridge
 * of the host, the other moved into the jail. The host's end is named after the UUID: it is found
 * again without the supervisor. Without such a stack: alias.c.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/subnet.h"
#include "platform/freebsd/bridge.h"
#include "platform/freebsd/device.h"
#include "platform/freebsd/firewall.h"
#include "platform/freebsd/freebsd.h"
#include "platform/hostwide.h"
#include "platform/publish.h"
#include "sys/fd.h"

#define POD_DEVICE "eth0"

/* ---- the pair ---- */

static int host_end_of(const char *uuid, char out[IFNAMSIZ], struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    (void)snprintf(out, IFNAMSIZ, "jp%.8s%.4s", uuid, uuid + 9);
    return 0;
}

static int make_pair(int fd, struct jp_freebsd_link *link, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (jp_device_destroy(fd, link->host_end, err) < 0 ||
        jp_device_create(fd, "epair", name, err) < 0)
        return -1;
    size_t len = strlen(name);
    (void)snprintf(link->pod_end, sizeof(link->pod_end), "%s", name);
    link->pod_end[len - 1] = 'b';
    if (jp_device_rename(fd, name, link->host_end) == 0)
        return 0;
    int saved = errno;
    (void)jp_device_destroy(fd, name, NULL);
    return jp_fail(err, JP_ESYS, saved, "name the pod's network device");
}

static int move_into(int fd, const struct jp_freebsd_link *link, int jid, struct jp_error *err)
{
    struct ifreq request = jp_device_request(link->pod_end);
    request.ifr_jid = jid;
    if (ioctl(fd, SIOCSIFVNET, &request) < 0)
        return jp_fail_sys(err, "move '%s' into the jail", link->pod_end);
    return 0;
}

/* ---- in the jail ---- */

struct route_message {
    struct rt_msghdr header;
    struct sockaddr_in destination;
    struct sockaddr_in gateway;
    struct sockaddr_in mask;
};

static int add_default_route(struct in_addr gateway, struct jp_error *err)
{
    struct in_addr any = {INADDR_ANY};
    struct route_message m = {.header = {.rtm_msglen = sizeof(m),
                                         .rtm_version = RTM_VERSION,
                                         .rtm_type = RTM_ADD,
                                         .rtm_flags = RTF_UP | RTF_GATEWAY | RTF_STATIC,
                                         .rtm_addrs = RTA_DST | RTA_GATEWAY | RTA_NETMASK,
                                         .rtm_seq = 1},
                              .destination = jp_device_sockaddr(any),
                              .gateway = jp_device_sockaddr(gateway),
                              .mask = jp_device_sockaddr(any)};
    JP_AUTO_FD int fd = socket(PF_ROUTE, SOCK_RAW | SOCK_CLOEXEC, AF_INET);
    if (fd < 0)
        return jp_fail_sys(err, "open a routing socket");
    if (write(fd, &m, sizeof(m)) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "set the pod's default route");
    return 0;
}

static int configure_loopback(void *context, struct jp_error *err)
{
    (void)context;
    struct in_addr address = {htonl(INADDR_LOOPBACK)};
    JP_AUTO_FD int fd = jp_device_socket(err);
    if (fd < 0 || jp_device_add_address(fd, JP_DEVICE_LOOPBACK, address, 8, err) < 0)
        return -1;
    return jp_device_up(fd, JP_DEVICE_LOOPBACK, err);
}

static int configure_inside(void *context, struct jp_error *err)
{
    const struct jp_freebsd_link *link = context;
    if (configure_loopback(NULL, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_device_socket(err);
    if (fd < 0)
        return -1;
    if (jp_device_rename(fd, link->pod_end, POD_DEVICE) < 0)
        return jp_fail_sys(err, "name the pod's network device");
    if (jp_device_set_hardware_address(fd, POD_DEVICE, link->address, err) < 0 ||
        jp_device_add_address(fd, POD_DEVICE, link->address, link->prefix_len, err) < 0 ||
        jp_device_up(fd, POD_DEVICE, err) < 0)
        return -1;
    return add_default_route(link->gateway, err);
}

/* ---- the table ---- */

static int read_plan(const struct jp_plan *plan, struct jp_freebsd_link *ret, struct jp_error *err)
{
    const struct jp_plan_net *net = &plan->net;
    *ret = (struct jp_freebsd_link){
        .bridge = net->bridge, .prefix_len = net->prefix_len, .is_isolated = net->is_isolated};
    if (!net->bridge || net->bridge[0] == '\0' || strlen(net->bridge) >= IFNAMSIZ)
        return jp_fail(err, JP_EINVALID, 0, "bad name of a bridge");
    if (!net->address || !net->gateway || net->prefix_len > 32 ||
        inet_pton(AF_INET, net->address, &ret->address) != 1 ||
        inet_pton(AF_INET, net->gateway, &ret->gateway) != 1)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the pod or of its gateway");
    return host_end_of(plan->uuid, ret->host_end, err);
}

static int connect_pod(struct jp_isolation *pod, struct jp_error *err)
{
    struct jp_freebsd_link link;
    JP_AUTO_FD int fd = jp_device_socket(err);
    if (fd < 0 || read_plan(pod->plan, &link, err) < 0 ||
        jp_freebsd_bridge_ensure(fd, &link, err) < 0 || make_pair(fd, &link, err) < 0 ||
        jp_device_join_group(fd, link.host_end, link.bridge, err) < 0 ||
        jp_freebsd_bridge_join(fd, &link, err) < 0 || jp_device_up(fd, link.host_end, err) < 0 ||
        move_into(fd, &link, pod->jid, err) < 0)
        return -1;
    return jp_freebsd_in_jail(pod->jid, configure_inside, &link, err);
}

static int prepare(const struct jp_plan_network *network, struct jp_error *err)
{
    struct jp_subnet subnet = {0, 0};
    (void)jp_subnet_parse(network->subnet, &subnet);
    const struct jp_freebsd_link link = {.bridge = network->bridge,
                                         .gateway.s_addr = htonl(jp_subnet_gateway(&subnet)),
                                         .prefix_len = subnet.prefix_len};
    JP_AUTO_FD int fd = jp_device_socket(err);
    return fd < 0 ? -1 : jp_freebsd_bridge_ensure(fd, &link, err);
}

/* A pod that reaches nothing outside is told of, and still a pod. */
static int open_the_way(struct jp_isolation *pod, struct jp_error *err)
{
    const struct jp_plan_host *host = &pod->plan->net.host;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!host->state || !host->table)
        return 0;
    JP_AUTO_FD int state_fd = -1;
    if (jp_hostwide_hold(host, &pod->net_lock_fd, &state_fd, err) < 0)
        return -1;
    if (jp_freebsd_firewall_ensure(host, pod->plan->net.mode == JP_NET_POD, &why) == 0)
        return 0;
    JP_AUTO_FREE char *text =
        jp_format("the pod reaches nothing outside of this host: %s", jp_error_text(&why));
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

static int let_go(const struct jp_plan_host *host, JP_UNUSED int state_fd, struct jp_error *err)
{
    return jp_freebsd_firewall_remove(host, err);
}

static void leave(struct jp_isolation *pod)
{
    jp_hostwide_leave(&pod->plan->net.host, &pod->net_lock_fd, let_go);
}

/* What cannot be sent on is carried by the forwarder, which listens all the same. */
static int redirect(struct jp_isolation *pod, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!pod->plan->redirects_ports || jp_freebsd_redirect(pod->plan, &why) == 0)
        return 0;
    JP_AUTO_FREE char *text = jp_format("published ports are carried, not sent on as net.publish "
                                        "asks: %s",
                                        jp_error_text(&why));
    return text && jp_strv_add(&pod->warnings, text) == 0 ? 0 : jp_oom(err);
}

static int setup(struct jp_isolation *pod, struct jp_error *err)
{
    int r = 0;
    if (pod->plan->net.mode == JP_NET_POD || pod->plan->net.mode == JP_NET_ALIAS)
        r = open_the_way(pod, err);
    if (r == 0 && pod->plan->net.mode == JP_NET_POD)
        r = connect_pod(pod, err);
    else if (r == 0 && pod->plan->net.mode == JP_NET_NONE && jp_freebsd_has_stacks())
        r = jp_freebsd_in_jail(pod->jid, configure_loopback, NULL, err);
    else if (r == 0 && pod->plan->net.mode == JP_NET_ALIAS)
        r = jp_freebsd_alias_add(pod->plan, err);
    if (r == 0)
        r = redirect(pod, err);
    return r < 0 ? jp_wrap(err, "join the pod to its network") : 0;
}

static int clean(const char *uuid, const char *dir, struct jp_error *err)
{
    char name[IFNAMSIZ];
    JP_AUTO_FD int fd = jp_device_socket(err);
    if (fd < 0 || host_end_of(uuid, name, err) < 0)
        return -1;
    int r = jp_device_destroy(fd, name, err);
    if (dir && jp_freebsd_alias_remove(dir, r < 0 ? NULL : err) < 0)
        r = -1;
    if (dir && jp_freebsd_redirect_end(uuid, dir, r < 0 ? NULL : err) < 0)
        r = -1;
    return r;
}

static void teardown(struct jp_isolation *pod)
{
    if (!pod)
        return;
    (void)clean(pod->plan->uuid, pod->plan->dir, NULL);
    leave(pod);
}

/* On the host, which reaches the pod by its address. Nobody is told clients' addresses. */
static int publish(JP_UNUSED struct jp_isolation *pod, const struct jp_publish *how, pid_t *ret_pid,
                   struct jp_error *err)
{
    return jp_publish_spawn(how, NULL, NULL, ret_pid, err);
}

/* ---- the host's side ---- */

static int release(const struct jp_plan_host *host, struct jp_error *err)
{
    return jp_hostwide_release(host, let_go, err);
}

static int inspect(const struct jp_plan_host *host, const struct jp_link_pod *pods, size_t n_pods,
                   bool repair, const struct jp_link_report *report, struct jp_error *err)
{
    bool forwards = false;
    for (size_t i = 0; i < n_pods; i++) {
        char name[IFNAMSIZ];
        if (host_end_of(pods[i].uuid, name, err) < 0)
            return -1;
        forwards |= if_nametoindex(name) != 0;
    }
    if (n_pods == 0 || !host->table)
        return 0;
    return jp_freebsd_firewall_inspect(host, forwards, repair, report, err);
}

const struct jp_link_ops jp_freebsd_links = {
    .kinds = 1U << JP_NET_BRIDGE,
    .has_alias = true,
    .has_stacks = jp_freebsd_has_stacks,
    .setup = setup,
    .publish = publish,
    .listen = jp_freebsd_listen,
    .teardown = teardown,
    .clean = clean,
    .prepare = prepare,
    .release = release,
    .inspect = inspect,
    .print_rules = jp_freebsd_firewall_print,
};
