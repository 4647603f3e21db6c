/*
 * Tokens of pods and signatures of pods: HMAC-SHA512 (RFC 2104) and SHA-512, by nettle, which
 * starts in no time. A library of its own, because the static stages do without.
 */
#ifndef JP_PLAN_TOKEN_H
#define JP_PLAN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define JP_MAC_SIZE         64
#define JP_TOKEN_NONCE_SIZE 16
#define JP_TOKEN_SIZE       (2 * JP_MAC_SIZE + 1) /* hexadecimal, with its NUL */
#define JP_SIGNATURE_SIZE   89                    /* base64 of a MAC, with its NUL */

struct jp_token_key {
    const void *bytes;
    size_t len;
};

/*
 * The token of one start of a pod: MAC of the UUID's 16 bytes and the start's nonce. `uuid` is in
 * canonical form; the nil UUID gives the token of `jetpack mds` itself.
 */
void jp_token_make(struct jp_token_key key, const char *uuid,
                   const unsigned char nonce[JP_TOKEN_NONCE_SIZE], char ret[JP_TOKEN_SIZE]);

/* What stands in a registration in the token's place. */
void jp_token_digest(const char *token, size_t len, unsigned char ret[JP_MAC_SIZE]);

/*
 * The signature of a pod (ace.md "Identity Endpoint"), base64 with padding: MAC of a fixed prefix,
 * so that nothing else that is ever made with the key can be taken for one, the UUID's 16 bytes,
 * and the content.
 */
void jp_token_sign(struct jp_token_key key, const char *uuid, const void *content, size_t len,
                   char ret[JP_SIGNATURE_SIZE]);

/* Equal, found out in a time that depends on the lengths only. */
bool jp_token_equal(const void *a, size_t a_len, const void *b, size_t b_len);

#define JP_NIL_UUID "00000000-0000-0000-0000-000000000000"

#endif
