/* Listening sockets of ours. */
#ifndef JP_SYS_LISTEN_H
#define JP_SYS_LISTEN_H

#include <stdint.h>

#include "base/error.h"
#include "sys/address.h"

/*
 * A TCP socket that listens on this IPv4 address and port, close-on-exec and non-blocking. The
 * address need not be one of the host's yet (a bridge that comes with the first pod): what listens
 * there from then on is this socket. JP_EBUSY when another program has the port.
 */
int jp_listen_tcp(const char *address, uint16_t port, struct jp_error *err);

/*
 * A socket bound to this address, close-on-exec and non-blocking: SOCK_STREAM (which listens) or
 * SOCK_DGRAM. One of IPv6 takes IPv6 alone. The error's `sys` is bind(2)'s.
 */
int jp_listen_at(const union jp_address *address, int type, struct jp_error *err);

/*
 * A socket bound to this port on every address, of both families where there is IPv6; else as
 * jp_listen_at.
 */
int jp_listen_everywhere(uint16_t port, int type, struct jp_error *err);

/*
 * Whether a socket for every address is refused where another has the port at one address. Where it
 * is not (streams on FreeBSD), a socket for one address would be bound beside another's for all.
 */
bool jp_listen_is_exclusive(int type);

/* Whether this host has IPv6 at all. */
bool jp_listen_knows_ipv6(void);

#endif
