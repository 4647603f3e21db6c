/* A small program of ours that root started gives up what it does not need. */
#ifndef JP_SYS_DROP_H
#define JP_SYS_DROP_H

#include <stdint.h>

#include "base/error.h"

/*
 * Root becomes that user with that group alone, for good, without capabilities; whoever is not root
 * stays so. No core files, nobody but root may look into us, no new privileges by execve(2), and
 * the end when the one who started us ends. On FreeBSD the root directory is empty afterwards.
 * JP_EINVALID when the user is root.
 */
int jp_drop_rights(uint32_t uid, uint32_t gid, struct jp_error *err);

#endif
