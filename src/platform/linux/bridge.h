/* What a pod's link and the looking after of networks share: links, bridges, requests about them.
 */
#ifndef JP_PLATFORM_LINUX_BRIDGE_H
#define JP_PLATFORM_LINUX_BRIDGE_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "plan/plan.h"
#include "platform/linux/netlink.h"

struct jp_linux_link {
    const char *bridge;
    bool is_isolated;
    uint8_t kind;
    struct in_addr address; /* the pod's; not of a link that is only a network */
    struct in_addr gateway;
    uint32_t prefix_len;
    bool has_six;
    struct in6_addr address6;
    struct in6_addr gateway6;
    uint32_t prefix_len6;
    char host_end[IFNAMSIZ];
};

/* The host's side of a network alone; strings are the network's. */
void jp_linux_link_read(const struct jp_plan_network *network, struct jp_linux_link *ret);

/* Locally administered, unicast, the IP address in its last four bytes. */
void jp_linux_hardware_address(struct in_addr address, unsigned char out[6]);

/* Requests, each with what it is for (jp_netlink_begin). An address that is there already is fine.
 */
void jp_linux_request_address(struct jp_netlink_batch *b, const char *what, unsigned index,
                              struct in_addr address, uint32_t prefix_len);
void jp_linux_request_address6(struct jp_netlink_batch *b, const char *what, unsigned index,
                               const struct in6_addr *address, uint32_t prefix_len);
/* `name`: in the place of an index that is 0. */
void jp_linux_request_up(struct jp_netlink_batch *b, const char *what, unsigned index,
                         const char *name);
/*
 * Before the device is up: the kernel makes it no IPv6 address. It would ask all of the bridge
 * whether somebody has that, and tell all of it which groups are heard: beside 400 pods each such
 * question is 400 packets. Without IPv6 nothing is done.
 */
void jp_linux_request_silence(struct jp_netlink_batch *b, unsigned index, const char *name);
/* In its place, the address that the kernel would have made of the hardware address. */
void jp_linux_request_link_local(struct jp_netlink_batch *b, unsigned index,
                                 const unsigned char mac[6]);
/* Ports of a bridge that are isolated are no neighbours of each other; the host is. */
void jp_linux_request_isolation(struct jp_netlink_batch *b, const struct jp_linux_link *link);

/* Asks a socket's namespace for the index of a device; 0 when there is none. */
unsigned jp_linux_device_index(int fd, const char *name);

/* Calls `read` with what the kernel tells of a device: struct ifinfomsg, then its attributes. */
int jp_linux_ask_device(int fd, unsigned index,
                        void (*read)(void *context, const unsigned char *bytes, size_t len),
                        void *context, struct jp_error *err);

/* Makes the bridge what it should be, by a netlink socket of the host. */
int jp_linux_bridge_ensure(int fd, const struct jp_linux_link *link, unsigned *ret_index,
                           struct jp_error *err);
/* What is wrong with it ("is gone"); NULL: nothing. */
const char *jp_linux_bridge_fault(int fd, const struct jp_linux_link *link);

#endif
