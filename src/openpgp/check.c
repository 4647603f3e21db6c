/*
 * Judging a detached signature. librnp does the arithmetic, and its word is necessary but not
 * enough: it calls a signature valid whose key was revoked later, whose key does not sign, which is
 * over text, and its whole operation succeeds when a signature has expired. So each signature is
 * looked at again here, by the rules that trust.h names, at the time that the request names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "openpgp/data.h"
#include "openpgp/keyring.h"
#include "openpgp/packets.h"
#include "openpgp/work.h"

/* ---- one signature --------------------------------------------------------------------------- */

struct signature {
    rnp_op_verify_signature_t op;
    rnp_signature_handle_t handle;
    rnp_key_handle_t key;
    rnp_key_handle_t primary; /* NULL when `key` is one */
    bool may_be_foreign;      /* a version that nobody here knows */
    bool is_foreign;          /* and that it is */
};

static void signature_clear(struct signature *s)
{
    (void)rnp_key_handle_destroy(s->primary);
    (void)rnp_key_handle_destroy(s->key);
    (void)rnp_signature_handle_destroy(s->handle);
}

/*
 * As librnp finds it: by the fingerprint where the signature has one, else by the key's id. What
 * cannot be found out is an error: it is not the same as a key that nobody knows, whose signature
 * is passed over.
 */
static int find_key(const struct jp_keyring *ring, struct signature *s, struct jp_error *err)
{
    char *text = NULL;
    const char *kind = "fingerprint";
    rnp_result_t r = rnp_signature_get_key_fprint(s->handle, &text);
    if (r == RNP_SUCCESS && !text) {
        kind = "keyid";
        r = rnp_signature_get_keyid(s->handle, &text);
    }
    if (r == RNP_SUCCESS && text)
        r = rnp_locate_key(ring->ffi, kind, text, &s->key);
    rnp_buffer_destroy(text);
    return r == RNP_SUCCESS ? 0 : jp_keyring_fail(err, r, "find the key of a signature");
}

/* Of a subkey; none when there is none that we know: then it is nobody's. */
static int find_primary(const struct jp_keyring *ring, struct signature *s, struct jp_error *err)
{
    char *text = NULL;
    rnp_result_t r = rnp_key_get_primary_fprint(s->key, &text);
    if (r == RNP_SUCCESS && text)
        r = rnp_locate_key(ring->ffi, "fingerprint", text, &s->primary);
    rnp_buffer_destroy(text);
    return r == RNP_SUCCESS ? 0 : jp_keyring_fail(err, r, "find the primary key of a signature");
}

/* 1: the key and, of a subkey, its primary are here; 0: not; -1. */
static int find_keys(const struct jp_keyring *ring, struct signature *s, struct jp_error *err)
{
    bool is_sub = true;
    if (find_key(ring, s, err) < 0)
        return -1;
    if (!s->key)
        return 0;
    rnp_result_t r = rnp_key_is_sub(s->key, &is_sub);
    if (r != RNP_SUCCESS)
        return jp_keyring_fail(err, r, "look at the key of a signature");
    if (!is_sub)
        return 1;
    return find_primary(ring, s, err) < 0 ? -1 : s->primary != NULL;
}

/* Was the primary key handed to us as one that counts? (A file may hold others.) */
static bool counts(const struct jp_openpgp_request *request, const char *fingerprint)
{
    for (size_t i = 0; i < request->n_keys; i++)
        if (request->keys[i].fingerprint && strcmp(request->keys[i].fingerprint, fingerprint) == 0)
            return true;
    return false;
}

static bool is_of_type(const struct signature *s, const char *type)
{
    char *text = NULL;
    bool r = rnp_signature_get_type(s->handle, &text) == RNP_SUCCESS && strcmp(text, type) == 0;
    rnp_buffer_destroy(text);
    return r;
}

static bool has_strong_hash(const struct signature *s)
{
    static const char *const hashes[] = {RNP_ALGNAME_SHA256, RNP_ALGNAME_SHA384, RNP_ALGNAME_SHA512,
                                         RNP_ALGNAME_SHA3_256, RNP_ALGNAME_SHA3_512};
    char *text = NULL;
    bool r = false;
    if (rnp_signature_get_hash_alg(s->handle, &text) == RNP_SUCCESS)
        for (size_t i = 0; !r && i < JP_LEN(hashes); i++)
            r = strcmp(text, hashes[i]) == 0;
    rnp_buffer_destroy(text);
    return r;
}

static enum jp_trust_verdict judge_time(const struct jp_keyring *ring, const struct signature *s,
                                        int64_t *ret_created)
{
    uint32_t created = 0, lasts = 0, key_created = 0;
    if (rnp_signature_get_creation(s->handle, &created) != RNP_SUCCESS ||
        rnp_signature_get_expiration(s->handle, &lasts) != RNP_SUCCESS ||
        rnp_key_get_creation(s->key, &key_created) != RNP_SUCCESS || created == 0)
        return JP_TRUST_BAD;
    *ret_created = created;
    if (created > ring->now_s)
        return JP_TRUST_FUTURE;
    if (lasts && (int64_t)created + lasts <= ring->now_s)
        return JP_TRUST_EXPIRED;
    return created < key_created ? JP_TRUST_BAD : JP_TRUST_GOOD;
}

/* Why it does not count, the reason first that helps most; GOOD only when there is none. */
static enum jp_trust_verdict judge(const struct jp_keyring *ring, const struct signature *s,
                                   int64_t *ret_created)
{
    rnp_result_t status = rnp_op_verify_signature_get_status(s->op);
    enum jp_trust_verdict verdict = jp_keyring_judge_key(ring, s->key, s->primary);
    enum jp_trust_verdict when = judge_time(ring, s, ret_created);
    if (verdict != JP_TRUST_GOOD)
        return verdict;
    if (!has_strong_hash(s))
        return JP_TRUST_WEAK;
    if (!is_of_type(s, "binary"))
        return JP_TRUST_BAD;
    if (status != RNP_SUCCESS && status != RNP_ERROR_SIGNATURE_EXPIRED)
        return JP_TRUST_BAD;
    if (when != JP_TRUST_GOOD)
        return when;
    return status == RNP_SUCCESS ? JP_TRUST_GOOD : JP_TRUST_EXPIRED;
}

static int describe(const struct signature *s, struct jp_trust_signer *ret, struct jp_error *err)
{
    char *text = NULL;
    rnp_key_handle_t primary = s->primary ? s->primary : s->key;
    if (rnp_key_get_fprint(primary, &text) != RNP_SUCCESS)
        return jp_oom(err);
    ret->fingerprint = jp_keyring_lower(text);
    text = NULL;
    if (rnp_key_get_primary_uid(primary, &text) == RNP_SUCCESS)
        ret->identity = jp_strdup(text);
    rnp_buffer_destroy(text);
    return ret->fingerprint ? 0 : jp_oom(err);
}

/* Of a key that we do not have: what the signature itself says. */
static int describe_unknown(const struct signature *s, struct jp_trust_signer *ret)
{
    char *text = NULL;
    uint32_t created = 0;
    if (rnp_signature_get_key_fprint(s->handle, &text) != RNP_SUCCESS || !text) {
        text = NULL;
        if (rnp_signature_get_keyid(s->handle, &text) != RNP_SUCCESS)
            text = NULL;
    }
    if (rnp_signature_get_creation(s->handle, &created) == RNP_SUCCESS)
        ret->created_s = created;
    /*
     * One that names nobody could be anybody's, and is what librnp leaves of a signature that it
     * had no memory to keep.
     */
    ret->verdict = text ? JP_TRUST_UNKNOWN : JP_TRUST_MALFORMED;
    if (text)
        ret->fingerprint = jp_keyring_lower(text);
    return 0;
}

static int look_at(const struct jp_keyring *ring, const struct jp_openpgp_request *request,
                   struct signature *s, struct jp_trust_signer *ret, struct jp_error *err)
{
    if (rnp_op_verify_signature_get_handle(s->op, &s->handle) != RNP_SUCCESS)
        return jp_oom(err);
    /*
     * Of a version that librnp does not know; but it also says so of what it had no memory to look
     * at. More of these than there are of such versions are none that may be passed over.
     */
    if (rnp_op_verify_signature_get_status(s->op) == RNP_ERROR_SIGNATURE_UNKNOWN) {
        ret->verdict = s->may_be_foreign ? JP_TRUST_UNKNOWN : JP_TRUST_MALFORMED;
        s->is_foreign = s->may_be_foreign;
        return 0;
    }
    int found = find_keys(ring, s, err);
    if (found <= 0)
        return found < 0 ? -1 : describe_unknown(s, ret);
    if (describe(s, ret, err) < 0)
        return -1;
    ret->verdict =
        counts(request, ret->fingerprint) ? judge(ring, s, &ret->created_s) : JP_TRUST_UNKNOWN;
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Those of unknown keys are passed over; all others must be good, and there must be one. */
static enum jp_trust_verdict sum_up(const struct jp_trust_answer *answer)
{
    enum jp_trust_verdict whole = JP_TRUST_UNKNOWN;
    for (size_t i = 0; i < answer->n_signers; i++) {
        enum jp_trust_verdict one = answer->signers[i].verdict;
        if (one == JP_TRUST_UNKNOWN)
            continue;
        if (one != JP_TRUST_GOOD)
            return one;
        whole = JP_TRUST_GOOD;
    }
    return whole;
}

static int look_at_all(const struct jp_keyring *ring, const struct jp_openpgp_request *request,
                       rnp_op_verify_t op, const struct jp_packets *expected,
                       struct jp_trust_answer *answer, struct jp_error *err)
{
    size_t count = 0, foreign = 0;
    if (rnp_op_verify_get_signature_count(op, &count) != RNP_SUCCESS || count != expected->count)
        return jp_fail(err, JP_EINVALID, 0, "the signature cannot be read");
    answer->signers = jp_calloc(count, sizeof(*answer->signers));
    if (!answer->signers)
        return jp_oom(err);
    answer->n_signers = count;
    for (size_t i = 0; i < count; i++) {
        struct signature s = {.op = NULL, .may_be_foreign = foreign < expected->foreign};
        int r = -1;
        if (rnp_op_verify_get_signature_at(op, i, &s.op) == RNP_SUCCESS)
            r = look_at(ring, request, &s, &answer->signers[i], err);
        else
            jp_oom(err);
        foreign += s.is_foreign;
        signature_clear(&s);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int verify(const struct jp_keyring *ring, const struct jp_openpgp_request *request,
                  struct jp_data *data, const struct jp_buf *bytes,
                  const struct jp_packets *packets, struct jp_trust_answer *answer,
                  struct jp_error *err)
{
    rnp_input_t input = NULL, signature = NULL;
    rnp_op_verify_t op = NULL;
    rnp_result_t r = rnp_input_from_callback(&input, jp_data_read, NULL, data);
    if (r == RNP_SUCCESS)
        r = rnp_input_from_memory(&signature, (const uint8_t *)jp_buf_text(bytes), bytes->len,
                                  false);
    if (r == RNP_SUCCESS)
        r = rnp_op_verify_detached_create(&op, ring->ffi, input, signature);
    if (r != RNP_SUCCESS) {
        jp_keyring_fail(err, r, "start verifying");
    } else {
        r = rnp_op_verify_execute(op);
        answer->verdict = JP_TRUST_NOTHING;
        if (look_at_all(ring, request, op, packets, answer, err) == 0)
            answer->verdict = sum_up(answer);
        /* librnp's word on the whole must be that it went well, too. */
        if (answer->verdict == JP_TRUST_GOOD && r != RNP_SUCCESS)
            answer->verdict = JP_TRUST_BAD;
    }
    (void)rnp_op_verify_destroy(op);
    (void)rnp_input_destroy(signature);
    (void)rnp_input_destroy(input);
    return answer->verdict == JP_TRUST_NOTHING ? -1 : 0;
}

static int check(struct jp_keyring *ring, const struct jp_openpgp_request *request, int data_fd,
                 struct jp_trust_answer *answer, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_packets packets;
    enum jp_trust_verdict form =
        jp_packets_read(request->signature, request->signature_len, &bytes, &packets);
    if (form == JP_TRUST_NOTHING)
        return jp_oom(err);
    answer->verdict = form;
    if (form != JP_TRUST_GOOD)
        return 0;
    answer->verdict = JP_TRUST_NOTHING;
    struct jp_data data = jp_data_new(data_fd, request);
    for (size_t i = 0; i < request->n_keys; i++)
        if (jp_keyring_add(ring, &request->keys[i], false, err) < 0)
            return -1;
    if (verify(ring, request, &data, &bytes, &packets, answer, err) < 0)
        return -1;
    answer->size_bytes = data.read_bytes;
    if (jp_data_finish(&data, answer->digest))
        return 0;
    answer->verdict = JP_TRUST_NOTHING;
    return jp_fail(err, JP_ECORRUPT, 0, "the file changes while it is read, or cannot be read");
}

int jp_openpgp_check(struct jp_keyring *ring, const struct jp_openpgp_request *request, int data_fd,
                     struct jp_openpgp_answer *answer, struct jp_error *err)
{
    int r = check(ring, request, data_fd, &answer->check, err);
    if (r < 0)
        jp_trust_answer_clear(&answer->check);
    return r;
}
