/*
 * What the host's own firewall keeps from pods. Others' rules are not touched and never passed by:
 * a host that drops what it forwards has pods that reach nothing, and its owner has to be told
 * where.
 */
#ifndef JP_PLATFORM_LINUX_FOREIGN_H
#define JP_PLATFORM_LINUX_FOREIGN_H

#include <stdbool.h>

#include "base/buf.h"

enum jp_foreign_hook {
    JP_FOREIGN_INPUT,  /* what comes to the host: names of pods, metadata, published ports */
    JP_FOREIGN_FORWARD /* what goes through it */
};

/*
 * Appends the chains of nftables (also those that iptables-nft made) that drop there what none of
 * their rules names: "filter FORWARD, firewalld filter_FORWARD". False: there is none, or no
 * nftables.
 */
bool jp_foreign_droppers(enum jp_foreign_hook hook, struct jp_buf *out);

#endif
