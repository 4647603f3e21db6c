/* Digests by OpenSSL, behind two small types so that nobody else sees EVP. */
#ifndef JP_IMAGE_HASH_H
#define JP_IMAGE_HASH_H

#include <stddef.h>

#include "base/error.h"

enum jp_hash_kind {
    JP_HASH_SHA512, /* image ids */
    JP_HASH_SHA256, /* single files, inside the skeleton */
};

#define JP_HASH_SHA512_SIZE 64U
#define JP_HASH_SHA256_SIZE 32U

struct jp_hash;

struct jp_hash *jp_hash_new(enum jp_hash_kind kind);
void jp_hash_free(struct jp_hash *hash);
JP_DEFINE_AUTO_PTR(jp_hash);

int jp_hash_add(struct jp_hash *hash, const void *bytes, size_t len, struct jp_error *err);
/* Writes the digest (64 or 32 bytes) and starts anew. */
int jp_hash_finish(struct jp_hash *hash, unsigned char *out, struct jp_error *err);

#endif
