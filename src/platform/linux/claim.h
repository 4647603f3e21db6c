/*
 * Whose a bridge and its addresses are: other installations of ours, and the host's own routes.
 */
#ifndef JP_PLATFORM_LINUX_CLAIM_H
#define JP_PLATFORM_LINUX_CLAIM_H

#include "base/error.h"
#include "plan/plan.h"
#include "platform/linux/bridge.h"

/* Longest text of jp_linux_overlap(). */
#define JP_LINUX_ROUTE_SIZE 64

/*
 * Makes the bridge (its index) this installation's, unless it is. Two that share
 * one would lease the same addresses: JP_EBUSY when another one has pods that run, naming it. One
 * without pods loses it. `fd` is a netlink socket of the host.
 */
int jp_linux_claim_bridge(int fd, const struct jp_plan_host *host, const char *bridge,
                          unsigned index, struct jp_error *err);

/*
 * A route of the host by another device that has addresses of the network: "10.1.0.0/16 by tun0".
 * With `narrow` only one that takes some, or all, away from the bridge: a wider one loses addresses
 * to it. Nothing: "".
 */
void jp_linux_overlap(const struct jp_linux_link *link, bool narrow, char out[JP_LINUX_ROUTE_SIZE]);

#endif
