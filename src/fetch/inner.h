/* Which addresses are this host's own or a private network's (row 48). */
#ifndef JP_FETCH_INNER_H
#define JP_FETCH_INNER_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdbool.h>

/*
 * Loopback, link-local (where clouds answer for their metadata), private and shared networks (RFC
 * 1918, 6598, 4193), which the pods' own is one of, "this network", multicast; also an IPv4 address
 * of these in the clothes of an IPv6 one (mapped, NAT64, 6to4). Anything that is no address of IP
 * is inner.
 */
bool jp_address_is_inner(const struct sockaddr *address);

/* The same of text; what is no address is inner. */
bool jp_address_text_is_inner(const char *text);

#endif
