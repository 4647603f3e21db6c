#include "sys/guests.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "sys/fd.h"

#define N_BUCKETS 4096 /* a power of two */
#define KEY_BYTES 8    /* of an address of IPv6; one of IPv4 has 4 */

struct jp_guest {
    struct jp_guest *next; /* of its bucket */
    struct jp_guest *next_waiting;
    uint64_t key;
    sa_family_t family;
    size_t n_connections;
    struct jp_parked *first; /* NULL: it is not among those that wait */
    struct jp_parked **end;
};

int jp_guests_open(struct jp_guests *guests, struct jp_error *err)
{
    guests->end = &guests->first;
    guests->buckets = jp_calloc(N_BUCKETS, sizeof(struct jp_guest *));
    if (!guests->buckets)
        return jp_oom(err);
    return jp_random_bytes(&guests->seed, sizeof(guests->seed), err);
}

static void free_parked(struct jp_parked *parked)
{
    jp_fd_close(&parked->fd);
    free(parked);
}

static void forget_parked(struct jp_guest *guest)
{
    while (guest->first) {
        struct jp_parked *parked = guest->first;
        guest->first = parked->next;
        free_parked(parked);
    }
}

void jp_guests_close(struct jp_guests *guests)
{
    for (size_t i = 0; guests->buckets && i < N_BUCKETS; i++) {
        while (guests->buckets[i]) {
            struct jp_guest *guest = guests->buckets[i];
            guests->buckets[i] = guest->next;
            forget_parked(guest);
            free(guest);
        }
    }
    free(guests->buckets);
    *guests = (struct jp_guests){.buckets = NULL};
}

static uint64_t key_of(const union jp_address *client)
{
    uint64_t key = 0;
    if (client->any.sa_family == AF_INET6)
        memcpy(&key, &client->v6.sin6_addr, KEY_BYTES);
    else
        memcpy(&key, &client->v4.sin_addr, sizeof(client->v4.sin_addr));
    return key;
}

static struct jp_guest **bucket_of(const struct jp_guests *guests, uint64_t key)
{
    uint64_t h = (key ^ guests->seed) * 0x9fb21c651e98df25ULL;
    h ^= h >> 32;
    h *= 0x9fb21c651e98df25ULL;
    return &guests->buckets[(h >> 29) & (N_BUCKETS - 1)];
}

/* Without connections of either kind nothing is known of it any more. */
static void forget(struct jp_guests *guests, struct jp_guest *guest)
{
    struct jp_guest **at = bucket_of(guests, guest->key);
    if (guest->n_connections > 0 || guest->first)
        return;
    while (*at != guest)
        at = &(*at)->next;
    *at = guest->next;
    free(guest);
}

struct jp_guest *jp_guest_enter(struct jp_guests *guests, const union jp_address *client)
{
    uint64_t key = key_of(client);
    struct jp_guest **bucket = bucket_of(guests, key);
    struct jp_guest *guest = *bucket;
    while (guest && (guest->key != key || guest->family != client->any.sa_family))
        guest = guest->next;
    if (!guest) {
        guest = jp_calloc(1, sizeof(*guest));
        if (!guest)
            return NULL;
        guest->key = key;
        guest->family = client->any.sa_family;
        guest->end = &guest->first;
        guest->next = *bucket;
        *bucket = guest;
    }
    guest->n_connections++;
    return guest;
}

void jp_guest_leave(struct jp_guests *guests, struct jp_guest *guest)
{
    guest->n_connections--;
    forget(guests, guest);
}

bool jp_guest_may_begin(const struct jp_guest *guest, size_t n_free)
{
    return guest->n_connections <= n_free;
}

static void begin_waiting(struct jp_guests *guests, struct jp_guest *guest)
{
    guest->next_waiting = NULL;
    *guests->end = guest;
    guests->end = &guest->next_waiting;
}

static struct jp_guest *end_waiting(struct jp_guests *guests)
{
    struct jp_guest *guest = guests->first;
    guests->first = guest->next_waiting;
    if (!guests->first)
        guests->end = &guests->first;
    return guest;
}

int jp_guest_park(struct jp_guests *guests, struct jp_guest *guest, void *door, int *fd,
                  const union jp_address *client)
{
    struct jp_parked *parked = jp_calloc(1, sizeof(*parked));
    if (!parked)
        return -1;
    parked->door = door;
    parked->fd = jp_fd_take(fd);
    parked->client = *client;
    parked->since_ms = jp_time_monotonic_ms();
    if (!guest->first)
        begin_waiting(guests, guest);
    *guest->end = parked;
    guest->end = &parked->next;
    guests->n_parked++;
    guest->n_connections--; /* it is kept by what it has parked */
    return 0;
}

static struct jp_parked *take_first(struct jp_guests *guests, struct jp_guest *guest)
{
    struct jp_parked *parked = guest->first;
    guest->first = parked->next;
    if (!guest->first)
        guest->end = &guest->first;
    guests->n_parked--;
    return parked;
}

struct jp_parked *jp_guests_unpark(struct jp_guests *guests, size_t n_free, int tries,
                                   struct jp_guest **ret_guest)
{
    for (int i = 0; i < tries && guests->first; i++) {
        struct jp_guest *guest = end_waiting(guests);
        struct jp_parked *parked = NULL;
        guest->n_connections++;
        if (jp_guest_may_begin(guest, n_free))
            parked = take_first(guests, guest);
        else
            guest->n_connections--;
        if (guest->first)
            begin_waiting(guests, guest);
        if (parked) {
            *ret_guest = guest;
            return parked;
        }
    }
    return NULL;
}

void jp_guests_expire(struct jp_guests *guests, int64_t before_ms)
{
    struct jp_guest *last = NULL;
    while (guests->first && guests->first != last) {
        struct jp_guest *guest = end_waiting(guests);
        while (guest->first && guest->first->since_ms < before_ms)
            free_parked(take_first(guests, guest));
        if (!guest->first) {
            forget(guests, guest);
            continue;
        }
        begin_waiting(guests, guest);
        last = last ? last : guest;
    }
}
