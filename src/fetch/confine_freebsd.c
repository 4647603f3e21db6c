/*
 * FreeBSD. Capability mode forbids connect(2) to addresses, and the resolver reads files: what is
 * left is a user that owns nothing.
 */
#include "fetch/confine.h"
#include "sys/drop.h"

int jp_fetch_confine(const struct jp_wire_settings *settings, struct jp_error *err)
{
    const struct jp_drop drop = {.uid = settings->uid, .gid = settings->gid, .keeps_files = true};
    return jp_drop_rights(&drop, err);
}
