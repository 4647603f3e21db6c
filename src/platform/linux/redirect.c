#include "platform/linux/redirect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/mem.h"
#include "platform/linux/forwarding.h"
#include "platform/linux/nft.h"
#include "sys/address.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define NOTE_FILE       "redirected" /* in the pod's directory: there may be a table */
#define CHAIN           "prerouting"
#define PRIORITY_DSTNAT (-100)
#define RULE_BYTES      1280 /* at most, in a message */
#define NETWORK_BYTES   128  /* more for each network */
#define HEAD_BYTES      2048
#define MAX_RULES       4096 /* of a pod */

/* One rule: a number, or (when numbers stay as they are) a range of them. */
struct redirect {
    const struct jp_plan_port *port;
    uint32_t first; /* of the host's numbers, as an offset into the range */
    uint32_t count;
    uint8_t family;
    const char *source; /* NULL: everybody */
    const char *device; /* NULL: every one but those of pods */
};

static char *table_of(const char *uuid)
{
    return jp_format("jetpack-pod-%s", uuid);
}

static char *note_of(const char *dir)
{
    return jp_format("%s/" NOTE_FILE, dir);
}

static bool read_network(const char *text, struct jp_nft_network *ret)
{
    struct jp_source source;
    if (jp_source_parse(text, &source, NULL) < 0)
        return false;
    *ret = (struct jp_nft_network){.family = source.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6,
                                   .prefix_len = source.bits};
    memcpy(ret->bytes, source.bytes, sizeof(ret->bytes));
    return true;
}

/* ---- which rules -------------------------------------------------------------------------------
 */

struct rules {
    const struct jp_redirection *pod;
    const struct jp_strv *devices;
    bool has_six;
    struct jp_netlink_batch *batch; /* NULL: they are counted */
    const char *table;
    size_t count;
};

static bool is_of(const char *address, uint8_t family)
{
    return !address || (strchr(address, ':') != NULL) == (family == NFPROTO_IPV6);
}

static void compare_host(struct jp_netlink_batch *b, const struct redirect *r)
{
    struct jp_nft_network host;
    const uint32_t local = RTN_LOCAL;
    if (r->port->host_ip && read_network(r->port->host_ip, &host)) {
        jp_nft_compare_network(b, /* is_source= */ false, &host);
        return;
    }
    struct jp_nft_nests e = jp_nft_open(b, "fib");
    jp_nft_number(b, NFTA_FIB_DREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    jp_nft_number(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    jp_nft_close(b, e);
    jp_nft_compare(b, NFT_CMP_EQ, &local, sizeof(local));
}

static void compare_port(struct jp_netlink_batch *b, const struct redirect *r)
{
    const uint8_t protocol = r->port->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
    const uint16_t first = htons((uint16_t)(r->port->host_port + r->first));
    const uint16_t last = htons((uint16_t)(r->port->host_port + r->first + r->count - 1));
    jp_nft_load_meta(b, NFT_META_L4PROTO);
    jp_nft_compare(b, NFT_CMP_EQ, &protocol, sizeof(protocol));
    jp_nft_load_header(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(first));
    jp_nft_compare(b, NFT_CMP_GTE, &first, sizeof(first));
    jp_nft_compare(b, NFT_CMP_LTE, &last, sizeof(last));
}

/* "dnat to ADDRESS[:PORT]" */
static void send_on(struct jp_netlink_batch *b, const struct jp_redirection *to,
                    const struct redirect *r)
{
    struct jp_nft_network pod = {.family = 0};
    bool is_four = r->family == NFPROTO_IPV4;
    const uint16_t port = htons((uint16_t)(r->port->pod_port + r->first));
    (void)read_network(is_four ? to->address : to->address6, &pod);
    jp_nft_load_value(b, NFT_REG_1, pod.bytes, is_four ? 4 : 16);
    if (r->count == 1)
        jp_nft_load_value(b, NFT_REG_2, &port, sizeof(port));
    struct jp_nft_nests e = jp_nft_open(b, "nat");
    jp_nft_number(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    jp_nft_number(b, NFTA_NAT_FAMILY, r->family);
    jp_nft_number(b, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    if (r->count == 1)
        jp_nft_number(b, NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
    jp_nft_close(b, e);
}

/* A gateway is an address of the host as others are: there pods of any network ask for names. */
static void pass_over_pods(struct jp_netlink_batch *b, const struct jp_plan_host *host)
{
    for (size_t i = 0; i < host->n_networks; i++) {
        if (host->networks[i].kind != JP_NET_MACVLAN)
            jp_nft_compare_interface(b, NFT_META_IIFNAME, NFT_CMP_NEQ, host->networks[i].bridge);
    }
}

static void put_rule(struct rules *rules, const struct redirect *r)
{
    struct jp_netlink_batch *b = rules->batch;
    struct jp_nft_network source;
    rules->count++;
    if (!b)
        return;
    jp_nft_before(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    jp_netlink_text(b, NFTA_RULE_TABLE, rules->table);
    jp_netlink_text(b, NFTA_RULE_CHAIN, CHAIN);
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_RULE_EXPRESSIONS);
    jp_nft_load_meta(b, NFT_META_NFPROTO);
    jp_nft_compare(b, NFT_CMP_EQ, &r->family, sizeof(r->family));
    if (r->device)
        jp_nft_compare_interface(b, NFT_META_IIFNAME, NFT_CMP_EQ, r->device);
    else
        pass_over_pods(b, rules->pod->host);
    if (r->source && read_network(r->source, &source))
        jp_nft_compare_network(b, /* is_source= */ true, &source);
    compare_host(b, r);
    compare_port(b, r);
    send_on(b, rules->pod, r);
    jp_netlink_close_nest(b, nest);
}

static void put_sources(struct rules *rules, struct redirect r)
{
    const struct jp_strv *sources = &r.port->sources;
    if (sources->count == 0)
        put_rule(rules, &r);
    for (size_t i = 0; i < sources->count; i++) {
        r.source = sources->items[i];
        if (is_of(r.source, r.family))
            put_rule(rules, &r);
    }
}

static void put_devices(struct rules *rules, struct redirect r)
{
    if (r.family == NFPROTO_IPV6 || !rules->devices) {
        put_sources(rules, r);
        return;
    }
    for (size_t i = 0; i < rules->devices->count; i++) {
        r.device = rules->devices->items[i];
        put_sources(rules, r);
    }
}

/* Numbers that change are sent on one by one: the kernel would take any of a range. */
static void put_port(struct rules *rules, const struct jp_plan_port *port, uint8_t family)
{
    bool is_same = port->host_port == port->pod_port;
    if (!is_of(port->host_ip, family))
        return;
    for (uint32_t i = 0; i < (is_same ? 1 : port->count); i++) {
        const struct redirect r = {
            .port = port, .first = i, .count = is_same ? port->count : 1, .family = family};
        put_devices(rules, r);
    }
}

static void put_all(struct rules *rules)
{
    const struct jp_plan_ports *ports = rules->pod->ports;
    rules->count = 0;
    for (size_t i = 0; i < ports->count; i++) {
        put_port(rules, &ports->items[i], NFPROTO_IPV4);
        if (rules->has_six)
            put_port(rules, &ports->items[i], NFPROTO_IPV6);
    }
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static void put_table(struct rules *rules)
{
    jp_nft_begin(rules->batch);
    jp_nft_table(rules->batch, rules->table);
    jp_nft_chain(rules->batch, rules->table, CHAIN, "nat", NF_INET_PRE_ROUTING,
                 (uint32_t)PRIORITY_DSTNAT);
    jp_nft_before(rules->batch, NFT_MSG_DELRULE, 0);
    jp_netlink_text(rules->batch, NFTA_RULE_TABLE, rules->table);
    put_all(rules);
    jp_nft_end(rules->batch, "redirect published ports", NFT_MSG_NEWTABLE, NLM_F_CREATE, 0,
               rules->table);
}

static struct rules rules_of(const struct jp_redirection *pod, const struct jp_strv *devices)
{
    struct rules rules = {
        .pod = pod,
        .devices = devices,
        .has_six = pod->address6 && jp_forwarding_has_ipv6(),
    };
    put_all(&rules);
    return rules;
}

int jp_redirect_install(const struct jp_redirection *redirection, const struct jp_strv *devices,
                        struct jp_error *err)
{
    struct rules rules = rules_of(redirection, devices);
    if (rules.count > MAX_RULES)
        return jp_fail(err, JP_ELIMIT, 0, "%zu rules would be needed for them", rules.count);
    size_t rule_size = RULE_BYTES + redirection->host->n_networks * NETWORK_BYTES;
    size_t size = HEAD_BYTES + rules.count * rule_size;
    JP_AUTO_FREE char *table = table_of(redirection->uuid);
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(size);
    if (!table || !bytes)
        return jp_oom(err);
    struct jp_netlink_batch batch = {.large = bytes, .large_size = size};
    rules.table = table;
    rules.batch = &batch;
    put_table(&rules);
    /* Written down first: what is made is removed even if we are killed between the two. */
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, redirection->dir, err);
    JP_AUTO_FD int note = dir < 0 ? -1 : jp_fd_open(dir, NOTE_FILE, O_WRONLY | O_CREAT, 0600, err);
    return note < 0 ? -1 : jp_nft_send(&batch, err);
}

static void count_rule(void *context, const unsigned char *bytes, size_t len)
{
    size_t *count = context;
    (void)bytes;
    (void)len;
    ++*count;
}

int jp_redirect_is_damaged(const struct jp_redirection *redirection, const struct jp_strv *devices,
                           bool *ret, struct jp_error *err)
{
    size_t count = 0;
    struct jp_netlink_batch b = {0};
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FREE char *table = table_of(redirection->uuid);
    JP_AUTO_FREE char *note = note_of(redirection->dir);
    *ret = false;
    if (!table || !note)
        return jp_oom(err);
    if (access(note, F_OK) < 0)
        return 0;
    jp_nft_before(&b, NFT_MSG_GETRULE, NLM_F_DUMP);
    jp_netlink_text(&b, NFTA_RULE_TABLE, table);
    JP_AUTO_FD int fd = jp_netlink_open_for(NETLINK_NETFILTER, &why);
    if (fd < 0 || jp_netlink_list(fd, &b, count_rule, &count, &why) < 0)
        return jp_nft_translate(&why, err);
    *ret = count != rules_of(redirection, devices).count;
    return 0;
}

int jp_redirect_remove(const char *uuid, const char *dir, struct jp_error *err)
{
    JP_AUTO_FREE char *table = table_of(uuid);
    JP_AUTO_FREE char *note = note_of(dir);
    if (!table || !note)
        return jp_oom(err);
    if (access(note, F_OK) < 0)
        return 0;
    if (jp_nft_remove(table, err) < 0)
        return -1;
    return jp_sys.unlinkat(AT_FDCWD, note, 0) < 0 ? jp_fail_sys(err, "remove '%s'", note) : 0;
}
