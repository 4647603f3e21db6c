#include "openpgp/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MIN_RSA_BITS 2048

int jp_keyring_fail(struct jp_error *err, rnp_result_t result, const char *what)
{
    if (result == RNP_ERROR_OUT_OF_MEMORY)
        return jp_oom(err);
    return jp_fail(err, JP_EINVALID, 0, "%s: %s", what, rnp_result_to_string(result));
}

char *jp_keyring_lower(char *text)
{
    char *copy = jp_strdup(text);
    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    rnp_buffer_destroy(text);
    return copy;
}

/* ---- setting up ------------------------------------------------------------------------------ */

/* Collisions can be made (MD5, SHA-1) or are within reach; nothing that is new is made so. */
static const char *const broken_hashes[] = {RNP_ALGNAME_MD5, RNP_ALGNAME_SHA1,
                                            RNP_ALGNAME_RIPEMD160};

static int set_rules(rnp_ffi_t ffi, struct jp_error *err)
{
    for (size_t i = 0; i < JP_LEN(broken_hashes); i++) {
        rnp_result_t r = rnp_add_security_rule(ffi, RNP_FEATURE_HASH_ALG, broken_hashes[i],
                                               RNP_SECURITY_OVERRIDE, 0, RNP_SECURITY_INSECURE);
        uint32_t level = RNP_SECURITY_DEFAULT;
        if (r == RNP_SUCCESS)
            r = rnp_get_security_rule(ffi, RNP_FEATURE_HASH_ALG, broken_hashes[i], 0, NULL, NULL,
                                      &level);
        if (r != RNP_SUCCESS)
            return jp_keyring_fail(err, r, "forbid weak hashes");
        if (level != RNP_SECURITY_INSECURE)
            return jp_fail(err, JP_ESYS, 0, "weak hashes could not be forbidden");
    }
    return 0;
}

int jp_keyring_open(struct jp_keyring *ring, struct jp_error *err)
{
    rnp_result_t r = rnp_ffi_create(&ring->ffi, "GPG", "GPG");
    return r == RNP_SUCCESS ? set_rules(ring->ffi, err) : jp_keyring_fail(err, r, "start librnp");
}

int jp_keyring_set_time(struct jp_keyring *ring, int64_t now_s, struct jp_error *err)
{
    /* Zero would be the machine's clock. */
    if (now_s <= 0 || now_s > UINT32_MAX)
        return jp_fail(err, JP_EINVALID, 0, "OpenPGP knows no such time");
    ring->now_s = now_s;
    rnp_result_t r = rnp_set_timestamp(ring->ffi, (uint64_t)now_s);
    return r == RNP_SUCCESS ? 0 : jp_keyring_fail(err, r, "set the time");
}

void jp_keyring_clear(struct jp_keyring *ring)
{
    if (ring->ffi)
        (void)rnp_ffi_destroy(ring->ffi);
    ring->ffi = NULL;
}

static int find_primary(struct jp_keyring *ring, const char *fingerprint, struct jp_error *err)
{
    rnp_key_handle_t key = NULL;
    bool is_primary = false;
    rnp_result_t r = rnp_locate_key(ring->ffi, "fingerprint", fingerprint, &key);
    if (r == RNP_SUCCESS && key)
        r = rnp_key_is_primary(key, &is_primary);
    (void)rnp_key_handle_destroy(key);
    if (r == RNP_SUCCESS && is_primary)
        return 0;
    return jp_fail(err, JP_ECORRUPT, 0, "the file of key %s does not hold it", fingerprint);
}

int jp_keyring_add(struct jp_keyring *ring, const struct jp_openpgp_key *key, bool is_lenient,
                   struct jp_error *err)
{
    rnp_input_t input = NULL;
    const uint32_t lenient = RNP_LOAD_SAVE_PERMISSIVE | RNP_LOAD_SAVE_SECRET_KEYS;
    uint32_t flags = RNP_LOAD_SAVE_PUBLIC_KEYS | (is_lenient ? lenient : 0);
    if (key->len == 0)
        return jp_fail(err, JP_EINVALID, 0, "an empty file is no key");
    rnp_result_t r = rnp_input_from_memory(&input, key->bytes, key->len, false);
    if (r == RNP_SUCCESS)
        r = rnp_import_keys(ring->ffi, input, flags, NULL);
    (void)rnp_input_destroy(input);
    if (r == RNP_ERROR_BAD_STATE || r == RNP_ERROR_BAD_FORMAT)
        return jp_fail(err, JP_EINVALID, 0, "it is no OpenPGP key");
    if (r != RNP_SUCCESS)
        return jp_keyring_fail(err, r, "read the key");
    return key->fingerprint ? find_primary(ring, key->fingerprint, err) : 0;
}

/* ---- judging a key --------------------------------------------------------------------------- */

/* Long enough, and of a kind that is still trusted: no DSA, no curve that nobody signs with. */
static bool is_strong(rnp_key_handle_t key)
{
    static const char *const curves[] = {"Ed25519",        "NIST P-256",      "NIST P-384",
                                         "NIST P-521",     "brainpoolP256r1", "brainpoolP384r1",
                                         "brainpoolP512r1"};
    char *algorithm = NULL;
    char *curve = NULL;
    uint32_t bits = 0;
    bool r = false;
    if (rnp_key_get_alg(key, &algorithm) == RNP_SUCCESS &&
        strcmp(algorithm, RNP_ALGNAME_RSA) == 0) {
        r = rnp_key_get_bits(key, &bits) == RNP_SUCCESS && bits >= MIN_RSA_BITS;
    } else if (algorithm &&
               (strcmp(algorithm, RNP_ALGNAME_EDDSA) == 0 ||
                strcmp(algorithm, RNP_ALGNAME_ECDSA) == 0) &&
               rnp_key_get_curve(key, &curve) == RNP_SUCCESS) {
        for (size_t i = 0; !r && i < JP_LEN(curves); i++)
            r = strcmp(curve, curves[i]) == 0;
    }
    rnp_buffer_destroy(algorithm);
    rnp_buffer_destroy(curve);
    return r;
}

static bool is_revocation(rnp_signature_handle_t signature)
{
    char *type = NULL;
    /* What cannot be told is taken for one. */
    bool r = rnp_signature_get_type(signature, &type) != RNP_SUCCESS ||
             strcmp(type, "key revocation") == 0 || strcmp(type, "subkey revocation") == 0;
    rnp_buffer_destroy(type);
    return r;
}

/*
 * librnp does not see a revocation whose hash it rejects, or one by another key that was named for
 * it. A file in which there is any is the file of a revoked key: nobody but root put it there.
 */
static bool has_revocation(rnp_key_handle_t key)
{
    size_t count = 0;
    bool r = rnp_key_get_signature_count(key, &count) != RNP_SUCCESS;
    for (size_t i = 0; !r && i < count; i++) {
        rnp_signature_handle_t signature = NULL;
        r = rnp_key_get_signature_at(key, i, &signature) != RNP_SUCCESS || is_revocation(signature);
        (void)rnp_signature_handle_destroy(signature);
    }
    return r;
}

enum jp_trust_verdict jp_keyring_judge_primary(const struct jp_keyring *ring, rnp_key_handle_t key)
{
    bool is_revoked = true, is_expired = true, is_valid = false;
    uint32_t created = 0, lasts = 0;
    if (rnp_key_is_revoked(key, &is_revoked) != RNP_SUCCESS ||
        rnp_key_is_expired(key, &is_expired) != RNP_SUCCESS ||
        rnp_key_is_valid(key, &is_valid) != RNP_SUCCESS ||
        rnp_key_get_creation(key, &created) != RNP_SUCCESS ||
        rnp_key_get_expiration(key, &lasts) != RNP_SUCCESS)
        return JP_TRUST_KEY_UNFIT;
    if (is_revoked || has_revocation(key))
        return JP_TRUST_KEY_REVOKED;
    if (created > ring->now_s)
        return JP_TRUST_KEY_FUTURE;
    if (is_expired || (lasts && (int64_t)created + lasts <= ring->now_s))
        return JP_TRUST_KEY_EXPIRED;
    if (!is_strong(key))
        return JP_TRUST_WEAK;
    return is_valid ? JP_TRUST_GOOD : JP_TRUST_KEY_UNFIT;
}

enum jp_trust_verdict jp_keyring_judge_key(const struct jp_keyring *ring, rnp_key_handle_t key,
                                           rnp_key_handle_t primary)
{
    bool is_signing = false;
    enum jp_trust_verdict verdict =
        primary ? jp_keyring_judge_primary(ring, primary) : JP_TRUST_GOOD;
    if (verdict == JP_TRUST_GOOD)
        verdict = jp_keyring_judge_primary(ring, key);
    if (verdict == JP_TRUST_GOOD &&
        (rnp_key_allows_usage(key, "sign", &is_signing) != RNP_SUCCESS || !is_signing))
        return JP_TRUST_KEY_UNFIT;
    return verdict;
}
