/*
 * jetpack-openpgp: one question about OpenPGP, one answer, the end. Started by what trusts its keys
 * (trust/message.h); it alone parses what strangers call signatures and keys, in a library of some
 * hundred thousand lines, so it gives up every right before it reads a byte of them.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "openpgp/confine.h"
#include "openpgp/work.h"
#include "sys/fd.h"

extern char **environ;

struct job {
    struct jp_openpgp_head head;
    int fds[JP_OPENPGP_MAX_FDS];
    size_t n_fds;
    struct jp_keyring ring;
    struct jp_openpgp_request request;
    struct jp_openpgp_answer answer;
};

static int take_head(struct job *job, struct jp_error *err)
{
    ssize_t n = jp_fd_receive(STDIN_FILENO, &job->head, sizeof(job->head), job->fds,
                              JP_OPENPGP_MAX_FDS, &job->n_fds, MSG_WAITALL);
    if (n != (ssize_t)sizeof(job->head) || job->head.version != JP_OPENPGP_VERSION ||
        job->head.len > JP_OPENPGP_MAX_REQUEST)
        return jp_fail(err, JP_EINVALID, 0, "this program is started by jetpack");
    return 0;
}

static int take_request(struct job *job, struct jp_error *err)
{
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(job->head.len);
    if (!bytes)
        return jp_oom(err);
    for (size_t len = 0; len < job->head.len;) {
        ssize_t n = recv(STDIN_FILENO, bytes + len, job->head.len - len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return jp_fail(err, JP_ECORRUPT, 0, "the request ends early");
        len += (size_t)n;
    }
    struct jp_codec c = jp_codec_reader(bytes, job->head.len);
    jp_openpgp_request_walk(&c, &job->request);
    explicit_bzero(bytes, job->head.len);
    return jp_codec_done(&c) ? 0 : jp_fail(err, JP_ECORRUPT, 0, "the request is none");
}

static int work(struct job *job, struct jp_error *err)
{
    if ((job->request.task == JP_OPENPGP_SIGN) != (job->head.is_signing != 0))
        return jp_fail(err, JP_EINVALID, 0, "the request is another one than was announced");
    if (jp_keyring_set_time(&job->ring, job->request.now_s, err) < 0)
        return -1;
    switch (job->request.task) {
    case JP_OPENPGP_CHECK:
        if (job->n_fds != 1)
            break;
        return jp_openpgp_check(&job->ring, &job->request, job->fds[JP_OPENPGP_DATA], &job->answer,
                                err);
    case JP_OPENPGP_INSPECT:
        return jp_openpgp_inspect(&job->ring, &job->request, &job->answer, err);
    case JP_OPENPGP_SIGN:
        if (job->n_fds != 1)
            break;
        return jp_openpgp_sign(&job->ring, &job->request, job->fds[JP_OPENPGP_DATA], &job->answer,
                               err);
    case JP_OPENPGP_DECRYPT:
        if (job->n_fds != 2)
            break;
        return jp_openpgp_decrypt(&job->ring, &job->request, job->fds, &job->answer, err);
    default:
        break;
    }
    return jp_fail(err, JP_EINVALID, 0, "no such task");
}

/* A failure is an answer, too: the reason, and nothing else. */
static int answer(struct job *job, const struct jp_error *failure, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (failure->code != JP_OK) {
        jp_openpgp_answer_clear(&job->answer);
        job->answer.code = (uint32_t)failure->code;
        job->answer.failure = jp_strdup(jp_error_text(failure));
        if (!job->answer.failure)
            return jp_oom(err);
    }
    job->answer.task = job->request.task;
    if (jp_openpgp_answer_encode(&job->answer, &bytes, err) < 0)
        return -1;
    return jp_fd_write_all(STDIN_FILENO, bytes.data, bytes.len, "answer", err);
}

static int run(struct job *job, struct jp_error *err)
{
    JP_AUTO(jp_error) failure = JP_ERROR_INIT;
    if (take_head(job, err) < 0)
        return -1;
    if (jp_keyring_open(&job->ring, &failure) == 0 &&
        jp_openpgp_confine(&job->head, &failure) == 0 && take_request(job, &failure) == 0)
        (void)work(job, &failure);
    return answer(job, &failure, err);
}

int main(void)
{
    static char *nothing[] = {NULL};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct job job = {.n_fds = 0};
    environ = nothing; /* librnp and Botan look for switches there */
    int r = run(&job, &err);
    if (r < 0)
        (void)fprintf(stderr, "jetpack-openpgp: %s\n", jp_error_text(&err));
    jp_openpgp_request_clear(&job.request);
    jp_openpgp_answer_clear(&job.answer);
    jp_keyring_clear(&job.ring);
    return r < 0;
}
