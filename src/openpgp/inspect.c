/* What is in a file of keys: for the question, and for lists. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "openpgp/keyring.h"
#include "openpgp/work.h"

static char *fingerprint_of(rnp_key_handle_t key)
{
    char *text = NULL;
    return rnp_key_get_fprint(key, &text) == RNP_SUCCESS ? jp_keyring_lower(text) : NULL;
}

static char *algorithm_of(rnp_key_handle_t key)
{
    char *name = NULL;
    uint32_t bits = 0;
    if (rnp_key_get_alg(key, &name) != RNP_SUCCESS || rnp_key_get_bits(key, &bits) != RNP_SUCCESS) {
        rnp_buffer_destroy(name);
        return jp_strdup("unknown");
    }
    char *text = jp_format("%s %u", name, bits);
    rnp_buffer_destroy(name);
    return text;
}

static char *export_public(rnp_key_handle_t key)
{
    rnp_output_t output = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;
    char *text = NULL;
    const uint32_t flags = RNP_KEY_EXPORT_ARMORED | RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_SUBKEYS;
    if (rnp_output_to_memory(&output, JP_TRUST_KEY_MAX) == RNP_SUCCESS &&
        rnp_key_export(key, output, flags) == RNP_SUCCESS &&
        rnp_output_memory_get_buf(output, &bytes, &len, false) == RNP_SUCCESS)
        text = jp_memdup0(bytes, len);
    (void)rnp_output_destroy(output);
    return text;
}

static int add_identities(rnp_key_handle_t key, struct jp_trust_cert *cert, struct jp_error *err)
{
    size_t count = 0;
    if (rnp_key_get_uid_count(key, &count) != RNP_SUCCESS)
        return jp_oom(err);
    if (count > JP_OPENPGP_MAX_SUBKEYS)
        return jp_fail(err, JP_ELIMIT, 0, "a key with more than %d identities",
                       JP_OPENPGP_MAX_SUBKEYS);
    for (size_t i = 0; i < count; i++) {
        char *text = NULL;
        if (rnp_key_get_uid_at(key, i, &text) != RNP_SUCCESS)
            return jp_oom(err);
        int r = jp_strv_add(&cert->identities, text);
        rnp_buffer_destroy(text);
        if (r < 0)
            return jp_oom(err);
    }
    return 0;
}

static int add_subkeys(const struct jp_keyring *ring, rnp_key_handle_t key,
                       struct jp_trust_cert *cert, struct jp_error *err)
{
    size_t count = 0;
    if (rnp_key_get_subkey_count(key, &count) != RNP_SUCCESS)
        return jp_oom(err);
    if (count > JP_OPENPGP_MAX_SUBKEYS)
        return jp_fail(err, JP_ELIMIT, 0, "a key with more than %d subkeys",
                       JP_OPENPGP_MAX_SUBKEYS);
    cert->subkeys = jp_calloc(count + 1, sizeof(*cert->subkeys));
    if (!cert->subkeys)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        rnp_key_handle_t sub = NULL;
        if (rnp_key_get_subkey_at(key, i, &sub) != RNP_SUCCESS)
            return jp_oom(err);
        struct jp_trust_subkey *to = &cert->subkeys[cert->n_subkeys++];
        to->fingerprint = fingerprint_of(sub);
        to->is_signing = jp_keyring_judge_key(ring, sub, key) == JP_TRUST_GOOD;
        (void)rnp_key_handle_destroy(sub);
        if (!to->fingerprint)
            return jp_oom(err);
    }
    return 0;
}

static const char *problem_text(enum jp_trust_verdict verdict)
{
    switch (verdict) {
    case JP_TRUST_KEY_REVOKED:
        return "it was revoked";
    case JP_TRUST_KEY_EXPIRED:
        return "it has expired";
    case JP_TRUST_KEY_FUTURE:
        return "it was made in the future";
    case JP_TRUST_WEAK:
        return "it is too short, or of a kind that does not count";
    default:
        return "no part of it is fit for signing";
    }
}

/* A key none of whose signatures would count, and why; NULL in *ret when one would. */
static int find_problem(const struct jp_keyring *ring, rnp_key_handle_t key,
                        const struct jp_trust_cert *cert, char **ret, struct jp_error *err)
{
    enum jp_trust_verdict verdict = jp_keyring_judge_key(ring, key, NULL);
    for (size_t i = 0; verdict == JP_TRUST_KEY_UNFIT && i < cert->n_subkeys; i++)
        if (cert->subkeys[i].is_signing)
            verdict = JP_TRUST_GOOD;
    if (verdict == JP_TRUST_GOOD)
        return 0;
    *ret = jp_strdup(problem_text(verdict));
    return *ret ? 0 : jp_oom(err);
}

static int describe(const struct jp_keyring *ring, rnp_key_handle_t key, struct jp_trust_cert *cert,
                    bool wants_armored, struct jp_error *err)
{
    uint32_t created = 0, lasts = 0;
    (void)rnp_key_get_creation(key, &created);
    (void)rnp_key_get_expiration(key, &lasts);
    (void)rnp_key_have_secret(key, &cert->has_secret);
    cert->created_s = created;
    cert->expires_s = lasts ? (int64_t)created + lasts : 0;
    cert->fingerprint = fingerprint_of(key);
    cert->algorithm = algorithm_of(key);
    cert->armored = wants_armored ? export_public(key) : NULL;
    if (!cert->fingerprint || !cert->algorithm || (wants_armored && !cert->armored))
        return jp_oom(err);
    if (add_identities(key, cert, err) < 0 || add_subkeys(ring, key, cert, err) < 0)
        return -1;
    return find_problem(ring, key, cert, &cert->problem, err);
}

static int add_cert(const struct jp_keyring *ring, const char *fingerprint, bool wants_armored,
                    struct jp_trust_certs *certs, struct jp_error *err)
{
    rnp_key_handle_t key = NULL;
    bool is_primary = false;
    int r = 0;
    if (rnp_locate_key(ring->ffi, "fingerprint", fingerprint, &key) != RNP_SUCCESS || !key)
        return jp_oom(err);
    (void)rnp_key_is_primary(key, &is_primary);
    if (is_primary && certs->count >= JP_OPENPGP_MAX_CERTS)
        r = jp_fail(err, JP_ELIMIT, 0, "more than %d keys", JP_OPENPGP_MAX_CERTS);
    else if (is_primary)
        r = describe(ring, key, &certs->items[certs->count++], wants_armored, err);
    (void)rnp_key_handle_destroy(key);
    return r;
}

static int list(const struct jp_keyring *ring, bool wants_armored, struct jp_trust_certs *certs,
                struct jp_error *err)
{
    rnp_identifier_iterator_t it = NULL;
    const char *fingerprint = NULL;
    certs->items = jp_calloc(JP_OPENPGP_MAX_CERTS, sizeof(*certs->items));
    if (!certs->items || rnp_identifier_iterator_create(ring->ffi, &it, "fingerprint"))
        return jp_oom(err);
    int r = 0;
    while (r == 0 && rnp_identifier_iterator_next(it, &fingerprint) == RNP_SUCCESS && fingerprint)
        r = add_cert(ring, fingerprint, wants_armored, certs, err);
    (void)rnp_identifier_iterator_destroy(it);
    return r;
}

int jp_openpgp_inspect(struct jp_keyring *ring, const struct jp_openpgp_request *request,
                       struct jp_openpgp_answer *answer, struct jp_error *err)
{
    int r = 0;
    /* In a list, a file that cannot be read does not hide the others. */
    for (size_t i = 0; r == 0 && i < request->n_keys; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        r = jp_keyring_add(ring, &request->keys[i], true, &why);
        if (r < 0 && request->n_keys > 1 && why.code != JP_ENOMEM)
            r = 0;
        if (r < 0)
            jp_error_move(err, &why);
    }
    if (r == 0)
        r = list(ring, request->wants_armored, &answer->certs, err);
    if (r < 0)
        jp_trust_certs_clear(&answer->certs);
    return r;
}
