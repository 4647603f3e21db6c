/* Making a detached signature that we would accept ourselves. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "openpgp/data.h"
#include "openpgp/keyring.h"
#include "openpgp/work.h"

#define HASH RNP_ALGNAME_SHA512

/* Takes the key over when it can sign here and now and is newer than the best so far. */
static void prefer(const struct jp_keyring *ring, rnp_key_handle_t *key, rnp_key_handle_t primary,
                   rnp_key_handle_t *best)
{
    bool has_secret = false;
    uint32_t created = 0, best_created = 0;
    if (rnp_key_have_secret(*key, &has_secret) != RNP_SUCCESS || !has_secret ||
        jp_keyring_judge_key(ring, *key, primary) != JP_TRUST_GOOD ||
        rnp_key_get_creation(*key, &created) != RNP_SUCCESS)
        return;
    if (*best && rnp_key_get_creation(*best, &best_created) == RNP_SUCCESS &&
        created < best_created)
        return;
    (void)rnp_key_handle_destroy(*best);
    *best = jp_take(key);
}

static void look_at(const struct jp_keyring *ring, const char *fingerprint, rnp_key_handle_t *best)
{
    rnp_key_handle_t key = NULL, primary = NULL;
    bool is_sub = false;
    char *text = NULL;
    if (rnp_locate_key(ring->ffi, "fingerprint", fingerprint, &key) == RNP_SUCCESS && key &&
        rnp_key_is_sub(key, &is_sub) == RNP_SUCCESS) {
        if (is_sub && rnp_key_get_primary_fprint(key, &text) == RNP_SUCCESS && text)
            (void)rnp_locate_key(ring->ffi, "fingerprint", text, &primary);
        if (!is_sub || primary)
            prefer(ring, &key, primary, best);
    }
    rnp_buffer_destroy(text);
    (void)rnp_key_handle_destroy(primary);
    (void)rnp_key_handle_destroy(key);
}

static int find_key(const struct jp_keyring *ring, rnp_key_handle_t *ret, struct jp_error *err)
{
    rnp_identifier_iterator_t it = NULL;
    const char *fingerprint = NULL;
    if (rnp_identifier_iterator_create(ring->ffi, &it, "fingerprint") != RNP_SUCCESS)
        return jp_oom(err);
    while (rnp_identifier_iterator_next(it, &fingerprint) == RNP_SUCCESS && fingerprint)
        look_at(ring, fingerprint, ret);
    (void)rnp_identifier_iterator_destroy(it);
    return *ret ? 0
                : jp_fail(err, JP_EINVALID, 0,
                          "the key file has no secret key whose signatures would count now");
}

static int unlock(const struct jp_openpgp_request *request, rnp_key_handle_t key,
                  struct jp_openpgp_answer *answer, struct jp_error *err)
{
    bool is_protected = true;
    (void)rnp_key_is_protected(key, &is_protected);
    if (!is_protected)
        return 0;
    answer->needs_passphrase = !request->passphrase;
    if (answer->needs_passphrase)
        return 1;
    if (rnp_key_unlock(key, request->passphrase) == RNP_SUCCESS)
        return 0;
    return jp_fail(err, JP_EINVALID, 0,
                   "the passphrase is wrong, or the file has no secret part of the key");
}

static rnp_result_t execute(rnp_op_sign_t op, rnp_key_handle_t key, int64_t now_s)
{
    rnp_result_t r = rnp_op_sign_set_armor(op, true);
    if (r == RNP_SUCCESS)
        r = rnp_op_sign_set_hash(op, HASH);
    if (r == RNP_SUCCESS)
        r = rnp_op_sign_set_creation_time(op, (uint32_t)now_s);
    if (r == RNP_SUCCESS)
        r = rnp_op_sign_add_signature(op, key, NULL);
    return r == RNP_SUCCESS ? rnp_op_sign_execute(op) : r;
}

static int sign(const struct jp_keyring *ring, rnp_key_handle_t key, struct jp_data *data,
                struct jp_openpgp_answer *answer, struct jp_error *err)
{
    rnp_input_t input = NULL;
    rnp_output_t output = NULL;
    rnp_op_sign_t op = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;
    rnp_result_t r = rnp_input_from_callback(&input, jp_data_read, NULL, data);
    if (r == RNP_SUCCESS)
        r = rnp_output_to_memory(&output, JP_TRUST_SIGNATURE_MAX);
    if (r == RNP_SUCCESS)
        r = rnp_op_sign_detached_create(&op, ring->ffi, input, output);
    if (r == RNP_SUCCESS)
        r = execute(op, key, ring->now_s);
    if (r == RNP_SUCCESS)
        r = rnp_output_memory_get_buf(output, &bytes, &len, false);
    if (r == RNP_SUCCESS) {
        answer->output = (unsigned char *)jp_memdup0(bytes, len);
        answer->output_len = answer->output ? len : 0;
    }
    (void)rnp_op_sign_destroy(op);
    (void)rnp_output_destroy(output);
    (void)rnp_input_destroy(input);
    if (r != RNP_SUCCESS)
        return jp_keyring_fail(err, r, "sign");
    return answer->output ? 0 : jp_oom(err);
}

int jp_openpgp_sign(struct jp_keyring *ring, const struct jp_openpgp_request *request, int data_fd,
                    struct jp_openpgp_answer *answer, struct jp_error *err)
{
    unsigned char digest[JP_TRUST_DIGEST_SIZE];
    rnp_key_handle_t key = NULL;
    struct jp_data data = jp_data_new(data_fd, request);
    int r = 0;
    for (size_t i = 0; r == 0 && i < request->n_keys; i++)
        r = jp_keyring_add(ring, &request->keys[i], true, err);
    if (r == 0)
        r = find_key(ring, &key, err);
    if (r == 0)
        r = unlock(request, key, answer, err);
    if (r == 0)
        r = sign(ring, key, &data, answer, err);
    else if (r > 0)
        r = 0; /* a passphrase is needed: that is the answer */
    if (r == 0 && answer->output && !jp_data_finish(&data, digest))
        r = jp_fail(err, JP_ECORRUPT, 0, "the file changes while it is read, or cannot be read");
    (void)rnp_key_handle_destroy(key);
    return r;
}
