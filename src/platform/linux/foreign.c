#include "platform/linux/foreign.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "platform/linux/netlink.h"
#include "platform/linux/nft.h"
#include "sys/fd.h"

struct search {
    uint32_t hook;
    struct jp_buf *out;
    bool is_found;
};

/* What is looked at of a chain. */
struct chain {
    struct jp_netlink_value table, name;
    uint32_t hook, policy;
};

static bool read_number(const struct jp_netlink_value *value, uint32_t *ret)
{
    if (value->len < sizeof(*ret))
        return false;
    memcpy(ret, value->bytes, sizeof(*ret));
    *ret = ntohl(*ret);
    return true;
}

static void read_hook(const struct jp_netlink_value *nest, struct chain *chain)
{
    struct jp_netlink_value value;
    if (jp_netlink_find(nest->bytes, nest->len, 0, NFTA_HOOK_HOOKNUM, &value))
        (void)read_number(&value, &chain->hook);
}

static bool read_chain(const unsigned char *bytes, size_t len, struct chain *ret)
{
    struct jp_netlink_value value;
    size_t at = sizeof(struct nfgenmsg); /* a multiple of 4 */
    *ret = (struct chain){.hook = UINT32_MAX, .policy = NF_ACCEPT};
    while (jp_netlink_next(bytes, len, &at, &value)) {
        if (value.type == NFTA_CHAIN_TABLE)
            ret->table = value;
        else if (value.type == NFTA_CHAIN_NAME)
            ret->name = value;
        else if (value.type == NFTA_CHAIN_HOOK)
            read_hook(&value, ret);
        else if (value.type == NFTA_CHAIN_POLICY)
            (void)read_number(&value, &ret->policy);
    }
    return ret->table.len > 0 && ret->name.len > 0;
}

/* Those of bridges and devices have other hooks under the same numbers, and see other packets. */
static bool is_of_host(const unsigned char *bytes, size_t len)
{
    struct nfgenmsg head;
    if (len < sizeof(head))
        return false;
    memcpy(&head, bytes, sizeof(head));
    return head.nfgen_family == NFPROTO_IPV4 || head.nfgen_family == NFPROTO_IPV6 ||
           head.nfgen_family == NFPROTO_INET;
}

static void look(void *context, const unsigned char *bytes, size_t len)
{
    struct search *search = context;
    struct chain chain;
    if (!is_of_host(bytes, len) || !read_chain(bytes, len, &chain) || chain.hook != search->hook ||
        chain.policy != NF_DROP)
        return;
    jp_buf_printf(search->out, "%s%.*s %.*s", search->is_found ? ", " : "", (int)chain.table.len,
                  (const char *)chain.table.bytes, (int)chain.name.len,
                  (const char *)chain.name.bytes);
    search->is_found = true;
}

bool jp_foreign_droppers(enum jp_foreign_hook hook, struct jp_buf *out)
{
    struct search search = {hook == JP_FOREIGN_INPUT ? NF_INET_LOCAL_IN : NF_INET_FORWARD, out,
                            false};
    struct jp_netlink_batch b = {0};
    JP_AUTO_FD int fd = jp_netlink_open_for(NETLINK_NETFILTER, NULL);
    jp_nft_all(&b, NFT_MSG_GETCHAIN);
    return fd >= 0 && jp_netlink_list(fd, &b, look, &search, NULL) == 0 && search.is_found;
}
