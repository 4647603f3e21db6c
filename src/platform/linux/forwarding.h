/*
 * Forwarding of the host: switched on where pods need it, and put back.
 *
 * IPv4 is forwarded by the device that a packet comes in by: the bridge, and those that lead to
 * where the host has a default route (or, when it has none, any route). What each had before is
 * written to a file first. IPv6 is forwarded by all devices or none, and a host that forwards stops
 * listening to its own router: that is left to the administrator.
 */
#ifndef JP_PLATFORM_LINUX_FORWARDING_H
#define JP_PLATFORM_LINUX_FORWARDING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"
#include "plan/plan.h"

/*
 * Makes the host forward between a bridge and the outside, once the firewall's table guards the
 * devices that will do so for pods alone: where it cannot, nothing is switched on. state_fd: the
 * directory for the file. JP_EUNSUPPORTED: the kernel has no nftables. JP_ESYS when a kernel
 * parameter cannot be set: the text names it.
 */
int jp_forwarding_open(const struct jp_plan_host *host, const char *bridge, int state_fd,
                       struct jp_error *err);
/* The devices that do not forward although pods of the bridge need it; *ret is appended to. */
int jp_forwarding_missing(const struct jp_plan_host *host, const char *bridge, struct jp_strv *ret,
                          struct jp_error *err);
/*
 * The devices, sorted, that forward for pods alone: those that were switched on here, or (with a
 * bridge, not NULL) are about to be. None on a host that forwards everywhere. *ret is appended to.
 */
int jp_forwarding_guarded(const struct jp_plan_host *host, const char *bridge, int state_fd,
                          struct jp_strv *ret, struct jp_error *err);
/* Puts back what was changed, unless somebody changed it since. */
void jp_forwarding_restore(int state_fd);
/* Whether the host forwards IPv6. */
bool jp_forwarding_has_ipv6(void);

/*
 * The devices that forward IPv4 now, bridges of these networks left out, sorted. *ret_all: every
 * one does, those that come later included.
 */
int jp_forwarding_devices(const struct jp_plan_host *host, struct jp_strv *ret, bool *ret_all,
                          struct jp_error *err);

#endif
