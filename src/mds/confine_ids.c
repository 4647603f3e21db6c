/* The part of confine.h that every system has. */
#include "mds/confine.h"
#include "sys/drop.h"

int jp_confine_ids(const struct jp_service_settings *settings, struct jp_error *err)
{
    const struct jp_drop drop = {
        .uid = settings->uid,
        .gid = settings->gid,
        .keeps_files = true,
        .outlives_parent = true,
    };
    return settings->keeps_uid ? 0 : jp_drop_rights(&drop, err);
}
