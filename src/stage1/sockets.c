/*
 * Socket activation: the ports of an app that its image calls socketActivated (aci.md) are bound in
 * the pod's network before the app begins, and found by its main process as sd_listen_fds(3) says.
 * They are ours as long as the world stands: an app that is started again finds the same sockets,
 * and who connects meanwhile waits instead of being refused. In the host's network some may come
 * from whoever manages services (pod/given.c), through the mailbox.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"

/* The next that somebody else has bound. */
static int take_given(struct jp_supervisor *s, int *ret_fd, struct jp_error *err)
{
    char byte;
    size_t count = 0;
    if (s->mailbox_fd >= 0 && jp_fd_receive(s->mailbox_fd, &byte, 1, ret_fd, 1, &count, 0) < 0)
        return jp_fail_sys(err, "receive a socket");
    return count == 1 ? 0 : jp_fail(err, JP_ECORRUPT, 0, "it was not handed over");
}

static int open_one(struct jp_supervisor *s, struct jp_app *app, size_t index, struct jp_error *err)
{
    const struct jp_plan_socket *socket = &app->plan->sockets[index];
    if (jp_strv_add(&app->socket_names, socket->name) < 0)
        return jp_oom(err);
    int *fd = &app->sockets[index];
    int r = socket->is_given ? take_given(s, fd, err)
                             : jp_platform.links->listen(s->isolation, socket, fd, err);
    if (r < 0)
        return jp_wrap(err, "app %s: port '%s' (%s %u)", app->plan->name, socket->name,
                       socket->is_udp ? "udp" : "tcp", socket->port);
    return 0;
}

static int open_all(struct jp_supervisor *s, struct jp_app *app, struct jp_error *err)
{
    size_t count = app->plan->n_sockets;
    if (count == 0)
        return 0;
    app->sockets = jp_calloc(count, sizeof(*app->sockets));
    if (!app->sockets)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++)
        app->sockets[i] = -1;
    for (size_t i = 0; i < count; i++) {
        if (open_one(s, app, i, err) < 0)
            return -1;
    }
    return 0;
}

int jp_sockets_open(struct jp_supervisor *s, struct jp_error *err)
{
    for (size_t i = 0; i < s->plan.n_apps && !s->plan.without_apps; i++) {
        if (open_all(s, &s->apps[i], err) < 0) {
            jp_sockets_close(s);
            return -1;
        }
    }
    return 0;
}

void jp_sockets_close(struct jp_supervisor *s)
{
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        struct jp_app *app = &s->apps[i];
        for (size_t k = 0; app->sockets && k < app->plan->n_sockets; k++)
            jp_fd_close(&app->sockets[k]);
        free(app->sockets);
        app->sockets = NULL;
        jp_strv_clear(&app->socket_names);
    }
}
