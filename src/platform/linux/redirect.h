/*
 * net.publish = nat: what comes to a pod's published ports from outside is sent on to the pod by
 * the kernel, past its forwarder.
 *
 * Each such pod has a table of nftables of its own, made in one transaction and removed in one. The
 * forwarder listens all the same: for the host itself, for pods of the same network, for families
 * and devices that do not forward, for who may not come (it says so), and should the table be gone.
 * The price is told in jetpack.conf(5): the host's rules for incoming packets do not see what is
 * sent on.
 */
#ifndef JP_PLATFORM_LINUX_REDIRECT_H
#define JP_PLATFORM_LINUX_REDIRECT_H

#include "base/error.h"
#include "base/strv.h"
#include "plan/plan.h"

/* What of a pod is sent on. */
struct jp_redirection {
    const char *uuid;
    const char *dir;                 /* of the pod, where is noted that there may be a table */
    const struct jp_plan_host *host; /* whose networks' pods are served by the forwarder */
    const char *address;
    const char *address6; /* NULL: none */
    const struct jp_plan_ports *ports;
};

/*
 * `devices`: those that forward IPv4, NULL: all do. A port whose rules would be too many is left to
 * the forwarder. A table that is there is replaced. JP_EUNSUPPORTED: a kernel without nf_tables or
 * without a part that is needed.
 */
int jp_redirect_install(const struct jp_redirection *redirection, const struct jp_strv *devices,
                        struct jp_error *err);
/* *ret: a table was made for this pod, and has not as many rules as it should. Errors as above. */
int jp_redirect_is_damaged(const struct jp_redirection *redirection, const struct jp_strv *devices,
                           bool *ret, struct jp_error *err);
/* Removes a pod's table, if one was made; `dir` is the pod's directory. */
int jp_redirect_remove(const char *uuid, const char *dir, struct jp_error *err);

#endif
