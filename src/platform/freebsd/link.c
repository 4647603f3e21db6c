/*
 * The pod's network. With a stack of its own (VNET): a pair of epair devices, one end on a bridge
 * of the host, the other moved into the jail. Without: the pod's address becomes an alias of an
 * interface of the host, and the jail may use no other.
 *
 * The host's end is named after the UUID; what an alias is on stands in a file of the pod's
 * directory, written before it is made: both are found again without the supervisor.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_bridgevar.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/subnet.h"
#include "platform/freebsd/firewall.h"
#include "platform/freebsd/freebsd.h"
#include "platform/hostwide.h"
#include "platform/publish.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/listen.h"

#define POD_DEVICE "eth0"
#define LOOPBACK   "lo0"
#define ALIAS_FILE "alias" /* in the pod's directory: INTERFACE ADDRESS */
#define MAX_ALIAS  128

struct link {
    struct in_addr address;
    struct in_addr gateway;
    uint32_t prefix_len;
    const char *bridge;
    bool is_isolated;
    char host_end[IFNAMSIZ];
    char pod_end[IFNAMSIZ]; /* as the kernel called it */
};

static struct ifreq request_for(const char *name)
{
    struct ifreq request = {.ifr_flags = 0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return request;
}

static int open_socket(struct jp_error *err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? jp_fail_sys(err, "open a socket") : fd;
}

/* ---- one device ---- */

static struct sockaddr_in sockaddr_of(struct in_addr address)
{
    return (struct sockaddr_in){
        .sin_len = sizeof(struct sockaddr_in), .sin_family = AF_INET, .sin_addr = address};
}

static void put_address(struct sockaddr *to, struct in_addr address)
{
    struct sockaddr_in sin = sockaddr_of(address);
    memcpy(to, &sin, sizeof(sin));
}

static struct in_addr mask_of(uint32_t prefix_len)
{
    struct in_addr mask = {prefix_len == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix_len))};
    return mask;
}

static int add_address(int fd, const char *name, struct in_addr address, uint32_t prefix_len,
                       struct jp_error *err)
{
    struct in_addr mask = mask_of(prefix_len);
    struct in_addr broadcast = {address.s_addr | ~mask.s_addr};
    /* Not in_aliasreq, which is the same: its header wants a <sys/tree.h> that is not ours. */
    struct ifaliasreq request = {.ifra_vhid = 0};
    (void)snprintf(request.ifra_name, sizeof(request.ifra_name), "%s", name);
    put_address(&request.ifra_addr, address);
    put_address(&request.ifra_mask, mask);
    if (prefix_len < 31 && strcmp(name, LOOPBACK) != 0)
        put_address(&request.ifra_broadaddr, broadcast);
    if (ioctl(fd, SIOCAIFADDR, &request) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "give '%s' its address", name);
    return 0;
}

static int bring_up(int fd, const char *name, struct jp_error *err)
{
    struct ifreq request = request_for(name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return jp_fail_sys(err, "look at '%s'", name);
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return jp_fail_sys(err, "bring '%s' up", name);
    return 0;
}

/* Locally administered, unicast, the IP address in its last four bytes: no stale neighbours. */
static int set_hardware_address(int fd, const char *name, struct in_addr address,
                                struct jp_error *err)
{
    struct ifreq request = request_for(name);
    unsigned char mac[ETHER_ADDR_LEN] = {0x02, 0x6a};
    memcpy(mac + 2, &address, sizeof(address));
    request.ifr_addr.sa_len = ETHER_ADDR_LEN;
    request.ifr_addr.sa_family = AF_LINK;
    memcpy(request.ifr_addr.sa_data, mac, sizeof(mac));
    if (ioctl(fd, SIOCSIFLLADDR, &request) < 0)
        return jp_fail_sys(err, "set the hardware address of '%s'", name);
    return 0;
}

static int rename_device(int fd, const char *from, const char *to)
{
    char name[IFNAMSIZ];
    struct ifreq request = request_for(from);
    (void)snprintf(name, sizeof(name), "%s", to);
    request.ifr_data = name;
    return ioctl(fd, SIOCSIFNAME, &request);
}

/* Makes a device of a kind; its name as the kernel chose it. */
static int make_device(int fd, const char *kind, char out[IFNAMSIZ], struct jp_error *err)
{
    struct ifreq request = request_for(kind);
    if (ioctl(fd, SIOCIFCREATE2, &request) < 0) {
        if (errno == EINVAL)
            return jp_fail(err, JP_EUNSUPPORTED, 0, "this kernel has no device '%s': kldload if_%s",
                           kind, kind);
        return jp_fail_sys(err, "make a device '%s'", kind);
    }
    (void)snprintf(out, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, request.ifr_name);
    return 0;
}

static int destroy_device(int fd, const char *name, struct jp_error *err)
{
    struct ifreq request = request_for(name);
    if (if_nametoindex(name) == 0 || ioctl(fd, SIOCIFDESTROY, &request) == 0 || errno == ENXIO)
        return 0;
    return jp_fail_sys(err, "delete the network device '%s'", name);
}

void jp_freebsd_group_of(const char *bridge, char out[JP_FREEBSD_GROUP])
{
    (void)snprintf(out, JP_FREEBSD_GROUP, "%.13s_p", bridge);
}

static int join_group(int fd, const char *name, const char *bridge, struct jp_error *err)
{
    struct ifgroupreq request = {.ifgr_len = 0};
    (void)snprintf(request.ifgr_name, sizeof(request.ifgr_name), "%s", name);
    jp_freebsd_group_of(bridge, request.ifgr_group);
    if (ioctl(fd, SIOCAIFGROUP, &request) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "put '%s' into the group '%s'", name, request.ifgr_group);
    return 0;
}

/* ---- the bridge ---- */

/* Pods that start at once may both try: one name, the other's device goes again. */
static int make_bridge(int fd, const char *bridge, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (if_nametoindex(bridge) != 0)
        return 0;
    if (make_device(fd, "bridge", name, err) < 0)
        return -1;
    if (strcmp(name, bridge) == 0 || rename_device(fd, name, bridge) == 0)
        return 0;
    int saved = errno;
    (void)destroy_device(fd, name, NULL);
    if (saved == EEXIST)
        return 0;
    return jp_fail(err, JP_ESYS, saved, "name the bridge '%s'", bridge);
}

static bool is_ready(int fd, const struct link *link)
{
    struct ifreq request = request_for(link->bridge);
    struct sockaddr_in address;
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP) ||
        ioctl(fd, SIOCGIFADDR, &request) < 0)
        return false;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    return address.sin_addr.s_addr == link->gateway.s_addr;
}

static int tell_bridge(int fd, const struct link *link, unsigned long command, uint32_t flags)
{
    struct ifbreq member = {.ifbr_ifsflags = flags};
    struct ifdrv request = {.ifd_cmd = command, .ifd_len = sizeof(member), .ifd_data = &member};
    (void)snprintf(member.ifbr_ifsname, sizeof(member.ifbr_ifsname), "%s", link->host_end);
    (void)snprintf(request.ifd_name, sizeof(request.ifd_name), "%s", link->bridge);
    return ioctl(fd, SIOCSDRVSPEC, &request);
}

/* Before the device is up: nothing passes to a neighbour of an isolated network. */
static int join_bridge(int fd, const struct link *link, struct jp_error *err)
{
    if (tell_bridge(fd, link, BRDGADD, 0) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "put '%s' on the bridge '%s'", link->host_end, link->bridge);
    if (link->is_isolated &&
        tell_bridge(fd, link, BRDGSIFFLGS, IFBIF_LEARNING | IFBIF_DISCOVER | IFBIF_PRIVATE) < 0)
        return jp_fail_sys(err, "isolate '%s' on the bridge '%s'", link->host_end, link->bridge);
    return 0;
}

static int ensure_bridge(int fd, const struct link *link, struct jp_error *err)
{
    if (make_bridge(fd, link->bridge, err) < 0 ||
        join_group(fd, link->bridge, link->bridge, err) < 0)
        return -1;
    if (is_ready(fd, link))
        return 0;
    if (add_address(fd, link->bridge, link->gateway, link->prefix_len, err) < 0)
        return -1;
    return bring_up(fd, link->bridge, err);
}

/* ---- the pair ---- */

static int host_end_of(const char *uuid, char out[IFNAMSIZ], struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    (void)snprintf(out, IFNAMSIZ, "jp%.8s%.4s", uuid, uuid + 9);
    return 0;
}

static int make_pair(int fd, struct link *link, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (destroy_device(fd, link->host_end, err) < 0 || make_device(fd, "epair", name, err) < 0)
        return -1;
    size_t len = strlen(name);
    (void)snprintf(link->pod_end, sizeof(link->pod_end), "%s", name);
    link->pod_end[len - 1] = 'b';
    if (rename_device(fd, name, link->host_end) == 0)
        return 0;
    int saved = errno;
    (void)destroy_device(fd, name, NULL);
    return jp_fail(err, JP_ESYS, saved, "name the pod's network device");
}

static int move_into(int fd, const struct link *link, int jid, struct jp_error *err)
{
    struct ifreq request = request_for(link->pod_end);
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
                              .destination = sockaddr_of(any),
                              .gateway = sockaddr_of(gateway),
                              .mask = sockaddr_of(any)};
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
    JP_AUTO_FD int fd = open_socket(err);
    if (fd < 0 || add_address(fd, LOOPBACK, address, 8, err) < 0)
        return -1;
    return bring_up(fd, LOOPBACK, err);
}

static int configure_inside(void *context, struct jp_error *err)
{
    const struct link *link = context;
    if (configure_loopback(NULL, err) < 0)
        return -1;
    JP_AUTO_FD int fd = open_socket(err);
    if (fd < 0)
        return -1;
    if (rename_device(fd, link->pod_end, POD_DEVICE) < 0)
        return jp_fail_sys(err, "name the pod's network device");
    if (set_hardware_address(fd, POD_DEVICE, link->address, err) < 0 ||
        add_address(fd, POD_DEVICE, link->address, link->prefix_len, err) < 0 ||
        bring_up(fd, POD_DEVICE, err) < 0)
        return -1;
    return add_default_route(link->gateway, err);
}

/* ---- alias ---- */

static int remove_alias(const char *dir, struct jp_error *err)
{
    JP_AUTO_FREE char *path = jp_format("%s/" ALIAS_FILE, dir);
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char name[IFNAMSIZ], quad[INET_ADDRSTRLEN];
    struct in_addr address;
    if (!path)
        return jp_oom(err);
    if (access(path, F_OK) < 0)
        return 0;
    if (jp_file_read(AT_FDCWD, path, MAX_ALIAS, &text, err) < 0)
        return -1;
    if (sscanf(jp_buf_text(&text), "%15s %15s", name, quad) == 2 &&
        inet_pton(AF_INET, quad, &address) == 1) {
        JP_AUTO_FD int fd = open_socket(err);
        struct ifreq request = request_for(name);
        put_address(&request.ifr_addr, address);
        if (fd < 0)
            return -1;
        if (ioctl(fd, SIOCDIFADDR, &request) < 0 && errno != EADDRNOTAVAIL && errno != ENXIO)
            return jp_fail_sys(err, "take the address %s from '%s'", quad, name);
    }
    (void)jp_sys.unlinkat(AT_FDCWD, path, 0);
    return 0;
}

static bool is_of_host(struct in_addr address)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;
    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *e = all; e && !is_found; e = e->ifa_next) {
        struct sockaddr_in in;
        if (!e->ifa_addr || e->ifa_addr->sa_family != AF_INET)
            continue;
        memcpy(&in, e->ifa_addr, sizeof(in));
        is_found = in.sin_addr.s_addr == address.s_addr;
    }
    freeifaddrs(all);
    return is_found;
}

/*
 * A further loopback (lo1) is made; another interface must be there. What the pods know as the
 * host's address (the metadata service listens on it) is put on it, if the host has it nowhere.
 */
static int ensure_interface(int fd, const struct jp_plan_net *net, struct jp_error *err)
{
    struct ifreq request = request_for(net->interface);
    struct in_addr host;
    bool is_made = if_nametoindex(net->interface) == 0 && strncmp(net->interface, "lo", 2) == 0 &&
                   ioctl(fd, SIOCIFCREATE2, &request) == 0;
    if (if_nametoindex(net->interface) == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no interface '%s' (jail.interface)",
                       net->interface);
    if (is_made && bring_up(fd, net->interface, err) < 0)
        return -1;
    if (!net->gateway || inet_pton(AF_INET, net->gateway, &host) != 1)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the host");
    return is_of_host(host) ? 0 : add_address(fd, net->interface, host, 32, err);
}

static int add_alias(const struct jp_plan *plan, struct jp_error *err)
{
    struct in_addr address;
    if (inet_pton(AF_INET, plan->net.address, &address) != 1)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the pod");
    JP_AUTO_FD int fd = open_socket(err);
    if (fd < 0 || ensure_interface(fd, &plan->net, err) < 0)
        return -1;
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, plan->dir, err);
    JP_AUTO_FREE char *text = jp_format("%s %s\n", plan->net.interface, plan->net.address);
    if (dir < 0 || !text ||
        jp_file_replace(dir, ALIAS_FILE, text, strlen(text), 0600, false, err) < 0)
        return -1;
    return add_address(fd, plan->net.interface, address, 32, err);
}

/* ---- the table ---- */

static int read_plan(const struct jp_plan *plan, struct link *ret, struct jp_error *err)
{
    const struct jp_plan_net *net = &plan->net;
    *ret = (struct link){
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
    struct link link;
    JP_AUTO_FD int fd = open_socket(err);
    if (fd < 0 || read_plan(pod->plan, &link, err) < 0 || ensure_bridge(fd, &link, err) < 0 ||
        make_pair(fd, &link, err) < 0 || join_group(fd, link.host_end, link.bridge, err) < 0 ||
        join_bridge(fd, &link, err) < 0 || bring_up(fd, link.host_end, err) < 0 ||
        move_into(fd, &link, pod->jid, err) < 0)
        return -1;
    return jp_freebsd_in_jail(pod->jid, configure_inside, &link, err);
}

static int prepare(const struct jp_plan_network *network, struct jp_error *err)
{
    struct jp_subnet subnet = {0, 0};
    (void)jp_subnet_parse(network->subnet, &subnet);
    const struct link link = {.bridge = network->bridge,
                              .gateway.s_addr = htonl(jp_subnet_gateway(&subnet)),
                              .prefix_len = subnet.prefix_len};
    JP_AUTO_FD int fd = open_socket(err);
    return fd < 0 ? -1 : ensure_bridge(fd, &link, err);
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
        r = add_alias(pod->plan, err);
    if (r == 0)
        r = redirect(pod, err);
    return r < 0 ? jp_wrap(err, "join the pod to its network") : 0;
}

static int clean(const char *uuid, const char *dir, struct jp_error *err)
{
    char name[IFNAMSIZ];
    JP_AUTO_FD int fd = open_socket(err);
    if (fd < 0 || host_end_of(uuid, name, err) < 0)
        return -1;
    int r = destroy_device(fd, name, err);
    if (dir && remove_alias(dir, r < 0 ? NULL : err) < 0)
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

/* ---- sockets that apps find ---- */

struct listen_job {
    const struct jp_plan_socket *socket;
    int out;
};

/* In the jail: there the kernel holds the socket to the jail's stack, or to its addresses. */
static int listen_inside(void *context, struct jp_error *err)
{
    const struct listen_job *job = context;
    int type = job->socket->is_udp ? SOCK_DGRAM : SOCK_STREAM;
    JP_AUTO_FD int fd = jp_listen_everywhere((uint16_t)job->socket->port, type, err);
    if (fd < 0)
        return -1;
    return jp_fd_send(job->out, "s", 1, &fd, 1, 0) < 0 ? jp_fail_sys(err, "hand on a socket") : 0;
}

static int listen_for(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                      struct jp_error *err)
{
    int ends[2];
    char byte;
    size_t count = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int in = ends[0];
    JP_AUTO_FD int out = ends[1];
    struct listen_job job = {socket, out};
    if (jp_freebsd_in_jail(pod->jid, listen_inside, &job, err) < 0)
        return -1;
    if (jp_fd_receive(in, &byte, 1, ret_fd, 1, &count, 0) < 0 || count != 1)
        return jp_fail_sys(err, "take a socket");
    return 0;
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
    .listen = listen_for,
    .teardown = teardown,
    .clean = clean,
    .prepare = prepare,
    .release = release,
    .inspect = inspect,
    .print_rules = jp_freebsd_firewall_print,
};
