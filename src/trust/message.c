#include "trust/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- the request ----------------------------------------------------------------------------- */

void jp_openpgp_request_walk(struct jp_codec *c, struct jp_openpgp_request *request)
{
    jp_codec_u32(c, &request->task);
    jp_codec_i64(c, &request->now_s);
    jp_codec_bool(c, &request->wants_armored);
    jp_codec_array(c, &request->keys, &request->n_keys, sizeof(*request->keys),
                   JP_OPENPGP_MAX_KEYS);
    for (size_t i = 0; i < request->n_keys; i++) {
        jp_codec_str(c, &request->keys[i].fingerprint);
        jp_codec_bytes(c, &request->keys[i].bytes, &request->keys[i].len);
    }
    jp_codec_bytes(c, &request->signature, &request->signature_len);
    jp_codec_u64(c, &request->offset);
    jp_codec_u64(c, &request->size);
    jp_codec_bool(c, &request->is_stream);
    jp_codec_bytes(c, &request->head, &request->head_len);
    jp_codec_str(c, &request->passphrase);
}

void jp_openpgp_request_clear(struct jp_openpgp_request *request)
{
    for (size_t i = 0; i < request->n_keys; i++) {
        free(request->keys[i].fingerprint);
        free(request->keys[i].bytes);
    }
    free(request->keys);
    free(request->signature);
    free(request->head);
    if (request->passphrase)
        explicit_bzero(request->passphrase, strlen(request->passphrase));
    free(request->passphrase);
    *request = (struct jp_openpgp_request){.task = 0};
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void walk_verdict(struct jp_codec *c, enum jp_trust_verdict *verdict)
{
    uint32_t number = (uint32_t)*verdict;
    jp_codec_u32(c, &number);
    bool is_known =
        number <= JP_TRUST_KEY_FUTURE || number == JP_TRUST_SIGNED || number == JP_TRUST_GOOD;
    if (!is_known)
        c->failed = true;
    *verdict = is_known ? (enum jp_trust_verdict)number : JP_TRUST_NOTHING;
}

static void walk_check(struct jp_codec *c, struct jp_trust_answer *check)
{
    walk_verdict(c, &check->verdict);
    jp_codec_array(c, &check->signers, &check->n_signers, sizeof(*check->signers),
                   JP_OPENPGP_MAX_SIGNATURES);
    for (size_t i = 0; i < check->n_signers; i++) {
        jp_codec_str(c, &check->signers[i].fingerprint);
        jp_codec_str(c, &check->signers[i].identity);
        jp_codec_i64(c, &check->signers[i].created_s);
        walk_verdict(c, &check->signers[i].verdict);
    }
    jp_codec_u64(c, &check->size_bytes);
    for (size_t i = 0; i < sizeof(check->digest); i++)
        jp_codec_u8(c, &check->digest[i]);
}

static void walk_decrypted(struct jp_codec *c, struct jp_trust_decrypted *decrypted)
{
    walk_verdict(c, &decrypted->verdict);
    jp_codec_u64(c, &decrypted->size_bytes);
    for (size_t i = 0; i < sizeof(decrypted->digest); i++)
        jp_codec_u8(c, &decrypted->digest[i]);
}

static void walk_cert(struct jp_codec *c, struct jp_trust_cert *cert)
{
    jp_codec_str(c, &cert->fingerprint);
    jp_codec_str(c, &cert->algorithm);
    jp_codec_str(c, &cert->problem);
    jp_codec_str(c, &cert->armored);
    jp_codec_i64(c, &cert->created_s);
    jp_codec_i64(c, &cert->expires_s);
    jp_codec_bool(c, &cert->has_secret);
    jp_codec_strv(c, &cert->identities, JP_OPENPGP_MAX_SUBKEYS);
    jp_codec_array(c, &cert->subkeys, &cert->n_subkeys, sizeof(*cert->subkeys),
                   JP_OPENPGP_MAX_SUBKEYS);
    for (size_t i = 0; i < cert->n_subkeys; i++) {
        jp_codec_str(c, &cert->subkeys[i].fingerprint);
        jp_codec_bool(c, &cert->subkeys[i].is_signing);
    }
}

static void walk_answer(struct jp_codec *c, struct jp_openpgp_answer *answer)
{
    jp_codec_u32(c, &answer->task);
    jp_codec_str(c, &answer->failure);
    jp_codec_u32(c, &answer->code);
    walk_check(c, &answer->check);
    jp_codec_array(c, &answer->certs.items, &answer->certs.count, sizeof(*answer->certs.items),
                   JP_OPENPGP_MAX_CERTS);
    for (size_t i = 0; i < answer->certs.count; i++)
        walk_cert(c, &answer->certs.items[i]);
    jp_codec_bool(c, &answer->needs_passphrase);
    jp_codec_bytes(c, &answer->output, &answer->output_len);
    walk_decrypted(c, &answer->decrypted);
}

/* What becomes a name of a file, or is shown as one, is digits. */
static bool is_fingerprint(const char *text)
{
    size_t len = text ? strspn(text, "0123456789abcdef") : 0;
    return (len == 40 || len == 64) && text[len] == '\0';
}

static bool certs_fit(const struct jp_trust_certs *certs)
{
    for (size_t i = 0; i < certs->count; i++) {
        const struct jp_trust_cert *cert = &certs->items[i];
        if (!is_fingerprint(cert->fingerprint) || !cert->algorithm)
            return false;
        for (size_t k = 0; k < cert->n_subkeys; k++)
            if (!is_fingerprint(cert->subkeys[k].fingerprint))
                return false;
    }
    return true;
}

/* Only a signature that counts makes a whole that does; and then there is a fingerprint. */
static bool check_fits(const struct jp_trust_answer *check)
{
    size_t good = 0;
    for (size_t i = 0; i < check->n_signers; i++) {
        const struct jp_trust_signer *signer = &check->signers[i];
        if (signer->fingerprint && !is_fingerprint(signer->fingerprint) &&
            strspn(signer->fingerprint, "0123456789abcdef") != 16)
            return false;
        if (signer->verdict == JP_TRUST_SIGNED)
            return false; /* that is not the program's to say */
        good += signer->verdict == JP_TRUST_GOOD && is_fingerprint(signer->fingerprint);
    }
    return check->verdict != JP_TRUST_SIGNED && (check->verdict != JP_TRUST_GOOD || good > 0);
}

int jp_openpgp_answer_decode(const void *bytes, size_t len, enum jp_openpgp_task task,
                             struct jp_openpgp_answer *ret, struct jp_error *err)
{
    struct jp_codec c = jp_codec_reader(bytes, len);
    walk_answer(&c, ret);
    /* A program that could not even read the request does not know the task. */
    bool is_ours = ret->task == (uint32_t)task || ret->failure;
    if (jp_codec_done(&c) && is_ours && certs_fit(&ret->certs) && check_fits(&ret->check))
        return 0;
    jp_openpgp_answer_clear(ret);
    return jp_fail(err, JP_ECORRUPT, 0, "jetpack-openpgp gave no answer");
}

int jp_openpgp_answer_encode(struct jp_openpgp_answer *answer, struct jp_buf *out,
                             struct jp_error *err)
{
    struct jp_codec c = jp_codec_writer(out);
    walk_answer(&c, answer);
    return jp_codec_done(&c) ? 0 : jp_oom(err);
}

void jp_openpgp_answer_clear(struct jp_openpgp_answer *answer)
{
    free(answer->failure);
    free(answer->output);
    jp_trust_answer_clear(&answer->check);
    jp_trust_certs_clear(&answer->certs);
    *answer = (struct jp_openpgp_answer){.task = 0};
}

/* ---- what is in it --------------------------------------------------------------------------- */

void jp_trust_answer_clear(struct jp_trust_answer *answer)
{
    for (size_t i = 0; i < answer->n_signers; i++) {
        free(answer->signers[i].fingerprint);
        free(answer->signers[i].identity);
    }
    free(answer->signers);
    *answer = (struct jp_trust_answer){.verdict = JP_TRUST_NOTHING};
}

static void cert_clear(struct jp_trust_cert *cert)
{
    for (size_t i = 0; i < cert->n_subkeys; i++)
        free(cert->subkeys[i].fingerprint);
    free(cert->subkeys);
    free(cert->fingerprint);
    free(cert->algorithm);
    free(cert->problem);
    free(cert->armored);
    jp_strv_clear(&cert->identities);
}

void jp_trust_certs_clear(struct jp_trust_certs *certs)
{
    for (size_t i = 0; i < certs->count; i++)
        cert_clear(&certs->items[i]);
    free(certs->items);
    *certs = (struct jp_trust_certs){NULL, 0};
}
