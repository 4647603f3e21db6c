/* Archives that a passphrase opens: what is one, and the client's side of opening it. */
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "sys/fd.h"
#include "trust/message.h"

/* ---- what is one ----------------------------------------------------------------------------- */

#define ARMOUR "-----BEGIN PGP MESSAGE-----"

#define TAG_PKESK 1U /* a session key for the owner of a key */
#define TAG_SKESK 3U /* one for who knows a passphrase */

/* Length and version of a packet in the old format or the new one; 0: not one that is so short. */
static size_t body_at(const unsigned char *head, size_t len, unsigned *ret_tag)
{
    if (len < 4 || !(head[0] & 0x80))
        return 0;
    *ret_tag = head[0] & 0x40 ? head[0] & 0x3fU : head[0] >> 2 & 0xfU;
    if (head[0] & 0x40)
        return head[1] < 192 ? 2 : head[1] < 224 ? 3 : 0;
    return (head[0] & 3) < 2 ? 2U + (head[0] & 3U) : 0;
}

bool jp_trust_is_encrypted(const void *head, size_t len)
{
    const unsigned char *bytes = head;
    unsigned tag = 0;
    if (len >= strlen(ARMOUR) && memcmp(bytes, ARMOUR, strlen(ARMOUR)) == 0)
        return true;
    size_t at = body_at(bytes, len, &tag);
    if (at == 0)
        return false;
    unsigned version = bytes[at];
    return (tag == TAG_SKESK && version >= 4 && version <= 6) ||
           (tag == TAG_PKESK && (version == 3 || version == 6));
}

/* ---- opening it ------------------------------------------------------------------------------ */

struct jp_trust_decryption {
    struct jp_openpgp_talk talk;
};

static int put_source(const struct jp_trust_envelope *envelope, struct jp_openpgp_request *request,
                      struct jp_error *err)
{
    request->is_stream = true;
    request->size = envelope->max_bytes;
    if (envelope->head_len > 0) {
        request->head = (unsigned char *)jp_memdup0(envelope->head, envelope->head_len);
        request->head_len = envelope->head_len;
    }
    request->passphrase = jp_strdup(envelope->passphrase);
    return request->passphrase && (request->head || envelope->head_len == 0) ? 0 : jp_oom(err);
}

static int begin(const struct jp_trust *trust, const struct jp_trust_envelope *envelope,
                 struct jp_trust_decryption *decryption, int *ret_fd, struct jp_error *err)
{
    struct jp_openpgp_request request = {
        .task = JP_OPENPGP_DECRYPT,
        .now_s = trust->now_s ? trust->now_s : jp_time_now_ns() / 1000000000,
    };
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    JP_AUTO_FD int reading = ends[0];
    JP_AUTO_FD int writing = ends[1];
    int r = put_source(envelope, &request, err);
    if (r == 0)
        r = jp_openpgp_begin(trust, &request, (const int[]){envelope->fd, writing}, 2,
                             &decryption->talk, err);
    jp_openpgp_request_clear(&request);
    if (r == 0)
        *ret_fd = jp_fd_take(&reading);
    return r;
}

int jp_trust_decrypt_begin(const struct jp_trust *trust, const struct jp_trust_envelope *envelope,
                           struct jp_trust_decryption **ret, int *ret_fd, struct jp_error *err)
{
    struct jp_trust_decryption *decryption = jp_calloc(1, sizeof(*decryption));
    if (!decryption)
        return jp_oom(err);
    decryption->talk = (struct jp_openpgp_talk)JP_OPENPGP_TALK_INIT;
    if (begin(trust, envelope, decryption, ret_fd, err) < 0) {
        jp_trust_decryption_free(decryption);
        return jp_wrap(err, "%s", envelope->what);
    }
    *ret = decryption;
    return 0;
}

int jp_trust_decrypt_end(struct jp_trust_decryption *decryption, struct jp_trust_decrypted *ret,
                         struct jp_error *err)
{
    struct jp_openpgp_answer answer = {.task = 0};
    *ret = (struct jp_trust_decrypted){.verdict = JP_TRUST_NOTHING};
    if (jp_openpgp_end(&decryption->talk, JP_OPENPGP_DECRYPT, &answer, err) < 0)
        return -1;
    *ret = answer.decrypted;
    jp_openpgp_answer_clear(&answer);
    return ret->verdict == JP_TRUST_GOOD
               ? 0
               : jp_fail(err, JP_ECORRUPT, 0, "jetpack-openpgp did not say that it is whole");
}

bool jp_trust_decrypt_has_failed(struct jp_trust_decryption *decryption, struct jp_error *err)
{
    struct jp_trust_decrypted ignored;
    struct pollfd answer = {.fd = decryption->talk.socket, .events = POLLIN};
    /* It answers before it closes the pipe: who saw the end of that finds the answer here. */
    bool has_answered = answer.fd >= 0 && poll(&answer, 1, 0) > 0;
    if (has_answered && jp_trust_decrypt_end(decryption, &ignored, err) < 0)
        return true;
    jp_openpgp_give_up(&decryption->talk);
    return false;
}

void jp_trust_decryption_free(struct jp_trust_decryption *decryption)
{
    if (!decryption)
        return;
    jp_openpgp_give_up(&decryption->talk);
    free(decryption);
}
