#include "sys/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

static const unsigned char *bytes_of(const union jp_address *address, unsigned *ret_bits)
{
    bool is_v6 = address->any.sa_family == AF_INET6;
    *ret_bits = is_v6 ? 128 : 32;
    return is_v6 ? address->v6.sin6_addr.s6_addr : (const unsigned char *)&address->v4.sin_addr;
}

int jp_address_read(const char *text, uint16_t port, union jp_address *ret, struct jp_error *err)
{
    union jp_address address;
    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.any.sa_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.any.sa_family = AF_INET6;
    } else {
        return jp_fail(err, JP_EINVALID, 0, "'%s' is no address", text);
    }
    jp_address_set_port(&address, port);
    *ret = address;
    return 0;
}

socklen_t jp_address_len(const union jp_address *address)
{
    return (socklen_t)(address->any.sa_family == AF_INET6 ? sizeof(address->v6)
                                                          : sizeof(address->v4));
}

uint16_t jp_address_port(const union jp_address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void jp_address_set_port(union jp_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

void jp_address_unmap(union jp_address *address)
{
    struct sockaddr_in plain = {.sin_family = AF_INET};
    if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        return;
    plain.sin_port = address->v6.sin6_port;
    memcpy(&plain.sin_addr, &address->v6.sin6_addr.s6_addr[12], sizeof(plain.sin_addr));
    memset(address, 0, sizeof(*address));
    address->v4 = plain;
}

bool jp_address_is_loopback(const union jp_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

bool jp_address_same_host(const union jp_address *a, const union jp_address *b)
{
    unsigned bits = 0;
    if (a->any.sa_family != b->any.sa_family)
        return false;
    const unsigned char *of_a = bytes_of(a, &bits);
    return memcmp(of_a, bytes_of(b, &bits), bits / 8) == 0;
}

/* A link-local address means something on its link only: the scope counts. */
static uint32_t scope_of(const union jp_address *address)
{
    return address->any.sa_family == AF_INET6 ? address->v6.sin6_scope_id : 0;
}

bool jp_address_equal(const union jp_address *a, const union jp_address *b)
{
    return jp_address_same_host(a, b) && jp_address_port(a) == jp_address_port(b) &&
           scope_of(a) == scope_of(b);
}

/* ---- sources --------------------------------------------------------------------------------- */

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool has_bits_beyond(const struct jp_source *source, unsigned max)
{
    for (unsigned i = source->bits; i < max; i++) {
        if (source->bytes[i / 8] >> (7 - i % 8) & 1)
            return true;
    }
    return false;
}

int jp_source_parse(const char *text, struct jp_source *ret, struct jp_error *err)
{
    const char *slash = strchr(text, '/');
    JP_AUTO_FREE char *number = jp_memdup0(text, slash ? (size_t)(slash - text) : strlen(text));
    union jp_address address;
    unsigned max = 0;
    uint64_t bits = 0;
    if (!number)
        return jp_oom(err);
    if (jp_address_read(number, 0, &address, err) < 0)
        return -1;
    const unsigned char *bytes = bytes_of(&address, &max);
    if (!slash)
        bits = max;
    else if (!jp_parse_u64(slash + 1, 10, 0, max, &bits))
        return jp_fail(err, JP_EINVALID, 0, "'%s': a network has 0 to %u bits", text, max);
    struct jp_source source = {.family = address.any.sa_family, .bits = (unsigned)bits};
    memcpy(source.bytes, bytes, max / 8);
    if (has_bits_beyond(&source, max))
        return jp_fail(err, JP_EINVALID, 0, "'%s' has bits beyond its network", text);
    *ret = source;
    return 0;
}

bool jp_sources_admit(const struct jp_source *sources, size_t count, const union jp_address *client)
{
    unsigned max = 0;
    const unsigned char *bytes = bytes_of(client, &max);
    for (size_t i = 0; i < count; i++) {
        if (sources[i].family == client->any.sa_family &&
            same_bits(sources[i].bytes, bytes, sources[i].bits))
            return true;
    }
    return count == 0;
}
