#include "platform/linux/hush.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stddef.h>

#include "base/macros.h"
#include "platform/linux/bridge.h"

/* An Ethernet frame with IPv6 and a hop-by-hop header of 8 bytes, as RFC 2710 and 3810 have it. */
#define AT_NEXT     20
#define AT_OPTIONS  54
#define AT_TYPE     62
#define HOP_BY_HOP  0
#define ICMP6       58
#define REPORT1     131
#define DONE1       132
#define REPORT2     143
#define PORT_HANDLE (TC_H_INGRESS & TC_H_MAJ_MASK) /* of what filters stand in */
#define FIRST_PLACE (1U << 16)                     /* among them */

static const struct sock_filter reports[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_NEXT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HOP_BY_HOP, 0, 7),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_OPTIONS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP6, 0, 5),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_TYPE),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REPORT2, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REPORT1, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DONE1, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, TC_ACT_SHOT),
    BPF_STMT(BPF_RET | BPF_K, (uint32_t)TC_ACT_UNSPEC),
};

void jp_linux_request_unlooking(struct jp_netlink_batch *b)
{
    uint8_t off = 0;
    jp_netlink_attribute(b, IFLA_BR_MCAST_SNOOPING, &off, sizeof(off));
}

/* ---- the bridge -------------------------------------------------------------------------------
 */

static void read_looks(void *context, const unsigned char *bytes, size_t len)
{
    bool *looks = context;
    struct jp_netlink_value info, data, on;
    *looks =
        !jp_netlink_find(bytes, len, NLMSG_ALIGN(sizeof(struct ifinfomsg)), IFLA_LINKINFO, &info) ||
        !jp_netlink_find(info.bytes, info.len, 0, IFLA_INFO_DATA, &data) ||
        !jp_netlink_find(data.bytes, data.len, 0, IFLA_BR_MCAST_SNOOPING, &on) || on.len < 1 ||
        on.bytes[0] != 0;
}

static bool looks(int fd, unsigned bridge)
{
    bool is = true;
    return jp_linux_ask_device(fd, bridge, read_looks, &is, NULL) < 0 || is;
}

/* ---- the port ---------------------------------------------------------------------------------
 */

static void request_filter(struct jp_netlink_batch *b, unsigned port)
{
    struct tcmsg queue = {
        .tcm_ifindex = (int)port, .tcm_parent = TC_H_INGRESS, .tcm_handle = PORT_HANDLE};
    struct tcmsg filter = {.tcm_ifindex = (int)port,
                           .tcm_parent = PORT_HANDLE,
                           .tcm_info = FIRST_PLACE | htons(ETH_P_IPV6)};
    uint16_t count = JP_LEN(reports);
    jp_netlink_begin(b, "filter what a port receives", RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, 0);
    jp_netlink_body(b, &queue, sizeof(queue));
    jp_netlink_text(b, TCA_KIND, "ingress");
    jp_netlink_begin(b, "keep reports of groups at a port", RTM_NEWTFILTER,
                     NLM_F_CREATE | NLM_F_EXCL, 0);
    jp_netlink_body(b, &filter, sizeof(filter));
    jp_netlink_text(b, TCA_KIND, "bpf");
    size_t options = jp_netlink_open_nest(b, TCA_OPTIONS);
    jp_netlink_attribute(b, TCA_BPF_OPS_LEN, &count, sizeof(count));
    jp_netlink_attribute(b, TCA_BPF_OPS, reports, sizeof(reports));
    jp_netlink_number(b, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    jp_netlink_close_nest(b, options);
}

void jp_linux_hush(int fd, unsigned bridge, const char *port)
{
    struct jp_netlink_batch b = {0};
    unsigned index = jp_linux_device_index(fd, port);
    if (index == 0 || looks(fd, bridge))
        return;
    request_filter(&b, index);
    (void)jp_netlink_send(fd, &b, NULL);
}
