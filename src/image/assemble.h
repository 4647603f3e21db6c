/*
 * An ACI made of a root file system's tar and a manifest (`import ROOTFS.tar MANIFEST`), as a
 * stream: the manifest first, then every entry under "rootfs/". With a layer (image/image.h) the
 * manifest comes last, when the layer knows it. The same inputs always give the same bytes and so
 * the same image id. The result goes through the same rules as any archive.
 *
 * "rootfs" comes before everything in it: as the tar's "./" says when that is first, else as
 * struct jp_image_layer says. A "./" that comes later is left out. Directories that the tar does
 * not name are made, where the image may not leave them unnamed, when something in them comes.
 */
#ifndef JP_IMAGE_ASSEMBLE_H
#define JP_IMAGE_ASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "image/ring.h"
#include "image/stream.h"

struct jp_assemble {
    struct jp_stream *stream;
    struct jp_ring *ring;
    const char *manifest;
    size_t manifest_len;
    const struct jp_image_layer *layer; /* or NULL, with a manifest */
    uint64_t max_entries;
    /* Set when a later "./" says something else of the root directory than what it is; or NULL. */
    bool *ret_is_late;
};

/* Runs to the end of the stream, or until the ring is stopped (that is not an error of its own). */
int jp_assemble_run(const struct jp_assemble *assemble, struct jp_error *err);

#endif
