/*
 * Bandwidth of a pod's network device: a token bucket on each end of the pair, that of the host for
 * what the pod receives, that in the pod for what it sends. The loopback has none (ace.md: "MUST
 * NOT apply to localhost communication"). The buckets go with the devices. A pod with CAP_NET_ADMIN
 * owns its end and can take its bucket away.
 */
#include <sys/socket.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "platform/linux/settle.h"
#include "sys/fd.h"

#define MIN_BURST 131072 /* bytes: two of the largest packets that a device is handed */
#define MAX_BURST (1U << 30)
#define HANDLE    0x10000 /* 1: */

static uint32_t clamp(uint64_t number, uint32_t low, uint32_t high)
{
    return number < low ? low : number > high ? high : (uint32_t)number;
}

static void request_bucket(struct jp_netlink_batch *b, unsigned device, uint64_t rate)
{
    struct tcmsg body = {.tcm_ifindex = (int)device, .tcm_handle = HANDLE, .tcm_parent = TC_H_ROOT};
    /* 10 ms at once, and a queue of 100 ms. */
    uint32_t burst = clamp(rate / 100, MIN_BURST, MAX_BURST);
    struct tc_tbf_qopt options = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = clamp(rate, 1, UINT32_MAX)},
        .limit = clamp(rate / 10 + burst, MIN_BURST, MAX_BURST),
    };
    jp_netlink_begin(b, "limit the pod's network device", RTM_NEWQDISC,
                     NLM_F_CREATE | NLM_F_REPLACE, 0);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, TCA_KIND, "tbf");
    size_t nest = jp_netlink_open_nest(b, TCA_OPTIONS);
    jp_netlink_attribute(b, TCA_TBF_PARMS, &options, sizeof(options));
    jp_netlink_number(b, TCA_TBF_BURST, burst);
    if (rate > UINT32_MAX)
        jp_netlink_attribute(b, TCA_TBF_RATE64, &rate, sizeof(rate));
    jp_netlink_close_nest(b, nest);
}

/* The device of that name where the caller is. */
static int limit_device(const char *name, uint64_t rate, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    JP_AUTO_FD int fd = jp_netlink_open(err);
    if (fd < 0)
        return -1;
    unsigned device = if_nametoindex(name);
    if (device == 0)
        return jp_fail_sys(err, "find '%s'", name);
    request_bucket(&b, device, rate);
    return jp_netlink_send(fd, &b, err);
}

static int limit_inside(void *context, struct jp_error *err)
{
    const uint64_t *rate = context;
    return limit_device(JP_LINUX_POD_DEVICE, *rate, err);
}

void jp_linux_limit_bandwidth(struct jp_isolation *pod, struct jp_limit_report *ret)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    char host_end[IFNAMSIZ];
    uint64_t rate = pod->plan->limits.network_bytes;
    ret->verdict = JP_VERDICT_ENFORCED;
    if (pod->plan->net.mode == JP_NET_NONE)
        return; /* nothing but the loopback */
    ret->verdict = JP_VERDICT_IGNORED;
    if (pod->plan->net.mode == JP_NET_HOST) {
        (void)snprintf(ret->reason, sizeof(ret->reason), "the pod has the host's network");
        return;
    }
    /* A macvlan device has no other end here that could hold back what comes. */
    bool has_end = pod->plan->net.kind != JP_NET_MACVLAN;
    if (jp_linux_host_end(pod->plan->uuid, host_end, &why) == 0 &&
        (!has_end || limit_device(host_end, rate, &why) == 0) &&
        jp_linux_inside(pod, limit_inside, &rate, &why) == 0)
        ret->verdict = has_end ? JP_VERDICT_ENFORCED : JP_VERDICT_MODIFIED;
    if (ret->verdict == JP_VERDICT_MODIFIED)
        (void)snprintf(ret->reason, sizeof(ret->reason),
                       "on a macvlan network only what the pod sends is limited");
    else if (ret->verdict == JP_VERDICT_IGNORED)
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", jp_error_text(&why));
}
