/*
 * Who comes in: accepts connections, lets in at once as many as may be, of one address no more than
 * its share, and keeps the rest waiting, each behind its own kind: a pod that opens ten thousand at
 * once has them answered one after the other, and the next pod does not notice (sys/guests.h).
 */
#ifndef JP_MDS_DOOR_H
#define JP_MDS_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sys/guests.h"

#define JP_DOOR_MAX_FDS    1024 /* numbers that select(2) knows: those inside and all that is ours */
#define JP_DOOR_OPEN_FILES 16384 /* what the service asks for; beyond JP_DOOR_MAX_FDS they wait */
#define JP_DOOR_WAIT_MS    60000 /* nobody waits longer */
#define JP_DOOR_PAUSE_MS   100   /* before the next attempt when there is no descriptor to be had */

/* One that is inside, found by its descriptor. */
struct jp_visit {
    struct jp_guest *guest; /* NULL: nobody */
    int64_t since_ms;       /* let in, or the last answer was sent */
};

struct jp_door {
    struct jp_guests guests;
    struct jp_visit visits[JP_DOOR_MAX_FDS];
    size_t n_inside;
    size_t max_parked;
    bool has_room;     /* somebody left: who waits may be let in */
    int64_t closed_ms; /* nothing is accepted before: this host has no descriptor to give */
    /* Takes fd over, whatever it does with it; `door` is where it came in (jp_door_accept). */
    void (*let_in)(void *where, int fd, const union jp_address *client);
};

/* Raises the limit of open files; before the service gives up what it takes for that. */
void jp_door_allow(void);

int jp_door_open(struct jp_door *door, struct jp_error *err);
/* Closes what waits. Fine with a door that was never opened. */
void jp_door_close(struct jp_door *door);

/* Takes what came to a socket that listens, some at a time. */
void jp_door_accept(struct jp_door *door, int listen_fd, void *where);
/* Lets in who waited, where others have left. */
void jp_door_admit(struct jp_door *door);
/* Whether that would let somebody in. */
bool jp_door_can_admit(const struct jp_door *door);
/* Whether connections are accepted now. */
bool jp_door_is_open(const struct jp_door *door);

/* The one inside has this descriptor; NULL when it is none of ours. */
struct jp_visit *jp_door_visit(struct jp_door *door, int fd);
/* It left. */
void jp_door_leave(struct jp_door *door, struct jp_visit *visit);

/* Closes what has waited for too long. */
void jp_door_expire(struct jp_door *door);

#endif
