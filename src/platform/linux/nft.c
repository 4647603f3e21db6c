#include "platform/linux/nft.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>

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

void jp_nft_before(struct jp_netlink_batch *b, unsigned type, uint16_t flags)
{
    jp_netlink_before(b, message(type), flags);
    put_family(b, NFPROTO_INET, 0);
}

void jp_nft_number(struct jp_netlink_batch *b, uint16_t type, uint32_t number)
{
    jp_netlink_number(b, type, htonl(number));
}

void jp_nft_begin(struct jp_netlink_batch *b)
{
    jp_netlink_before(b, NFNL_MSG_BATCH_BEGIN, 0);
    put_family(b, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

void jp_nft_all(struct jp_netlink_batch *b, unsigned type)
{
    jp_netlink_before(b, message(type), NLM_F_DUMP);
    put_family(b, AF_UNSPEC, 0);
}

/* ---- expressions -------------------------------------------------------------------------------
 */

struct jp_nft_nests jp_nft_open(struct jp_netlink_batch *b, const char *name)
{
    struct jp_nft_nests nests = {.element = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_LIST_ELEM)};
    jp_netlink_text(b, NFTA_EXPR_NAME, name);
    nests.data = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_EXPR_DATA);
    return nests;
}

void jp_nft_close(struct jp_netlink_batch *b, struct jp_nft_nests nests)
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

void jp_nft_load_meta(struct jp_netlink_batch *b, uint32_t key)
{
    struct jp_nft_nests e = jp_nft_open(b, "meta");
    jp_nft_number(b, NFTA_META_DREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_META_KEY, key);
    jp_nft_close(b, e);
}

static void load_ct(struct jp_netlink_batch *b, uint32_t key)
{
    struct jp_nft_nests e = jp_nft_open(b, "ct");
    jp_nft_number(b, NFTA_CT_DREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_CT_KEY, key);
    jp_nft_close(b, e);
}

void jp_nft_load_header(struct jp_netlink_batch *b, uint32_t base, uint32_t offset, uint32_t len)
{
    struct jp_nft_nests e = jp_nft_open(b, "payload");
    jp_nft_number(b, NFTA_PAYLOAD_DREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_PAYLOAD_BASE, base);
    jp_nft_number(b, NFTA_PAYLOAD_OFFSET, offset);
    jp_nft_number(b, NFTA_PAYLOAD_LEN, len);
    jp_nft_close(b, e);
}

static void mask(struct jp_netlink_batch *b, const void *bits, size_t len)
{
    static const unsigned char zero[16];
    struct jp_nft_nests e = jp_nft_open(b, "bitwise");
    jp_nft_number(b, NFTA_BITWISE_SREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_BITWISE_DREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_BITWISE_LEN, (uint32_t)len);
    put_value(b, NFTA_BITWISE_MASK, bits, len);
    put_value(b, NFTA_BITWISE_XOR, zero, len);
    jp_nft_close(b, e);
}

void jp_nft_compare(struct jp_netlink_batch *b, uint32_t operation, const void *bytes, size_t len)
{
    struct jp_nft_nests e = jp_nft_open(b, "cmp");
    jp_nft_number(b, NFTA_CMP_SREG, JP_NFT_REGISTER);
    jp_nft_number(b, NFTA_CMP_OP, operation);
    put_value(b, NFTA_CMP_DATA, bytes, len);
    jp_nft_close(b, e);
}

void jp_nft_compare_interface(struct jp_netlink_batch *b, uint32_t key, uint32_t operation,
                              const char *name)
{
    char bytes[IFNAMSIZ] = "";
    (void)snprintf(bytes, sizeof(bytes), "%s", name);
    jp_nft_load_meta(b, key);
    jp_nft_compare(b, operation, bytes, sizeof(bytes));
}

void jp_nft_compare_bits(struct jp_netlink_batch *b, uint32_t key, uint32_t bits)
{
    static const uint32_t zero = 0;
    load_ct(b, key);
    mask(b, &bits, sizeof(bits));
    jp_nft_compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void jp_nft_verdict(struct jp_netlink_batch *b, uint32_t verdict)
{
    struct jp_nft_nests e = jp_nft_open(b, "immediate");
    jp_nft_number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_IMMEDIATE_DATA);
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_DATA_VERDICT);
    jp_nft_number(b, NFTA_VERDICT_CODE, verdict);
    jp_netlink_close_nest(b, nest);
    jp_netlink_close_nest(b, data);
    jp_nft_close(b, e);
}

void jp_nft_compare_network(struct jp_netlink_batch *b, bool is_source,
                            const struct jp_nft_network *network)
{
    const uint32_t len = network->family == NFPROTO_IPV4 ? 4 : 16;
    const uint32_t source = network->family == NFPROTO_IPV4 ? 12 : 8; /* the destination follows */
    uint8_t bits[16] = {0};
    for (uint32_t i = 0; i < network->prefix_len; i++)
        bits[i / 8] |= (uint8_t)(0x80U >> i % 8);
    jp_nft_load_meta(b, NFT_META_NFPROTO);
    jp_nft_compare(b, NFT_CMP_EQ, &network->family, sizeof(network->family));
    jp_nft_load_header(b, NFT_PAYLOAD_NETWORK_HEADER, is_source ? source : source + len, len);
    mask(b, bits, len);
    jp_nft_compare(b, NFT_CMP_EQ, network->bytes, len);
}

void jp_nft_load_value(struct jp_netlink_batch *b, uint32_t reg, const void *bytes, size_t len)
{
    struct jp_nft_nests e = jp_nft_open(b, "immediate");
    jp_nft_number(b, NFTA_IMMEDIATE_DREG, reg);
    put_value(b, NFTA_IMMEDIATE_DATA, bytes, len);
    jp_nft_close(b, e);
}

void jp_nft_chain(struct jp_netlink_batch *b, const char *table, const char *name, const char *type,
                  uint32_t hook, uint32_t priority)
{
    jp_nft_before(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    jp_netlink_text(b, NFTA_CHAIN_TABLE, table);
    jp_netlink_text(b, NFTA_CHAIN_NAME, name);
    jp_netlink_text(b, NFTA_CHAIN_TYPE, type);
    size_t nest = jp_netlink_open_nest(b, NLA_F_NESTED | NFTA_CHAIN_HOOK);
    jp_nft_number(b, NFTA_HOOK_HOOKNUM, hook);
    jp_nft_number(b, NFTA_HOOK_PRIORITY, priority);
    jp_netlink_close_nest(b, nest);
}

void jp_nft_table(struct jp_netlink_batch *b, const char *table)
{
    jp_nft_before(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    jp_netlink_text(b, NFTA_TABLE_NAME, table);
}

void jp_nft_end(struct jp_netlink_batch *b, const char *what, unsigned type, uint16_t flags,
                int tolerated, const char *table)
{
    jp_netlink_begin(b, what, message(type), flags, tolerated);
    put_family(b, NFPROTO_INET, 0);
    jp_netlink_text(b, NFTA_TABLE_NAME, table);
    jp_netlink_before(b, NFNL_MSG_BATCH_END, 0);
    put_family(b, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

int jp_nft_remove(const char *table, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    jp_nft_begin(&b);
    jp_nft_end(&b, "remove a table of the firewall", NFT_MSG_DELTABLE, 0, ENOENT, table);
    return jp_nft_send(&b, err);
}

/* Kernels without it say so in several ways. */
int jp_nft_translate(struct jp_error *why, struct jp_error *err)
{
    if (why->sys == EOPNOTSUPP || why->sys == EPROTONOSUPPORT || why->sys == EINVAL)
        return jp_fail(err, JP_EUNSUPPORTED, why->sys, "this kernel has no nftables");
    jp_error_move(err, why);
    return -1;
}

int jp_nft_send(struct jp_netlink_batch *b, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    /* Open until the process ends: closing waits for all that was removed to be freed (10 ms). */
    static int kept = -1;
    if (kept < 0 && (kept = jp_netlink_open_for(NETLINK_NETFILTER, &why)) < 0)
        return jp_nft_translate(&why, err);
    return jp_netlink_send(kept, b, &why) < 0 ? jp_nft_translate(&why, err) : 0;
}
