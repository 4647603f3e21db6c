/*
 * Looking after networks: what running pods need of the host, compared with what is there, and
 * mended while they run.
 */
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/mem.h"
#include "platform/linux/bridge.h"
#include "platform/linux/claim.h"
#include "platform/linux/firewall.h"
#include "platform/linux/forwarding.h"
#include "platform/linux/linux.h"
#include "platform/linux/redirect.h"
#include "sys/fd.h"

struct inspection {
    const struct jp_link_report *report;
    bool repair;
    int fd;           /* netlink */
    bool can_forward; /* there is a firewall that guards what forwards for pods */
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

static int inspect_bridge(const struct inspection *i, const struct jp_linux_link *link,
                          struct jp_error *err)
{
    unsigned index;
    const char *fault = jp_linux_bridge_fault(i->fd, link);
    if (!fault)
        return 0;
    if (i->repair && jp_linux_bridge_ensure(i->fd, link, &index, err) < 0)
        return -1;
    return found(i, "bridge", link->bridge, fault, i->repair ? NULL : REMEDY, err);
}

/* A pod's device, on the host's side. */
struct port {
    uint32_t master; /* 0: none */
    bool is_up;
};

static void read_port(void *context, const unsigned char *bytes, size_t len)
{
    struct port *port = context;
    struct ifinfomsg body;
    struct jp_netlink_value value;
    if (len < sizeof(body))
        return;
    memcpy(&body, bytes, sizeof(body));
    port->is_up = body.ifi_flags & IFF_UP;
    if (jp_netlink_find(bytes, len, NLMSG_ALIGN(sizeof(body)), IFLA_MASTER, &value) &&
        value.len >= sizeof(port->master))
        memcpy(&port->master, value.bytes, sizeof(port->master));
}

static int join_again(int fd, const struct jp_linux_link *link, unsigned device, unsigned bridge,
                      struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)device, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    jp_netlink_begin(&b, "join a pod's network device to its bridge", RTM_NEWLINK, 0, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_number(&b, IFLA_MASTER, bridge);
    if (link->is_isolated)
        jp_linux_request_isolation(&b, link);
    return jp_netlink_send(fd, &b, err);
}

static int inspect_pod(const struct inspection *i, const struct jp_link_pod *pod,
                       struct jp_linux_link *link, struct jp_error *err)
{
    struct port port = {0, false};
    if (jp_linux_host_end(pod->uuid, link->host_end, err) < 0)
        return -1;
    unsigned device = jp_linux_device_index(i->fd, link->host_end);
    if (device == 0)
        return found(i, "pod", pod->uuid, "has lost its network device", "restart the pod", err);
    if (jp_linux_ask_device(i->fd, device, read_port, &port, err) < 0)
        return -1;
    unsigned bridge = jp_linux_device_index(i->fd, link->bridge);
    if (bridge != 0 && port.master == bridge && port.is_up)
        return 0;
    if (i->repair && join_again(i->fd, link, device, bridge, err) < 0)
        return -1;
    return found(i, "pod", pod->uuid, "is cut off from its bridge", i->repair ? NULL : REMEDY, err);
}

/* Its forwarder listens all the same: clients are served, at another price. */
static int inspect_redirection(const struct inspection *i, const struct jp_plan_host *host,
                               const struct jp_link_pod *pod, struct jp_error *err)
{
    const struct jp_redirection redirection = {
        .uuid = pod->uuid,
        .dir = pod->dir,
        .host = host,
        .address = pod->address,
        .address6 = pod->address6,
        .ports = pod->ports,
    };
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    bool all = false, is_damaged = false;
    if (jp_forwarding_devices(host, &devices, &all, err) < 0 ||
        jp_redirect_is_damaged(&redirection, all ? NULL : &devices, &is_damaged, err) < 0)
        return -1;
    if (!is_damaged)
        return 0;
    if (i->repair && jp_redirect_install(&redirection, all ? NULL : &devices, err) < 0)
        return -1;
    return found(i, "pod", pod->uuid, "has lost rules of its published ports, which are carried",
                 i->repair ? NULL : REMEDY, err);
}

#define WITHOUT_NFTABLES                                                                           \
    "add what 'jetpack network show' tells to the firewall that there is, then set net.firewall "  \
    "= off"

static int examine_firewall(const struct inspection *i, const struct jp_plan_host *host,
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

/* Nothing forwards for pods without it. */
static int inspect_firewall(struct inspection *i, const struct jp_plan_host *host,
                            struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    i->can_forward = examine_firewall(i, host, &why) == 0;
    if (i->can_forward)
        return 0;
    if (why.code == JP_EUNSUPPORTED)
        return found(i, "firewall table", host->table, jp_error_text(&why), WITHOUT_NFTABLES, err);
    jp_error_move(err, &why);
    return -1;
}

static int inspect_forwarding(const struct inspection *i, const struct jp_plan_host *host,
                              const struct jp_linux_link *link, struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, err);
    if (state_fd < 0 || jp_forwarding_missing(host, link->bridge, &devices, err) < 0)
        return -1;
    if (i->repair && devices.count > 0 && jp_forwarding_open(host, link->bridge, state_fd, err) < 0)
        return -1;
    for (size_t n = 0; n < devices.count; n++) {
        if (found(i, "device", devices.items[n], "does not forward", i->repair ? NULL : REMEDY,
                  err) < 0)
            return -1;
    }
    return 0;
}

/* Also without pods: what will be in the way of the first. */
static int inspect_addresses(const struct inspection *i, const struct jp_plan_network *network,
                             struct jp_error *err)
{
    struct jp_linux_link link;
    char route[JP_LINUX_ROUTE_SIZE];
    jp_linux_link_read(network, &link);
    jp_linux_overlap(&link, /* narrow= */ false, route);
    if (route[0] == '\0')
        return 0;
    JP_AUTO_FREE char *problem = jp_format("overlaps the host's route to %s", route);
    return problem ? found(i, "network", network->subnet, problem,
                           "set its subnet (net.subnet, net.NAME.subnet) to another", err)
                   : jp_oom(err);
}

/* A network with pods on it. */
static int inspect_network(const struct inspection *i, const struct jp_plan_host *host,
                           const struct jp_plan_network *network, const struct jp_link_pod *pods,
                           size_t n_pods, struct jp_error *err)
{
    struct jp_linux_link link;
    jp_linux_link_read(network, &link);
    if (inspect_bridge(i, &link, err) < 0)
        return -1;
    for (size_t n = 0; n < n_pods; n++) {
        if (pods[n].network == network && inspect_pod(i, &pods[n], &link, err) < 0)
            return -1;
    }
    if (!i->can_forward)
        return 0;
    /* Ports are sent on by devices that forward. */
    if (inspect_forwarding(i, host, &link, err) < 0)
        return -1;
    for (size_t n = 0; n < n_pods; n++) {
        if (pods[n].network == network && inspect_redirection(i, host, &pods[n], err) < 0)
            return -1;
    }
    return 0;
}

static bool has_pods(const struct jp_plan_network *network, const struct jp_link_pod *pods,
                     size_t n_pods)
{
    for (size_t n = 0; n < n_pods; n++) {
        if (pods[n].network == network && network->kind != JP_NET_MACVLAN)
            return true;
    }
    return false;
}

int jp_linux_inspect(const struct jp_plan_host *host, const struct jp_link_pod *pods, size_t n_pods,
                     bool repair, const struct jp_link_report *report, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_netlink_open(err);
    struct inspection i = {.report = report, .repair = repair, .fd = fd};
    bool needs_firewall = false;
    if (fd < 0)
        return -1;
    for (size_t n = 0; n < host->n_networks; n++) {
        const struct jp_plan_network *network = &host->networks[n];
        if (network->kind != JP_NET_MACVLAN && inspect_addresses(&i, network, err) < 0)
            return -1;
        needs_firewall |= has_pods(network, pods, n_pods);
    }
    if (needs_firewall && host->table && inspect_firewall(&i, host, err) < 0)
        return -1;
    for (size_t n = 0; n < host->n_networks; n++) {
        const struct jp_plan_network *network = &host->networks[n];
        if (has_pods(network, pods, n_pods) &&
            inspect_network(&i, host, network, pods, n_pods, err) < 0)
            return -1;
    }
    return 0;
}
