/*
 * nf_tables by hand (doc/decisions/0010-nftables-by-hand.md): messages and expressions of rules, on
 * top of netlink batches. A batch is one transaction: jp_nft_begin(), messages, jp_nft_end().
 * Tables are of the family inet. What is compared is loaded into one register before.
 */
#ifndef JP_PLATFORM_LINUX_NFT_H
#define JP_PLATFORM_LINUX_NFT_H

#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/linux/netlink.h"

#define JP_NFT_REGISTER NFT_REG_1

struct jp_nft_nests {
    size_t element;
    size_t data;
};

struct jp_nft_network {
    uint8_t family;    /* NFPROTO_IPV4, NFPROTO_IPV6 */
    uint8_t bytes[16]; /* the first 4, or all; bits beyond the prefix are 0 */
    uint32_t prefix_len;
};

/* A number in network byte order. */
void jp_nft_number(struct jp_netlink_batch *b, uint16_t type, uint32_t number);
/* A message that belongs to the transaction's end; attributes follow. */
void jp_nft_before(struct jp_netlink_batch *b, unsigned type, uint16_t flags);
void jp_nft_begin(struct jp_netlink_batch *b);
/* A question for all objects of a kind (NFT_MSG_GETCHAIN), in tables of all families. */
void jp_nft_all(struct jp_netlink_batch *b, unsigned type);
/* Ends with a message about the table, which the answer is to. */
void jp_nft_end(struct jp_netlink_batch *b, const char *what, unsigned type, uint16_t flags,
                int tolerated, const char *table);

void jp_nft_table(struct jp_netlink_batch *b, const char *table);
void jp_nft_chain(struct jp_netlink_batch *b, const char *table, const char *name, const char *type,
                  uint32_t hook, uint32_t priority);

/* An expression: its attributes stand between the two. */
struct jp_nft_nests jp_nft_open(struct jp_netlink_batch *b, const char *name);
void jp_nft_close(struct jp_netlink_batch *b, struct jp_nft_nests nests);

void jp_nft_load_meta(struct jp_netlink_batch *b, uint32_t key);
void jp_nft_load_header(struct jp_netlink_batch *b, uint32_t base, uint32_t offset, uint32_t len);
void jp_nft_load_value(struct jp_netlink_batch *b, uint32_t reg, const void *bytes, size_t len);
void jp_nft_compare(struct jp_netlink_batch *b, uint32_t operation, const void *bytes, size_t len);
void jp_nft_compare_interface(struct jp_netlink_batch *b, uint32_t key, uint32_t operation,
                              const char *name);
/* Of what the kernel knows of a connection: any of these bits. */
void jp_nft_compare_bits(struct jp_netlink_batch *b, uint32_t key, uint32_t bits);
/* The packet's family, and its source or destination in the network. */
void jp_nft_compare_network(struct jp_netlink_batch *b, bool is_source,
                            const struct jp_nft_network *network);
void jp_nft_verdict(struct jp_netlink_batch *b, uint32_t verdict);

/* Sends a transaction. JP_EUNSUPPORTED: a kernel without nf_tables. */
int jp_nft_send(struct jp_netlink_batch *b, struct jp_error *err);
/* Likewise; none is fine. */
int jp_nft_remove(const char *table, struct jp_error *err);
/* What a refusal of theirs means: moved to `err`; -1. */
int jp_nft_translate(struct jp_error *why, struct jp_error *err);

#endif
