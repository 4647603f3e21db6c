/* The manifest of an image that is made from another one (commit, build). Pure. */
#ifndef JP_APPC_DERIVE_H
#define JP_APPC_DERIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "appc/image_manifest.h"
#include "base/error.h"

struct jp_derive {
    const char *parent_id; /* full id */
    const struct jp_image_manifest *parent;
    int64_t time_ns; /* for the annotation "timestamp", where none is given */
    bool takes_os;   /* labels that are not there come from the parent */
    bool takes_arch;
};

/*
 * Makes the parent the first dependency, with its id and labels, and fills in what is missing:
 * the annotation "timestamp", the labels "os" and "arch".
 */
int jp_image_manifest_derive(struct jp_image_manifest *m, const struct jp_derive *derive,
                             struct jp_error *err);

/* Of an image that has swallowed its dependencies. */
void jp_image_manifest_make_flat(struct jp_image_manifest *m);

#endif
