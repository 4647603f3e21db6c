/* Addresses of the network: texts, comparison, networks that a port is limited to. */
#ifndef JP_SYS_ADDRESS_H
#define JP_SYS_ADDRESS_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

union jp_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* From a number of either family; JP_EINVALID. */
int jp_address_read(const char *text, uint16_t port, union jp_address *ret, struct jp_error *err);
socklen_t jp_address_len(const union jp_address *address);
uint16_t jp_address_port(const union jp_address *address);
void jp_address_set_port(union jp_address *address, uint16_t port);
/* An IPv4 address in the clothes of IPv6 (::ffff:192.0.2.1) becomes one of IPv4; others stay. */
void jp_address_unmap(union jp_address *address);
bool jp_address_is_loopback(const union jp_address *address);
/* Of one machine, whatever the port. */
bool jp_address_same_host(const union jp_address *a, const union jp_address *b);
/* In every respect. */
bool jp_address_equal(const union jp_address *a, const union jp_address *b);

/* A network: its first `bits` bits count. */
struct jp_source {
    sa_family_t family;
    unsigned bits;
    unsigned char bytes[16];
};

/* ADDRESS[/BITS]; JP_EINVALID also when bits beyond the network are set (10.0.0.1/8). */
int jp_source_parse(const char *text, struct jp_source *ret, struct jp_error *err);
/* No source at all means everybody. */
bool jp_sources_admit(const struct jp_source *sources, size_t count,
                      const union jp_address *client);

#endif
