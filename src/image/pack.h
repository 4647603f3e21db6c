/*
 * An ACI made of files on this host, as a stream: the manifest first, then the root and every path
 * in order. What it may hold is decided as for any archive, by the import that reads it.
 */
#ifndef JP_IMAGE_PACK_H
#define JP_IMAGE_PACK_H

#include <signal.h>
#include <stddef.h>

#include "base/error.h"
#include "image/parts.h"

struct jp_pack {
    const struct jp_image_parts *parts;
    /* NULL: not an ACI but the tar of the tree alone, as layers of OCI images are. */
    const char *manifest;
    size_t manifest_len;
    /* Gets the bytes of the tar in order. Returns 0, or -1. */
    int (*write)(void *context, const void *bytes, size_t len, struct jp_error *err);
    void *context;
    const volatile sig_atomic_t *cancel; /* may be NULL */
};

/*
 * Names of users, access times and what the host itself hangs on files stay out; file flags are in
 * it (fileflags.h). Long files are packed with their runs of zeros as holes: by their content, so
 * that the same content gives the same bytes. JP_EBUSY when a file changes while it is read,
 * JP_EINVALID, JP_EINTERRUPTED, JP_ESYS.
 */
int jp_pack_run(const struct jp_pack *pack, struct jp_error *err);

#endif
