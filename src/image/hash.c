#include "image/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"

struct jp_hash {
    EVP_MD_CTX *context;
    const EVP_MD *kind;
};

void jp_hash_free(struct jp_hash *hash)
{
    if (hash)
        EVP_MD_CTX_free(hash->context);
    free(hash);
}

struct jp_hash *jp_hash_new(enum jp_hash_kind kind)
{
    JP_AUTO_PTR(jp_hash) hash = jp_calloc(1, sizeof(*hash));
    if (!hash)
        return NULL;
    hash->kind = kind == JP_HASH_SHA512 ? EVP_sha512() : EVP_sha256();
    hash->context = EVP_MD_CTX_new();
    if (!hash->context || EVP_DigestInit_ex(hash->context, hash->kind, NULL) != 1)
        return NULL;
    return jp_take(&hash);
}

static int failed(struct jp_error *err)
{
    return jp_fail(err, JP_ESYS, 0, "OpenSSL could not compute a digest");
}

int jp_hash_add(struct jp_hash *hash, const void *bytes, size_t len, struct jp_error *err)
{
    return EVP_DigestUpdate(hash->context, bytes, len) == 1 ? 0 : failed(err);
}

int jp_hash_finish(struct jp_hash *hash, unsigned char *out, struct jp_error *err)
{
    if (EVP_DigestFinal_ex(hash->context, out, NULL) != 1 ||
        EVP_DigestInit_ex(hash->context, NULL, NULL) != 1)
        return failed(err);
    return 0;
}
