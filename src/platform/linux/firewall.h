/*
 * Our table of nftables: what lets pods out, and nobody in.
 *
 * One table of the family inet holds the rules of all networks of an installation. It is written in
 * one transaction, replaced in one, and removed in one; no other table is ever touched. Every rule
 * carries a mark made from all of them, so that a look tells whether the table is whole. nf_tables
 * is spoken by hand, as rtnetlink is (doc/decisions/0010-nftables-by-hand.md).
 */
#ifndef JP_PLATFORM_LINUX_FIREWALL_H
#define JP_PLATFORM_LINUX_FIREWALL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "plan/plan.h"

enum jp_firewall_state {
    JP_FIREWALL_ABSENT,  /* no rule of ours */
    JP_FIREWALL_DAMAGED, /* rules are missing, or are others than these networks need */
    JP_FIREWALL_WHOLE,
};

/*
 * How it is, in the network namespace of the caller. `guarded`: devices that forward for pods alone
 * (forwarding.h), sorted. JP_EUNSUPPORTED: a kernel without nf_tables.
 */
int jp_firewall_examine(const struct jp_plan_host *host, const struct jp_strv *guarded,
                        enum jp_firewall_state *ret, struct jp_error *err);
/* Makes it whole when it is not. Several at once are fine. Errors as above. */
int jp_firewall_ensure(const struct jp_plan_host *host, const struct jp_strv *guarded,
                       struct jp_error *err);
/* Removes the table; none is fine. */
int jp_firewall_remove(const char *table, struct jp_error *err);
/* The rules of the networks as text for nft -f; without nftables, as commands of iptables(8). */
void jp_firewall_print(const struct jp_plan_host *host, struct jp_buf *out);

#endif
