/* The control protocol: messages survive the road, broken ones do not bring the reader down. */
#include <sys/socket.h>

#include "base/mem.h"
#include "plan/control.h"
#include "sys/fd.h"
#include "tap.h"

static void pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        abort();
}

static void fill(struct jp_control_message *m)
{
    *m = (struct jp_control_message)JP_CONTROL_MESSAGE_INIT;
    m->type = JP_CONTROL_EXEC;
    m->flags = JP_CONTROL_F_TTY | JP_CONTROL_F_STDIN;
    m->number = -7;
    m->stream = 2;
    m->app = jp_strdup("redis");
    m->user = jp_strdup("a:b");
    if (jp_strv_add(&m->argv, "ls") < 0 || jp_strv_add(&m->argv, "-l") < 0 ||
        jp_strv_add(&m->env, "A=b") < 0)
        abort();
    m->data = (unsigned char *)jp_memdup0("a\0b", 3);
    m->data_len = 3;
}

static void round_trip(void)
{
    int ends[2], pipes[2];
    pair(ends);
    if (pipe(pipes) < 0)
        abort();
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_control_message) got = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    fill(&m);
    m.fd = pipes[1];
    TAP_OK(jp_control_send(ends[0], &m, &err) == 1, "a message is sent");
    TAP_OK(jp_control_receive(ends[1], &got, &err) == 1, "and received");
    TAP_OK(got.type == m.type && got.flags == m.flags && got.number == -7 && got.stream == 2,
           "numbers");
    TAP_STR(got.user, "a:b", "strings");
    TAP_OK(got.cwd == NULL && got.argv.count == 2 && got.data_len == 3 &&
               memcmp(got.data, "a\0b", 3) == 0,
           "absent string, list, data with a zero byte");
    TAP_OK(got.fd >= 0 && got.fd != m.fd && write(got.fd, "x", 1) == 1, "the descriptor works");
    m.fd = -1;
    TAP_OK(jp_control_send(ends[0], &m, &err) == 1 &&
               jp_control_receive(ends[1], &got, &err) == 1 && got.fd == -1,
           "without a descriptor none arrives");
    TAP_OK(jp_control_receive(ends[1], &got, &err) == -1 && err.sys == EAGAIN, "nothing there yet");
    close(ends[0]);
    TAP_OK(jp_control_receive(ends[1], &got, &err) == 0, "end of stream");
    jp_error_clear(&err);
    TAP_OK(jp_control_send(ends[1], &m, &err) == -1 && err.sys == EPIPE, "peer gone: no signal");
    close(ends[1]);
    close(pipes[0]);
    close(pipes[1]);
}

static void full(void)
{
    int ends[2];
    pair(ends);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_control_message) got = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    m.type = JP_CONTROL_OUTPUT;
    m.data = jp_calloc(1, JP_CONTROL_MAX_PACKET);
    m.data_len = JP_CONTROL_MAX_DATA;
    int sent = 0, r;
    while ((r = jp_control_send(ends[0], &m, &err)) == 1 && sent < 10000)
        sent++;
    TAP_OK(r == 0 && sent > 0, "a full socket says try later");
    int received = 0;
    while (jp_control_receive(ends[1], &got, &err) == 1 && got.data_len == m.data_len)
        received++;
    TAP_OK(received == sent, "what was sent arrives whole");
    m.data_len = JP_CONTROL_MAX_PACKET;
    jp_error_clear(&err);
    TAP_OK(jp_control_send(ends[0], &m, &err) == -1 && err.code == JP_ELIMIT,
           "a message that is too long is refused");
    close(ends[0]);
    close(ends[1]);
}

static void hostile(void)
{
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&m);
    if (jp_control_encode(&m, &bytes, NULL) < 0)
        abort();
    unsigned accepted = 0;
    for (size_t len = 0; len < bytes.len; len++) {
        JP_AUTO_FREE char *copy = jp_memdup0(bytes.data, len);
        JP_AUTO(jp_control_message) got = JP_CONTROL_MESSAGE_INIT;
        accepted += jp_control_decode(copy, len, &got, NULL) == 0;
    }
    TAP_OK(accepted == 0, "no prefix of a message is a message");
    for (size_t at = 0; at < bytes.len; at++) {
        for (int value = 0; value < 256; value += 51) {
            JP_AUTO_FREE char *copy = jp_memdup0(bytes.data, bytes.len);
            JP_AUTO(jp_control_message) got = JP_CONTROL_MESSAGE_INIT;
            copy[at] = (char)value;
            accepted += jp_control_decode(copy, bytes.len, &got, NULL) == 0;
        }
    }
    TAP_OK(accepted > 0, "changed bytes are survived");
}

/* A packet that is too long, and one with more descriptors than allowed. */
static void hostile_packets(void)
{
    int ends[2];
    pair(ends);
    JP_AUTO(jp_control_message) got = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FREE char *junk = jp_calloc(1, JP_CONTROL_MAX_PACKET + 1);
    TAP_OK(jp_fd_send(ends[0], junk, JP_CONTROL_MAX_PACKET + 1, NULL, 0, 0) > 0 &&
               jp_control_receive(ends[1], &got, &err) == -1 && err.code == JP_ECORRUPT,
           "a packet that is too long is refused");
    int fds[3] = {0, 1, 2};
    TAP_OK(jp_fd_send(ends[0], "x", 1, fds, 3, 0) == 1 &&
               jp_control_receive(ends[1], &got, &err) == -1 && err.code == JP_ECORRUPT,
           "too many descriptors are refused");
    int next = dup(0);
    TAP_OK(next == ends[1] + 1, "and closed");
    close(next);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    round_trip();
    full();
    hostile();
    hostile_packets();
    return tap_done();
}
