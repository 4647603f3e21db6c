/*
 * Digests of OCI content: "sha256:" or "sha512:" and lower-case hexadecimal digits. A digest names
 * a file of a layout, so its form is checked before it is used for anything (row 39).
 */
#ifndef JP_OCI_DIGEST_H
#define JP_OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "image/hash.h"

#define JP_OCI_DIGEST_SIZE (7 + 128 + 1) /* with its NUL */

bool jp_oci_digest_valid(const char *text);
int jp_oci_digest_check(const char *text, struct jp_error *err);

/* A digest in the making, of the algorithm that the expected one names. */
struct jp_oci_hasher {
    struct jp_hash *hash;
    const char *expected; /* the caller's */
};

/* `expected` must be valid. */
int jp_oci_hasher_start(struct jp_oci_hasher *hasher, const char *expected, struct jp_error *err);
int jp_oci_hasher_add(struct jp_oci_hasher *hasher, const void *bytes, size_t len,
                      struct jp_error *err);
/* Compares: JP_ECORRUPT, naming what was expected and what came. */
int jp_oci_hasher_finish(struct jp_oci_hasher *hasher, const char *what, struct jp_error *err);
void jp_oci_hasher_clear(struct jp_oci_hasher *hasher);

/* The sha256 digest of some bytes. */
int jp_oci_digest_of(const void *bytes, size_t len, char out[JP_OCI_DIGEST_SIZE],
                     struct jp_error *err);

/* The same of a sha256 that somebody has fed. */
int jp_oci_digest_finish(struct jp_hash *sha256, char out[JP_OCI_DIGEST_SIZE],
                         struct jp_error *err);

#endif
