/* A pod's link, and the bridge that it ends at: made by the first pod that needs it, and it stays.
 */
#ifndef JP_PLATFORM_FREEBSD_BRIDGE_H
#define JP_PLATFORM_FREEBSD_BRIDGE_H

#include <sys/param.h>
#include <sys/socket.h>

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_freebsd_link {
    struct in_addr address;
    struct in_addr gateway;
    uint32_t prefix_len;
    const char *bridge;
    bool is_isolated;
    char host_end[IFNAMSIZ];
    char pod_end[IFNAMSIZ]; /* as the kernel called it */
};

/* Makes the bridge what it should be; `fd`: jp_device_socket() of the host. */
int jp_freebsd_bridge_ensure(int fd, const struct jp_freebsd_link *link, struct jp_error *err);
/* Puts the host's end on it, before that is up: nothing passes to a neighbour of an isolated
 * network. */
int jp_freebsd_bridge_join(int fd, const struct jp_freebsd_link *link, struct jp_error *err);

#endif
