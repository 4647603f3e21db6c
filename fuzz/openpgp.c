/*
 * What jetpack-openpgp answers, as those read it who asked: the program reads what strangers sent,
 * so it may be a stranger's mouthpiece by then. A byte (the task), then the answer. Whatever it is:
 * no crash, nothing left of a refusal; and what is taken can be written and read back to the same,
 * is the answer to that task, and says GOOD only with a whole fingerprint of who signed.
 *
 * Built as fuzz/openpgp: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include <string.h>

#include "fuzz/promise.h"
#include "trust/message.h"

static bool is_digits(const char *text)
{
    size_t len = text ? strspn(text, "0123456789abcdef") : 0;
    return (len == 40 || len == 64) && text[len] == '\0';
}

static void look(const struct jp_openpgp_answer *answer)
{
    const struct jp_trust_answer *check = &answer->check;
    size_t good = 0;
    for (size_t i = 0; i < check->n_signers; i++) {
        require(check->signers[i].verdict != JP_TRUST_SIGNED, "that is not the program's to say");
        good +=
            check->signers[i].verdict == JP_TRUST_GOOD && is_digits(check->signers[i].fingerprint);
    }
    require(check->verdict != JP_TRUST_SIGNED, "nor of the whole");
    require(check->verdict != JP_TRUST_GOOD || good > 0, "a good whole has a good part");
    require(check->n_signers <= JP_OPENPGP_MAX_SIGNATURES, "no more than there may be");
    for (size_t i = 0; i < answer->certs.count; i++)
        require(is_digits(answer->certs.items[i].fingerprint), "what becomes a file is digits");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) one = JP_BUF_INIT;
    JP_AUTO(jp_buf) two = JP_BUF_INIT;
    struct jp_openpgp_answer answer = {.task = 0}, again = {.task = 0};
    if (len == 0)
        return 0;
    enum jp_openpgp_task task = (enum jp_openpgp_task)(bytes[0] % JP_OPENPGP_DECRYPT + 1);
    if (jp_openpgp_answer_decode(bytes + 1, len - 1, task, &answer, &err) < 0) {
        require(err.code != JP_OK && *jp_error_text(&err), "a refusal has its text");
        require(!answer.check.signers && !answer.certs.items && !answer.output,
                "and leaves nothing");
        require(answer.check.verdict == JP_TRUST_NOTHING &&
                    answer.decrypted.verdict == JP_TRUST_NOTHING,
                "least of all a verdict");
        return 0;
    }
    require(answer.failure || answer.task == (uint32_t)task, "it answers what was asked");
    look(&answer);
    require(jp_openpgp_answer_encode(&answer, &one, &err) == 0, "what was read can be written");
    require(jp_openpgp_answer_decode(jp_buf_text(&one), one.len, task, &again, &err) == 0,
            "and read");
    require(jp_openpgp_answer_encode(&again, &two, &err) == 0, "and written again");
    require(one.len == two.len && memcmp(jp_buf_text(&one), jp_buf_text(&two), one.len) == 0,
            "to the same");
    jp_openpgp_answer_clear(&answer);
    jp_openpgp_answer_clear(&again);
    return 0;
}
