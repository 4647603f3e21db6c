/*
 * Tokens and signatures against values computed by another implementation (Python's hmac), and what
 * makes two of them differ (row 57 of SECURITY.md).
 */
#include <string.h>

#include "base/parse.h"
#include "plan/token.h"
#include "tap.h"

#define UUID    "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
#define ANOTHER "6ba7b810-9dad-41d1-80b4-00c04fd430c9"

static unsigned char bytes[JP_MAC_SIZE];
static unsigned char nonce[JP_TOKEN_NONCE_SIZE];

static const char token[] = "42156ad8cf9400ab6a21c09bc257f89d56f27954cdd985045a949883fa73dfd5"
                            "aa840463bfe5ccbd0c22864a50f61577fedfb26d5784b68ff82e29063d7c9f9f";
static const char signature[] =
    "J+wZsRxpECgwE804voKDdwY4qktoy/Lw1ymC8pwaMect/HHpcUvV32AuvZ37/RTlRd6rZKbtWYqjHYDGWfFhwg==";
static const char signature_of_nothing[] =
    "F/1LxxCHlTzAzUgYW0CZC9MeerA1BwYUzyMotw7ujSqa2uB8OTqEaN9+mRuXqNqf6/49rMfpEFBqIHwji1E1eA==";
static const char digest_of_abc[] =
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

static void test_tokens(struct jp_token_key key)
{
    char text[JP_TOKEN_SIZE], other[JP_TOKEN_SIZE], hex[2 * JP_MAC_SIZE + 1];
    unsigned char digest[JP_MAC_SIZE];
    jp_token_make(key, UUID, nonce, text);
    TAP_OK(strcmp(text, token) == 0, "a token is the MAC of UUID and nonce");
    jp_token_make(key, ANOTHER, nonce, other);
    TAP_OK(strcmp(text, other) != 0, "another pod has another");
    nonce[0]++;
    jp_token_make(key, UUID, nonce, other);
    TAP_OK(strcmp(text, other) != 0, "another start has another");
    jp_token_digest("abc", 3, digest);
    jp_hex_encode(digest, sizeof(digest), hex);
    TAP_OK(strcmp(hex, digest_of_abc) == 0, "a digest is SHA-512 (FIPS 180-4)");
}

static void test_signatures(struct jp_token_key key)
{
    char text[JP_SIGNATURE_SIZE], other[JP_SIGNATURE_SIZE];
    jp_token_sign(key, UUID, "a\0b", 3, text);
    TAP_OK(strcmp(text, signature) == 0, "a signature is the MAC of prefix, UUID and content");
    jp_token_sign(key, UUID, "", 0, other);
    TAP_OK(strcmp(other, signature_of_nothing) == 0, "nothing can be signed, too");
    jp_token_sign(key, ANOTHER, "a\0b", 3, other);
    TAP_OK(strcmp(text, other) != 0, "another pod signs otherwise");
    bytes[0]++;
    jp_token_sign(key, UUID, "a\0b", 3, other);
    TAP_OK(strcmp(text, other) != 0, "another key signs otherwise");
}

static void test_equal(void)
{
    TAP_OK(jp_token_equal("abc", 3, "abc", 3), "equal");
    TAP_OK(!jp_token_equal("abc", 3, "abd", 3), "the last byte differs");
    TAP_OK(!jp_token_equal("abc", 3, "abcd", 4), "the length differs");
    TAP_OK(jp_token_equal("", 0, "", 0), "nothing and nothing");
}

int main(void)
{
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof(nonce); i++)
        nonce[i] = (unsigned char)(100 + i);
    struct jp_token_key key = {bytes, sizeof(bytes)};
    test_tokens(key);
    test_signatures(key);
    test_equal();
    return tap_done();
}
