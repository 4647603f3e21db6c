/* A small program of ours that root started gives up what it does not need. */
#ifndef JP_SYS_DROP_H
#define JP_SYS_DROP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_drop {
    uint32_t uid; /* not 0 */
    uint32_t gid;
    bool keeps_raw_sockets; /* Linux: CAP_NET_RAW stays, for transparent sockets */
    bool keeps_files;       /* FreeBSD: the root directory stays as well */
    bool outlives_parent;   /* a service */
};

/*
 * Root becomes that user with that group alone, for good, without capabilities; whoever is not root
 * stays so. No core files, nobody but root may look into us, no new privileges by execve(2), and
 * the end when the one who started us ends. On FreeBSD the root directory is empty afterwards.
 * JP_EINVALID when the user is root. It is checked that there is no way back.
 */
int jp_drop_rights(const struct jp_drop *drop, struct jp_error *err);

#endif
