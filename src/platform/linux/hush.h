/*
 * What pods tell their network of the groups that they hear (MLD reports) stays at the port of the
 * bridge. A bridge sends it on to all of its ports: a start makes four, and beside 400 pods each of
 * them is 400 packets that nobody reads. A bridge of ours does not look at them either, it takes
 * what is sent to a group to everybody.
 */
#ifndef JP_PLATFORM_LINUX_HUSH_H
#define JP_PLATFORM_LINUX_HUSH_H

#include "platform/linux/netlink.h"

/* Attributes of a new bridge (IFLA_INFO_DATA): it is one that does not look. */
void jp_linux_request_unlooking(struct jp_netlink_batch *b);

/*
 * Keeps reports at the port, unless the bridge looks at them: whoever made it so (or plugged a
 * network into a bridge of theirs) needs them. `fd`: a netlink socket of the host. Nothing depends
 * on it: what the kernel cannot do is left.
 */
void jp_linux_hush(int fd, unsigned bridge, const char *port);

#endif
