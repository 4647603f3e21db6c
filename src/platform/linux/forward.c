/*
 * The forwarder's place: the pod's network namespace. Its listening sockets belong to the host's,
 * by which they were made; the sockets that it makes itself can reach nothing but the pod.
 *
 * So that an application sees its clients, the forwarder sends in their names, and the answers must
 * not leave by the pod's device: packets of these connections carry a mark, which the kernel passes
 * on from a connection's first packet to whoever accepts it (tcp_fwmark_accept), or to its refusal
 * (fwmark_reflect), and marked packets are routed to the namespace's own loopback. All of it ends
 * with the namespace; nothing is set on the host. A kernel that knows none of it forwards without
 * the clients' addresses.
 */
#include "plan/forward.h"

#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <unistd.h>

#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "platform/publish.h"
#include "sys/fd.h"

#define LOOPBACK 1    /* its index in every network namespace */
#define TABLE    1104 /* of routes, in the pod */

/* "ip rule add fwmark MARK lookup TABLE; ip route add local default dev lo table TABLE" */
static void request_routing(struct jp_netlink_batch *b, unsigned char family)
{
    struct fib_rule_hdr rule = {
        .family = family, .table = RT_TABLE_UNSPEC, .action = FR_ACT_TO_TBL};
    struct rtmsg route = {.rtm_family = family,
                          .rtm_table = RT_TABLE_UNSPEC,
                          .rtm_protocol = RTPROT_STATIC,
                          .rtm_scope = RT_SCOPE_HOST,
                          .rtm_type = RTN_LOCAL};
    jp_netlink_begin(b, "make a rule for marked packets", RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL,
                     EEXIST);
    jp_netlink_body(b, &rule, sizeof(rule));
    jp_netlink_number(b, FRA_FWMARK, JP_FORWARD_MARK);
    jp_netlink_number(b, FRA_TABLE, TABLE);
    jp_netlink_begin(b, "route marked packets", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
    jp_netlink_body(b, &route, sizeof(route));
    jp_netlink_number(b, RTA_TABLE, TABLE);
    jp_netlink_number(b, RTA_OIF, LOOPBACK);
}

static int route(int fd, unsigned char family)
{
    struct jp_netlink_batch b = {0};
    request_routing(&b, family);
    return jp_netlink_send(fd, &b, NULL);
}

static int enter(void *context)
{
    const struct jp_isolation *pod = context;
    if (setns(pod->net_fd, CLONE_NEWNET) < 0)
        return -1;
    JP_AUTO_FD int fd = pod->passes_marks ? jp_netlink_open(NULL) : -1;
    if (fd < 0 || route(fd, AF_INET) < 0)
        return 1;
    (void)route(fd, AF_INET6); /* fails where there is no IPv6 to be routed */
    return 0;
}

int jp_linux_publish(struct jp_isolation *pod, const struct jp_publish *publish, pid_t *ret_pid,
                     struct jp_error *err)
{
    if (pod->net_fd < 0)
        return jp_fail(err, JP_EINVALID, 0, "the pod has no network of its own");
    return jp_publish_spawn(publish, enter, pod, ret_pid, err);
}
