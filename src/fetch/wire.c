#include "fetch/wire.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "fetch/transfer.h"
#include "sys/fd.h"

static void walk_settings(struct jp_codec *c, struct jp_wire_settings *s)
{
    jp_codec_u32(c, &s->version);
    jp_codec_u32(c, &s->uid);
    jp_codec_u32(c, &s->gid);
    jp_codec_str(c, &s->ca_file);
    jp_codec_str(c, &s->agent);
}

static void walk_request(struct jp_codec *c, struct jp_wire_request *r)
{
    jp_codec_u8(c, &r->method);
    jp_codec_str(c, &r->url);
    jp_codec_str(c, &r->proxy);
    jp_codec_strv(c, &r->headers, JP_WIRE_MAX_HEADERS);
    jp_codec_bool(c, &r->allows_http);
    jp_codec_bool(c, &r->refuses_inner);
    jp_codec_bool(c, &r->has_body);
    jp_codec_bool(c, &r->has_input);
    jp_codec_bool(c, &r->wants_metas);
    jp_codec_bool(c, &r->continues);
    jp_codec_u64(c, &r->input_offset);
    jp_codec_u64(c, &r->input_bytes);
    jp_codec_u64(c, &r->max_bytes);
    jp_codec_u32(c, &r->max_seconds);
    jp_codec_u32(c, &r->connect_seconds);
    jp_codec_u32(c, &r->low_bytes);
    jp_codec_u32(c, &r->low_seconds);
}

static void walk_event(struct jp_codec *c, struct jp_wire_event *e)
{
    jp_codec_u8(c, &e->kind);
    jp_codec_u32(c, &e->status);
    jp_codec_str(c, &e->redirect);
    jp_codec_i64(c, &e->length);
    jp_codec_bool(c, &e->is_inner);
    jp_codec_strv(c, &e->headers, JP_WIRE_MAX_HEADERS);
    jp_codec_u64(c, &e->done);
    jp_codec_u32(c, &e->code);
    jp_codec_str(c, &e->text);
    jp_codec_strv(c, &e->metas, 2 * (size_t)JP_WIRE_MAX_METAS);
    jp_codec_bytes(c, &e->note, &e->note_len);
}

void jp_wire_settings_clear(struct jp_wire_settings *settings)
{
    free(settings->ca_file);
    free(settings->agent);
    memset(settings, 0, sizeof(*settings));
}

void jp_wire_request_clear(struct jp_wire_request *request)
{
    free(request->url);
    free(request->proxy);
    jp_strv_clear(&request->headers);
    memset(request, 0, sizeof(*request));
}

void jp_wire_event_clear(struct jp_wire_event *event)
{
    free(event->redirect);
    free(event->text);
    free(event->note);
    jp_strv_clear(&event->headers);
    jp_strv_clear(&event->metas);
    memset(event, 0, sizeof(*event));
}

/* Takes over the bytes. */
static int send_bytes(int socket, struct jp_buf *bytes, const int *fds, size_t n_fds, int flags,
                      struct jp_error *err)
{
    int r = 0;
    if (jp_buf_failed(bytes))
        r = jp_oom(err);
    else if (bytes->len > JP_WIRE_MAX)
        r = jp_fail(err, JP_ELIMIT, 0, "a message of %zu bytes is too large", bytes->len);
    else if (jp_fd_send(socket, bytes->data, bytes->len, fds, n_fds, flags | MSG_NOSIGNAL) < 0)
        r = jp_fail_sys(err, "send a message");
    if (bytes->data)
        explicit_bzero(bytes->data, bytes->len); /* passwords */
    jp_buf_clear(bytes);
    return r;
}

/* The bytes of a message are the caller's. 1, 0, -1. */
static int receive_bytes(int socket, char **ret, size_t *ret_len, int fds[2], struct jp_error *err)
{
    size_t n_fds = 0;
    int own[2] = {-1, -1};
    JP_AUTO_FREE char *bytes = jp_alloc(JP_WIRE_MAX);
    if (!bytes)
        return jp_oom(err);
    ssize_t n = jp_fd_receive(socket, bytes, JP_WIRE_MAX, own, fds ? 2 : 0, &n_fds, 0);
    if (n < 0)
        return errno == ECONNRESET ? 0 : jp_fail_sys(err, "receive a message");
    if (fds)
        memcpy(fds, own, sizeof(own));
    *ret = jp_take(&bytes);
    *ret_len = (size_t)n;
    return n > 0;
}

int jp_wire_send_settings(int socket, struct jp_wire_settings *settings, struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&bytes);
    walk_settings(&c, settings);
    return send_bytes(socket, &bytes, NULL, 0, 0, err);
}

int jp_wire_receive_settings(int socket, struct jp_wire_settings *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    int r = receive_bytes(socket, &bytes, &len, NULL, err);
    if (r <= 0)
        return r;
    struct jp_codec c = jp_codec_reader(bytes, len);
    walk_settings(&c, ret);
    if (!jp_codec_done(&c) || ret->version != JP_WIRE_VERSION)
        return jp_fail(err, JP_ECORRUPT, 0, "settings that are none of this version's");
    return 1;
}

int jp_wire_send_request(int socket, struct jp_wire_request *request, const int *fds, size_t n_fds,
                         struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&bytes);
    walk_request(&c, request);
    return send_bytes(socket, &bytes, fds, n_fds, 0, err);
}

int jp_wire_receive_request(int socket, struct jp_wire_request *ret, int fds[2],
                            struct jp_error *err)
{
    JP_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    fds[0] = fds[1] = -1;
    int r = receive_bytes(socket, &bytes, &len, fds, err);
    if (r <= 0)
        return r;
    struct jp_codec c = jp_codec_reader(bytes, len);
    walk_request(&c, ret);
    size_t n_fds = (size_t)(fds[0] >= 0) + (size_t)(fds[1] >= 0);
    bool is_valid = jp_codec_done(&c) && ret->url && ret->method < JP_HTTP_N_METHODS &&
                    n_fds == (size_t)ret->has_body + (size_t)ret->has_input;
    explicit_bzero(bytes, len);
    return is_valid ? 1 : jp_fail(err, JP_ECORRUPT, 0, "a request that is none");
}

int jp_wire_send_event(int socket, struct jp_wire_event *event, bool may_drop, struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&bytes);
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    walk_event(&c, event);
    if (send_bytes(socket, &bytes, NULL, 0, may_drop ? MSG_DONTWAIT : 0, &why) == 0)
        return 0;
    if (may_drop && (why.sys == EAGAIN || why.sys == ENOBUFS))
        return 0;
    jp_error_move(err, &why);
    return -1;
}

bool jp_wire_read_event(const void *bytes, size_t len, struct jp_wire_event *ret)
{
    struct jp_codec c = jp_codec_reader(bytes, len);
    walk_event(&c, ret);
    return jp_codec_done(&c) && ret->kind >= JP_WIRE_HEAD && ret->kind <= JP_WIRE_END &&
           ret->metas.count % 2 == 0 && ret->length >= -1 && ret->code <= JP_ENOPROGRAM &&
           (ret->kind != JP_WIRE_HEAD || (ret->status >= 200 && ret->status <= 599)) &&
           (ret->code == JP_OK) == (ret->text == NULL);
}

int jp_wire_receive_event(int socket, struct jp_wire_event *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    int r = receive_bytes(socket, &bytes, &len, NULL, err);
    if (r <= 0)
        return r;
    return jp_wire_read_event(bytes, len, ret)
               ? 1
               : jp_fail(err, JP_ECORRUPT, 0, "jetpack-fetch says something that it must not");
}
