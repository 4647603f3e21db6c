#include "base/subnet.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

bool jp_quad_parse(const char *text, uint32_t *ret)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    *ret = ntohl(address.s_addr);
    return true;
}

void jp_quad_format(uint32_t address, char out[JP_QUAD_SIZE])
{
    (void)snprintf(out, JP_QUAD_SIZE, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
                   (address >> 8) & 255, address & 255);
}

/* Parts "ADDRESS/PREFIX". */
static bool split(const char *text, uint64_t min, uint64_t max, char address[JP_ADDRESS6_SIZE],
                  uint32_t *ret_prefix_len)
{
    const char *slash = strchr(text, '/');
    uint64_t prefix_len;
    size_t len = slash ? (size_t)(slash - text) : JP_ADDRESS6_SIZE;
    if (len >= JP_ADDRESS6_SIZE || !jp_parse_u64(slash + 1, 10, min, max, &prefix_len))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    *ret_prefix_len = (uint32_t)prefix_len;
    return true;
}

/* ---- IPv4 ---- */

static uint32_t host_bits(const struct jp_subnet *subnet)
{
    return UINT32_MAX >> subnet->prefix_len;
}

bool jp_subnet_parse(const char *text, struct jp_subnet *ret)
{
    char address[JP_ADDRESS6_SIZE];
    struct jp_subnet subnet;
    if (!split(text, JP_SUBNET_MIN, JP_SUBNET_MAX, address, &subnet.prefix_len) ||
        !jp_quad_parse(address, &subnet.network) || (subnet.network & host_bits(&subnet)))
        return false;
    *ret = subnet;
    return true;
}

uint32_t jp_subnet_gateway(const struct jp_subnet *subnet)
{
    return subnet->network + 1;
}

uint32_t jp_subnet_first(const struct jp_subnet *subnet)
{
    return subnet->network + 2;
}

uint32_t jp_subnet_last(const struct jp_subnet *subnet)
{
    return (subnet->network | host_bits(subnet)) - 1;
}

bool jp_subnet_has(const struct jp_subnet *subnet, uint32_t address)
{
    return (address & ~host_bits(subnet)) == subnet->network;
}

bool jp_subnet_overlaps(const struct jp_subnet *a, const struct jp_subnet *b)
{
    return jp_subnet_has(a, b->network) || jp_subnet_has(b, a->network);
}

/* ---- IPv6 ---- */

/* True when all bits of an address from `from` on (counted from the left) up to `to` are zero. */
static bool is_zero(const uint8_t address[16], unsigned from, unsigned to)
{
    for (unsigned bit = from; bit < to; bit++) {
        if (address[bit / 8] & (0x80U >> bit % 8))
            return false;
    }
    return true;
}

static void difference(const uint8_t a[16], const uint8_t b[16], uint8_t out[16])
{
    for (size_t i = 0; i < 16; i++)
        out[i] = a[i] ^ b[i];
}

bool jp_subnet6_parse(const char *text, struct jp_subnet6 *ret)
{
    char address[JP_ADDRESS6_SIZE];
    struct jp_subnet6 subnet;
    if (!split(text, JP_SUBNET6_MIN, JP_SUBNET6_MAX, address, &subnet.prefix_len) ||
        inet_pton(AF_INET6, address, subnet.network) != 1 ||
        !is_zero(subnet.network, subnet.prefix_len, 128))
        return false;
    *ret = subnet;
    return true;
}

void jp_subnet6_address(const struct jp_subnet6 *subnet, uint32_t host, uint8_t out[16])
{
    memcpy(out, subnet->network, 16);
    for (unsigned i = 0; i < 4; i++)
        out[15 - i] = (uint8_t)(host >> 8 * i);
}

void jp_subnet6_format(const struct jp_subnet6 *subnet, uint32_t host, char out[JP_ADDRESS6_SIZE])
{
    uint8_t address[16];
    jp_subnet6_address(subnet, host, address);
    (void)inet_ntop(AF_INET6, address, out, JP_ADDRESS6_SIZE);
}

bool jp_subnet6_host(const struct jp_subnet6 *subnet, const char *text, uint32_t *ret)
{
    uint8_t address[16], rest[16];
    if (subnet->prefix_len == 0 || inet_pton(AF_INET6, text, address) != 1)
        return false;
    difference(address, subnet->network, rest);
    if (!is_zero(rest, 0, 96))
        return false;
    *ret = (uint32_t)address[12] << 24 | (uint32_t)address[13] << 16 | (uint32_t)address[14] << 8 |
           address[15];
    return true;
}

bool jp_subnet6_overlaps(const struct jp_subnet6 *a, const struct jp_subnet6 *b)
{
    uint8_t rest[16];
    uint32_t shorter = a->prefix_len < b->prefix_len ? a->prefix_len : b->prefix_len;
    difference(a->network, b->network, rest);
    return shorter > 0 && is_zero(rest, 0, shorter);
}

void jp_subnet6_local(const char *name, struct jp_subnet6 *ret)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a: the same for ever, nothing secret */
    for (const char *at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    *ret = (struct jp_subnet6){.network = {0xfd}, .prefix_len = 64};
    for (size_t i = 1; i < 8; i++)
        ret->network[i] = (uint8_t)(hash >> 8 * i);
}
