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
#include "platform/linux/nft.h"
#include "sys/fd.h"

#define BATCH_BYTES     (16384 + 4096 * JP_PLAN_MAX_NETWORKS)
#define GUARD_BYTES     2048 /* of the rules of one device */
#define RULES_VERSION   "2"  /* to be raised when the rules below change */
#define MARK_SIZE       32
#define COMMENT         0 /* what nft(8) shows as a comment, in a rule's user data */
#define PRIORITY_FILTER 0
#define PRIORITY_SRCNAT 100
#define FORWARD         "forward"
#define POSTROUTING     "postrouting"

/* ---- the rules, as data ------------------------------------------------------------------------
 */

enum rule_kind {
    ANSWERS,    /* to what a pod began, or what belongs to it, may come in */
    NEIGHBOURS, /* pods of a network reach each other by way of the host, too */
    APART,      /* ... or do not */
    PUBLISHED,  /* what was sent to a published port may come in */
    STRANGERS,  /* nothing else may */
    ROUTED,     /* ... but to a network whose pods everybody reaches */
    REDIRECTED, /* what others of this host send on (a DNAT of theirs) is their business */
    GUARD,      /* a device that forwards for pods alone brings nothing new for anybody else */
    MASQUERADE, /* pods go out with the host's address */
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

#define IPTABLES_CHAIN "JETPACK"

static const char *const iptables[] = {"iptables", "ip6tables"};

/* The same for iptables(8): for IPv4 alone, or for both. */
static void print_for_iptables(const struct rule *rule, struct jp_buf *out)
{
    const struct jp_plan_network *network = rule->network;
    static const char *const words[] = {
        [ANSWERS] = "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        [NEIGHBOURS] = "-j ACCEPT",
        [APART] = "-j DROP",
        [PUBLISHED] = "-m conntrack --ctstate DNAT -j ACCEPT",
        [STRANGERS] = "-j DROP",
        [ROUTED] = "-j ACCEPT",
    };
    if (rule->kind == MASQUERADE || rule->kind == MASQUERADE6) {
        bool is_six = rule->kind == MASQUERADE6;
        jp_buf_printf(out, "%s -t nat -A POSTROUTING -s %s ! -o %s -j MASQUERADE\n",
                      iptables[is_six], is_six ? network->subnet6 : network->subnet,
                      network->bridge);
        return;
    }
    bool is_inside = rule->kind == NEIGHBOURS || rule->kind == APART;
    for (int six = 0; six <= (network->subnet6 != NULL); six++)
        jp_buf_printf(out, "%s -A " IPTABLES_CHAIN " -o %s %s%s%s%s\n", iptables[six],
                      network->bridge, is_inside ? "-i " : "", is_inside ? network->bridge : "",
                      is_inside ? " " : "", words[rule->kind]);
}

static bool has_six(const struct jp_plan_host *host)
{
    for (size_t i = 0; i < host->n_networks; i++) {
        if (host->networks[i].subnet6)
            return true;
    }
    return false;
}

/* In a chain of their own, before the host's: what that accepts must not let strangers in. */
static void print_all_for_iptables(const struct source *source, struct jp_buf *out)
{
    struct rule rule;
    size_t count = has_six(source->host) ? 2 : 1;
    for (size_t i = 0; i < count; i++)
        jp_buf_printf(out, "%s -N " IPTABLES_CHAIN "\n%s -I FORWARD -j " IPTABLES_CHAIN "\n",
                      iptables[i], iptables[i]);
    for (size_t n = 0; nth_rule(source, n, &rule); n++)
        print_for_iptables(&rule, out);
    jp_buf_puts(out, "sysctl -w net.ipv4.ip_forward=1\n");
    if (count > 1)
        jp_buf_puts(out, "sysctl -w net.ipv6.conf.all.forwarding=1\n");
}

static bool has_nftables(const struct jp_plan_host *host)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    enum jp_firewall_state state;
    return !host->table || jp_firewall_examine(host, NULL, &state, &why) == 0 ||
           why.code != JP_EUNSUPPORTED;
}

void jp_firewall_print(const struct jp_plan_host *host, struct jp_buf *out)
{
    const struct source source = {host, NULL};
    if (!has_nftables(host)) {
        print_all_for_iptables(&source, out);
        return;
    }
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

/* ---- the rules, for the kernel -----------------------------------------------------------------
 */

static void compare_source4(struct jp_netlink_batch *b, const struct jp_plan_network *network)
{
    struct jp_subnet four = {0, 0};
    (void)jp_subnet_parse(network->subnet, &four);
    struct jp_nft_network source = {.family = NFPROTO_IPV4, .prefix_len = four.prefix_len};
    four.network = htonl(four.network);
    memcpy(source.bytes, &four.network, sizeof(four.network));
    jp_nft_compare_network(b, /* is_source= */ true, &source);
}

static void compare_source6(struct jp_netlink_batch *b, const struct jp_plan_network *network)
{
    struct jp_subnet6 six = {.prefix_len = 0};
    (void)jp_subnet6_parse(network->subnet6, &six);
    struct jp_nft_network source = {.family = NFPROTO_IPV6, .prefix_len = six.prefix_len};
    memcpy(source.bytes, six.network, sizeof(six.network));
    jp_nft_compare_network(b, true, &source);
}

static void masquerade(struct jp_netlink_batch *b, const struct jp_plan_network *network)
{
    jp_nft_compare_interface(b, NFT_META_OIFNAME, NFT_CMP_NEQ, network->bridge);
    jp_nft_close(b, jp_nft_open(b, "masq"));
}

/* ---- the transaction ---------------------------------------------------------------------------
 */

static void put_expressions(struct jp_netlink_batch *b, const struct rule *rule)
{
    const struct jp_plan_network *network = rule->network;
    if (rule->device)
        jp_nft_compare_interface(b, NFT_META_IIFNAME, NFT_CMP_EQ, rule->device);
    else if (rule->kind < MASQUERADE)
        jp_nft_compare_interface(b, NFT_META_OIFNAME, NFT_CMP_EQ, network->bridge);
    switch (rule->kind) {
    case ANSWERS:
        jp_nft_compare_bits(b, NFT_CT_STATE,
                            NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
        jp_nft_verdict(b, NF_ACCEPT);
        break;
    case NEIGHBOURS:
    case APART:
        jp_nft_compare_interface(b, NFT_META_IIFNAME, NFT_CMP_EQ, network->bridge);
        jp_nft_verdict(b, rule->kind == APART ? NF_DROP : NF_ACCEPT);
        break;
    case PUBLISHED:
    case REDIRECTED:
        jp_nft_compare_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
        jp_nft_verdict(b, NF_ACCEPT);
        break;
    case STRANGERS:
        jp_nft_verdict(b, NF_DROP);
        break;
    case ROUTED:
        jp_nft_verdict(b, NF_ACCEPT);
        break;
    case GUARD:
        jp_nft_compare_bits(b, NFT_CT_STATE,
                            NF_CT_STATE_INVALID_BIT | NF_CT_STATE_BIT(IP_CT_NEW) |
                                NF_CT_STATE_UNTRACKED_BIT);
        jp_nft_verdict(b, NF_DROP);
        break;
    case MASQUERADE:
        compare_source4(b, network);
        masquerade(b, network);
        break;
    case MASQUERADE6:
        compare_source6(b, network);
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
    jp_nft_before(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    jp_netlink_text(b, NFTA_RULE_TABLE, table);
    jp_netlink_text(b, NFTA_RULE_CHAIN, chain_of(rule));
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_RULE_EXPRESSIONS);
    put_expressions(b, rule);
    jp_netlink_close_nest(b, nest);
    jp_netlink_attribute(b, NFTA_RULE_USERDATA, user_data, len + 2);
}

/*
 * The table is there afterwards with these rules and no others, whatever was in it. Maps that
 * others of our files keep in it stay.
 */
static void put_all(struct jp_netlink_batch *b, const struct source *source, const char *comment)
{
    const struct jp_plan_host *host = source->host;
    struct rule rule;
    jp_nft_begin(b);
    jp_nft_table(b, host->table);
    jp_nft_chain(b, host->table, FORWARD, "filter", NF_INET_FORWARD, PRIORITY_FILTER);
    jp_nft_chain(b, host->table, POSTROUTING, "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT);
    jp_nft_before(b, NFT_MSG_DELRULE, 0);
    jp_netlink_text(b, NFTA_RULE_TABLE, host->table);
    for (size_t n = 0; nth_rule(source, n, &rule); n++)
        put_rule(b, host->table, &rule, comment);
    /* Once more, for an answer. */
    jp_nft_end(b, "write the table of the firewall", NFT_MSG_NEWTABLE, NLM_F_CREATE, 0,
               host->table);
}

/* ---- looking -----------------------------------------------------------------------------------
 */

struct count {
    const char *comment;
    size_t ours;
    size_t all;
};

/* One rule of the table: bytes after the header of its message. */
static void count_rule(void *context, const unsigned char *bytes, size_t len)
{
    struct count *count = context;
    struct jp_netlink_value value;
    size_t wanted = strlen(count->comment) + 1;
    count->all++;
    /* What comes before is a multiple of 4. */
    if (jp_netlink_find(bytes, len, sizeof(struct nfgenmsg), NFTA_RULE_USERDATA, &value) &&
        value.len == wanted + 2 && memcmp(value.bytes + 2, count->comment, wanted) == 0)
        count->ours++;
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
    jp_nft_before(&b, NFT_MSG_GETRULE, NLM_F_DUMP);
    jp_netlink_text(&b, NFTA_RULE_TABLE, host->table);
    JP_AUTO_FD int fd = jp_netlink_open_for(NETLINK_NETFILTER, &why);
    if (fd < 0 || jp_netlink_list(fd, &b, count_rule, &count, &why) < 0)
        return jp_nft_translate(&why, err);
    *ret = count.all == 0                                ? JP_FIREWALL_ABSENT
           : count.all == wanted && count.ours == wanted ? JP_FIREWALL_WHOLE
                                                         : JP_FIREWALL_DAMAGED;
    return 0;
}

/* ---- doing -------------------------------------------------------------------------------------
 */

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
    return jp_nft_send(&b, err);
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
    return jp_nft_remove(table, err);
}
