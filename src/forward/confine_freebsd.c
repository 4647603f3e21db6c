/*
 * FreeBSD. Capability mode is of no use: it forbids connect(2) to addresses. What is left without
 * it: another user, and a root directory in which there is nothing.
 */
#include <limits.h>

#include "forward/confine.h"
#include "sys/drop.h"
#include "sys/fd.h"

int jp_forward_confine_ids(const struct jp_forward_rights *rights, struct jp_error *err)
{
    const struct jp_drop drop = {.uid = rights->uid, .gid = rights->gid};
    jp_fd_allow(INT_MAX);
    return jp_drop_rights(&drop, err);
}

int jp_forward_confine_calls(struct jp_error *err)
{
    (void)err;
    return 0;
}
