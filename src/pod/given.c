/*
 * Sockets that a service manager has bound for the pod (sys/inherited.h). Those of published ports
 * go to the forwarder (publish.c). In the host's network nothing is published: there an app whose
 * port is socketActivated (aci.md) finds them in the place of those that stage 1 would bind. They
 * travel in the mailbox, one a message, in the order of the plan.
 */
#include <sys/socket.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"

void jp_pod_given_find(struct jp_pod_given *ret)
{
    *ret = (struct jp_pod_given){.count = 0};
    ret->count = jp_inherited_sockets(ret->items, JP_LEN(ret->items));
}

void jp_pod_given_warn(const struct jp_pod_context *ctx, const struct jp_pod_given *given,
                       const char *why)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct jp_inherited *item = &given->items[i];
        if (!given->is_taken[i])
            jp_pod_say(ctx, JP_POD_WARNING, "%s port %u was handed over (LISTEN_FDS), and %s",
                       item->type == SOCK_DGRAM ? "udp" : "tcp", jp_address_port(&item->address),
                       why);
    }
}

static bool fits(const struct jp_inherited *item, const struct jp_plan_socket *socket)
{
    return (item->type == SOCK_DGRAM) == socket->is_udp &&
           jp_address_port(&item->address) == socket->port;
}

/* An app's sockets in the making, and the descriptors of those that are given. */
struct handing {
    struct jp_pod_given *given;
    int fds[JP_INHERITED_MAX];
    size_t n_fds;
};

static int add(struct jp_plan_app *app, const struct jp_plan_socket *like, bool is_given,
               struct jp_error *err)
{
    struct jp_plan_socket *to = &app->sockets[app->n_sockets++];
    *to = (struct jp_plan_socket){
        .name = jp_strdup(like->name),
        .is_udp = like->is_udp,
        .port = like->port,
        .is_given = is_given,
    };
    return to->name ? 0 : jp_oom(err);
}

/* All that are given for a port (one of each family, one of each address), or the one to be made.
 */
static int add_given(struct handing *h, struct jp_plan_app *app, const struct jp_plan_socket *like,
                     struct jp_error *err)
{
    size_t before = h->n_fds;
    for (size_t i = 0; i < h->given->count; i++) {
        if (h->given->is_taken[i] || !fits(&h->given->items[i], like))
            continue;
        if (add(app, like, true, err) < 0)
            return -1;
        h->given->is_taken[i] = true;
        h->fds[h->n_fds++] = h->given->items[i].fd;
    }
    return h->n_fds > before ? 0 : add(app, like, false, err);
}

static int settle_app(struct handing *h, struct jp_plan_app *app, struct jp_error *err)
{
    struct jp_plan_socket *old = app->sockets;
    size_t count = app->n_sockets;
    int r = 0;
    if (count == 0)
        return 0;
    app->n_sockets = 0;
    app->sockets = jp_calloc(count + h->given->count, sizeof(*app->sockets));
    if (!app->sockets)
        r = jp_oom(err);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_given(h, app, &old[i], err);
    jp_plan_sockets_clear(&old, &count);
    return r;
}

static int post(const struct handing *h, int *ret_mailbox, struct jp_error *err)
{
    int ends[2];
    if (h->n_fds == 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int writing = ends[0];
    JP_AUTO_FD int reading = ends[1];
    for (size_t i = 0; i < h->n_fds; i++) {
        if (jp_fd_send(writing, "", 1, &h->fds[i], 1, MSG_DONTWAIT) < 0)
            return jp_fail_sys(err, "hand over a socket");
    }
    *ret_mailbox = jp_fd_take(&reading);
    return 0;
}

int jp_pod_given_to_apps(struct jp_pod_given *given, struct jp_plan *plan, int *ret_mailbox,
                         struct jp_error *err)
{
    struct handing h = {.given = given};
    for (size_t i = 0; given->count > 0 && i < plan->n_apps; i++) {
        if (settle_app(&h, &plan->apps[i], err) < 0)
            return -1;
        if (plan->apps[i].n_sockets > JP_PLAN_MAX_SOCKETS)
            return jp_fail(err, JP_ELIMIT, 0, "app '%s': more than %d sockets", plan->apps[i].name,
                           JP_PLAN_MAX_SOCKETS);
    }
    return post(&h, ret_mailbox, err);
}
