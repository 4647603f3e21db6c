/*
 * The forwarder: carries what arrives at a pod's published ports into the pod, and the answers
 * back. One process, one thread, one queue of events.
 *
 * It trusts nobody at either end. What it holds is bounded: JP_MAX_CONNECTIONS and JP_MAX_FLOWS,
 * each with a fixed number of descriptors and a few hundred bytes; what cannot be given on is not
 * taken, so a slow receiver slows its sender; when there are as many connections as there may be,
 * the next ones wait in the kernel's queue; of one client there may be half of them at most
 * (sys/guests.h). A turn of work for one is limited (JP_TURN_*), so that
 * nobody waits for the busiest.
 *
 * End of file and errors are carried as they came: a half-closed connection stays half-closed, a
 * reset one is reset.
 */
#ifndef JP_FORWARD_FORWARD_H
#define JP_FORWARD_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "forward/hold.h"
#include "forward/watch.h"
#include "plan/forward.h"
#include "sys/address.h"
#include "sys/guests.h"

#define JP_MAX_CONNECTIONS 8192 /* of TCP; fewer when the limit of descriptors is low */
#define JP_MAX_FLOWS       4096 /* of UDP; likewise, at most a quarter of the descriptors */
#define JP_TURN_BYTES      (1024 * 1024) /* of one connection at a time */
#define JP_TURN_TIMES      64            /* connections accepted, or datagrams taken, at a time */
#define JP_FLOW_NEW_MS     30000  /* a UDP flow that was not answered yet ends after so long */
#define JP_FLOW_MS         180000 /* ... and one that was */
#define JP_RATE_MS         10     /* between looks at what a limit of bytes a second allows again */

/* Something that was stopped with work left. */
struct jp_task {
    struct jp_task *next;
    struct jp_task **link;
    struct jp_tasks *list; /* NULL: in none */
    unsigned turn;
    void (*run)(struct jp_task *task);
};

struct jp_tasks {
    struct jp_task *first;
    struct jp_task **end; /* where the next one is put; NULL: at `first` */
    unsigned turn;
};

struct jp_rate {
    uint64_t bytes_per_second; /* 0: no limit */
    uint64_t tokens;
    int64_t filled_ms;
};

struct jp_service; /* of one socket */
struct jp_connection;
struct jp_flow;

struct jp_flows {
    struct jp_flow **buckets;
    size_t n_buckets; /* a power of two */
    uint64_t seed;
    size_t count;
    size_t max;
    struct jp_flow *oldest[2]; /* by last use: those not answered yet, and those answered */
    struct jp_flow *newest[2];
};

struct jp_forwarder {
    const struct jp_forward_settings *settings;
    int queue;
    bool keeps_address;          /* asked for, and possible */
    union jp_address targets[2]; /* the pod: IPv4, IPv6; family AF_UNSPEC: none */
    union jp_address names[2];   /* the host as the pod sees it, likewise */
    struct jp_service *services;
    size_t n_services;
    struct jp_tasks tasks;      /* to go on with at once */
    struct jp_tasks waiting;    /* for a connection to end, so that another can begin */
    int64_t retried_ms;         /* when they were tried all the same */
    struct jp_tasks paused;     /* until the limit of bytes a second allows more */
    struct jp_connection *dead; /* freed when no event can mean them any more */
    struct jp_flow *dead_flows;
    size_t n_connections;
    size_t max_connections;
    struct jp_connection *connections;
    struct jp_guests guests;
    struct jp_task unpark; /* looks whether who waits there may begin */
    struct jp_flows flows;
    struct jp_rate rate[2]; /* into the pod, and out of it */
    bool is_over;
};

/* One listening socket. */
struct jp_service {
    struct jp_watch watch; /* first */
    struct jp_task task;
    struct jp_forwarder *forwarder;
    int fd;
    sa_family_t family;
    uint16_t pod_port;
    struct jp_source *sources;
    size_t n_sources;
};

/*
 * Begins to listen for events. The sockets, as many as listeners of the settings, are bound and
 * non-blocking, those of TCP listen. The first n_services of them are closed by
 * jp_forwarder_close(), which is due in any case; settings stay the caller's, for as long as f is.
 */
int jp_forwarder_open(struct jp_forwarder *f, const struct jp_forward_settings *settings,
                      const int *sockets, struct jp_error *err);
/* Goes on until `life`, a socket to whoever started us, ends. */
void jp_forwarder_run(struct jp_forwarder *f, int life);
/* One round of it: waits until there is work, and does that. */
void jp_forwarder_round(struct jp_forwarder *f);
void jp_forwarder_close(struct jp_forwarder *f);

/* task.c */
/* Puts it at the end, unless it is in a list already. */
void jp_task_put(struct jp_tasks *list, struct jp_task *task);
/* Takes it out of its list, if it is in one. */
void jp_task_drop(struct jp_task *task);
/* Runs those that are there now, not those that they add. */
void jp_tasks_run(struct jp_tasks *list);
/* At most `wanted`; 0: nothing now, come back after JP_RATE_MS. */
size_t jp_rate_allows(struct jp_rate *rate, size_t wanted);
void jp_rate_used(struct jp_rate *rate, size_t bytes);

/* Where a client of that family is carried to: the same family if the pod has it. */
const union jp_address *jp_forwarder_target(const struct jp_forwarder *f, sa_family_t family);

/* tcp.c */
void jp_tcp_serve(struct jp_watch *watch, unsigned ready);
void jp_tcp_accept(struct jp_task *task);
/* Goes on with connections that waited for others of their client (f->unpark). */
void jp_tcp_unpark(struct jp_task *task);
void jp_tcp_sweep(struct jp_forwarder *f);
void jp_tcp_close_all(struct jp_forwarder *f);

/* udp.c */
int jp_udp_open(struct jp_forwarder *f, size_t max, struct jp_error *err);
void jp_udp_serve(struct jp_watch *watch, unsigned ready);
void jp_udp_take(struct jp_task *task);
/* Ends flows that were silent too long; the time until it has to be called again, -1: never. */
int jp_udp_expire(struct jp_forwarder *f, int64_t now_ms);
void jp_udp_sweep(struct jp_forwarder *f);
void jp_udp_close(struct jp_forwarder *f);

#endif
