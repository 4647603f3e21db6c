/*
 * What lets pods out, and nobody in: our anchor of pf(4) with the rules of all networks of an
 * installation, and forwarding.
 *
 * Pods leave by any device of the host with that device's address; who comes by one and is not
 * answered, nor sent on to a published port, does not reach them. Forwarding is switched on for the
 * host as a whole, as this system knows no other, and back off with the last pod.
 */
#ifndef JP_PLATFORM_FREEBSD_FIREWALL_H
#define JP_PLATFORM_FREEBSD_FIREWALL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "plan/plan.h"
#include "platform/platform.h"

/*
 * Loads the rules as they are to be now, and switches forwarding on where `forwards`. Several at
 * once are fine. JP_EUNSUPPORTED, and nothing is changed, without pf.
 */
int jp_freebsd_firewall_ensure(const struct jp_plan_host *host, bool forwards,
                               struct jp_error *err);
/* Takes both back; nothing there is fine. */
int jp_freebsd_firewall_remove(const struct jp_plan_host *host, struct jp_error *err);
/* The rules, and the lines of pf.conf that they need, as text. */
void jp_freebsd_firewall_print(const struct jp_plan_host *host, struct jp_buf *out);
/*
 * Compares with what is there, and mends what is ours with `repair`: pf itself, the anchors'
 * places, the rules, forwarding, and lo1 where pf.conf makes rules on it idle. `forwards`: some pod
 * is on a bridge.
 */
int jp_freebsd_firewall_inspect(const struct jp_plan_host *host, bool forwards, bool repair,
                                const struct jp_link_report *report, struct jp_error *err);

#endif
