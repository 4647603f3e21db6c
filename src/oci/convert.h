/*
 * The configuration of an OCI image as an App Container image manifest. Names and forms are those
 * of docker2aci: ports "80-tcp", volumes "volume-var-lib", annotations "appc.io/docker/...".
 */
#ifndef JP_OCI_CONVERT_H
#define JP_OCI_CONVERT_H

#include "appc/image_manifest.h"
#include "base/error.h"
#include "oci/document.h"

/* What is known of an image beside its configuration. Any may be NULL but name. */
struct jp_oci_identity {
    const char *name;     /* AC Identifier */
    const char *version;  /* the label */
    const char *original; /* what the user asked for */
    const char *registry;
    const char *repository;
    const char *tag; /* there: not always the version that it has here */
    const char *config_digest;
    const char *manifest_digest;
};

/* Where users and groups are looked up: the layers' root directories. */
struct jp_oci_roots {
    const int *dir_fds; /* lowest first */
    size_t count;
};

/*
 * Fills an empty manifest, without dependencies. `warn` (may be NULL) is told what has no
 * counterpart. JP_EUNSUPPORTED for a system that the specification has no words for, JP_EINVALID.
 */
struct jp_oci_conversion {
    const struct jp_oci_config *config;
    struct jp_oci_identity identity;
    struct jp_oci_roots roots;
    void (*warn)(void *context, const char *text);
    void *context;
};
int jp_oci_convert(const struct jp_oci_conversion *conversion, struct jp_image_manifest *ret,
                   struct jp_error *err);

/* "linux", "arm64", "v8" -> "aarch64"; NULL when there is no word. */
const char *jp_oci_arch_to_appc(const char *os, const char *arch, const char *variant);
/* "aarch64" -> "arm64" and *ret_variant, which may be NULL. Unknown words stay. */
const char *jp_oci_arch_from_appc(const char *os, const char *arch, const char **ret_variant);

#endif
