/*
 * OCI and Docker images in: layouts, archives of `docker save`.
 *
 * An image becomes one App Container image a layer, each standing on the one below (layer.h), and
 * on top a small one with the name, the labels and the app, which nothing but the configuration
 * decides. Whether unsigned images are acceptable is the caller's decision, as for every import.
 */
#ifndef JP_OCI_OCI_H
#define JP_OCI_OCI_H

#include "base/error.h"
#include "image/image.h"
#include "oci/convert.h"
#include "oci/digest.h"
#include "oci/document.h"
#include "oci/source.h"
#include "store/store.h"

/* Which image of several is meant: words of Go. */
struct jp_oci_wish {
    const char *os;
    const char *arch;
    const char *variant;   /* NULL: the newest that this machine runs */
    bool runs_linux;       /* an image for Linux will do where there is none for `os` */
    bool is_strict;        /* an only image must be for that, too: somebody has asked for it */
    const char *reference; /* name in the layout or archive; NULL: the only one */
};

/* An image that was found, everything but its layers read and checked. */
struct jp_oci_image {
    struct jp_oci_config config;
    char config_digest[JP_OCI_DIGEST_SIZE];
    char manifest_digest[JP_OCI_DIGEST_SIZE]; /* "" in archives of `docker save` */
    struct jp_oci_descriptors layers;         /* of layouts, lowest first */
    struct jp_strv layer_files;               /* of `docker save`: names in the archive */
    char *reference; /* the name that the layout or the archive gives it; NULL */
};

/*
 * Finds an image. JP_ENOTFOUND (names what there is), JP_EAMBIGUOUS, JP_ECORRUPT, JP_EINVALID,
 * JP_EUNSUPPORTED.
 */
int jp_oci_find(struct jp_oci_source *source, const struct jp_oci_wish *wish,
                struct jp_oci_image *ret, struct jp_error *err);

/* The same from a descriptor that somebody gave: a registry has no index of its own. */
int jp_oci_find_from(struct jp_oci_source *source, const struct jp_oci_descriptor *descriptor,
                     const struct jp_oci_wish *wish, struct jp_oci_image *ret,
                     struct jp_error *err);

void jp_oci_image_clear(struct jp_oci_image *image);

struct jp_oci_import {
    struct jp_oci_identity identity; /* digests are filled in */
    struct jp_image_limits limits;
    bool not_durable;
    struct jp_image_watch watch;
    void (*layer)(void *context, size_t number,
                  size_t count); /* before each that is fetched; NULL */
};

/*
 * Imports the image: layers that are here already are not read. On failure layers that came whole
 * stay, and are used by the next try. *ret describes the top image.
 */
int jp_oci_import(struct jp_store *store, struct jp_oci_source *source,
                  const struct jp_oci_image *image, const struct jp_oci_import *options,
                  struct jp_image_imported *ret, struct jp_error *err);

#endif
