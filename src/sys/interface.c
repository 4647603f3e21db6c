#include "sys/interface.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

static uint32_t number_of(const struct sockaddr *address)
{
    struct sockaddr_in in;
    memcpy(&in, address, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
}

/* False when the mask is of no network that pods can be in. */
static bool read_subnet(const struct ifaddrs *entry, struct jp_subnet *ret, uint32_t *ret_address)
{
    uint32_t mask = number_of(entry->ifa_netmask);
    uint32_t prefix_len = (uint32_t)__builtin_popcount(mask);
    if (prefix_len < JP_SUBNET_MIN || prefix_len > JP_SUBNET_MAX ||
        mask != UINT32_MAX << (32 - prefix_len))
        return false;
    *ret_address = number_of(entry->ifa_addr);
    *ret = (struct jp_subnet){*ret_address & mask, prefix_len};
    return true;
}

int jp_interface_subnet(const char *name, struct jp_subnet *ret, uint32_t *ret_address,
                        struct jp_error *err)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        return jp_fail_sys(err, "list the network interfaces");
    int r = 0;
    for (const struct ifaddrs *e = all; e && r == 0; e = e->ifa_next) {
        if (e->ifa_addr && e->ifa_netmask && e->ifa_addr->sa_family == AF_INET &&
            strcmp(e->ifa_name, name) == 0)
            r = read_subnet(e, ret, ret_address);
    }
    freeifaddrs(all);
    return r;
}
