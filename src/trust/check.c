/* Judging a signature: which keys count, what the program found, what it means to the caller. */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "trust/keys.h"
#include "trust/message.h"

const char *jp_trust_verdict_text(enum jp_trust_verdict verdict)
{
    switch (verdict) {
    case JP_TRUST_NO_SIGNATURE:
        return "there is no signature in it";
    case JP_TRUST_MALFORMED:
        return "it is no detached OpenPGP signature";
    case JP_TRUST_UNKNOWN:
        return "it was made by a key that is not trusted for this";
    case JP_TRUST_BAD:
        return "it does not fit: the file or the signature is another one, or was changed";
    case JP_TRUST_WEAK:
        return "its hash or its key is too weak to prove anything";
    case JP_TRUST_EXPIRED:
        return "it has expired";
    case JP_TRUST_FUTURE:
        return "it was made in the future: is this host's clock right?";
    case JP_TRUST_KEY_UNFIT:
        return "the key that made it is not fit for signing";
    case JP_TRUST_KEY_EXPIRED:
        return "the key that made it has expired";
    case JP_TRUST_KEY_REVOKED:
        return "the key that made it was revoked";
    case JP_TRUST_KEY_FUTURE:
        return "the key that made it was made in the future: is this host's clock right?";
    case JP_TRUST_SIGNED:
    case JP_TRUST_GOOD:
        return "it is good";
    case JP_TRUST_NOTHING:
        break;
    }
    return "it could not be checked";
}

/* ---- the request ----------------------------------------------------------------------------- */

static int64_t now_of(const struct jp_trust *trust)
{
    return trust->now_s ? trust->now_s : jp_time_now_ns() / 1000000000;
}

static bool has_key(const struct jp_openpgp_request *request, const char *fingerprint,
                    const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < request->n_keys; i++) {
        const struct jp_openpgp_key *key = &request->keys[i];
        if (strcmp(key->fingerprint, fingerprint) == 0 && key->len == len &&
            memcmp(key->bytes, bytes, len) == 0)
            return true;
    }
    return false;
}

/* One file that is stored for several prefixes goes once; two states of one key both go. */
static int put_key(const struct jp_trust *trust, const struct jp_trust_key *key,
                   struct jp_openpgp_request *request, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_trust_read(trust, key, &bytes, err) < 0)
        return -1;
    if (has_key(request, key->fingerprint, (const unsigned char *)jp_buf_text(&bytes), bytes.len))
        return 0;
    struct jp_openpgp_key *to = &request->keys[request->n_keys++];
    to->fingerprint = jp_strdup(key->fingerprint);
    to->len = bytes.len;
    to->bytes = (unsigned char *)jp_buf_steal(&bytes);
    return to->fingerprint && to->bytes ? 0 : jp_oom(err);
}

static int put_keys(const struct jp_trust *trust, const struct jp_trust_keys *keys,
                    struct jp_openpgp_request *request, struct jp_error *err)
{
    request->keys = jp_calloc(keys->count + 1, sizeof(*request->keys));
    if (!request->keys)
        return jp_oom(err);
    for (size_t i = 0; i < keys->count; i++) {
        const struct jp_trust_key *key = &keys->items[i];
        if (put_key(trust, key, request, err) < 0)
            return jp_wrap(err, "key %s of '%s'", key->fingerprint, key->prefix);
    }
    return 0;
}

/* Row 42: what cannot be read twice cannot be what was checked. */
static int put_data(int fd, const char *what, struct jp_openpgp_request *request,
                    struct jp_error *err)
{
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", what);
    if (!S_ISREG(st.st_mode) || at < 0 || at > st.st_size)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a regular file", what);
    request->offset = (uint64_t)at;
    request->size = (uint64_t)(st.st_size - at);
    return 0;
}

static int put_signature(const struct jp_trust_question *question,
                         struct jp_openpgp_request *request, struct jp_error *err)
{
    if (question->signature_len > JP_TRUST_SIGNATURE_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a signature of more than %u bytes",
                       JP_TRUST_SIGNATURE_MAX);
    request->signature_len = question->signature_len;
    request->signature = (unsigned char *)jp_memdup0(question->signature, question->signature_len);
    return request->signature ? 0 : jp_oom(err);
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static const struct jp_trust_signer *first_with(const struct jp_trust_answer *answer,
                                                enum jp_trust_verdict verdict)
{
    for (size_t i = 0; i < answer->n_signers; i++)
        if (answer->signers[i].verdict == verdict)
            return &answer->signers[i];
    return NULL;
}

static int refuse(const struct jp_trust_question *question, const struct jp_trust_answer *answer,
                  struct jp_error *err)
{
    const struct jp_trust_signer *signer = first_with(answer, answer->verdict);
    const char *key = signer ? signer->fingerprint : NULL;
    const char *remedy = answer->verdict == JP_TRUST_UNKNOWN
                             ? "; 'jetpack trust' adds a key, when it is the right one"
                             : "";
    return jp_fail(err, JP_EUNTRUSTED, 0, "the signature of %s does not count: %s%s%s%s%s",
                   question->what, jp_trust_verdict_text(answer->verdict), key ? " (key " : "",
                   key ? key : "", key ? ")" : "", remedy);
}

/* Every good signature must be by a key that we have sent: the program has no others. */
static bool are_ours(const struct jp_openpgp_request *request, const struct jp_trust_answer *answer)
{
    for (size_t i = 0; i < answer->n_signers; i++) {
        const struct jp_trust_signer *signer = &answer->signers[i];
        bool is_ours = signer->verdict != JP_TRUST_GOOD;
        for (size_t k = 0; !is_ours && k < request->n_keys; k++)
            is_ours = signer->fingerprint &&
                      strcmp(request->keys[k].fingerprint, signer->fingerprint) == 0;
        if (!is_ours)
            return false;
    }
    return true;
}

static int judge(const struct jp_trust_question *question, const struct jp_openpgp_request *request,
                 struct jp_openpgp_answer *answer, struct jp_trust_answer *ret,
                 struct jp_error *err)
{
    struct jp_trust_answer *check = &answer->check;
    if (check->verdict == JP_TRUST_NOTHING || !are_ours(request, check) ||
        (check->verdict == JP_TRUST_GOOD && check->size_bytes != request->size))
        return jp_fail(err, JP_ECORRUPT, 0, "'%s' has changed, or jetpack-openpgp is confused",
                       question->what);
    *ret = *check;
    *check = (struct jp_trust_answer){.verdict = JP_TRUST_NOTHING};
    if (ret->verdict != JP_TRUST_GOOD)
        return refuse(question, ret, err);
    if (!question->name)
        ret->verdict = JP_TRUST_SIGNED;
    return 0;
}

static int ask(const struct jp_trust *trust, const struct jp_trust_question *question,
               struct jp_openpgp_request *request, struct jp_trust_answer *ret,
               struct jp_error *err)
{
    struct jp_openpgp_answer answer = {.task = 0};
    JP_AUTO(jp_trust_keys) keys = {NULL, 0, 0};
    if (jp_trust_list(trust, question->name, &keys, err) < 0 ||
        put_keys(trust, &keys, request, err) < 0 ||
        put_data(question->fd, question->what, request, err) < 0 ||
        put_signature(question, request, err) < 0 ||
        jp_openpgp_ask(trust, request, &question->fd, 1, &answer, err) < 0)
        return -1;
    int r = judge(question, request, &answer, ret, err);
    jp_openpgp_answer_clear(&answer);
    return r;
}

int jp_trust_check(const struct jp_trust *trust, const struct jp_trust_question *question,
                   struct jp_trust_answer *ret, struct jp_error *err)
{
    struct jp_openpgp_request request = {.task = JP_OPENPGP_CHECK, .now_s = now_of(trust)};
    *ret = (struct jp_trust_answer){.verdict = JP_TRUST_NOTHING};
    if (question->name && jp_trust_prefix_check(question->name, err) < 0)
        return -1;
    int r = ask(trust, question, &request, ret, err);
    jp_openpgp_request_clear(&request);
    return r;
}

int jp_trust_confirm(const struct jp_trust *trust, const char *name, struct jp_trust_answer *answer,
                     struct jp_error *err)
{
    JP_AUTO(jp_trust_keys) keys = {NULL, 0, 0};
    if (answer->verdict != JP_TRUST_SIGNED && answer->verdict != JP_TRUST_GOOD)
        return jp_fail(err, JP_EUNTRUSTED, 0, "nothing to confirm");
    answer->verdict = JP_TRUST_UNKNOWN;
    if (jp_trust_list(trust, name, &keys, err) < 0)
        return -1;
    const struct jp_trust_signer *signer = first_with(answer, JP_TRUST_GOOD);
    for (size_t i = 0; i < answer->n_signers; i++) {
        if (answer->signers[i].verdict != JP_TRUST_GOOD)
            continue;
        for (size_t k = 0; k < keys.count; k++)
            if (strcmp(keys.items[k].fingerprint, answer->signers[i].fingerprint) == 0)
                answer->verdict = JP_TRUST_GOOD;
    }
    if (answer->verdict == JP_TRUST_GOOD)
        return 0;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "it is signed by key %s, which is not trusted for images called '%s'",
                   signer ? signer->fingerprint : "?", name);
}

/* ---- a file of keys -------------------------------------------------------------------------- */

static int inspect(const struct jp_trust *trust, struct jp_openpgp_request *request,
                   struct jp_trust_certs *ret, struct jp_error *err)
{
    struct jp_openpgp_answer answer = {.task = 0};
    request->task = JP_OPENPGP_INSPECT;
    request->now_s = now_of(trust);
    if (jp_openpgp_ask(trust, request, NULL, 0, &answer, err) < 0)
        return -1;
    *ret = answer.certs;
    answer.certs = (struct jp_trust_certs){NULL, 0};
    jp_openpgp_answer_clear(&answer);
    return 0;
}

int jp_trust_inspect(const struct jp_trust *trust, const void *bytes, size_t len,
                     struct jp_trust_certs *ret, struct jp_error *err)
{
    struct jp_openpgp_key key = {.bytes = (unsigned char *)(uintptr_t)bytes, .len = len};
    struct jp_openpgp_request request = {.wants_armored = true, .keys = &key, .n_keys = 1};
    if (len > JP_TRUST_KEY_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a key of more than %u bytes", JP_TRUST_KEY_MAX);
    if (inspect(trust, &request, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->count; i++)
        if (!ret->items[i].armored)
            return jp_fail(err, JP_ECORRUPT, 0, "a key that cannot be written again");
    return ret->count > 0 ? 0 : jp_fail(err, JP_EINVALID, 0, "there is no OpenPGP key in it");
}

int jp_trust_describe(const struct jp_trust *trust, const struct jp_trust_keys *keys,
                      struct jp_trust_certs *ret, struct jp_error *err)
{
    struct jp_openpgp_request request = {.wants_armored = false};
    if (keys->count == 0)
        return 0;
    int r = put_keys(trust, keys, &request, err);
    if (r == 0)
        r = inspect(trust, &request, ret, err);
    jp_openpgp_request_clear(&request);
    return r;
}

/* ---- signing --------------------------------------------------------------------------------- */

static int ask_to_sign(const struct jp_trust *trust, const struct jp_trust_signing *signing,
                       struct jp_openpgp_request *request, struct jp_buf *ret, struct jp_error *err)
{
    struct jp_openpgp_answer answer = {.task = 0};
    if (put_data(signing->fd, signing->what, request, err) < 0 ||
        jp_openpgp_ask(trust, request, &signing->fd, 1, &answer, err) < 0)
        return -1;
    int r = answer.needs_passphrase ? 1 : 0;
    if (r == 0)
        jp_buf_add(ret, answer.output, answer.output_len);
    bool is_empty = answer.output_len == 0;
    jp_openpgp_answer_clear(&answer);
    if (r == 0 && is_empty)
        return jp_fail(err, JP_ECORRUPT, 0, "jetpack-openpgp made no signature");
    return jp_buf_failed(ret) ? jp_oom(err) : r;
}

int jp_trust_sign(const struct jp_trust *trust, const struct jp_trust_signing *signing,
                  struct jp_buf *ret, struct jp_error *err)
{
    struct jp_openpgp_key key = {.bytes = (unsigned char *)(uintptr_t)signing->key,
                                 .len = signing->key_len};
    struct jp_openpgp_request request = {
        .task = JP_OPENPGP_SIGN,
        .now_s = now_of(trust),
        .keys = &key,
        .n_keys = 1,
        .passphrase = (char *)(uintptr_t)signing->passphrase,
    };
    return ask_to_sign(trust, signing, &request, ret, err);
}
