#include "fetch/inner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

static bool is_inner4(const unsigned char a[4])
{
    static const struct {
        uint32_t network;
        unsigned len;
    } inner[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* shared by carriers */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local, metadata services */
        {0xac100000, 12}, /* private */
        {0xc0a80000, 16}, /* private */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    uint32_t address = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
    for (size_t i = 0; i < JP_LEN(inner); i++) {
        if ((address ^ inner[i].network) >> (32 - inner[i].len) == 0)
            return true;
    }
    return false;
}

static bool begins(const unsigned char *a, const unsigned char *with, size_t len)
{
    return memcmp(a, with, len) == 0;
}

static bool is_inner6(const unsigned char a[16])
{
    static const unsigned char zeros[12];
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
    if (begins(a, zeros, sizeof(zeros))) /* unspecified, loopback, and the old "compatible" ones */
        return true;
    if (begins(a, mapped, sizeof(mapped)) || begins(a, nat64, sizeof(nat64)))
        return is_inner4(a + 12);
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_inner4(a + 2);
    return (a[0] & 0xfe) == 0xfc ||                   /* unique local */
           (a[0] == 0xfe && (a[1] & 0x80) == 0x80) || /* link-local, and the old site-local */
           a[0] == 0xff;                              /* multicast */
}

bool jp_address_is_inner(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return is_inner4((const unsigned char *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return is_inner6((const unsigned char *)&in6.sin6_addr);
    }
    return true;
}

bool jp_address_text_is_inner(const char *text)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        return is_inner4(bytes);
    return inet_pton(AF_INET6, text, bytes) != 1 || is_inner6(bytes);
}
