/*
 * TCP: two sockets and two lanes between them. A lane takes from one socket into its hold and gives
 * from there to the other; as long as something is in the hold nothing more is taken.
 *
 * Nothing is freed while events are handed out that may still name it: a connection that is over
 * closes its sockets, is put aside, and goes in the sweep after the round.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "forward/forward.h"
#include "forward/origin.h"
#include "sys/fd.h"

#define HOLD_BYTES    (256 * 1024) /* taken at a time, at most */
#define KEEPALIVE_S   300          /* silence after which a peer is asked whether it is there */
#define KEEPALIVE_GAP 60

enum { INTO_POD, OUT_OF_POD };

struct side {
    struct jp_watch watch; /* first */
    struct jp_connection *connection;
    int fd;
    bool can_read;
    bool can_write;
};

struct lane {
    struct side *from;
    struct side *to;
    struct jp_rate *rate;
    struct jp_hold hold;
    bool has_ended; /* nothing more comes */
    bool is_done;   /* ... and that has been told, or there is nobody to tell it to */
};

struct jp_connection {
    struct jp_connection *next;
    struct jp_connection **link;
    struct jp_forwarder *forwarder;
    struct jp_guest *guest;
    struct jp_task task;
    uint16_t pod_port;
    bool may_fall_back; /* to IPv4, should nobody listen at the pod's IPv6 address */
    struct side client;
    struct side pod;
    struct lane lanes[2];
    bool is_connected;
    bool is_dead;
};

/* ---- the end --------------------------------------------------------------------------------- */

/* The peer is told that what it sent may be lost, as by a program that died. */
static void reset(int *fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    jp_fd_close(fd);
}

static void bury(struct jp_connection *c)
{
    struct jp_forwarder *f = c->forwarder;
    jp_task_drop(&c->task);
    for (int i = 0; i < 2; i++)
        jp_hold_drop(&c->lanes[i].hold);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->is_dead = true;
    c->next = f->dead;
    f->dead = c;
    f->n_connections--;
    jp_guest_leave(&f->guests, c->guest);
    if (f->guests.n_parked > 0)
        jp_task_put(&f->tasks, &f->unpark);
    while (f->waiting.first) {
        struct jp_task *task = f->waiting.first;
        jp_task_drop(task);
        jp_task_put(&f->tasks, task);
    }
}

static void finish(struct jp_connection *c)
{
    jp_fd_close(&c->client.fd);
    jp_fd_close(&c->pod.fd);
    bury(c);
}

static void abort_connection(struct jp_connection *c)
{
    reset(&c->client.fd);
    reset(&c->pod.fd);
    bury(c);
}

void jp_tcp_sweep(struct jp_forwarder *f)
{
    while (f->dead) {
        struct jp_connection *c = f->dead;
        f->dead = c->next;
        free(c);
    }
}

void jp_tcp_close_all(struct jp_forwarder *f)
{
    while (f->connections)
        abort_connection(f->connections);
    jp_tcp_sweep(f);
    jp_holds_trim();
}

/* ---- a lane ---------------------------------------------------------------------------------- */

enum progress {
    MOVED,
    STUCK,  /* until an event */
    PAUSED, /* until the limit allows more */
    DONE,
    BROKEN, /* the connection is over */
};

/*
 * Who gets it has gone. What it said before it went may still be on its way to the other side: that
 * lane goes on, and finds the end, or the error, behind it.
 */
static enum progress give_up(struct lane *lane)
{
    jp_hold_drop(&lane->hold);
    lane->has_ended = lane->is_done = true;
    lane->to->can_read = true;
    return DONE;
}

static enum progress give(struct lane *lane)
{
    if (!lane->to->can_write)
        return STUCK;
    ssize_t n = jp_hold_give(&lane->hold, lane->to->fd);
    if (n > 0 || (n < 0 && errno == EINTR))
        return MOVED;
    if (n < 0 && errno != EAGAIN)
        return give_up(lane);
    lane->to->can_write = false;
    return STUCK;
}

static enum progress take(struct lane *lane, size_t *left)
{
    size_t max = *left < HOLD_BYTES ? *left : HOLD_BYTES;
    if (!lane->from->can_read)
        return STUCK;
    max = jp_rate_allows(lane->rate, max);
    if (max == 0)
        return PAUSED;
    ssize_t n = jp_hold_take(&lane->hold, lane->from->fd, max);
    if (n < 0 && errno == EINTR)
        return MOVED;
    if (n < 0 && errno != EAGAIN)
        return BROKEN;
    if (n < 0) {
        lane->from->can_read = false;
        return STUCK;
    }
    if (n == 0) {
        lane->has_ended = true;
        return MOVED;
    }
    jp_rate_used(lane->rate, (size_t)n);
    *left -= (size_t)n;
    return MOVED;
}

static enum progress end(struct lane *lane)
{
    lane->is_done = true;
    (void)shutdown(lane->to->fd, SHUT_WR);
    return DONE;
}

/* MOVED: its turn is over, though there may be more. */
static enum progress move(struct lane *lane)
{
    size_t left = JP_TURN_BYTES;
    enum progress progress = MOVED;
    while (progress == MOVED) {
        if (lane->is_done)
            progress = DONE;
        else if (lane->hold.len > 0)
            progress = give(lane);
        else if (lane->has_ended)
            progress = end(lane);
        else if (left == 0)
            return MOVED;
        else
            progress = take(lane, &left);
    }
    return progress;
}

/* ---- a connection ---------------------------------------------------------------------------- */

static void pump(struct jp_connection *c)
{
    /* What the second one meets may be what the first one waits for. */
    static const int order[] = {INTO_POD, OUT_OF_POD, INTO_POD};
    for (size_t i = 0; i < JP_LEN(order); i++) {
        enum progress progress = move(&c->lanes[order[i]]);
        if (progress == BROKEN) {
            abort_connection(c);
            return;
        }
        if (progress == MOVED)
            jp_task_put(&c->forwarder->tasks, &c->task);
        else if (progress == PAUSED)
            jp_task_put(&c->forwarder->paused, &c->task);
    }
    if (c->lanes[INTO_POD].is_done && c->lanes[OUT_OF_POD].is_done)
        finish(c);
}

static void go_on(struct jp_task *task)
{
    struct jp_connection *c =
        (struct jp_connection *)(void *)((char *)task - offsetof(struct jp_connection, task));
    pump(c);
}

/* To the pod's IPv4 address, in the host's name: a client of the other family has none there. */
static int connect_four(const struct jp_forwarder *f, uint16_t port)
{
    const union jp_address *host = &f->names[0];
    union jp_address target = f->targets[0];
    if (target.any.sa_family == AF_UNSPEC)
        return -1;
    jp_address_set_port(&target, port);
    return jp_origin_connect(f->keeps_address && host->any.sa_family != AF_UNSPEC ? host : NULL,
                             &target);
}

/* Most programs that listen at the addresses of one family alone listen at those of IPv4. */
static bool fall_back(struct jp_connection *c)
{
    if (!c->may_fall_back)
        return false;
    c->may_fall_back = false;
    jp_fd_close(&c->pod.fd);
    c->pod.fd = connect_four(c->forwarder, c->pod_port);
    c->pod.can_read = c->pod.can_write = false;
    return c->pod.fd >= 0 && jp_watch_add(c->forwarder->queue, c->pod.fd, &c->pod.watch) == 0;
}

/* True once it is there; one that was refused is over. */
static bool has_connected(struct jp_connection *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    if (c->is_connected)
        return true;
    if (getsockopt(c->pod.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0) {
        if (error != ECONNREFUSED || !fall_back(c))
            abort_connection(c);
        return false;
    }
    c->is_connected = getpeername(c->pod.fd, (struct sockaddr *)&peer, &peer_len) == 0;
    return c->is_connected;
}

static void on_side(struct jp_watch *watch, unsigned ready)
{
    struct side *side = (struct side *)(void *)watch;
    struct jp_connection *c = side->connection;
    if (c->is_dead)
        return;
    side->can_read |= (ready & JP_READY_READ) != 0;
    side->can_write |= (ready & JP_READY_WRITE) != 0;
    if (has_connected(c))
        pump(c);
}

static void set_up(struct jp_connection *c, int client, int pod)
{
    struct jp_forwarder *f = c->forwarder;
    c->client = (struct side){.watch = {on_side}, .connection = c, .fd = client};
    c->pod = (struct side){.watch = {on_side}, .connection = c, .fd = pod};
    c->lanes[INTO_POD] =
        (struct lane){.from = &c->client, .to = &c->pod, .rate = &f->rate[INTO_POD]};
    c->lanes[OUT_OF_POD] =
        (struct lane){.from = &c->pod, .to = &c->client, .rate = &f->rate[OUT_OF_POD]};
    c->task.run = go_on;
    c->next = f->connections;
    if (c->next)
        c->next->link = &c->next;
    c->link = &f->connections;
    f->connections = c;
    f->n_connections++;
}

/* Nothing is held back; a client that went away without a word is noticed in the end. */
static void tune(int client, int pod)
{
    const int on = 1, idle = KEEPALIVE_S, gap = KEEPALIVE_GAP;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(pod, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    (void)setsockopt(client, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof(gap));
}

/*
 * Whom the pod shall see: the client. On loopback that would be the pod itself, which some programs
 * trust: then the host. A link-local address means nothing in the pod. NULL: whoever we are there.
 */
static const union jp_address *name_for(const struct jp_forwarder *f, union jp_address *client,
                                        const union jp_address *target, union jp_address *buffer)
{
    bool is_v6 = target->any.sa_family == AF_INET6;
    const union jp_address *host = &f->names[is_v6];
    if (!f->keeps_address)
        return NULL;
    if (client->any.sa_family == target->any.sa_family && !jp_address_is_loopback(client) &&
        !jp_address_same_host(client, target) &&
        !(is_v6 && IN6_IS_ADDR_LINKLOCAL(&client->v6.sin6_addr)))
        return client;
    if (host->any.sa_family == AF_UNSPEC)
        return NULL;
    *buffer = *host;
    jp_address_set_port(buffer, jp_address_port(client));
    return buffer;
}

static int connect_pod(const struct jp_service *service, union jp_address *client)
{
    const struct jp_forwarder *f = service->forwarder;
    union jp_address target = *jp_forwarder_target(f, client->any.sa_family);
    union jp_address host;
    jp_address_set_port(&target, service->pod_port);
    int fd = jp_origin_connect(name_for(f, client, &target, &host), &target);
    return fd < 0 && target.any.sa_family == AF_INET6 ? connect_four(f, service->pod_port) : fd;
}

/* Entered as one of the guest's; a failure leaves *client_fd to the caller, who has it leave. */
static int begin(struct jp_service *service, struct jp_guest *guest, int *client_fd,
                 union jp_address *client)
{
    struct jp_forwarder *f = service->forwarder;
    JP_AUTO_FD int pod = connect_pod(service, client);
    struct jp_connection *c = pod < 0 ? NULL : jp_calloc(1, sizeof(*c));
    if (!c)
        return -1;
    c->forwarder = f;
    c->guest = guest;
    c->pod_port = service->pod_port;
    c->may_fall_back = jp_forwarder_target(f, client->any.sa_family)->any.sa_family == AF_INET6;
    tune(*client_fd, pod);
    set_up(c, jp_fd_take(client_fd), jp_fd_take(&pod));
    if (jp_watch_add(f->queue, c->client.fd, &c->client.watch) < 0 ||
        jp_watch_add(f->queue, c->pod.fd, &c->pod.watch) < 0)
        abort_connection(c);
    return 0;
}

/* Carried, or parked behind others of its client; what can be neither is the caller's to reset. */
static void receive(struct jp_service *service, int *fd, union jp_address *client)
{
    struct jp_forwarder *f = service->forwarder;
    struct jp_guest *guest = jp_guest_enter(&f->guests, client);
    if (!guest)
        return;
    if (jp_guest_may_begin(guest, f->max_connections - f->n_connections)) {
        if (begin(service, guest, fd, client) == 0)
            return;
    } else if (f->guests.n_parked < f->max_connections &&
               jp_guest_park(&f->guests, guest, service, fd, client) == 0) {
        return;
    }
    jp_guest_leave(&f->guests, guest);
}

void jp_tcp_unpark(struct jp_task *task)
{
    struct jp_forwarder *f =
        (struct jp_forwarder *)(void *)((char *)task - offsetof(struct jp_forwarder, unpark));
    struct jp_guest *guest = NULL;
    for (int i = 0; i < JP_TURN_TIMES && f->n_connections < f->max_connections; i++) {
        struct jp_parked *parked = jp_guests_unpark(
            &f->guests, f->max_connections - f->n_connections, JP_TURN_TIMES, &guest);
        if (!parked)
            return;
        if (begin(parked->door, guest, &parked->fd, &parked->client) < 0) {
            reset(&parked->fd);
            jp_guest_leave(&f->guests, guest);
        }
        free(parked);
    }
    if (f->guests.n_parked > 0 && f->n_connections < f->max_connections)
        jp_task_put(&f->tasks, &f->unpark);
}

/* ---- a listening socket ---------------------------------------------------------------------- */

/* False: nothing more now. */
static bool accept_one(struct jp_service *service)
{
    union jp_address client;
    socklen_t len = sizeof(client);
    memset(&client, 0, sizeof(client));
    int fd = accept4(service->fd, &client.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        jp_task_put(&service->forwarder->waiting, &service->task);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
    jp_address_unmap(&client); /* of a socket of both families, that somebody else has made */
    if (jp_sources_admit(service->sources, service->n_sources, &client))
        receive(service, &fd, &client);
    if (fd >= 0)
        reset(&fd);
    return true;
}

void jp_tcp_accept(struct jp_task *task)
{
    struct jp_service *service =
        (struct jp_service *)(void *)((char *)task - offsetof(struct jp_service, task));
    struct jp_forwarder *f = service->forwarder;
    for (int i = 0; i < JP_TURN_TIMES; i++) {
        if (f->n_connections >= f->max_connections) {
            jp_task_put(&f->waiting, &service->task);
            return;
        }
        if (!accept_one(service))
            return;
    }
    jp_task_put(&f->tasks, &service->task);
}

void jp_tcp_serve(struct jp_watch *watch, unsigned ready)
{
    struct jp_service *service = (struct jp_service *)(void *)watch;
    (void)ready;
    jp_task_put(&service->forwarder->tasks, &service->task);
}
