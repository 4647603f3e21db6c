#include "platform/linux/firewall.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "base/subnet.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"

#define BATCH_BYTES      (16384 + 4096 * JP_PLAN_MAX_NETWORKS)
#define GUARD_BYTES      2048 /* of the rules of one device */
#define RULES_VERSION    "2" /* to be raised when the rules below change */
#define MARK_SIZE        32
#define COMMENT          0 /* what nft(8) shows as a comment, in a rule's user data */
#define PRIORITY_FILTER  0
#define PRIORITY_SRCNAT  100
#define REGISTER         NFT_REG_1
#define FORWARD          "forward"
#define POSTROUTING      "postrouting"

/* ---- the rules, as data ------------------------------------------------------------------------ */

enum rule_kind {
    ANSWERS,     /* to what a pod began, or what belongs to it, may come in */
    NEIGHBOURS,  /* pods of a network reach each other by way of the host, too */
    APART,       /* ... or do not */
    PUBLISHED,   /* what was sent to a published port may come in */
    STRANGERS,   /* nothing else may */
    ROUTED,      /* ... but to a network whose pods everybody reaches */
    REDIRECTED,  /* what others of this host send on (a DNAT of theirs) is their business */
    GUARD,       /* a device that forwards for pods alone brings nothing new for anybody else */
    MASQUERADE,  /* pods go out with the host's address */
    MASQUERADE6,
};

struct rule {
    enum rule_kind kind;
    const struct jp_plan_network *network; /* NULL: of none */
    const char *device;                    /* GUARD, REDIRECTED: where it comes in */
};

/* What the rules are made from. */
struct source {
    const struct jp_plan_host *host;
    const struct jp_strv *guarded; /* NULL: none */
};

static const char *chain_of(const struct rule *rule)
{
    return rule->kind >= MASQUERADE ? POSTROUTING : FORWARD;
}

/* Rule number n of the table, in order; false after the last. */
static bool nth_rule(const struct source *source, size_t n, struct rule *ret)
{
    const struct jp_plan_host *host = source->host;
    for (size_t i = 0; i < host->n_networks; i++) {
        const struct jp_plan_network *network = &host->networks[i];
        enum rule_kind kinds[6];
        size_t count = 0;
        if (network->kind == JP_NET_MACVLAN)
            continue;
        if (network->kind == JP_NET_BRIDGE)
            kinds[count++] = ANSWERS;
        kinds[count++] = network->is_isolated ? APART : NEIGHBOURS;
        if (network->kind == JP_NET_BRIDGE) {
            kinds[count++] = PUBLISHED;
            kinds[count++] = STRANGERS;
            kinds[count++] = MASQUERADE;
            if (network->subnet6)
                kinds[count++] = MASQUERADE6;
        } else {
            kinds[count++] = ROUTED;
        }
        if (n < count) {
            *ret = (struct rule){kinds[n], network, NULL};
            return true;
        }
        n -= count;
    }
    if (!source->guarded || n >= source->guarded->count * 2)
        return false;
    *ret = (struct rule){n % 2 ? GUARD : REDIRECTED, NULL, source->guarded->items[n / 2]};
    return true;
}

static void print_rule(const struct rule *rule, struct jp_buf *out)
{
    const struct jp_plan_network *network = rule->network;
    static const char *const words[] = {
        [ANSWERS] = "ct state established,related accept",
        [PUBLISHED] = "ct status dnat accept",
        [STRANGERS] = "drop",
        [ROUTED] = "accept",
    };
    switch (rule->kind) {
    case ANSWERS:
    case PUBLISHED:
    case STRANGERS:
    case ROUTED:
        jp_buf_printf(out, "oifname \"%s\" %s", network->bridge, words[rule->kind]);
        break;
    case NEIGHBOURS:
    case APART:
        jp_buf_printf(out, "oifname \"%s\" iifname \"%s\" %s", network->bridge, network->bridge,
                      rule->kind == APART ? "drop" : "accept");
        break;
    case REDIRECTED:
        jp_buf_printf(out, "iifname \"%s\" ct status dnat accept", rule->device);
        break;
    case GUARD:
        jp_buf_printf(out, "iifname \"%s\" ct state invalid,new,untracked drop", rule->device);
        break;
    case MASQUERADE:
        jp_buf_printf(out, "ip saddr %s oifname != \"%s\" masquerade", network->subnet,
                      network->bridge);
        break;
    case MASQUERADE6:
        jp_buf_printf(out, "ip6 saddr %s oifname != \"%s\" masquerade", network->subnet6,
                      network->bridge);
        break;
    }
}

static void print_chain(const struct source *source, const char *chain, const char *hook,
                        struct jp_buf *out)
{
    struct rule rule;
    jp_buf_printf(out, "\tchain %s {\n\t\t%s; policy accept;\n", chain, hook);
    for (size_t n = 0; nth_rule(source, n, &rule); n++) {
        if (strcmp(chain_of(&rule), chain) != 0)
            continue;
        jp_buf_printf(out, "\t\t");
        print_rule(&rule, out);
        jp_buf_printf(out, "\n");
    }
    jp_buf_printf(out, "\t}\n");
}

void jp_firewall_print(const struct jp_plan_host *host, struct jp_buf *out)
{
    const struct source source = {host, NULL};
    jp_buf_printf(out, "table inet %s {\n", host->table ? host->table : "jetpack");
    print_chain(&source, FORWARD, "type filter hook forward priority filter", out);
    print_chain(&source, POSTROUTING, "type nat hook postrouting priority srcnat", out);
    jp_buf_printf(out, "}\n");
}

/* What every rule carries: the same for the same rules. */
static int make_mark(const struct source *source, char out[MARK_SIZE], size_t *ret_count,
                     struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct rule rule;
    struct jp_subnet6 digest;
    size_t n = 0;
    for (; nth_rule(source, n, &rule); n++)
        print_rule(&rule, &text);
    if (jp_buf_failed(&text))
        return jp_oom(err);
    jp_subnet6_local(jp_buf_text(&text), &digest);
    (void)snprintf(out, MARK_SIZE, "jetpack " RULES_VERSION " %02x%02x%02x%02x%02x%02x%02x",
                   digest.network[1], digest.network[2], digest.network[3], digest.network[4],
                   digest.network[5], digest.network[6], digest.network[7]);
    *ret_count = n;
    return 0;
}

/* ---- nf_tables --------------------------------------------------------------------------------- */

static uint16_t message(unsigned type)
{
    return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

static void put_family(struct jp_netlink_batch *b, uint8_t family, uint16_t resource)
{
    struct nfgenmsg body = {
        .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
    jp_netlink_body(b, &body, sizeof(body));
}

static void before(struct jp_netlink_batch *b, unsigned type, uint16_t flags)
{
    jp_netlink_before(b, message(type), flags);
    put_family(b, NFPROTO_INET, 0);
}

static void put_number(struct jp_netlink_batch *b, uint16_t type, uint32_t number)
{
    jp_netlink_number(b, type, htonl(number));
}

static void begin_batch(struct jp_netlink_batch *b)
{
    jp_netlink_before(b, NFNL_MSG_BATCH_BEGIN, 0);
    put_family(b, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

/* After the message that is answered. */
static void end_batch(struct jp_netlink_batch *b)
{
    jp_netlink_before(b, NFNL_MSG_BATCH_END, 0);
    put_family(b, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

/* ---- expressions ------------------------------------------------------------------------------- */

struct nests {
    size_t element;
    size_t data;
};

static struct nests open_expression(struct jp_netlink_batch *b, const char *name)
{
    struct nests nests = {.element = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_LIST_ELEM)};
    jp_netlink_text(b, NFTA_EXPR_NAME, name);
    nests.data = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_EXPR_DATA);
    return nests;
}

static void close_expression(struct jp_netlink_batch *b, struct nests nests)
{
    jp_netlink_close_nest(b, nests.data);
    jp_netlink_close_nest(b, nests.element);
}

static void put_value(struct jp_netlink_batch *b, uint16_t type, const void *bytes, size_t len)
{
    size_t nest = jp_netlink_open_nest(b, (uint16_t)(NLA_F_NESTED | type));
    jp_netlink_attribute(b, NFTA_DATA_VALUE, bytes, len);
    jp_netlink_close_nest(b, nest);
}

static void load_meta(struct jp_netlink_batch *b, uint32_t key)
{
    struct nests e = open_expression(b, "meta");
    put_number(b, NFTA_META_DREG, REGISTER);
    put_number(b, NFTA_META_KEY, key);
    close_expression(b, e);
}

static void load_ct(struct jp_netlink_batch *b, uint32_t key)
{
    struct nests e = open_expression(b, "ct");
    put_number(b, NFTA_CT_DREG, REGISTER);
    put_number(b, NFTA_CT_KEY, key);
    close_expression(b, e);
}

static void load_header(struct jp_netlink_batch *b, uint32_t offset, uint32_t len)
{
    struct nests e = open_expression(b, "payload");
    put_number(b, NFTA_PAYLOAD_DREG, REGISTER);
    put_number(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    put_number(b, NFTA_PAYLOAD_OFFSET, offset);
    put_number(b, NFTA_PAYLOAD_LEN, len);
    close_expression(b, e);
}

static void mask(struct jp_netlink_batch *b, const void *bits, size_t len)
{
    static const unsigned char zero[16];
    struct nests e = open_expression(b, "bitwise");
    put_number(b, NFTA_BITWISE_SREG, REGISTER);
    put_number(b, NFTA_BITWISE_DREG, REGISTER);
    put_number(b, NFTA_BITWISE_LEN, (uint32_t)len);
    put_value(b, NFTA_BITWISE_MASK, bits, len);
    put_value(b, NFTA_BITWISE_XOR, zero, len);
    close_expression(b, e);
}

static void compare(struct jp_netlink_batch *b, uint32_t operation, const void *bytes, size_t len)
{
    struct nests e = open_expression(b, "cmp");
    put_number(b, NFTA_CMP_SREG, REGISTER);
    put_number(b, NFTA_CMP_OP, operation);
    put_value(b, NFTA_CMP_DATA, bytes, len);
    close_expression(b, e);
}

static void compare_interface(struct jp_netlink_batch *b, uint32_t key, uint32_t operation,
                              const char *name)
{
    char bytes[IFNAMSIZ] = "";
    (void)snprintf(bytes, sizeof(bytes), "%s", name);
    load_meta(b, key);
    compare(b, operation, bytes, sizeof(bytes));
}

static void compare_bits(struct jp_netlink_batch *b, uint32_t key, uint32_t bits)
{
    static const uint32_t zero = 0;
    load_ct(b, key);
    mask(b, &bits, sizeof(bits));
    compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void give_verdict(struct jp_netlink_batch *b, uint32_t verdict)
{
    struct nests e = open_expression(b, "immediate");
    put_number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_IMMEDIATE_DATA);
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_DATA_VERDICT);
    put_number(b, NFTA_VERDICT_CODE, verdict);
    jp_netlink_close_nest(b, nest);
    jp_netlink_close_nest(b, data);
    close_expression(b, e);
}

/* The packet's family, and its source in the network that begins so. */
static void compare_source(struct jp_netlink_batch *b, uint8_t family, const uint8_t *network,
                           size_t len, uint32_t prefix_len)
{
    uint8_t bits[16] = {0};
    for (uint32_t i = 0; i < prefix_len; i++)
        bits[i / 8] |= (uint8_t)(0x80U >> i % 8);
    load_meta(b, NFT_META_NFPROTO);
    compare(b, NFT_CMP_EQ, &family, sizeof(family));
    load_header(b, len == 4 ? 12 : 8, (uint32_t)len);
    mask(b, bits, len);
    compare(b, NFT_CMP_EQ, network, len);
}

static void masquerade(struct jp_netlink_batch *b, const struct jp_plan_network *network)
{
    compare_interface(b, NFT_META_OIFNAME, NFT_CMP_NEQ, network->bridge);
    close_expression(b, open_expression(b, "masq"));
}

/* ---- the transaction --------------------------------------------------------------------------- */

static void put_expressions(struct jp_netlink_batch *b, const struct rule *rule)
{
    const struct jp_plan_network *network = rule->network;
    struct jp_subnet four = {0, 0};
    struct jp_subnet6 six = {.prefix_len = 0};
    if (rule->device)
        compare_interface(b, NFT_META_IIFNAME, NFT_CMP_EQ, rule->device);
    else if (rule->kind < MASQUERADE)
        compare_interface(b, NFT_META_OIFNAME, NFT_CMP_EQ, network->bridge);
    switch (rule->kind) {
    case ANSWERS:
        compare_bits(b, NFT_CT_STATE,
                     NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
        give_verdict(b, NF_ACCEPT);
        break;
    case NEIGHBOURS:
    case APART:
        compare_interface(b, NFT_META_IIFNAME, NFT_CMP_EQ, network->bridge);
        give_verdict(b, rule->kind == APART ? NF_DROP : NF_ACCEPT);
        break;
    case PUBLISHED:
    case REDIRECTED:
        compare_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
        give_verdict(b, NF_ACCEPT);
        break;
    case STRANGERS:
        give_verdict(b, NF_DROP);
        break;
    case ROUTED:
        give_verdict(b, NF_ACCEPT);
        break;
    case GUARD:
        compare_bits(b, NFT_CT_STATE,
                     NF_CT_STATE_INVALID_BIT | NF_CT_STATE_BIT(IP_CT_NEW) |
                         NF_CT_STATE_UNTRACKED_BIT);
        give_verdict(b, NF_DROP);
        break;
    case MASQUERADE:
        (void)jp_subnet_parse(network->subnet, &four);
        four.network = htonl(four.network);
        compare_source(b, NFPROTO_IPV4, (const uint8_t *)&four.network, 4, four.prefix_len);
        masquerade(b, network);
        break;
    case MASQUERADE6:
        (void)jp_subnet6_parse(network->subnet6, &six);
        compare_source(b, NFPROTO_IPV6, six.network, 16, six.prefix_len);
        masquerade(b, network);
        break;
    }
}

static void put_rule(struct jp_netlink_batch *b, const char *table, const struct rule *rule,
                     const char *comment)
{
    unsigned char user_data[MARK_SIZE + 2];
    size_t len = strlen(comment) + 1;
    user_data[0] = COMMENT;
    user_data[1] = (unsigned char)len;
    memcpy(user_data + 2, comment, len);
    before(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    jp_netlink_text(b, NFTA_RULE_TABLE, table);
    jp_netlink_text(b, NFTA_RULE_CHAIN, chain_of(rule));
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_RULE_EXPRESSIONS);
    put_expressions(b, rule);
    jp_netlink_close_nest(b, nest);
    jp_netlink_attribute(b, NFTA_RULE_USERDATA, user_data, len + 2);
}

static void put_chain(struct jp_netlink_batch *b, const char *table, const char *name,
                      const char *type, uint32_t hook, uint32_t priority)
{
    before(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    jp_netlink_text(b, NFTA_CHAIN_TABLE, table);
    jp_netlink_text(b, NFTA_CHAIN_NAME, name);
    jp_netlink_text(b, NFTA_CHAIN_TYPE, type);
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_CHAIN_HOOK);
    put_number(b, NFTA_HOOK_HOOKNUM, hook);
    put_number(b, NFTA_HOOK_PRIORITY, priority);
    jp_netlink_close_nest(b, nest);
}

static void put_table(struct jp_netlink_batch *b, const char *table)
{
    before(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    jp_netlink_text(b, NFTA_TABLE_NAME, table);
}

/*
 * The table is there afterwards with these rules and no others, whatever was in it. Maps that others
 * of our files keep in it stay.
 */
static void put_all(struct jp_netlink_batch *b, const struct source *source, const char *comment)
{
    const struct jp_plan_host *host = source->host;
    struct rule rule;
    begin_batch(b);
    put_table(b, host->table);
    put_chain(b, host->table, FORWARD, "filter", NF_INET_FORWARD, PRIORITY_FILTER);
    put_chain(b, host->table, POSTROUTING, "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT);
    before(b, NFT_MSG_DELRULE, 0);
    jp_netlink_text(b, NFTA_RULE_TABLE, host->table);
    for (size_t n = 0; nth_rule(source, n, &rule); n++)
        put_rule(b, host->table, &rule, comment);
    /* Once more, for an answer. */
    jp_netlink_begin(b, "write the table of the firewall", message(NFT_MSG_NEWTABLE),
                     NLM_F_CREATE, 0);
    put_family(b, NFPROTO_INET, 0);
    jp_netlink_text(b, NFTA_TABLE_NAME, host->table);
    end_batch(b);
}

/* Kernels without it say so in several ways. */
static int translate(struct jp_error *why, struct jp_error *err)
{
    if (why->sys == EOPNOTSUPP || why->sys == EPROTONOSUPPORT || why->sys == EINVAL)
        return jp_fail(err, JP_EUNSUPPORTED, why->sys, "this kernel has no nftables");
    jp_error_move(err, why);
    return -1;
}

static int send_batch(struct jp_netlink_batch *b, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    /* Open until the process ends: closing waits for all that was removed to be freed (10 ms). */
    static int kept = -1;
    if (kept < 0 && (kept = jp_netlink_open_for(NETLINK_NETFILTER, &why)) < 0)
        return translate(&why, err);
    return jp_netlink_send(kept, b, &why) < 0 ? translate(&why, err) : 0;
}

/* ---- looking ----------------------------------------------------------------------------------- */

struct count {
    const char *comment;
    size_t ours;
    size_t all;
};

/* One rule of the table: bytes after the header of its message. */
static void count_rule(void *context, const unsigned char *bytes, size_t len)
{
    struct count *count = context;
    struct nlattr header;
    size_t at = sizeof(struct nfgenmsg); /* a multiple of 4 */
    count->all++;
    while (at + sizeof(header) <= len) {
        memcpy(&header, bytes + at, sizeof(header));
        if (header.nla_len < sizeof(header) || header.nla_len > len - at)
            return;
        const unsigned char *user_data = bytes + at + sizeof(header);
        size_t size = header.nla_len - sizeof(header);
        size_t wanted = strlen(count->comment) + 1;
        if ((header.nla_type & NLA_TYPE_MASK) == NFTA_RULE_USERDATA && size == wanted + 2 &&
            memcmp(user_data + 2, count->comment, wanted) == 0)
            count->ours++;
        at += (size_t)NLA_ALIGN(header.nla_len);
    }
}

int jp_firewall_examine(const struct jp_plan_host *host, const struct jp_strv *guarded,
                        enum jp_firewall_state *ret, struct jp_error *err)
{
    const struct source source = {host, guarded};
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    struct jp_netlink_batch b = {0};
    char comment[MARK_SIZE];
    struct count count = {.comment = comment};
    size_t wanted = 0;
    if (make_mark(&source, comment, &wanted, err) < 0)
        return -1;
    before(&b, NFT_MSG_GETRULE, NLM_F_DUMP);
    jp_netlink_text(&b, NFTA_RULE_TABLE, host->table);
    JP_AUTO_FD int fd = jp_netlink_open_for(NETLINK_NETFILTER, &why);
    if (fd < 0 || jp_netlink_list(fd, &b, count_rule, &count, &why) < 0)
        return translate(&why, err);
    *ret = count.all == 0                                  ? JP_FIREWALL_ABSENT
           : count.all == wanted && count.ours == wanted ? JP_FIREWALL_WHOLE
                                                         : JP_FIREWALL_DAMAGED;
    return 0;
}

/* ---- doing ------------------------------------------------------------------------------------- */

static int install(const struct source *source, struct jp_error *err)
{
    char comment[MARK_SIZE];
    size_t count = 0;
    size_t size = BATCH_BYTES + source->guarded->count * GUARD_BYTES;
    struct jp_netlink_batch b = {.large_size = size};
    if (make_mark(source, comment, &count, err) < 0)
        return -1;
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(size);
    if (!bytes)
        return jp_oom(err);
    b.large = bytes;
    put_all(&b, source, comment);
    return send_batch(&b, err);
}

int jp_firewall_ensure(const struct jp_plan_host *host, const struct jp_strv *guarded,
                       struct jp_error *err)
{
    const struct source source = {host, guarded};
    enum jp_firewall_state state = JP_FIREWALL_ABSENT;
    if (jp_firewall_examine(host, guarded, &state, err) < 0)
        return -1;
    return state == JP_FIREWALL_WHOLE ? 0 : install(&source, err);
}

int jp_firewall_remove(const char *table, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    begin_batch(&b);
    jp_netlink_begin(&b, "remove the table of the firewall", message(NFT_MSG_DELTABLE), 0, ENOENT);
    put_family(&b, NFPROTO_INET, 0);
    jp_netlink_text(&b, NFTA_TABLE_NAME, table);
    end_batch(&b);
    return send_batch(&b, err);
}
