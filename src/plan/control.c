/*
 * The control protocol's messages to and from bytes.
 *
 * The peers are root on both sides, but what a client sends is still checked like any foreign
 * input: a supervisor outlives many clients, of other versions too, and must not fall over any of
 * them. One packet is one message; nothing is joined or split, so a broken one never confuses the
 * next.
 */
#include "plan/control.h"

#include <sys/socket.h>

#include "base/mem.h"
#include "sys/fd.h"

#define MAX_STRINGS 8192 /* argv and env of an EXEC; the packet's size is the real bound */

static void code(struct jp_codec *c, struct jp_control_message *m)
{
    jp_codec_u8(c, &m->type);
    jp_codec_u32(c, &m->flags);
    jp_codec_i64(c, &m->number);
    jp_codec_u8(c, &m->stream);
    jp_codec_str(c, &m->app);
    jp_codec_str(c, &m->user);
    jp_codec_str(c, &m->cwd);
    jp_codec_strv(c, &m->argv, MAX_STRINGS);
    jp_codec_strv(c, &m->env, MAX_STRINGS);
    jp_codec_bytes(c, &m->data, &m->data_len);
}

int jp_control_encode(const struct jp_control_message *message, struct jp_buf *ret,
                      struct jp_error *err)
{
    size_t before = ret->len;
    struct jp_codec c = jp_codec_writer(ret);
    struct jp_control_message shallow = *message; /* writing changes nothing that it points to */
    code(&c, &shallow);
    if (jp_buf_failed(ret))
        return jp_oom(err);
    if (!jp_codec_done(&c) || ret->len - before > JP_CONTROL_MAX_PACKET)
        return jp_fail(err, JP_ELIMIT, 0, "message of more than %d bytes", JP_CONTROL_MAX_PACKET);
    return 0;
}

static bool is_sound(const struct jp_control_message *m)
{
    return m->type >= JP_CONTROL_HELLO && m->stream <= 2;
}

int jp_control_decode(const void *bytes, size_t len, struct jp_control_message *ret,
                      struct jp_error *err)
{
    jp_control_message_clear(ret);
    struct jp_codec c = jp_codec_reader(bytes, len);
    code(&c, ret);
    if (jp_codec_done(&c) && is_sound(ret))
        return 0;
    jp_control_message_clear(ret);
    return jp_fail(err, JP_ECORRUPT, 0, "broken control message of %zu bytes", len);
}

int jp_control_send(int socket, const struct jp_control_message *message, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_control_encode(message, &bytes, err) < 0)
        return -1;
    ssize_t n = jp_fd_send(socket, bytes.data, bytes.len, &message->fd, message->fd >= 0 ? 1 : 0,
                           MSG_NOSIGNAL);
    if (n >= 0)
        return 1;
    /* FreeBSD says ENOBUFS where Linux says EAGAIN. */
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
        return 0;
    return jp_fail_sys(err, "send control message");
}

int jp_control_receive(int socket, struct jp_control_message *ret, struct jp_error *err)
{
    jp_control_message_clear(ret);
    /* Not on the stack: a hardened prologue touches each page, and an idle supervisor keeps them.
     */
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(JP_CONTROL_MAX_PACKET);
    if (!bytes)
        return jp_oom(err);
    JP_AUTO_FD int fd = -1;
    size_t n_fds = 0;
    ssize_t n = jp_fd_receive(socket, bytes, JP_CONTROL_MAX_PACKET, &fd, 1, &n_fds, 0);
    if (n == 0)
        return 0;
    if (n < 0 && errno == ECONNRESET)
        return 0; /* the peer went away with messages unread */
    if (n < 0 && errno == EMSGSIZE)
        return jp_fail(err, JP_ECORRUPT, 0, "control message of more than %d bytes",
                       JP_CONTROL_MAX_PACKET);
    if (n < 0)
        return jp_fail_sys(err, "receive control message");
    if (jp_control_decode(bytes, (size_t)n, ret, err) < 0)
        return -1;
    ret->fd = n_fds > 0 ? jp_fd_take(&fd) : -1;
    return 1;
}

void jp_control_message_clear(struct jp_control_message *message)
{
    free(message->app);
    free(message->user);
    free(message->cwd);
    free(message->data);
    jp_strv_clear(&message->argv);
    jp_strv_clear(&message->env);
    jp_fd_close(&message->fd);
    *message = (struct jp_control_message)JP_CONTROL_MESSAGE_INIT;
}
