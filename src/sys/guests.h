/*
 * Who is connected to a server how often, so that one client cannot keep all others out: an address
 * (of IPv6: the 64 bits that name a network) may have no more connections than are free. Alone it
 * has half of them, beside another that takes what it can a third, and a newcomer always finds
 * some.
 *
 * What it opens beyond that waits, accepted but not served, until one of its own or of others ends:
 * left in the kernel's queue it would stand before everybody else.
 */
#ifndef JP_SYS_GUESTS_H
#define JP_SYS_GUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sys/address.h"

struct jp_guest;

/* A connection that waits. */
struct jp_parked {
    struct jp_parked *next;
    void *door; /* where it came in: the caller's */
    int fd;
    int64_t since_ms; /* monotonic */
    union jp_address client;
};

struct jp_guests {
    struct jp_guest **buckets;
    uint64_t seed;
    struct jp_guest *first; /* of those with something parked, in turn */
    struct jp_guest **end;
    size_t n_parked;
};

int jp_guests_open(struct jp_guests *guests, struct jp_error *err);
/* Closes what is parked. Fine with guests that were never opened. */
void jp_guests_close(struct jp_guests *guests);

/* The guest of this address, made when it is new; NULL without memory. To be left again. */
struct jp_guest *jp_guest_enter(struct jp_guests *guests, const union jp_address *client);
/* Counts out what jp_guest_enter counted in; it is forgotten with its last connection. */
void jp_guest_leave(struct jp_guests *guests, struct jp_guest *guest);
/* Whether a connection that has entered may be served, when so many are free (itself among them).
 */
bool jp_guest_may_begin(const struct jp_guest *guest, size_t n_free);
/* An entered connection leaves and waits instead; -1 without memory. Takes *fd over. */
int jp_guest_park(struct jp_guests *guests, struct jp_guest *guest, void *door, int *fd,
                  const union jp_address *client);
/*
 * Takes one that may begin out of those that wait, entered, its guest in *ret_guest; the caller
 * frees it. NULL: none of the first `tries` guests may.
 */
struct jp_parked *jp_guests_unpark(struct jp_guests *guests, size_t n_free, int tries,
                                   struct jp_guest **ret_guest);

/* Closes what has been parked since before that moment (monotonic ms). */
void jp_guests_expire(struct jp_guests *guests, int64_t before_ms);

#endif
