/*
 * What all pods need of the host, there once: rules of the firewall, forwarding. A lock in
 * `host->state` is held shared by each pod that needs it; who gets it alone may take it away.
 */
#ifndef JP_PLATFORM_HOSTWIDE_H
#define JP_PLATFORM_HOSTWIDE_H

#include "base/error.h"
#include "plan/plan.h"

/* Takes all of it from the host; state_fd is the directory. Done nothing is fine. */
typedef int jp_hostwide_end(const struct jp_plan_host *host, int state_fd, struct jp_error *err);

/* For a pod: *ret_lock and *ret_state_fd (the directory) are the caller's. Waits for who is ending.
 */
int jp_hostwide_hold(const struct jp_plan_host *host, int *ret_lock, int *ret_state_fd,
                     struct jp_error *err);

/* The pod needs it no more: the last one turns off the light. *lock is closed; -1 is fine. */
void jp_hostwide_leave(const struct jp_plan_host *host, int *lock, jp_hostwide_end *end);

/* Ends it unless a pod needs it, or nothing of it was ever there. */
int jp_hostwide_release(const struct jp_plan_host *host, jp_hostwide_end *end,
                        struct jp_error *err);

#endif
