/*
 * An image of ours as an OCI image: a layer for each image that it stands on (what filters leave of
 * it), its configuration, its manifest. Everything is made first, into files without a name; then
 * it goes into a layout or to a registry. The same image always gives the same bytes.
 */
#ifndef JP_OCI_BUNDLE_H
#define JP_OCI_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "appc/image_manifest.h"
#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"
#include "oci/digest.h"
#include "store/store.h"

#define JP_OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

struct jp_oci_piece {
    int fd; /* at its start */
    uint64_t size;
    char digest[JP_OCI_DIGEST_SIZE];
    char diff_id[JP_OCI_DIGEST_SIZE]; /* of a layer: of its plain tar */
};

struct jp_oci_bundle {
    struct jp_oci_piece *layers; /* lowest first */
    size_t n_layers;
    size_t capacity;
    struct jp_oci_piece config;
    struct jp_buf manifest;
    char manifest_digest[JP_OCI_DIGEST_SIZE];
    /* What the image is for, in Go's words; variant NULL without. */
    const char *os;
    const char *arch;
    const char *variant;
};

struct jp_oci_bundle_options {
    struct jp_store *store;
    const struct jp_image_manifest *manifest;
    const struct jp_strv *layers;    /* names, topmost first: jp_store_stack_layers() */
    enum jp_compression compression; /* none, gzip, zstd */
    struct jp_image_watch watch;
};

/* JP_EUNSUPPORTED for a compression that OCI has not; else as jp_image_pack(). Clear *ret. */
int jp_oci_bundle_make(const struct jp_oci_bundle_options *options, struct jp_oci_bundle *ret,
                       struct jp_error *err);
void jp_oci_bundle_clear(struct jp_oci_bundle *bundle);

/* The configuration of an image manifest, with the digests of the bundle's layers. */
int jp_oci_config_make(const struct jp_image_manifest *m, const struct jp_oci_bundle *bundle,
                       struct jp_buf *ret, struct jp_error *err);

/*
 * Writes a layout in which the image is called `reference`: into a directory that is empty or not
 * there, or as a tar to a descriptor.
 */
int jp_oci_layout_write_dir(const struct jp_oci_bundle *bundle, const char *reference,
                            const char *path, struct jp_error *err);
int jp_oci_layout_write_tar(const struct jp_oci_bundle *bundle, const char *reference, int fd,
                            struct jp_error *err);

#endif
