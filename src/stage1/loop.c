/*
 * Waiting for something to happen: one poll(2) over everything, portable, rebuilt each time.
 * Signals arrive through a pipe to ourselves.
 *
 * What is not ready to be handed on is not listened to; that is the whole of the back-pressure.
 * Nothing is freed while a round is carried out, only after it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"
#include "sys/memory.h"

enum source {
    SOURCE_WAKE,
    SOURCE_LISTEN,
    SOURCE_WORLD,
    SOURCE_CLIENT,
    SOURCE_INPUT,  /* of a child: there is room */
    SOURCE_OUTPUT, /* of a child; index 0 or 1 */
    SOURCE_RENEWAL,
    SOURCE_NOTIFY, /* of an app: by sd_notify(3) */
};

struct watched {
    enum source source;
    unsigned index;
    void *what;
};

/* What is waited for in this round; grown as needed, kept between rounds. */
static struct pollfd *polled;
static struct watched *watched;
static size_t n_polled, polled_capacity, watched_capacity;
static bool is_trimmed; /* nothing happened since memory was given back */
static bool is_starved; /* no memory to wait for everything: look again soon */

#define STARVED_MS 100
#define IDLE_MS    1000 /* without anything to do: memory is given back */

static int wake[2] = {-1, -1};
static pid_t ourselves;
static volatile sig_atomic_t child_ended, asked_to_stop;

/* A child that was forked and has not executed anything yet must not wake its parent. */
static void on_signal(int number)
{
    int saved = errno;
    if (getpid() == ourselves) {
        if (number == SIGCHLD)
            child_ended = 1;
        else
            asked_to_stop = 1;
        (void)!write(wake[1], "", 1);
    }
    errno = saved;
}

/* A handler, not SIG_IGN: that would be inherited by the apps. */
static void on_nothing(JP_UNUSED int number)
{
}

static int handle(int number, void (*handler)(int), struct jp_error *err)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    return sigaction(number, &action, NULL) < 0 ? jp_fail_sys(err, "handle signal %d", number) : 0;
}

int jp_loop_arm(struct jp_error *err)
{
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "make a pipe");
    ourselves = getpid();
    static const struct {
        int number;
        void (*handler)(int);
    } signals[] = {
        {SIGCHLD, on_signal}, {SIGTERM, on_signal},  {SIGINT, on_signal},
        {SIGHUP, on_nothing}, {SIGPIPE, on_nothing},
    };
    for (size_t i = 0; i < JP_LEN(signals); i++) {
        if (handle(signals[i].number, signals[i].handler, err) < 0)
            return -1;
    }
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return jp_fail_sys(err, "unblock signals");
    return 0;
}

bool jp_loop_was_asked_to_stop(void)
{
    return asked_to_stop;
}

static void watch(int fd, short events, struct watched what)
{
    if (fd < 0)
        return;
    if (jp_grow(&polled, &polled_capacity, n_polled, sizeof(*polled)) < 0 ||
        jp_grow(&watched, &watched_capacity, n_polled, sizeof(*watched)) < 0) {
        is_starved = true;
        return;
    }
    polled[n_polled] = (struct pollfd){.fd = fd, .events = events};
    watched[n_polled++] = what;
}

static void watch_child(struct jp_supervisor *s, struct jp_child *child)
{
    if (child->pending.len > 0)
        watch(child->in, POLLOUT, (struct watched){SOURCE_INPUT, 0, child});
    if (!jp_child_may_read(s, child))
        return;
    for (unsigned i = 0; i < 2; i++)
        watch(child->out[i], POLLIN, (struct watched){SOURCE_OUTPUT, i, child});
}

static void watch_all(struct jp_supervisor *s)
{
    n_polled = 0;
    is_starved = false;
    watch(wake[0], POLLIN, (struct watched){SOURCE_WAKE, 0, NULL});
    if (s->n_clients < JP_MAX_CLIENTS)
        watch(s->listen_fd, POLLIN, (struct watched){SOURCE_LISTEN, 0, NULL});
    if (s->isolation && !s->world_died)
        watch(jp_platform.isolation->watch_fd(s->isolation), POLLIN,
              (struct watched){SOURCE_WORLD, 0, NULL});
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++)
        watch(s->apps[i].notify_fd, POLLIN, (struct watched){SOURCE_NOTIFY, 0, &s->apps[i]});
    for (struct jp_client *c = s->clients; c; c = c->next) {
        int events = (c->queue ? POLLOUT : 0) | (jp_client_is_heard(c) ? POLLIN : 0);
        watch(c->fd, (short)events, (struct watched){SOURCE_CLIENT, 0, c});
    }
    for (struct jp_child *c = s->children; c; c = c->next)
        watch_child(s, c);
    for (struct jp_renewal *r = s->renewals; r; r = r->next)
        watch(r->socket, POLLIN, (struct watched){SOURCE_RENEWAL, 0, r});
}

static void drain_wake(void)
{
    char bytes[64];
    while (read(wake[0], bytes, sizeof(bytes)) > 0)
        ;
}

/* Our PID 1 is gone, and with it everything in the pod. */
static void world_died(struct jp_supervisor *s)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    s->world_died = true;
    if (s->phase >= JP_PHASE_DRAINING)
        return;
    jp_fail(&err, JP_EINTERRUPTED, 0, "the pod's first process was killed");
    s->skips_handlers = true;
    jp_apps_fail(s, &err);
    jp_apps_kill(s);
}

static void serve_client(struct jp_supervisor *s, struct jp_client *client, short events)
{
    if (client->is_gone)
        return;
    if (events & (POLLHUP | POLLERR | POLLNVAL)) {
        jp_client_hung_up(s, client);
        return;
    }
    if (events & POLLOUT)
        jp_client_flush(client);
    if (events & POLLIN)
        jp_client_serve(s, client);
}

/* A child took the input that waited: whoever sent it may send more. */
static void input_moved(struct jp_supervisor *s, struct jp_child *child)
{
    if (!jp_child_push(child))
        return;
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (c->feeds == child)
            jp_client_taken(c);
    }
}

static void carry_out(struct jp_supervisor *s, const struct watched *what, short events)
{
    struct jp_child *child = what->what;
    switch (what->source) {
    case SOURCE_WAKE:
        drain_wake();
        break;
    case SOURCE_LISTEN:
        jp_client_accept(s);
        break;
    case SOURCE_WORLD:
        world_died(s);
        break;
    case SOURCE_CLIENT:
        serve_client(s, what->what, events);
        break;
    case SOURCE_INPUT:
        input_moved(s, child);
        break;
    case SOURCE_NOTIFY:
        if (jp_ready_hear(what->what))
            jp_app_ready(s, what->what);
        break;
    case SOURCE_OUTPUT:
        /* Asked again: another stream may have filled a client's socket in this very round. */
        if (child->out[what->index] >= 0 && jp_child_may_read(s, child))
            jp_child_read(s, child, what->index);
        break;
    case SOURCE_RENEWAL:
        jp_renew_hear(s, what->what);
        break;
    }
}

static int time_left(const struct jp_supervisor *s, int timeout_ms)
{
    int64_t deadline = jp_apps_next_deadline(s);
    if (deadline == 0)
        return timeout_ms;
    int64_t left = deadline - jp_time_monotonic_ms();
    if (left < 0)
        left = 0;
    if (timeout_ms >= 0 && left > timeout_ms)
        left = timeout_ms;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

void jp_loop_round(struct jp_supervisor *s, int timeout_ms)
{
    if (s->record_is_stale)
        (void)jp_record_write(s, NULL);
    watch_all(s);
    bool may_trim = !is_trimmed && s->phase == JP_PHASE_RUNNING;
    if (is_starved)
        timeout_ms = STARVED_MS;
    else if (may_trim)
        timeout_ms = IDLE_MS;
    int n = poll(polled, (nfds_t)n_polled, time_left(s, timeout_ms));
    is_trimmed = n == 0 ? is_trimmed || may_trim : false;
    if (n == 0 && may_trim)
        jp_memory_trim();
    for (size_t i = 0; n > 0 && i < n_polled; i++) {
        if (polled[i].revents != 0)
            carry_out(s, &watched[i], polled[i].revents);
    }
    if (child_ended) {
        child_ended = 0;
        jp_children_reap(s, /* waits= */ false);
        jp_forward_reap(s);
        jp_renew_reap(s);
    }
    if (asked_to_stop && s->phase < JP_PHASE_STOPPING)
        jp_apps_stop(s, -1);
    jp_apps_tick(s, jp_time_monotonic_ms());
    jp_children_sweep(s);
    jp_renew_sweep(s);
    jp_clients_sweep(s);
}
