#include "plan/token.h"

#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "base/parse.h"

#define UUID_BYTES     16
#define SIGNING_PREFIX "jetpack pod signature 1" /* with its NUL */

_Static_assert(JP_SIGNATURE_SIZE == BASE64_ENCODE_RAW_LENGTH(JP_MAC_SIZE) + 1, "base64 of a MAC");

static void uuid_bytes(const char *uuid, unsigned char ret[UUID_BYTES])
{
    char digits[2 * UUID_BYTES + 1] = "";
    size_t n = 0;
    for (const char *p = uuid; *p && n < 2 * UUID_BYTES; p++) {
        if (*p != '-')
            digits[n++] = *p;
    }
    digits[n] = '\0';
    if (!jp_hex_decode(digits, ret, UUID_BYTES))
        for (size_t i = 0; i < UUID_BYTES; i++)
            ret[i] = 0;
}

void jp_token_make(struct jp_token_key key, const char *uuid,
                   const unsigned char nonce[JP_TOKEN_NONCE_SIZE], char ret[JP_TOKEN_SIZE])
{
    struct hmac_sha512_ctx mac;
    unsigned char id[UUID_BYTES], digest[JP_MAC_SIZE];
    uuid_bytes(uuid, id);
    hmac_sha512_set_key(&mac, key.len, key.bytes);
    hmac_sha512_update(&mac, sizeof(id), id);
    hmac_sha512_update(&mac, JP_TOKEN_NONCE_SIZE, nonce);
    hmac_sha512_digest(&mac, sizeof(digest), digest);
    jp_hex_encode(digest, sizeof(digest), ret);
}

void jp_token_digest(const char *token, size_t len, unsigned char ret[JP_MAC_SIZE])
{
    struct sha512_ctx hash;
    sha512_init(&hash);
    sha512_update(&hash, len, (const unsigned char *)token);
    sha512_digest(&hash, JP_MAC_SIZE, ret);
}

void jp_token_sign(struct jp_token_key key, const char *uuid, const void *content, size_t len,
                   char ret[JP_SIGNATURE_SIZE])
{
    struct hmac_sha512_ctx mac;
    unsigned char id[UUID_BYTES], digest[JP_MAC_SIZE];
    uuid_bytes(uuid, id);
    hmac_sha512_set_key(&mac, key.len, key.bytes);
    hmac_sha512_update(&mac, sizeof(SIGNING_PREFIX), (const unsigned char *)SIGNING_PREFIX);
    hmac_sha512_update(&mac, sizeof(id), id);
    hmac_sha512_update(&mac, len, content);
    hmac_sha512_digest(&mac, sizeof(digest), digest);
    base64_encode_raw(ret, sizeof(digest), digest);
    ret[JP_SIGNATURE_SIZE - 1] = '\0';
}

bool jp_token_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && memeql_sec(a, b, a_len);
}
