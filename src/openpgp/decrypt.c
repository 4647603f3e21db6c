/*
 * Opening an encrypted archive with a passphrase. The content goes out while it comes in: whether
 * it is whole and unchanged is known at the end, and said then (JP_TRUST_GOOD), never before.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "openpgp/envelope.h"
#include "openpgp/work.h"
#include "sys/fd.h"

struct out {
    int fd;
    bool has_bytes;
    bool has_failed;
};

static bool put(void *context, const void *bytes, size_t len)
{
    struct out *out = context;
    out->has_bytes = true;
    out->has_failed |= jp_fd_write_all(out->fd, bytes, len, "what was decrypted", NULL) < 0;
    return !out->has_failed;
}

static bool give_passphrase(rnp_ffi_t ffi, void *context, rnp_key_handle_t key, const char *purpose,
                            char *buf, size_t size)
{
    const char *passphrase = context;
    (void)ffi;
    (void)key;
    (void)purpose;
    size_t len = strlen(passphrase);
    if (len >= size)
        return false;
    memcpy(buf, passphrase, len + 1);
    return true;
}

/* A digest at the end, or one in each chunk, and it was right. */
static bool is_protected(rnp_op_verify_t op)
{
    static const char *const modes[] = {"cfb-mdc", "aead-eax", "aead-ocb"};
    char *mode = NULL;
    bool is_valid = false, is_known = false;
    if (rnp_op_verify_get_protection_info(op, &mode, NULL, &is_valid) == RNP_SUCCESS && mode)
        for (size_t i = 0; !is_known && i < JP_LEN(modes); i++)
            is_known = strcmp(mode, modes[i]) == 0;
    rnp_buffer_destroy(mode);
    return is_known && is_valid;
}

static int refuse(const char *why, struct jp_error *err)
{
    return jp_fail(err, JP_EUNTRUSTED, 0, "%s", why);
}

static int explain(const struct jp_envelope *e, const struct out *out, rnp_result_t result,
                   struct jp_error *err)
{
    if (result == RNP_ERROR_OUT_OF_MEMORY)
        return jp_oom(err);
    if (e->data->has_failed)
        return jp_fail(err, JP_ELIMIT, 0, "it cannot be read to its end, or is too large");
    if (out->has_failed)
        return jp_fail(err, JP_ESYS, 0, "what was decrypted cannot be handed on");
    switch (e->form) {
    case JP_ENVELOPE_MALFORMED:
        return refuse("it is no encrypted OpenPGP message", err);
    case JP_ENVELOPE_UNPROTECTED:
        return refuse("it is encrypted without protection against changes: its author must encrypt "
                      "it anew (gpg does that with an integrity check by default)",
                      err);
    case JP_ENVELOPE_FOR_KEYS:
        return refuse("it is encrypted for the owner of a secret key; only archives that are "
                      "encrypted with a passphrase (gpg -symmetric) can be opened",
                      err);
    case JP_ENVELOPE_FOLLOWED:
        return refuse("something follows the encrypted message", err);
    case JP_ENVELOPE_UNFINISHED:
    case JP_ENVELOPE_WHOLE:
        break;
    }
    return refuse(out->has_bytes ? "it was changed, or its end is missing"
                                 : "the passphrase is wrong, or the file is damaged",
                  err);
}

static rnp_result_t execute(const struct jp_keyring *ring, struct jp_envelope *e, struct out *out,
                            bool *ret_protected)
{
    rnp_input_t input = NULL;
    rnp_output_t output = NULL;
    rnp_op_verify_t op = NULL;
    rnp_result_t r = rnp_input_from_callback(&input, jp_envelope_read, NULL, e);
    if (r == RNP_SUCCESS)
        r = rnp_output_to_callback(&output, put, NULL, out);
    if (r == RNP_SUCCESS)
        r = rnp_op_verify_create(&op, ring->ffi, input, output);
    /* The signature that counts is the detached one, over the file as it came. */
    if (r == RNP_SUCCESS)
        r = rnp_op_verify_set_flags(op, RNP_VERIFY_IGNORE_SIGS_ON_DECRYPT);
    if (r == RNP_SUCCESS)
        r = rnp_op_verify_execute(op);
    *ret_protected = r == RNP_SUCCESS && is_protected(op);
    (void)rnp_op_verify_destroy(op);
    (void)rnp_output_destroy(output);
    (void)rnp_input_destroy(input);
    return r;
}

/* librnp may stop before the end of the file: what is left is looked at, too. */
static void read_rest(struct jp_envelope *e)
{
    unsigned char rest[4096];
    size_t n = 0;
    do {
        if (!jp_envelope_read(e, rest, sizeof(rest), &n))
            return;
    } while (n > 0);
}

int jp_openpgp_decrypt(struct jp_keyring *ring, const struct jp_openpgp_request *request,
                       const int fds[JP_OPENPGP_MAX_FDS], struct jp_openpgp_answer *answer,
                       struct jp_error *err)
{
    bool is_protected = false;
    struct jp_data data = jp_data_new(fds[JP_OPENPGP_DATA], request);
    struct out out = {.fd = fds[JP_OPENPGP_OUT]};
    if (!request->passphrase)
        return jp_fail(err, JP_EINVALID, 0, "a passphrase is missing");
    JP_AUTO_FREE struct jp_envelope *e = jp_calloc(1, sizeof(*e));
    if (!e)
        return jp_oom(err);
    e->data = &data;
    rnp_result_t r = rnp_ffi_set_pass_provider(ring->ffi, give_passphrase, request->passphrase);
    if (r == RNP_SUCCESS)
        r = execute(ring, e, &out, &is_protected);
    if (r == RNP_SUCCESS)
        read_rest(e);
    if (r != RNP_SUCCESS || e->form != JP_ENVELOPE_WHOLE || out.has_failed)
        return explain(e, &out, r, err);
    if (!is_protected || !jp_data_finish(&data, answer->decrypted.digest))
        return refuse("it was changed, or is not protected against changes", err);
    answer->decrypted.size_bytes = data.read_bytes;
    answer->decrypted.verdict = JP_TRUST_GOOD;
    return 0;
}
