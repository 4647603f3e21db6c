/*
 * Connections to the supervisor: the owner's, and those made through the control socket.
 *
 * A client can hold up the children whose output it gets, and itself; never the supervisor: sockets
 * do not block, a message that finds no room is queued, and while something is queued neither
 * output is read for the client nor requests of its are carried out. So a queue holds the answer to
 * one request, one chunk of output, and what ends tell: bounded by the number of apps.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"

#define MAX_REQUESTS 32 /* of one client before the others get their turn */

int jp_client_adopt(struct jp_supervisor *s, int fd, bool is_owner, struct jp_error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "make a socket non-blocking");
    struct jp_client *client = jp_calloc(1, sizeof(*client));
    if (!client)
        return jp_oom(err);
    client->fd = fd;
    client->is_owner = is_owner;
    client->next = s->clients;
    s->clients = client;
    s->n_clients++;
    return 0;
}

void jp_client_accept(struct jp_supervisor *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    uid_t uid;
    if (fd < 0)
        return;
    /* The socket is 0600 in a 0700 directory already; this is the second lock. */
    bool is_ours = jp_fd_peer_uid(fd, &uid) == 0 && (uid == 0 || uid == geteuid());
    if (!is_ours || jp_client_adopt(s, fd, /* is_owner= */ false, NULL) < 0)
        jp_fd_close(&fd);
}

void jp_client_part(int *fd)
{
    char byte;
    if (*fd >= 0)
        (void)shutdown(*fd, SHUT_RD);
    while (*fd >= 0 && recv(*fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
        ;
    jp_fd_close(fd);
}

static void free_packet(struct jp_packet *packet)
{
    jp_buf_clear(&packet->bytes);
    jp_fd_close(&packet->fd);
    free(packet);
}

static int enqueue(struct jp_client *client, const struct jp_control_message *message)
{
    struct jp_packet *packet = jp_calloc(1, sizeof(*packet));
    if (!packet)
        return -1;
    packet->fd = -1;
    if (message->fd >= 0)
        packet->fd = fcntl(message->fd, F_DUPFD_CLOEXEC, 3);
    if (jp_control_encode(message, &packet->bytes, NULL) < 0 ||
        (message->fd >= 0 && packet->fd < 0)) {
        free_packet(packet);
        return -1;
    }
    if (!client->queue)
        client->stalled_since_ms = jp_time_monotonic_ms();
    struct jp_packet **at = &client->queue;
    while (*at)
        at = &(*at)->next;
    *at = packet;
    return 0;
}

static void clear_queue(struct jp_client *client)
{
    while (client->queue) {
        struct jp_packet *packet = client->queue;
        client->queue = packet->next;
        free_packet(packet);
    }
}

/* Before it left it may have said something that counts (DETACH): poll(2) tells us to read it. */
static void not_sent(struct jp_client *client, int error)
{
    clear_queue(client);
    client->is_deaf = error == EPIPE || error == ECONNRESET;
    client->is_gone = !client->is_deaf;
}

void jp_client_post(struct jp_client *client, const struct jp_control_message *message)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (client->is_gone || client->is_deaf)
        return;
    int r = client->queue ? 0 : jp_control_send(client->fd, message, &err);
    if (r < 0 || (r == 0 && enqueue(client, message) < 0))
        not_sent(client, err.sys);
}

void jp_client_flush(struct jp_client *client)
{
    while (client->queue) {
        struct jp_packet *packet = client->queue;
        ssize_t n = jp_fd_send(client->fd, packet->bytes.data, packet->bytes.len, &packet->fd,
                               packet->fd >= 0 ? 1 : 0, 0);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
            return;
        if (n < 0) {
            not_sent(client, errno);
            return;
        }
        client->stalled_since_ms = jp_time_monotonic_ms();
        client->queue = packet->next;
        free_packet(packet);
    }
}

void jp_client_taken(struct jp_client *client)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_TAKEN;
    client->feeds = NULL;
    client->is_early = false;
    jp_client_post(client, &message);
}

bool jp_client_is_heard(const struct jp_client *client)
{
    return !client->queue && !(client->is_early && client->feeds);
}

void jp_client_serve(struct jp_supervisor *s, struct jp_client *client)
{
    for (int i = 0; i < MAX_REQUESTS && !client->is_gone && jp_client_is_heard(client); i++) {
        JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        int r = jp_control_receive(client->fd, &message, &err);
        if (r > 0) {
            jp_request(s, client, &message);
            continue;
        }
        bool is_empty = r < 0 && (err.sys == EAGAIN || err.sys == EWOULDBLOCK);
        if (!is_empty)
            jp_client_drop(s, client);
        return;
    }
}

/* A pod without its apps is there for others, too, once it has been built. */
static bool takes_pod_along(const struct jp_supervisor *s, const struct jp_client *client)
{
    if (!client->is_owner || s->is_let_go || s->phase >= JP_PHASE_STOPPING)
        return false;
    return !s->plan.without_apps || !s->has_started;
}

/* Its exec's program is hung up on; an owner who just vanishes takes the pod along. */
void jp_client_drop(struct jp_supervisor *s, struct jp_client *client)
{
    if (client->is_gone && client->fd < 0)
        return;
    client->is_gone = true;
    jp_client_part(&client->fd);
    struct jp_child *session = client->session;
    if (session) {
        session->session = NULL;
        session->kill_at_ms = jp_time_monotonic_ms() + JP_HANGUP_MS;
        jp_child_signal(session, SIGHUP);
        client->session = NULL;
    }
    if (takes_pod_along(s, client))
        jp_apps_stop(s, -1);
}

bool jp_client_gets(const struct jp_client *client, const struct jp_child *child)
{
    if (client->is_gone)
        return false;
    if (child->role == JP_ROLE_EXEC)
        return child->session == client;
    return client->is_attached &&
           (client->attached_app == SIZE_MAX || client->attached_app == child->app);
}

void jp_clients_tell(struct jp_supervisor *s, const struct jp_control_message *message,
                     const struct jp_child *about)
{
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (!about || jp_client_gets(c, about))
            jp_client_post(c, message);
    }
}

void jp_client_hung_up(struct jp_supervisor *s, struct jp_client *client)
{
    clear_queue(client);
    client->is_early = false;
    jp_client_serve(s, client);
}

static void free_client(struct jp_supervisor *s, struct jp_client *client)
{
    clear_queue(client);
    jp_client_part(&client->fd);
    free(client);
    s->n_clients--;
}

void jp_clients_sweep(struct jp_supervisor *s)
{
    struct jp_client **at = &s->clients;
    while (*at) {
        struct jp_client *client = *at;
        if (client->is_gone) {
            jp_client_drop(s, client);
            *at = client->next;
            free_client(s, client);
        } else {
            at = &client->next;
        }
    }
}

void jp_clients_let_leave(struct jp_supervisor *s)
{
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (!c->is_leaving || c->session)
            continue;
        c->is_leaving = false;
        jp_request_answer(c, NULL);
    }
}

void jp_clients_clear(struct jp_supervisor *s)
{
    while (s->clients) {
        struct jp_client *client = s->clients;
        s->clients = client->next;
        free_client(s, client);
    }
}
