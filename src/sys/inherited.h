/*
 * Sockets that a service manager has bound and hands over: the protocol of sd_listen_fds(3),
 * without its library. They are for the process that $LISTEN_PID names and lie from descriptor 3
 * on.
 */
#ifndef JP_SYS_INHERITED_H
#define JP_SYS_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "sys/address.h"

#define JP_INHERITED_MAX 64 /* of more the rest is not looked at */

struct jp_inherited {
    int fd;                   /* stays where it is: copy it */
    int type;                 /* SOCK_STREAM, which listens, or SOCK_DGRAM */
    union jp_address address; /* where it is bound */
    bool takes_all;           /* one of IPv6 that has the same port of IPv4, too */
};

/*
 * The sockets of IPv4 and IPv6 among them, at most `max`; how many. 0 when nothing was handed over,
 * or to another process (whose child we are).
 */
size_t jp_inherited_sockets(struct jp_inherited *ret, size_t max);

#endif
