/*
 * What was taken from one end of a connection and not yet given to the other. Linux: a pipe, filled
 * and emptied by splice(2), so that the bytes never come to us; FreeBSD: memory. It exists only
 * while something is in it: an idle connection costs its two sockets and nothing else.
 */
#ifndef JP_FORWARD_HOLD_H
#define JP_FORWARD_HOLD_H

#include <sys/types.h>

#include <stddef.h>

#define JP_HOLD_DESCRIPTORS 2 /* at most, of one */

struct jp_hold {
    int pipe[2];          /* Linux; valid while len > 0 */
    unsigned char *bytes; /* FreeBSD; likewise */
    size_t start;         /* FreeBSD: given already */
    size_t len;           /* bytes in it */
};

/* Takes what is there, at most `max` bytes; it must be empty. As read(2). */
ssize_t jp_hold_take(struct jp_hold *hold, int from, size_t max);
/* Gives what `to` takes: how much, or -1 with errno (EAGAIN: nothing now). */
ssize_t jp_hold_give(struct jp_hold *hold, int to);
void jp_hold_drop(struct jp_hold *hold);
/* Gives back what is kept for the next one. */
void jp_holds_trim(void);

#endif
