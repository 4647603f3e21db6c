/*
 * UDP: a flow for each client and address that it wrote to, with a socket of its own to the pod, so
 * that the pod's answers find back. A flow ends when it was silent; when there are too many, the
 * one that is silent longest goes, first of those that the pod never answered: a flood of forged
 * senders does not push out who is talked with.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "forward/datagram.h"
#include "forward/forward.h"
#include "sys/fd.h"

#define MAX_DATAGRAM 65536
#define LEAST_FLOWS  16

enum { NEW, ANSWERED };

struct jp_flow {
    struct jp_watch watch; /* first */
    struct jp_task task;
    struct jp_service *service;
    struct jp_flow *chain; /* of its bucket; of the dead */
    struct jp_flow *older;
    struct jp_flow *newer;
    union jp_address client;
    union jp_address local; /* the host's address that the client wrote to */
    int64_t used_ms;
    int fd;
    int age; /* NEW or ANSWERED */
    bool is_dead;
};

static unsigned char datagram[MAX_DATAGRAM];

/* ---- the table ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3ULL;
    h ^= h >> 32;
    h *= 0x9fb21c651e98df25ULL;
    return h ^ h >> 29;
}

static uint64_t mix_address(uint64_t h, const union jp_address *address)
{
    uint16_t port = jp_address_port(address);
    h = mix(h, &port, sizeof(port));
    return address->any.sa_family == AF_INET6
               ? mix(h, &address->v6.sin6_addr, sizeof(address->v6.sin6_addr))
               : mix(h, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
}

static struct jp_flow **bucket_of(const struct jp_flows *flows, const struct jp_service *service,
                                  const union jp_address *client, const union jp_address *local)
{
    uint64_t h = mix(flows->seed, &service, sizeof(service));
    h = mix_address(mix_address(h, client), local);
    return &flows->buckets[h & (flows->n_buckets - 1)];
}

static void leave_age(struct jp_flows *flows, struct jp_flow *flow)
{
    if (flow->older)
        flow->older->newer = flow->newer;
    else
        flows->oldest[flow->age] = flow->newer;
    if (flow->newer)
        flow->newer->older = flow->older;
    else
        flows->newest[flow->age] = flow->older;
}

static void enter_age(struct jp_flows *flows, struct jp_flow *flow, int age)
{
    flow->age = age;
    flow->newer = NULL;
    flow->older = flows->newest[age];
    if (flow->older)
        flow->older->newer = flow;
    else
        flows->oldest[age] = flow;
    flows->newest[age] = flow;
}

static void touch(struct jp_flow *flow, int age)
{
    struct jp_flows *flows = &flow->service->forwarder->flows;
    flow->used_ms = jp_time_monotonic_ms();
    leave_age(flows, flow);
    enter_age(flows, flow, age > flow->age ? age : flow->age);
}

static void end_flow(struct jp_flow *flow)
{
    struct jp_forwarder *f = flow->service->forwarder;
    struct jp_flow **at = bucket_of(&f->flows, flow->service, &flow->client, &flow->local);
    while (*at != flow)
        at = &(*at)->chain;
    *at = flow->chain;
    leave_age(&f->flows, flow);
    jp_task_drop(&flow->task);
    jp_fd_close(&flow->fd);
    flow->is_dead = true;
    flow->chain = f->dead_flows;
    f->dead_flows = flow;
    f->flows.count--;
}

void jp_udp_sweep(struct jp_forwarder *f)
{
    while (f->dead_flows) {
        struct jp_flow *flow = f->dead_flows;
        f->dead_flows = flow->chain;
        free(flow);
    }
}

int jp_udp_expire(struct jp_forwarder *f, int64_t now_ms)
{
    static const int64_t patience_ms[] = {[NEW] = JP_FLOW_NEW_MS, [ANSWERED] = JP_FLOW_MS};
    int64_t next_ms = -1;
    for (int age = NEW; age <= ANSWERED; age++) {
        struct jp_flow *flow;
        while ((flow = f->flows.oldest[age]) && now_ms - flow->used_ms >= patience_ms[age])
            end_flow(flow);
        if (!flow)
            continue;
        int64_t left_ms = flow->used_ms + patience_ms[age] - now_ms;
        if (next_ms < 0 || left_ms < next_ms)
            next_ms = left_ms;
    }
    return (int)next_ms;
}

/* ---- out of the pod -------------------------------------------------------------------------- */

/* False: nothing more now. What the kernel refuses to send is lost, as it is on a wire. */
static bool answer_one(struct jp_flow *flow)
{
    struct jp_rate *rate = &flow->service->forwarder->rate[1];
    if (jp_rate_allows(rate, 1) == 0) {
        jp_task_put(&flow->service->forwarder->paused, &flow->task);
        return false;
    }
    ssize_t n = recv(flow->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
    if (n < 0) /* ECONNREFUSED: nobody listens in the pod (yet) */
        return errno == EINTR || errno == ECONNREFUSED;
    jp_rate_used(rate, (size_t)n);
    touch(flow, ANSWERED);
    (void)jp_datagram_send(flow->service->fd, datagram, (size_t)n, &flow->client, &flow->local);
    return true;
}

static void answer(struct jp_task *task)
{
    struct jp_flow *flow =
        (struct jp_flow *)(void *)((char *)task - offsetof(struct jp_flow, task));
    for (int i = 0; i < JP_TURN_TIMES; i++) {
        if (!answer_one(flow))
            return;
    }
    jp_task_put(&flow->service->forwarder->tasks, task);
}

static void on_flow(struct jp_watch *watch, unsigned ready)
{
    struct jp_flow *flow = (struct jp_flow *)(void *)watch;
    if (!flow->is_dead && (ready & JP_READY_READ))
        jp_task_put(&flow->service->forwarder->tasks, &flow->task);
}

/* ---- into the pod ---------------------------------------------------------------------------- */

static void make_room(struct jp_forwarder *f)
{
    if (f->flows.count >= f->flows.max)
        end_flow(f->flows.oldest[NEW] ? f->flows.oldest[NEW] : f->flows.oldest[ANSWERED]);
}

static int open_flow(const struct jp_service *service)
{
    /* A refusal comes after the first datagram is lost: the family that most programs listen at. */
    union jp_address target = *jp_forwarder_target(service->forwarder, AF_INET);
    jp_address_set_port(&target, service->pod_port);
    JP_AUTO_FD int fd =
        socket(target.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (fd < 0 || connect(fd, &target.any, jp_address_len(&target)) < 0)
        return -1;
    return jp_fd_take(&fd);
}

static struct jp_flow *new_flow(struct jp_service *service, const union jp_address *client,
                                const union jp_address *local)
{
    struct jp_forwarder *f = service->forwarder;
    make_room(f);
    JP_AUTO_FD int fd = open_flow(service);
    struct jp_flow *flow = fd < 0 ? NULL : jp_calloc(1, sizeof(*flow));
    if (!flow)
        return NULL;
    *flow = (struct jp_flow){.watch = {on_flow},
                             .task = {.run = answer},
                             .service = service,
                             .client = *client,
                             .local = *local,
                             .fd = fd};
    if (jp_watch_add(f->queue, fd, &flow->watch) < 0) {
        free(flow);
        return NULL;
    }
    (void)jp_fd_take(&fd);
    struct jp_flow **bucket = bucket_of(&f->flows, service, client, local);
    flow->chain = *bucket;
    *bucket = flow;
    enter_age(&f->flows, flow, NEW);
    f->flows.count++;
    return flow;
}

static struct jp_flow *find_flow(struct jp_service *service, const union jp_address *client,
                                 const union jp_address *local)
{
    struct jp_flows *flows = &service->forwarder->flows;
    struct jp_flow *flow = *bucket_of(flows, service, client, local);
    while (flow && (flow->service != service || !jp_address_equal(&flow->client, client) ||
                    !jp_address_equal(&flow->local, local)))
        flow = flow->chain;
    return flow ? flow : new_flow(service, client, local);
}

/* The kernel tells of an earlier datagram that it came back, and has not sent this one then. */
static void give(const struct jp_flow *flow, size_t len)
{
    for (int i = 0; i < 2; i++) {
        if (send(flow->fd, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
            errno != ECONNREFUSED)
            return;
    }
}

static bool take_one(struct jp_service *service)
{
    struct jp_rate *rate = &service->forwarder->rate[0];
    union jp_address client;
    union jp_address local;
    if (jp_rate_allows(rate, 1) == 0) {
        jp_task_put(&service->forwarder->paused, &service->task);
        return false;
    }
    ssize_t n = jp_datagram_receive(service->fd, datagram, sizeof(datagram), &client, &local);
    if (n < 0)
        return errno == EINTR;
    jp_rate_used(rate, (size_t)n);
    if (!jp_sources_admit(service->sources, service->n_sources, &client))
        return true;
    struct jp_flow *flow = find_flow(service, &client, &local);
    if (!flow)
        return true;
    touch(flow, NEW);
    give(flow, (size_t)n);
    return true;
}

void jp_udp_take(struct jp_task *task)
{
    struct jp_service *service =
        (struct jp_service *)(void *)((char *)task - offsetof(struct jp_service, task));
    for (int i = 0; i < JP_TURN_TIMES; i++) {
        if (!take_one(service))
            return;
    }
    jp_task_put(&service->forwarder->tasks, task);
}

void jp_udp_serve(struct jp_watch *watch, unsigned ready)
{
    struct jp_service *service = (struct jp_service *)(void *)watch;
    if (ready & JP_READY_READ)
        jp_task_put(&service->forwarder->tasks, &service->task);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

int jp_udp_open(struct jp_forwarder *f, size_t max, struct jp_error *err)
{
    struct jp_flows *flows = &f->flows;
    flows->max = max < LEAST_FLOWS ? LEAST_FLOWS : max < JP_MAX_FLOWS ? max : JP_MAX_FLOWS;
    flows->n_buckets = JP_MAX_FLOWS;
    flows->buckets = jp_calloc(flows->n_buckets, sizeof(*flows->buckets));
    if (!flows->buckets)
        return jp_oom(err);
    return jp_random_bytes(&flows->seed, sizeof(flows->seed), err);
}

void jp_udp_close(struct jp_forwarder *f)
{
    for (int age = NEW; age <= ANSWERED; age++) {
        while (f->flows.oldest[age])
            end_flow(f->flows.oldest[age]);
    }
    jp_udp_sweep(f);
    free(f->flows.buckets);
    f->flows.buckets = NULL;
}
