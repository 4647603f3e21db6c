/* The whole: what is listened to, and the rounds of waiting and working. */
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "forward/datagram.h"
#include "forward/forward.h"
#include "forward/origin.h"
#include "sys/fd.h"

#define PER_CONNECTION                                                                             \
    (2 + 2 * JP_HOLD_DESCRIPTORS) /* descriptors: its sockets, both lanes' holds */
#define OTHERS            64 /* descriptors that are none of connections: queue, spare pipes, ... */
#define LEAST_CONNECTIONS 4
#define RETRY_MS          1000 /* between tries to accept when the system has nothing left */

/* The one who started us. */
struct life {
    struct jp_watch watch; /* first */
    struct jp_forwarder *forwarder;
    int fd;
};

const union jp_address *jp_forwarder_target(const struct jp_forwarder *f, sa_family_t family)
{
    const union jp_address *same = &f->targets[family == AF_INET6];
    return same->any.sa_family != AF_UNSPEC ? same : &f->targets[family != AF_INET6];
}

static int read_addresses(struct jp_forwarder *f, struct jp_error *err)
{
    const struct jp_forward_settings *s = f->settings;
    const struct {
        const char *text;
        union jp_address *address;
    } table[] = {
        {s->address, &f->targets[0]},
        {s->address6, &f->targets[1]},
        {s->gateway, &f->names[0]},
        {s->gateway6, &f->names[1]},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        table[i].address->any.sa_family = AF_UNSPEC;
        if (table[i].text && jp_address_read(table[i].text, 0, table[i].address, err) < 0)
            return -1;
    }
    return 0;
}

static int read_sources(struct jp_service *service, const struct jp_strv *texts,
                        struct jp_error *err)
{
    service->sources = jp_calloc(texts->count + 1, sizeof(*service->sources));
    if (!service->sources)
        return jp_oom(err);
    for (size_t i = 0; i < texts->count; i++) {
        if (jp_source_parse(texts->items[i], &service->sources[i], err) < 0)
            return -1;
        service->n_sources++;
    }
    return 0;
}

static int open_service(struct jp_forwarder *f, size_t index, int fd, struct jp_error *err)
{
    const struct jp_forward_listener *listener = &f->settings->listeners[index];
    const struct jp_plan_port *port = &f->settings->ports.items[listener->port];
    struct jp_service *service = &f->services[f->n_services++];
    union jp_address address;
    socklen_t len = sizeof(address);
    *service = (struct jp_service){
        .watch = {port->is_udp ? jp_udp_serve : jp_tcp_serve},
        .task = {.run = port->is_udp ? jp_udp_take : jp_tcp_accept},
        .forwarder = f,
        .fd = fd,
        .pod_port = (uint16_t)(port->pod_port + listener->offset),
    };
    if (getsockname(fd, &address.any, &len) < 0)
        return jp_fail_sys(err, "look at a socket");
    service->family = address.any.sa_family;
    if (read_sources(service, &port->sources, err) < 0)
        return jp_wrap(err, "port '%s'", port->name);
    if (port->is_udp && jp_datagram_prepare(fd, service->family) < 0)
        return jp_fail_sys(err, "prepare a socket for datagrams");
    return jp_watch_add(f->queue, fd, &service->watch) < 0 ? jp_fail_sys(err, "watch a socket") : 0;
}

/* Connections may have two thirds of the descriptors, flows the rest. */
static int share_out(struct jp_forwarder *f, struct jp_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return jp_fail_sys(err, "ask for the limit of open files");
    size_t used = OTHERS + f->settings->n_listeners;
    size_t all = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > UINT32_MAX
                     ? UINT32_MAX
                     : (size_t)limit.rlim_cur;
    size_t left = all > used ? all - used : 0;
    f->max_connections = left / 3 * 2 / (PER_CONNECTION + 1); /* and as many may be parked */
    if (f->max_connections > JP_MAX_CONNECTIONS)
        f->max_connections = JP_MAX_CONNECTIONS;
    if (f->max_connections < LEAST_CONNECTIONS)
        return jp_fail(err, JP_ELIMIT, 0, "%zu open files are too few to forward %zu ports", all,
                       f->settings->n_listeners);
    f->unpark.run = jp_tcp_unpark;
    if (jp_guests_open(&f->guests, err) < 0)
        return -1;
    return jp_udp_open(f, left / 3, err);
}

int jp_forwarder_open(struct jp_forwarder *f, const struct jp_forward_settings *settings,
                      const int *sockets, struct jp_error *err)
{
    *f = (struct jp_forwarder){.settings = settings, .queue = -1};
    for (int i = 0; i < 2; i++)
        f->rate[i].bytes_per_second = settings->bytes_per_second;
    f->keeps_address = settings->keeps_address && jp_origin_works();
    f->services = jp_calloc(settings->n_listeners, sizeof(*f->services));
    if (!f->services)
        return jp_oom(err);
    if (read_addresses(f, err) < 0 || (f->queue = jp_watch_open(err)) < 0 || share_out(f, err) < 0)
        return -1;
    for (size_t i = 0; i < settings->n_listeners; i++) {
        if (open_service(f, i, sockets[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* The limit from now on; anything else, and the end of it, is our end. */
static void on_life(struct jp_watch *watch, unsigned ready)
{
    struct life *life = (struct life *)(void *)watch;
    struct jp_forwarder *f = life->forwarder;
    uint64_t limit;
    ssize_t n;
    if (!(ready & JP_READY_READ))
        return;
    while ((n = recv(life->fd, &limit, sizeof(limit), MSG_DONTWAIT)) == sizeof(limit)) {
        for (int i = 0; i < 2; i++)
            f->rate[i] = (struct jp_rate){.bytes_per_second = limit};
    }
    if (n >= 0 || (errno != EAGAIN && errno != EINTR))
        f->is_over = true;
}

static int earlier(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int time_left(struct jp_forwarder *f)
{
    if (f->tasks.first)
        return 0;
    int left = f->flows.count > 0 ? jp_udp_expire(f, jp_time_monotonic_ms()) : -1;
    if (f->paused.first)
        left = earlier(left, JP_RATE_MS);
    if (f->waiting.first)
        left = earlier(left, RETRY_MS);
    return left;
}

/* Whatever else goes on: the kernel tells only once of a client who was not accepted. */
static void retry(struct jp_forwarder *f)
{
    int64_t now_ms = f->waiting.first ? jp_time_monotonic_ms() : 0;
    if (!f->waiting.first || now_ms - f->retried_ms < RETRY_MS)
        return;
    f->retried_ms = now_ms;
    jp_tasks_run(&f->waiting);
}

void jp_forwarder_round(struct jp_forwarder *f)
{
    jp_watch_wait(f->queue, time_left(f));
    jp_tasks_run(&f->tasks);
    jp_tasks_run(&f->paused);
    retry(f);
    jp_tcp_sweep(f);
    jp_udp_sweep(f);
}

void jp_forwarder_run(struct jp_forwarder *f, int life)
{
    struct life watched = {.watch = {on_life}, .forwarder = f, .fd = life};
    if (jp_watch_add(f->queue, life, &watched.watch) < 0)
        return;
    while (!f->is_over)
        jp_forwarder_round(f);
}

void jp_forwarder_close(struct jp_forwarder *f)
{
    jp_tcp_close_all(f);
    jp_guests_close(&f->guests);
    if (f->flows.buckets)
        jp_udp_close(f);
    for (size_t i = 0; i < f->n_services; i++) {
        jp_fd_close(&f->services[i].fd);
        free(f->services[i].sources);
    }
    free(f->services);
    jp_fd_close(&f->queue);
}
