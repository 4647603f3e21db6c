#include "cli/signature.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/output.h"
#include "cli/trust.h"
#include "sys/fd.h"
#include "sys/readable.h"

#define CHUNK (1U << 18)

/* ---- judging --------------------------------------------------------------------------------- */

static json_t *signer_json(const struct jp_trust_signer *signer)
{
    json_t *identity = signer->identity ? json_string(signer->identity) : NULL;
    return json_pack("{s:s, s:o, s:o}", "fingerprint", signer->fingerprint, "identity",
                     identity ? identity : json_null(), "created",
                     jp_json_time(signer->created_s * 1000000000));
}

/* Those whose signatures count; the others are nobody's word. */
char *jp_cli_signature_record(const struct jp_trust_answer *answer)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < answer->n_signers; i++)
        if (answer->signers[i].verdict == JP_TRUST_GOOD)
            (void)json_array_append_new(list, signer_json(&answer->signers[i]));
    char *text = list ? json_dumps(list, JSON_INDENT(1)) : NULL;
    json_decref(list);
    return text;
}

struct jp_image_signature jp_cli_signature_image(const struct jp_trust_answer *answer,
                                                 const void *bytes, size_t len, const char *record)
{
    struct jp_image_signature image = {
        .bytes = bytes,
        .len = len,
        .record = record,
        .size_bytes = answer->size_bytes,
    };
    _Static_assert(sizeof(image.digest) == sizeof(answer->digest), "both are SHA-512");
    memcpy(image.digest, answer->digest, sizeof(image.digest));
    return image;
}

int jp_cli_signature_judge(struct jp_cli *cli, const struct jp_trust_question *question,
                           struct jp_cli_signature *ret, struct jp_error *err)
{
    *ret = (struct jp_cli_signature){.record = NULL};
    if (jp_cli_trust(cli, &ret->trust, err) < 0 ||
        jp_trust_check(&ret->trust, question, &ret->answer, err) < 0)
        return -1;
    ret->record = jp_cli_signature_record(&ret->answer);
    ret->image = jp_cli_signature_image(&ret->answer, question->signature, question->signature_len,
                                        ret->record);
    return ret->record ? 0 : jp_oom(err);
}

int jp_cli_signature_judge_found(struct jp_cli *cli, const struct jp_trust_question *question,
                                 struct jp_cli_signature *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_cli_signature_judge(cli, question, ret, &why) == 0)
        return 1;
    if (ret->answer.verdict == JP_TRUST_UNKNOWN || why.code == JP_EUNSUPPORTED) {
        jp_cli_warn(jp_error_text(&why));
        return 0;
    }
    jp_error_move(err, &why);
    return -1;
}

void jp_cli_signature_clear(struct jp_cli_signature *signature)
{
    jp_trust_answer_clear(&signature->answer);
    free(signature->record);
    signature->record = NULL;
}

/* ---- spooling -------------------------------------------------------------------------------- */

static int copy(struct jp_cli *cli, int from, int to, uint64_t max, const char *what,
                struct jp_error *err)
{
    JP_AUTO_FREE char *chunk = jp_alloc(CHUNK);
    if (!chunk)
        return jp_oom(err);
    for (uint64_t total = 0;;) {
        if (jp_wait_readable(from, -1, cli->signals.interrupted, err) < 0)
            return -1;
        ssize_t n = read(from, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read %s", what);
        if (n == 0)
            return 0;
        total += (uint64_t)n;
        if (total > max)
            return jp_fail(err, JP_ELIMIT, 0, "%s is larger than images.max-size", what);
        if (jp_fd_write_all(to, chunk, (size_t)n, "a copy", err) < 0)
            return -1;
    }
}

int jp_cli_spool(struct jp_cli *cli, int *fd, const char *what, struct jp_error *err)
{
    struct stat st;
    uint64_t max = jp_config_u64(cli->config, "images.max-size");
    struct jp_store *store = jp_cli_store(cli, err);
    if (!store)
        return -1;
    if (fstat(*fd, &st) < 0)
        return jp_fail_sys(err, "stat %s", what);
    if (S_ISREG(st.st_mode))
        return 0;
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(jp_store_root_fd(store), "tmp", err);
    JP_AUTO_FD int copy_fd = tmp_fd < 0 ? -1 : jp_fd_unnamed(tmp_fd, err);
    if (copy_fd < 0 || copy(cli, *fd, copy_fd, max, what, err) < 0)
        return -1;
    if (lseek(copy_fd, 0, SEEK_SET) != 0)
        return jp_fail_sys(err, "read the copy of %s", what);
    jp_fd_close(fd);
    *fd = jp_fd_take(&copy_fd);
    return 0;
}
