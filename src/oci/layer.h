/*
 * One layer of an OCI image as an App Container image.
 *
 * The layer's tar goes through the ordinary import with every rule of its own, below `rootfs`;
 * the manifest, made here, says which image it stands on (by id) and what its whiteouts take away
 * from there (appc/removed.h). The same layers in the same order
 * always give the same image, so that layers which several images share are here once. They find
 * each other by the digest of their chain (image-spec config.md "Layer ChainID"), which the
 * importer notes beside the image, where no archive can forge it.
 */
#ifndef JP_OCI_LAYER_H
#define JP_OCI_LAYER_H

#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "image/image.h"
#include "oci/digest.h"
#include "store/store.h"

#define JP_OCI_LAYER_NAME "oci-layer/" /* and the chain's digest */
/* And a name: that is taken away (image-spec layer.md "Whiteouts"). */
#define JP_OCI_WHITEOUT ".wh."

/* The layers of an image that are here, lowest first. */
struct jp_oci_chain {
    struct jp_strv image_ids;
    char digest[JP_OCI_DIGEST_SIZE]; /* of the chain; "" while there is none */
    char next[JP_OCI_DIGEST_SIZE];   /* of the chain with the layer that was looked for on top */
};

#define JP_OCI_CHAIN_INIT                                                                          \
    {                                                                                              \
        .image_ids = JP_STRV_INIT, .digest = "", .next = ""                                        \
    }

/* Where a layer comes from, and what its bytes must be. */
struct jp_oci_layer_source {
    int fd;
    uint64_t size;
    const char *digest;  /* of these bytes; NULL: only diff_id is known */
    const char *diff_id; /* of the plain tar */
    const char *name;    /* for errors and the progress bar */
};

/* Is the chain with the layer `diff_id` on top here? 1 and it is put on the chain, 0, -1. */
int jp_oci_chain_find(struct jp_store *store, const char *diff_id, struct jp_oci_chain *chain,
                      struct jp_error *err);

/*
 * Imports a layer and puts it on the chain, after jp_oci_chain_find() said 0. `options` gives
 * limits and watch. JP_ECORRUPT when a digest or the size is not what it must be.
 */
int jp_oci_chain_add(struct jp_store *store, const struct jp_oci_layer_source *source,
                     const struct jp_image_import_options *options, struct jp_oci_chain *chain,
                     struct jp_error *err);

/*
 * Appends a dependency on the chain's topmost image, by name and id, unless the chain is empty.
 */
struct jp_image_manifest;
int jp_oci_chain_depend(const struct jp_oci_chain *chain, struct jp_image_manifest *m,
                        struct jp_error *err);

/* Opens each image's directory, lowest first: *ret is the caller's, count is the chain's. */
int jp_oci_chain_open(struct jp_store *store, const struct jp_oci_chain *chain, int **ret,
                      struct jp_error *err);
void jp_oci_chain_close(int *dir_fds, size_t count);

/* Adds what an image of the store (its directory) takes away from those below it. */
int jp_oci_layer_removed(int dir_fd, struct jp_strv *ret, struct jp_error *err);

/*
 * The `rootfs` entry of an image, what its root directory is. *ret_reader keeps the memory: clear
 * it afterwards.
 */
struct jp_aci_reader;
int jp_oci_layer_top(int dir_fd, struct jp_aci_reader *ret_reader, const struct jp_tar_entry **ret,
                     struct jp_error *err);

void jp_oci_chain_clear(struct jp_oci_chain *chain);

#endif
