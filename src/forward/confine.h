/* What the forwarder gives up before it takes the first connection. */
#ifndef JP_FORWARD_CONFINE_H
#define JP_FORWARD_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_forward_rights {
    uint32_t uid;
    uint32_t gid;
    bool keeps_address; /* Linux: CAP_NET_RAW stays, for transparent sockets and nothing else */
};

/*
 * Root becomes that user with that group alone, for good, without capabilities (but the one);
 * whoever is not root stays so. No core files, nobody but root may look into us, as many
 * descriptors as the hard limit allows, and the end when the one who started us ends.
 */
int jp_forward_confine_ids(const struct jp_forward_rights *rights, struct jp_error *err);

/*
 * After everything is open. Linux: system calls that the forwarder does not make are refused: no
 * file can be opened, no program executed, no socket made but of TCP and UDP. FreeBSD: the root
 * directory is empty already.
 */
int jp_forward_confine_calls(struct jp_error *err);

#endif
