/*
 * Asking jetpack-openpgp. What it says counts only as a whole: one answer, decoded to its last
 * byte, of a program that then ended as one does that has done its work. One that is killed in the
 * middle, at whatever moment, has said nothing (row 44).
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "trust/message.h"

/* Without SIGPIPE: a program that has died already is found out when its answer is missing. */
static int send_all(int socket, const void *bytes, size_t len, struct jp_error *err)
{
    const unsigned char *at = bytes;
    while (len > 0) {
        ssize_t n = send(socket, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "ask jetpack-openpgp");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int send_request(const struct jp_trust *trust, struct jp_openpgp_request *request,
                        const int *fds, size_t n_fds, int socket, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&bytes);
    jp_openpgp_request_walk(&c, request);
    if (jp_buf_failed(&bytes))
        return jp_oom(err);
    if (!jp_codec_done(&c) || bytes.len > JP_OPENPGP_MAX_REQUEST)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d keys, or more than %u MiB of them",
                       JP_OPENPGP_MAX_KEYS, JP_OPENPGP_MAX_REQUEST >> 20);
    struct jp_openpgp_head head = {
        .version = JP_OPENPGP_VERSION,
        .is_signing = request->task == JP_OPENPGP_SIGN,
        .uid = trust->uid,
        .gid = trust->gid,
        .len = (uint32_t)bytes.len,
        .data_bytes = request->size,
    };
    if (jp_fd_send(socket, &head, sizeof(head), fds, n_fds, 0) != sizeof(head))
        return jp_fail_sys(err, "ask jetpack-openpgp");
    int r = send_all(socket, bytes.data, bytes.len, err);
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.len);
    return r;
}

static int receive(int socket, struct jp_buf *out, struct jp_error *err)
{
    unsigned char chunk[4096];
    for (;;) {
        ssize_t n = recv(socket, chunk, sizeof(chunk), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "hear jetpack-openpgp");
        if (n == 0)
            return jp_buf_failed(out) ? jp_oom(err) : 0;
        if (out->len + (size_t)n > JP_OPENPGP_MAX_ANSWER)
            return jp_fail(err, JP_ELIMIT, 0, "jetpack-openpgp says too much");
        jp_buf_add(out, chunk, (size_t)n);
    }
}

static int wait_for(pid_t pid, struct jp_error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return jp_fail_sys(err, "wait for jetpack-openpgp");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return jp_fail(err, JP_ESYS, 0, "jetpack-openpgp was ended by SIG%s",
                       jp_signal_name(WTERMSIG(status)));
    return jp_fail(err, JP_ESYS, 0, "jetpack-openpgp failed");
}

int jp_openpgp_begin(const struct jp_trust *trust, struct jp_openpgp_request *request,
                     const int *fds, size_t n_fds, struct jp_openpgp_talk *talk,
                     struct jp_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket");
    JP_AUTO_FD int ours = ends[0];
    JP_AUTO_FD int theirs = ends[1];
    /* Not our standard error, a terminal perhaps: librnp logs there, our reasons are answers. */
    const int stdio[3] = {theirs, -1, -1};
    char *const argv[] = {(char *)(uintptr_t)trust->program, NULL};
    if (jp_process_start(argv, stdio, &talk->pid, err) < 0)
        return -1;
    jp_fd_close(&theirs);
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int r = send_request(trust, request, fds, n_fds, ours, &why);
    (void)shutdown(ours, SHUT_WR);
    talk->socket = jp_fd_take(&ours);
    if (r == 0)
        return 0;
    /* How it ended says more than that it did not listen. */
    jp_fd_close(&talk->socket);
    pid_t pid = talk->pid;
    talk->pid = 0;
    if (wait_for(pid, err) == 0)
        jp_error_move(err, &why);
    return -1;
}

static int hear(struct jp_openpgp_talk *talk, struct jp_buf *answer, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    pid_t pid = talk->pid;
    int r = receive(talk->socket, answer, &why);
    talk->pid = 0;
    jp_fd_close(&talk->socket);
    /* One that we did not hear to its end may have none. */
    if (r < 0)
        (void)kill(pid, SIGKILL);
    /* How it ended says more than that it could not be heard. */
    bool is_told = r < 0 && why.code != JP_ESYS;
    int end = wait_for(pid, is_told ? NULL : err);
    if (r == 0 || (end < 0 && !is_told))
        return end;
    jp_error_move(err, &why);
    return -1;
}

int jp_openpgp_end(struct jp_openpgp_talk *talk, enum jp_openpgp_task task,
                   struct jp_openpgp_answer *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (hear(talk, &bytes, err) < 0 ||
        jp_openpgp_answer_decode(jp_buf_text(&bytes), bytes.len, task, ret, err) < 0)
        return -1;
    if (!ret->failure)
        return 0;
    bool is_known = ret->code > JP_OK && ret->code <= JP_ENOPROGRAM;
    enum jp_code code = is_known ? (enum jp_code)ret->code : JP_ECORRUPT;
    jp_fail(err, code, 0, "%s", ret->failure);
    jp_openpgp_answer_clear(ret);
    return -1;
}

void jp_openpgp_give_up(struct jp_openpgp_talk *talk)
{
    jp_fd_close(&talk->socket);
    if (talk->pid <= 0)
        return;
    (void)kill(talk->pid, SIGKILL);
    (void)wait_for(talk->pid, NULL);
    talk->pid = 0;
}

int jp_openpgp_ask(const struct jp_trust *trust, struct jp_openpgp_request *request, const int *fds,
                   size_t n_fds, struct jp_openpgp_answer *ret, struct jp_error *err)
{
    struct jp_openpgp_talk talk = JP_OPENPGP_TALK_INIT;
    return jp_openpgp_begin(trust, request, fds, n_fds, &talk, err) < 0
               ? -1
               : jp_openpgp_end(&talk, (enum jp_openpgp_task)request->task, ret, err);
}
