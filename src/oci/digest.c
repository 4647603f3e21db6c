#include "oci/digest.h"

#include <stdio.h>
#include <string.h>

#include "appc/name.h"
#include "base/macros.h"
#include "base/parse.h"

static const struct {
    const char *prefix;
    enum jp_hash_kind kind;
    size_t size; /* of the digest in bytes */
} algorithms[] = {
    {"sha256:", JP_HASH_SHA256, JP_HASH_SHA256_SIZE},
    {"sha512:", JP_HASH_SHA512, JP_HASH_SHA512_SIZE},
};

#define PREFIX_LEN 7

/* Index into the table, or -1. */
static int algorithm_of(const char *text)
{
    for (size_t i = 0; i < JP_LEN(algorithms); i++) {
        if (strncmp(text, algorithms[i].prefix, PREFIX_LEN) == 0)
            return (int)i;
    }
    return -1;
}

bool jp_oci_digest_valid(const char *text)
{
    int i = algorithm_of(text);
    if (i < 0)
        return false;
    const char *digits = text + PREFIX_LEN;
    return strlen(digits) == 2 * algorithms[i].size &&
           strspn(digits, "0123456789abcdef") == 2 * algorithms[i].size;
}

int jp_oci_digest_check(const char *text, struct jp_error *err)
{
    if (jp_oci_digest_valid(text))
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not a digest (sha256 or sha512)",
                   jp_show(text).text);
}

int jp_oci_hasher_start(struct jp_oci_hasher *hasher, const char *expected, struct jp_error *err)
{
    if (jp_oci_digest_check(expected, err) < 0)
        return -1;
    hasher->expected = expected;
    hasher->hash = jp_hash_new(algorithms[algorithm_of(expected)].kind);
    return hasher->hash ? 0 : jp_oom(err);
}

int jp_oci_hasher_add(struct jp_oci_hasher *hasher, const void *bytes, size_t len,
                      struct jp_error *err)
{
    return jp_hash_add(hasher->hash, bytes, len, err);
}

static int finish(struct jp_hash *hash, int algorithm, char out[JP_OCI_DIGEST_SIZE],
                  struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA512_SIZE];
    if (jp_hash_finish(hash, digest, err) != 0)
        return -1;
    memcpy(out, algorithms[algorithm].prefix, PREFIX_LEN);
    jp_hex_encode(digest, algorithms[algorithm].size, out + PREFIX_LEN);
    return 0;
}

int jp_oci_hasher_finish(struct jp_oci_hasher *hasher, const char *what, struct jp_error *err)
{
    char found[JP_OCI_DIGEST_SIZE];
    if (finish(hasher->hash, algorithm_of(hasher->expected), found, err) < 0)
        return -1;
    if (strcmp(found, hasher->expected) == 0)
        return 0;
    return jp_fail(err, JP_ECORRUPT, 0, "%s has the digest %s, not %s", what, found,
                   hasher->expected);
}

void jp_oci_hasher_clear(struct jp_oci_hasher *hasher)
{
    jp_hash_free(hasher->hash);
    *hasher = (struct jp_oci_hasher){.hash = NULL};
}

int jp_oci_digest_of(const void *bytes, size_t len, char out[JP_OCI_DIGEST_SIZE],
                     struct jp_error *err)
{
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA256);
    if (!hash)
        return jp_oom(err);
    return jp_hash_add(hash, bytes, len, err) == 0 ? finish(hash, 0, out, err) : -1;
}

int jp_oci_digest_finish(struct jp_hash *sha256, char out[JP_OCI_DIGEST_SIZE], struct jp_error *err)
{
    return finish(sha256, 0, out, err);
}
