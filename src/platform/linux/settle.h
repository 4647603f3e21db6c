/*
 * What is set from inside the pod's namespaces once its network is there: kernel parameters and the
 * bandwidth of its device. The supervisor enters for a moment and comes back.
 */
#ifndef JP_PLATFORM_LINUX_SETTLE_H
#define JP_PLATFORM_LINUX_SETTLE_H

#include "base/error.h"
#include "platform/platform.h"

/* jp_limit_ops.settle (settle.c) */
int jp_linux_settle(struct jp_isolation *pod,
                    void (*report)(void *context, const struct jp_limit_report *), void *context,
                    struct jp_error *err);

/*
 * Enters the pod's network, IPC and UTS namespaces, calls `work`, comes back; the host's files are
 * still seen. Returns what `work` returns, -1 when it could not enter. A process that could not
 * come back ends here. With the host's network the first of them is where it was.
 */
int jp_linux_inside(struct jp_isolation *pod, int (*work)(void *context, struct jp_error *err),
                    void *context, struct jp_error *err);

/* Whether this process may give the app its out-of-memory score: lowering it is a right. */
bool jp_linux_may_score(const struct jp_isolation *pod, size_t app);

/* Sets the plan's parameters, those of the pod's namespaces alone (sysctl.c). */
void jp_linux_set_sysctls(struct jp_isolation *pod, struct jp_limit_report *ret);

/* Limits both ends of the pod's device to limits.network_bytes (bandwidth.c). */
void jp_linux_limit_bandwidth(struct jp_isolation *pod, struct jp_limit_report *ret);

/*
 * Reports what becomes of the plan's labels: enforced where the kernel has their module, else
 * ignored. JP_EINVALID, JP_ENOTFOUND for one that the module does not know (label.c).
 */
int jp_linux_settle_labels(const struct jp_plan *plan,
                           void (*report)(void *context, const struct jp_limit_report *),
                           void *context, struct jp_error *err);

/* What a process of the app is labelled with: what modules of this kernel take. Borrowed. */
struct jp_plan_labels jp_linux_labels_of(const struct jp_plan *plan, size_t app);

#endif
