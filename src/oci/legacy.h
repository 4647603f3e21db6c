/*
 * Archives of `docker save` from before manifest.json (Docker 1.9 and older): a directory for each
 * layer, with `json`, which names the one below, and `layer.tar`. Nothing says what the digests of
 * the layers are, so each is read to find out.
 */
#ifndef JP_OCI_LEGACY_H
#define JP_OCI_LEGACY_H

#include "base/error.h"
#include "oci/oci.h"

/*
 * Reads the image whose topmost layer has this id (checked by the caller) into *ret: configuration
 * and files of layers. JP_ENOTFOUND for what the archive lacks, JP_ELIMIT, JP_EINVALID.
 */
int jp_oci_legacy_read(struct jp_oci_source *source, const char *id, struct jp_oci_image *ret,
                       struct jp_error *err);

#endif
