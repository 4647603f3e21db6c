/*
 * Networks as text and as numbers: "172.23.0.0/16", "fd00:1::/64", and the addresses in them.
 *
 * A pod has one lease, the number of a host in the network, and an address of each family from it:
 * 172.23.0.9 and fd00:1::9. Who knows one knows the other.
 */
#ifndef JP_BASE_SUBNET_H
#define JP_BASE_SUBNET_H

#include <stdbool.h>
#include <stdint.h>

#define JP_QUAD_SIZE     16 /* text of an IPv4 address with its NUL */
#define JP_ADDRESS6_SIZE 46 /* of an IPv6 address */

#define JP_SUBNET_MIN 8
#define JP_SUBNET_MAX 29 /* network, gateway, broadcast, and at least a few pods */

#define JP_SUBNET6_MIN 16
#define JP_SUBNET6_MAX 96 /* room for every host of an IPv4 network */

/* IPv4, in host byte order. */
struct jp_subnet {
    uint32_t network;
    uint32_t prefix_len; /* JP_SUBNET_MIN to JP_SUBNET_MAX */
};

struct jp_subnet6 {
    uint8_t network[16];
    uint32_t prefix_len; /* JP_SUBNET6_MIN to JP_SUBNET6_MAX; 0: there is none */
};

bool jp_quad_parse(const char *text, uint32_t *ret);
void jp_quad_format(uint32_t address, char out[JP_QUAD_SIZE]);

/* "A.B.C.D/N": false when it is none, or when bits of a host are set in it. */
bool jp_subnet_parse(const char *text, struct jp_subnet *ret);
bool jp_subnet6_parse(const char *text, struct jp_subnet6 *ret);

/* The addresses that may be leased: without those of network, gateway (the first) and broadcast. */
uint32_t jp_subnet_first(const struct jp_subnet *subnet);
uint32_t jp_subnet_last(const struct jp_subnet *subnet);
uint32_t jp_subnet_gateway(const struct jp_subnet *subnet);
bool jp_subnet_has(const struct jp_subnet *subnet, uint32_t address);
bool jp_subnet_overlaps(const struct jp_subnet *a, const struct jp_subnet *b);

/* Address number `host` of the network. */
void jp_subnet6_address(const struct jp_subnet6 *subnet, uint32_t host, uint8_t out[16]);
void jp_subnet6_format(const struct jp_subnet6 *subnet, uint32_t host, char out[JP_ADDRESS6_SIZE]);
/* True when the text is an address of the network whose number fits 32 bits. */
bool jp_subnet6_host(const struct jp_subnet6 *subnet, const char *text, uint32_t *ret);
bool jp_subnet6_overlaps(const struct jp_subnet6 *a, const struct jp_subnet6 *b);

/* A unique local network (RFC 4193) of its own for everything that is called differently. */
void jp_subnet6_local(const char *name, struct jp_subnet6 *ret);

#endif
