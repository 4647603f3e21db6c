/*
 * Registries: the distribution protocol of OCI and Docker, over the exchanges of fetch/transfer.h,
 * which decides where a request and a password may go.
 *
 * A registry that wants a token says who gives it ("realm"). That place is asked for one with the
 * password that is configured for it, never with the registry's own (row 49), and the token goes to
 * the registry alone: when a blob lies elsewhere, it is fetched from there without.
 */
#ifndef JP_OCI_REGISTRY_H
#define JP_OCI_REGISTRY_H

#include <stdint.h>

#include "base/error.h"
#include "fetch/transfer.h"
#include "oci/document.h"
#include "oci/reference.h"
#include "oci/source.h"

struct jp_oci_registry;

struct jp_oci_registry_options {
    struct jp_transfer *transfer;             /* outlives the registry */
    const struct jp_oci_reference *reference; /* the same */
    bool is_http;                             /* the user said that this host has no TLS */
    bool pushes;                              /* ask for a token that lets us write */
    int tmp_fd;                               /* ROOT/tmp: where what comes is kept meanwhile */
    uint64_t max_bytes;                       /* of a blob */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* may be NULL */
    void *context;
};

/* Asks nothing yet. */
int jp_oci_registry_open(const struct jp_oci_registry_options *options,
                         struct jp_oci_registry **ret, struct jp_error *err);
void jp_oci_registry_free(struct jp_oci_registry *registry);
JP_DEFINE_AUTO_PTR(jp_oci_registry);

/*
 * Asks for the manifest or index that the reference means and fills its descriptor; with a digest
 * in the reference, that is what came. JP_ENOTFOUND, JP_EUNTRUSTED, JP_ECORRUPT. Clear *ret with
 * jp_oci_descriptor_clear().
 */
int jp_oci_registry_resolve(struct jp_oci_registry *registry, struct jp_oci_descriptor *ret,
                            struct jp_error *err);

/* The registry's content as a source; the registry must outlive it. */
int jp_oci_registry_source(struct jp_oci_registry *registry, struct jp_oci_source **ret,
                           struct jp_error *err);

/* Sends a blob, `size` bytes from fd's offset, unless the registry has it. *ret_was_there tells. */
int jp_oci_registry_send(struct jp_oci_registry *registry, const char *digest, int fd,
                         uint64_t size, bool *ret_was_there, struct jp_error *err);

/* Sends a manifest under the reference's tag, last. */
int jp_oci_registry_send_manifest(struct jp_oci_registry *registry, const char *media_type,
                                  const struct jp_buf *text, struct jp_error *err);

#endif
