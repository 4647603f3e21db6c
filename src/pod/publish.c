/*
 * Published ports, on the side of the command: what the manifest says becomes numbers, and every
 * socket is bound before anything else of the start is made, so that a port in use is one sentence
 * and leaves nothing. The sockets travel to the forwarder unseen by the supervisor
 * (plan/forward.h).
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "plan/forward.h"
#include "pod/inspect.h"
#include "pod/internal.h"
#include "sys/account.h"
#include "sys/address.h"
#include "sys/fd.h"
#include "sys/inherited.h"
#include "sys/listen.h"

#define END_PAUSE_MS 10  /* between looks at a port that is about to be free */
#define END_TRIES    500 /* of them */
#define OTHER_FILES  256 /* more than a command has open beside a pod's ports */

/* ---- annotations ----------------------------------------------------------------------------- */

static const char *note_of(const struct jp_pod_manifest *m, const char *prefix, const char *port)
{
    JP_AUTO_FREE char *name = jp_format("%s%s", prefix, port);
    return name ? jp_pod_manifest_annotation(m, name) : NULL;
}

const char *jp_pod_port_ip(const struct jp_pod_manifest *m, const struct jp_exposed_port *port)
{
    const char *ip = note_of(m, JP_NOTE_PORT_IP, port->name);
    return ip ? ip : port->host_ip;
}

/* Words separated by blanks, each a network. */
static int read_sources(const char *text, struct jp_strv *ret, struct jp_error *err)
{
    size_t len;
    for (const char *word = text + strspn(text, " "); *word;
         word += len + strspn(word + len, " ")) {
        struct jp_source source;
        len = strcspn(word, " ");
        if (ret->count == JP_PORT_MAX_SOURCES)
            return jp_fail(err, JP_ELIMIT, 0, "more than %d networks", JP_PORT_MAX_SOURCES);
        if (jp_strv_add_owned(ret, jp_memdup0(word, len)) < 0)
            return jp_oom(err);
        if (jp_source_parse(ret->items[ret->count - 1], &source, err) < 0)
            return -1;
    }
    return ret->count > 0 ? 0 : jp_fail(err, JP_EINVALID, 0, "it names no network");
}

static bool is_published(const struct jp_pod_manifest *m, const char *name)
{
    return jp_pod_manifest_find_port(m, name) != NULL;
}

/* What stands in an annotation must mean a port that there is: a limit that is not is no limit. */
static int check_note(const struct jp_pod_manifest *m, const struct jp_pair *pair,
                      struct jp_error *err)
{
    JP_AUTO(jp_strv) sources = JP_STRV_INIT;
    union jp_address address;
    bool is_from = strncmp(pair->name, JP_NOTE_PORT_FROM, strlen(JP_NOTE_PORT_FROM)) == 0;
    bool is_ip = strncmp(pair->name, JP_NOTE_PORT_IP, strlen(JP_NOTE_PORT_IP)) == 0;
    if (!is_from && !is_ip)
        return 0;
    const char *name = pair->name + strlen(is_from ? JP_NOTE_PORT_FROM : JP_NOTE_PORT_IP);
    if (!is_published(m, name))
        return jp_fail(err, JP_EINVALID, 0, "no port '%s' is published", name);
    return is_from ? read_sources(pair->value, &sources, err)
                   : jp_address_read(pair->value, 0, &address, err);
}

int jp_pod_port_notes_check(const struct jp_pod_manifest *m, struct jp_error *err)
{
    for (size_t i = 0; i < m->annotations.count; i++) {
        if (check_note(m, &m->annotations.items[i], err) < 0)
            return jp_wrap(err, "annotation %s", m->annotations.items[i].name);
    }
    return 0;
}

/* ---- the plan -------------------------------------------------------------------------------- */

static int plan_port(const struct jp_pod_manifest *m, const struct jp_exposed_port *from,
                     const struct jp_port *behind, struct jp_plan_port *to, struct jp_error *err)
{
    const char *ip = jp_pod_port_ip(m, from);
    const char *sources = note_of(m, JP_NOTE_PORT_FROM, from->name);
    to->name = jp_strdup(from->name);
    to->host_ip = jp_strdup(ip);
    if (!to->name || (ip && !to->host_ip))
        return jp_oom(err);
    to->host_port = from->host_port;
    to->pod_port = behind->port;
    to->count = behind->count;
    to->is_udp = strcmp(behind->protocol, "udp") == 0;
    return sources ? read_sources(sources, &to->sources, err) : 0;
}

/* Where the metadata service listens nobody else may: it could not be started any more. */
static int check_service(const struct jp_pod_context *ctx, const struct jp_plan_port *port,
                         struct jp_error *err)
{
    if (!ctx || !ctx->metadata || port->is_udp || ctx->metadata->port < port->host_port ||
        ctx->metadata->port - port->host_port >= port->count)
        return 0;
    int is_there = port->host_ip ? jp_pod_service_is_at(ctx, port->host_ip, err) : 1;
    if (is_there <= 0)
        return is_there;
    return jp_fail(err, JP_EBUSY, 0,
                   "port '%s': tcp port %u of the host is the metadata service's (mds.port); "
                   "publish another, or at an address of the host (%s=IP:%u)",
                   port->name, (unsigned)ctx->metadata->port, port->name,
                   (unsigned)ctx->metadata->port);
}

static int plan_ports(const struct jp_pod_manifest *m, const struct jp_image_manifest *images,
                      struct jp_plan_ports *ports, struct jp_error *err)
{
    ports->items = jp_calloc(m->ports.count, sizeof(*ports->items));
    if (!ports->items)
        return jp_oom(err);
    for (size_t i = 0; i < m->ports.count; i++) {
        const struct jp_exposed_port *from = &m->ports.items[i];
        const struct jp_port *behind = jp_pod_port_behind(m, images, from);
        if (!behind)
            return jp_fail(err, JP_ECORRUPT, 0, "no app has a port '%s'", from->name);
        if (plan_port(m, from, behind, &ports->items[ports->count++], err) < 0)
            return jp_wrap(err, "port '%s'", from->name);
    }
    return 0;
}

int jp_pod_publish_way(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                       bool *ret_redirects, struct jp_error *err)
{
    const char *way = jp_pod_manifest_annotation(m, JP_NOTE_PUBLISH);
    *ret_redirects = way ? strcmp(way, "nat") == 0 : ctx && ctx->redirects_ports;
    if (way && strcmp(way, "nat") != 0 && strcmp(way, "proxy") != 0)
        return jp_fail(err, JP_EINVALID, 0,
                       "annotation " JP_NOTE_PUBLISH ": '%.80s' is not proxy "
                       "or nat",
                       way);
    return 0;
}

int jp_pod_plan_ports(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                      struct jp_plan *plan, struct jp_error *err)
{
    const struct jp_pod_manifest *m = request->manifest;
    if (m->ports.count == 0 || request->start->without_apps)
        return 0;
    if (plan->net.mode == JP_NET_HOST) {
        jp_pod_say(ctx, JP_POD_WARNING,
                   "the pod has the host's network: its ports are the host's, and nothing is "
                   "published ('%s')",
                   m->ports.items[0].name);
        return 0;
    }
    JP_AUTO_FD int program = jp_pod_program(ctx, JP_FORWARD_PROGRAM, &plan->forwarder, err);
    if (program < 0 || jp_pod_publish_way(ctx, m, &plan->redirects_ports, err) < 0)
        return -1;
    /* Without rules of ours, or by way of another device, nothing can be sent on. */
    plan->redirects_ports &=
        plan->net.mode == JP_NET_POD && plan->net.host.table && plan->net.kind != JP_NET_MACVLAN;
    if (plan_ports(m, request->images, &plan->ports, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->ports.count; i++) {
        if (check_service(ctx, &plan->ports.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- who has a port -------------------------------------------------------------------------- */

static bool has_port(const struct jp_plan_ports *ports, bool is_udp, uint32_t number)
{
    for (size_t i = 0; i < ports->count; i++) {
        const struct jp_plan_port *port = &ports->items[i];
        if (port->is_udp == is_udp && number >= port->host_port &&
            number - port->host_port < port->count)
            return true;
    }
    return false;
}

/*
 * A forwarder of no pod that lives is about to end: its supervisor was killed a moment ago, and the
 * pod's lock was free before the kernel had come to it.
 */
static bool is_forwarder(const char *holder)
{
    size_t len = strlen(JP_FORWARD_PROGRAM);
    return strncmp(holder, JP_FORWARD_PROGRAM, len) == 0 && holder[len] == ' ';
}

/* 0 when it is worth another try. */
static int fail_in_use(const struct jp_pod_context *ctx, const struct jp_plan_port *port,
                       const union jp_address *address, bool may_wait, struct jp_error *err)
{
    JP_AUTO(jp_pod_statuses) pods = {NULL, 0};
    const char *protocol = port->is_udp ? "udp" : "tcp";
    uint32_t number = jp_address_port(address);
    char holder[64];
    (void)jp_pod_list(ctx, &pods, NULL);
    for (size_t i = 0; i < pods.count; i++) {
        if (has_port(&pods.items[i].ports, port->is_udp, number))
            return jp_fail(err, JP_EBUSY, 0, "port '%s': pod '%s' has %s port %u of the host",
                           port->name, pods.items[i].pod.name, protocol, number);
    }
    bool is_known = jp_platform.host->holder(port->is_udp, address, holder, sizeof(holder));
    if (may_wait && (!is_known || is_forwarder(holder)))
        return 0;
    if (is_known)
        return jp_fail(err, JP_EBUSY, 0, "port '%s': %s has %s port %u of the host", port->name,
                       holder, protocol, number);
    return jp_fail(err, JP_EBUSY, 0, "port '%s': another program has %s port %u of the host",
                   port->name, protocol, number);
}

/* ---- binding --------------------------------------------------------------------------------- */

struct binding {
    const struct jp_pod_context *ctx;
    struct jp_forward_settings settings; /* strings and ports are the plan's */
    struct jp_forward_listener listeners[JP_FORWARD_MAX_SOCKETS];
    int sockets[JP_FORWARD_MAX_SOCKETS];
    struct jp_pod_given given;
};

static void unbind(struct binding *b)
{
    for (size_t i = 0; i < b->settings.n_listeners; i++)
        jp_fd_close(&b->sockets[i]);
}

static int put_socket(struct binding *b, const struct jp_forward_listener *listener, int *fd,
                      struct jp_error *err)
{
    if (b->settings.n_listeners == JP_FORWARD_MAX_SOCKETS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d sockets are needed for the pod's ports",
                       JP_FORWARD_MAX_SOCKETS);
    b->listeners[b->settings.n_listeners] = *listener;
    b->sockets[b->settings.n_listeners++] = jp_fd_take(fd);
    return 0;
}

static int add_socket(struct binding *b, const struct jp_forward_listener *listener,
                      const union jp_address *address, struct jp_error *err)
{
    const struct jp_plan_port *port = &b->settings.ports.items[listener->port];
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int type = port->is_udp ? SOCK_DGRAM : SOCK_STREAM;
    JP_AUTO_FD int fd = jp_listen_at(address, type, &why);
    for (int i = 1; fd < 0 && why.sys == EADDRINUSE; i++) {
        if (fail_in_use(b->ctx, port, address, i < END_TRIES, err) < 0)
            return -1;
        (void)poll(NULL, 0, END_PAUSE_MS);
        jp_error_clear(&why);
        fd = jp_listen_at(address, type, &why);
    }
    if (fd < 0 && why.sys == EADDRNOTAVAIL)
        return jp_fail(err, JP_EINVALID, 0, "port '%s': the host has no address %s", port->name,
                       port->host_ip ? port->host_ip : "::");
    if (fd < 0) {
        jp_error_move(err, &why);
        return jp_wrap(err, "port '%s'", port->name);
    }
    return put_socket(b, listener, &fd, err);
}

static bool is_given(const struct jp_inherited *given, const struct jp_plan_port *port,
                     uint16_t number)
{
    union jp_address wanted;
    if ((given->type == SOCK_DGRAM) != port->is_udp || jp_address_port(&given->address) != number)
        return false;
    return !port->host_ip || (jp_address_read(port->host_ip, number, &wanted, NULL) == 0 &&
                              jp_address_same_host(&wanted, &given->address));
}

/* The forwarder tells clients by their address: of datagrams that is one of the socket's family. */
static int take_given(struct binding *b, const struct jp_forward_listener *listener,
                      const struct jp_inherited *given, struct jp_error *err)
{
    if (given->type == SOCK_DGRAM && given->takes_all)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "the socket for datagrams that was handed over is of both families "
                       "(BindIPv6Only=ipv6-only makes it one of IPv6)");
    JP_AUTO_FD int fd = fcntl(given->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "take a socket that was handed over");
    return put_socket(b, listener, &fd, err);
}

/* Who binds the sockets has said at which addresses: those are all. How many there were. */
static int take_all_given(struct binding *b, const struct jp_forward_listener *listener,
                          struct jp_error *err)
{
    const struct jp_plan_port *port = &b->settings.ports.items[listener->port];
    int count = 0;
    for (size_t i = 0; i < b->given.count; i++) {
        const struct jp_inherited *given = &b->given.items[i];
        if (!is_given(given, port, (uint16_t)(port->host_port + listener->offset)))
            continue;
        if (take_given(b, listener, given, err) < 0)
            return jp_wrap(err, "port '%s'", port->name);
        b->given.is_taken[i] = true;
        count++;
    }
    return count;
}

static bool is_of_pods(const struct jp_pod_context *ctx, const char *device)
{
    const struct jp_networks *networks = jp_pod_networks(ctx);
    for (size_t i = 0; i < networks->count; i++) {
        const struct jp_network *network = &networks->items[i];
        if (network->kind != JP_NET_MACVLAN && !network->is_alias &&
            strcmp(network->interface, device) == 0)
            return true;
    }
    return false;
}

static bool is_for_all(const struct jp_pod_context *ctx, const struct ifaddrs *one,
                       sa_family_t family)
{
    if (!one->ifa_addr || one->ifa_addr->sa_family != family || is_of_pods(ctx, one->ifa_name))
        return false;
    const union jp_address *address = (const void *)one->ifa_addr;
    return family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

static bool is_repeated(const struct ifaddrs *all, const struct ifaddrs *one,
                        const union jp_address *address)
{
    for (const struct ifaddrs *other = all; other != one; other = other->ifa_next) {
        const union jp_address *its = (const void *)other->ifa_addr;
        if (its && its->any.sa_family == address->any.sa_family &&
            jp_address_same_host(its, address))
            return true;
    }
    return false;
}

/* How many sockets; an address that is not to be had yet (a tentative one) is passed over. */
static int bind_list(struct binding *b, const struct jp_forward_listener *listener,
                     const union jp_address *any, const struct ifaddrs *all, struct jp_error *err)
{
    int count = 0;
    sa_family_t family = any->any.sa_family;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        union jp_address address = *any;
        if (!is_for_all(b->ctx, one, family))
            continue;
        memcpy(&address, one->ifa_addr,
               family == AF_INET ? sizeof(address.v4) : sizeof(address.v6));
        jp_address_set_port(&address, jp_address_port(any));
        if (is_repeated(all, one, &address))
            continue;
        if (add_socket(b, listener, &address, &why) == 0)
            count++;
        else if (why.code != JP_EINVALID) {
            jp_error_move(err, &why);
            return -1;
        }
    }
    return count;
}

/*
 * Each address that the host has now, but for those by which pods know it: there the resolver of
 * their names has port 53, and a pod that serves names itself would never be published.
 */
static int bind_each(struct binding *b, const struct jp_forward_listener *listener,
                     const union jp_address *any, struct jp_error *err)
{
    const struct jp_plan_port *port = &b->settings.ports.items[listener->port];
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        return jp_fail_sys(err, "list the addresses of the host");
    int count = bind_list(b, listener, any, all, err);
    freeifaddrs(all);
    if (count > 0 && any->any.sa_family == AF_INET) /* once for both families */
        jp_pod_say(b->ctx, JP_POD_WARNING,
                   "port '%s': %s port %u is taken at one address of the host: it is published at "
                   "%d others, and at none that comes later",
                   port->name, port->is_udp ? "udp" : "tcp", jp_address_port(any), count);
    return count < 0 ? -1 : 0;
}

static int bind_everywhere(struct binding *b, const struct jp_forward_listener *listener,
                           const union jp_address *any, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int type = b->settings.ports.items[listener->port].is_udp ? SOCK_DGRAM : SOCK_STREAM;
    if (add_socket(b, listener, any, &why) == 0)
        return 0;
    if (why.code == JP_EBUSY && jp_listen_is_exclusive(type))
        return bind_each(b, listener, any, err);
    jp_error_move(err, &why);
    return -1;
}

/* One number: at the address that was asked for, else at every one of both families. */
static int bind_number(struct binding *b, const struct jp_forward_listener *listener,
                       struct jp_error *err)
{
    const struct jp_plan_port *port = &b->settings.ports.items[listener->port];
    const char *const all[] = {port->host_ip ? port->host_ip : "0.0.0.0",
                               port->host_ip ? NULL : "::"};
    int n_given = take_all_given(b, listener, err);
    if (n_given != 0)
        return n_given < 0 ? -1 : 0;
    for (size_t i = 0; i < JP_LEN(all) && all[i]; i++) {
        union jp_address address;
        if (jp_address_read(all[i], (uint16_t)(port->host_port + listener->offset), &address, err) <
            0)
            return -1;
        if (!port->host_ip && address.any.sa_family == AF_INET6 && !jp_listen_knows_ipv6())
            continue;
        if ((port->host_ip ? add_socket : bind_everywhere)(b, listener, &address, err) < 0)
            return -1;
    }
    return 0;
}

static int bind_all(struct binding *b, struct jp_error *err)
{
    jp_fd_allow(JP_FORWARD_MAX_SOCKETS + OTHER_FILES); /* 1024 is what most logins give */
    for (uint32_t i = 0; i < b->settings.ports.count; i++) {
        for (uint32_t k = 0; k < b->settings.ports.items[i].count; k++) {
            const struct jp_forward_listener listener = {.port = i, .offset = k};
            if (bind_number(b, &listener, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int find_user(const struct jp_pod_context *ctx, struct jp_forward_settings *settings,
                     struct jp_error *err)
{
    const char *user = ctx->metadata && ctx->metadata->user ? ctx->metadata->user : "nobody";
    settings->uid = (uint32_t)geteuid();
    settings->gid = (uint32_t)getegid();
    return settings->uid == 0 ? jp_account_ensure(user, &settings->uid, &settings->gid, NULL, err)
                              : 0;
}

/* Borrows from the plan. A pod without a network is reached by its loopback. */
static void describe(const struct jp_plan *plan, struct jp_forward_settings *to)
{
    static char loopback[] = "127.0.0.1";
    bool has_net = plan->net.mode != JP_NET_NONE;
    to->version = JP_FORWARD_VERSION;
    to->keeps_address = has_net;
    to->address = has_net ? plan->net.address : loopback;
    to->address6 = has_net ? plan->net.address6 : NULL;
    to->gateway = has_net ? plan->net.gateway : NULL;
    to->gateway6 = has_net ? plan->net.gateway6 : NULL;
    to->bytes_per_second = plan->limits.network_bytes;
    to->ports = plan->ports;
}

static int post(struct binding *b, struct jp_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int writing = ends[0];
    JP_AUTO_FD int reading = ends[1];
    if (jp_forward_post(writing, &b->settings, b->sockets, err) < 0)
        return -1;
    return jp_fd_take(&reading);
}

/* What was handed over goes to the apps themselves: they are where it was bound. */
static int hand_to_apps(const struct jp_pod_context *ctx, struct jp_plan *plan, int *ret_mailbox,
                        struct jp_error *err)
{
    struct jp_pod_given given;
    jp_pod_given_find(&given);
    if (jp_pod_given_to_apps(&given, plan, ret_mailbox, err) < 0)
        return -1;
    jp_pod_given_warn(ctx, &given,
                      "no app of the pod has a port of this number that is "
                      "socketActivated");
    return 0;
}

int jp_pod_publish(const struct jp_pod_context *ctx, struct jp_plan *plan, int *ret_mailbox,
                   struct jp_error *err)
{
    static const char nobody[] = "the pod does not publish it";
    if (plan->without_apps)
        return 0;
    if (plan->net.mode == JP_NET_HOST)
        return hand_to_apps(ctx, plan, ret_mailbox, err);
    JP_AUTO_FREE struct binding *b = jp_calloc(1, sizeof(*b));
    if (!b)
        return jp_oom(err);
    b->ctx = ctx;
    jp_pod_given_find(&b->given);
    if (!plan->forwarder) {
        jp_pod_given_warn(ctx, &b->given, nobody);
        return 0;
    }
    b->settings.listeners = b->listeners;
    describe(plan, &b->settings);
    int mailbox = -1;
    if (find_user(ctx, &b->settings, err) == 0 && bind_all(b, err) == 0)
        mailbox = post(b, err);
    if (mailbox >= 0)
        jp_pod_given_warn(ctx, &b->given, nobody);
    unbind(b);
    *ret_mailbox = mailbox;
    return mailbox < 0 ? -1 : 0;
}
