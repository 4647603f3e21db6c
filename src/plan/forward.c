/* The forwarder's settings and sockets, into its mailbox and out of it. */
#include "plan/forward.h"

#include <sys/socket.h>

#include <stdlib.h>

#include "base/mem.h"
#include "sys/fd.h"

static void code(struct jp_codec *c, struct jp_forward_settings *s)
{
    jp_codec_u32(c, &s->version);
    jp_codec_u32(c, &s->uid);
    jp_codec_u32(c, &s->gid);
    jp_codec_bool(c, &s->keeps_address);
    jp_codec_str(c, &s->address);
    jp_codec_str(c, &s->address6);
    jp_codec_str(c, &s->gateway);
    jp_codec_str(c, &s->gateway6);
    jp_codec_u64(c, &s->bytes_per_second);
    jp_plan_ports_code(c, &s->ports);
    jp_codec_array(c, &s->listeners, &s->n_listeners, sizeof(*s->listeners),
                   JP_FORWARD_MAX_SOCKETS);
    for (size_t i = 0; i < s->n_listeners && !c->failed; i++) {
        jp_codec_u32(c, &s->listeners[i].port);
        jp_codec_u32(c, &s->listeners[i].offset);
    }
}

static bool is_sound(const struct jp_forward_settings *s)
{
    if (s->version != JP_FORWARD_VERSION || (!s->address && !s->address6) || s->n_listeners == 0)
        return false;
    for (size_t i = 0; i < s->n_listeners; i++) {
        const struct jp_forward_listener *listener = &s->listeners[i];
        if (listener->port >= s->ports.count ||
            listener->offset >= s->ports.items[listener->port].count)
            return false;
    }
    return true;
}

int jp_forward_post(int mailbox, struct jp_forward_settings *settings, const int *sockets,
                    struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_codec c = jp_codec_writer(&bytes);
    code(&c, settings);
    if (jp_buf_failed(&bytes))
        return jp_oom(err);
    if (!jp_codec_done(&c) || bytes.len > JP_FORWARD_MAX_PACKET)
        return jp_fail(err, JP_ELIMIT, 0, "too much to say about published ports");
    if (jp_fd_send(mailbox, bytes.data, bytes.len, NULL, 0, MSG_DONTWAIT) < 0)
        return jp_fail_sys(err, "hand over the forwarder's settings");
    for (size_t done = 0; done < settings->n_listeners; done += JP_FORWARD_CHUNK) {
        size_t left = settings->n_listeners - done;
        if (jp_fd_send(mailbox, "", 1, &sockets[done],
                       left < JP_FORWARD_CHUNK ? left : JP_FORWARD_CHUNK, MSG_DONTWAIT) < 0)
            return jp_fail_sys(err, "hand over the forwarder's sockets");
    }
    return 0;
}

static int fetch_settings(int mailbox, struct jp_forward_settings *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *bytes = jp_alloc(JP_FORWARD_MAX_PACKET);
    size_t n_fds = 0;
    if (!bytes)
        return jp_oom(err);
    ssize_t n = jp_fd_receive(mailbox, bytes, JP_FORWARD_MAX_PACKET, NULL, 0, &n_fds, 0);
    if (n < 0)
        return jp_fail_sys(err, "receive the settings");
    struct jp_codec c = jp_codec_reader(bytes, (size_t)n);
    code(&c, ret);
    if (!jp_codec_done(&c) || !is_sound(ret))
        return jp_fail(err, JP_ECORRUPT, 0, "settings of the forwarder: broken");
    return 0;
}

static int fetch_sockets(int mailbox, int *fds, size_t wanted, size_t *count, struct jp_error *err)
{
    char byte;
    while (*count < wanted) {
        size_t max = wanted - *count;
        size_t n_fds = 0;
        ssize_t n = jp_fd_receive(mailbox, &byte, 1, &fds[*count],
                                  max < JP_FORWARD_CHUNK ? max : JP_FORWARD_CHUNK, &n_fds, 0);
        if (n < 0)
            return jp_fail_sys(err, "receive the sockets");
        if (n_fds == 0)
            return jp_fail(err, JP_ECORRUPT, 0, "sockets of the forwarder: %zu of %zu came", *count,
                           wanted);
        *count += n_fds;
    }
    return 0;
}

int jp_forward_fetch(int mailbox, struct jp_forward_settings *ret, int **ret_sockets,
                     struct jp_error *err)
{
    JP_AUTO(jp_forward_settings) settings = {.version = 0};
    if (fetch_settings(mailbox, &settings, err) < 0)
        return -1;
    JP_AUTO_FREE int *fds = jp_calloc(settings.n_listeners, sizeof(*fds));
    size_t count = 0;
    if (!fds)
        return jp_oom(err);
    if (fetch_sockets(mailbox, fds, settings.n_listeners, &count, err) < 0) {
        for (size_t i = 0; i < count; i++)
            jp_fd_close(&fds[i]);
        return -1;
    }
    *ret_sockets = jp_take(&fds);
    *ret = settings;
    settings = (struct jp_forward_settings){.version = 0};
    return 0;
}

void jp_forward_settings_clear(struct jp_forward_settings *settings)
{
    free(settings->address);
    free(settings->address6);
    free(settings->gateway);
    free(settings->gateway6);
    jp_plan_ports_clear(&settings->ports);
    free(settings->listeners);
    *settings = (struct jp_forward_settings){.version = 0};
}
