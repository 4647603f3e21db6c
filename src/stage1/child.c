/*
 * Processes of the pod as the supervisor sees them: started, fed, read, reaped.
 *
 * A child's output is read only when everybody who gets it has taken what came before: a full
 * socket or disk stops the child, not us, and nothing piles up here (CVE-2022-31030). Descriptors
 * of a caller never get into the pod: input and output are pipes or a terminal of the pod's own
 * (CVE-2017-5226).
 */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/calls.h"
#include "sys/fd.h"

/* Ends of the child's standard streams: [0] to [2] go in, ours stay. Closed by close_streams. */
struct streams {
    int theirs[3];
    int in;
    int out[2];
};

static void close_streams(struct streams *streams)
{
    for (int i = 0; i < 3; i++)
        jp_fd_close(&streams->theirs[i]);
    jp_fd_close(&streams->in);
    jp_fd_close(&streams->out[0]);
    jp_fd_close(&streams->out[1]);
}

static int make_nonblocking(int fd, struct jp_error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "make a descriptor non-blocking");
    return 0;
}

static int make_pipe(int *ret_read, int *ret_write, int *ours, struct jp_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    *ret_read = ends[0];
    *ret_write = ends[1];
    return make_nonblocking(*ours, err);
}

static int make_pipes(struct streams *streams, bool has_stdin, struct jp_error *err)
{
    if (has_stdin) {
        if (make_pipe(&streams->theirs[0], &streams->in, &streams->in, err) < 0)
            return -1;
    } else {
        streams->theirs[0] = jp_fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
        if (streams->theirs[0] < 0)
            return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (make_pipe(&streams->out[i], &streams->theirs[i + 1], &streams->out[i], err) < 0)
            return -1;
    }
    return 0;
}

static void set_window(int fd, uint32_t window)
{
    struct winsize size = {
        .ws_row = (unsigned short)(window >> 16),
        .ws_col = (unsigned short)(window & 0xffff),
    };
    if (window != 0)
        (void)ioctl(fd, TIOCSWINSZ, &size);
}

static int make_terminal(struct jp_supervisor *s, const struct jp_launch *launch,
                         struct streams *streams, struct jp_error *err)
{
    int slave = -1;
    if (jp_platform.mounts->terminal(s->isolation, launch->app, &streams->out[0], &slave, err) < 0)
        return jp_wrap(err, "terminal");
    streams->theirs[0] = slave;
    if (launch->role == JP_ROLE_MAIN &&
        jp_platform.mounts->console(s->isolation, launch->app, slave, err) < 0)
        return jp_wrap(err, "console");
    set_window(streams->out[0], launch->window);
    if (make_nonblocking(streams->out[0], err) < 0)
        return -1;
    for (int i = 1; i < 3; i++) {
        streams->theirs[i] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
        if (streams->theirs[i] < 0)
            return jp_fail_sys(err, "duplicate a descriptor");
    }
    streams->in = fcntl(streams->out[0], F_DUPFD_CLOEXEC, 3);
    return streams->in < 0 ? jp_fail_sys(err, "duplicate a descriptor") : 0;
}

/*
 * The streams become the user's, who could not open /dev/stderr or /dev/tty otherwise: the kernel
 * asks for the right to the pipe or terminal itself. By descriptor, so that no link is followed
 * (CVE-2026-88265); a terminal keeps its group. Where a pipe has no owner (FreeBSD) none is needed.
 */
static void give_streams(const struct jp_launch *launch, const struct streams *streams)
{
    const struct jp_orders *orders = launch->orders;
    for (int i = 0; i < 3; i++) {
        bool is_ours = i > 0 || launch->has_tty || launch->has_stdin; /* else it is /dev/null */
        if (is_ours)
            (void)jp_sys.fchown(streams->theirs[i], orders->uid,
                                launch->has_tty ? (gid_t)-1 : orders->gid);
    }
}

static int spawn(struct jp_supervisor *s, const struct jp_launch *launch, struct streams *streams,
                 pid_t *ret_pid, struct jp_error *err)
{
    struct jp_spawn spawn = {
        .app = launch->app,
        .orders = launch->orders,
        .sockets = launch->sockets,
        .release = streams->theirs,
    };
    give_streams(launch, streams);
    memcpy(spawn.stdio, streams->theirs, sizeof(spawn.stdio));
    return jp_platform.isolation->spawn(s->isolation, &spawn, ret_pid, err);
}

int jp_child_launch(struct jp_supervisor *s, const struct jp_launch *launch, struct jp_child **ret,
                    struct jp_error *err)
{
    struct streams streams = {{-1, -1, -1}, -1, {-1, -1}};
    struct jp_child *child = jp_calloc(1, sizeof(*child));
    if (!child)
        return jp_oom(err);
    launch->orders->has_tty = launch->has_tty;
    int r = launch->has_tty ? make_terminal(s, launch, &streams, err)
                            : make_pipes(&streams, launch->has_stdin, err);
    if (r < 0 || spawn(s, launch, &streams, &child->pid, err) < 0) {
        close_streams(&streams);
        free(child);
        return -1;
    }
    child->role = launch->role;
    child->app = launch->app;
    child->has_tty = launch->has_tty;
    child->in = jp_fd_take(&streams.in);
    child->out[0] = jp_fd_take(&streams.out[0]);
    child->out[1] = jp_fd_take(&streams.out[1]);
    close_streams(&streams);
    child->next = s->children;
    s->children = child;
    *ret = child;
    return 0;
}

struct jp_orders jp_child_orders(const struct jp_app *app)
{
    const struct jp_plan_app *plan = app->plan;
    return (struct jp_orders){
        .argv = plan->argv,
        .env = plan->env,
        .cwd = plan->cwd,
        .uid = app->identity.uid,
        .gid = app->identity.gid,
        .groups = app->identity.groups,
        .n_groups = app->identity.n_groups,
        .capabilities = plan->confine.capabilities,
        .no_new_privileges = plan->confine.no_new_privileges,
        .seccomp = plan->confine.seccomp,
        .seccomp_len = plan->confine.seccomp_len,
        .wait_for_check = true,
        .umask = 022,
    };
}

void jp_child_resize(const struct jp_child *child, uint32_t window, bool redraws)
{
    struct winsize before = {.ws_row = 0};
    if (!child->has_tty || child->out[0] < 0)
        return;
    (void)ioctl(child->out[0], TIOCGWINSZ, &before);
    set_window(child->out[0], window);
    bool is_same = before.ws_row == window >> 16 && before.ws_col == (window & 0xffff);
    /* The kernel says nothing then. The group is the pod's own; a stale one is nobody's harm. */
    pid_t foreground = redraws && is_same ? tcgetpgrp(child->out[0]) : -1;
    if (foreground > 1)
        (void)kill(-foreground, SIGWINCH);
}

void jp_child_signal(const struct jp_child *child, int signal)
{
    /* Not reaped yet, so the pid cannot have become somebody else's. */
    if (!child->has_ended && child->pid > 0)
        (void)kill(child->pid, signal);
}

bool jp_child_push(struct jp_child *child)
{
    while (child->in >= 0 && child->pending_done < child->pending.len) {
        ssize_t n = write(child->in, child->pending.data + child->pending_done,
                          child->pending.len - child->pending_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false;
        if (n < 0) /* it reads no more: what comes is dropped */
            jp_fd_close(&child->in);
        else
            child->pending_done += (size_t)n;
    }
    jp_buf_clear(&child->pending);
    child->pending_done = 0;
    if (child->closes_input)
        jp_fd_close(&child->in);
    return true;
}

bool jp_child_feed(struct jp_child *child, const void *bytes, size_t len)
{
    /* Then only the loop pushes: it is what tells those who wait that all was taken. */
    bool has_pending = child->pending.len > 0;
    if (child->in < 0 || child->closes_input)
        return false;
    if (len > 0)
        jp_buf_add(&child->pending, bytes, len);
    else if (child->has_tty)
        jp_buf_putc(&child->pending, '\004'); /* what a user would type */
    else
        child->closes_input = true;
    return has_pending || !jp_child_push(child);
}

bool jp_child_may_read(const struct jp_supervisor *s, const struct jp_child *child)
{
    for (const struct jp_client *c = s->clients; c; c = c->next) {
        if (c->queue && jp_client_gets(c, child))
            return false;
    }
    return true;
}

static void close_output(struct jp_supervisor *s, struct jp_child *child, unsigned index)
{
    jp_fd_close(&child->out[index]);
    if (child->role != JP_ROLE_EXEC)
        jp_log_finish(&s->apps[child->app].log, index + 1);
}

void jp_child_read(struct jp_supervisor *s, struct jp_child *child, unsigned index)
{
    static unsigned char bytes[JP_READ_BYTES]; /* touched only when there is something to read */
    ssize_t n;
    do {
        n = read(child->out[index], bytes, sizeof(bytes));
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) { /* end; a terminal without anybody behind it says EIO */
        close_output(s, child, index);
        return;
    }
    struct jp_app *app = &s->apps[child->app];
    if (child->role != JP_ROLE_EXEC)
        jp_log_write(&app->log, index + 1, bytes, (size_t)n);
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_OUTPUT;
    message.app = app->plan->name;
    message.stream = (uint8_t)(index + 1);
    message.data = bytes;
    message.data_len = (size_t)n;
    jp_clients_tell(s, &message, child);
}

/* Bytes that lie in a pipe; 0 also when it is closed. */
static int unread(int fd)
{
    int n = 0;
    return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
}

/*
 * What a child wrote before it ended is read before anything follows from its end: the last line of
 * a handler stands before the first of the program that waited for it.
 */
static void read_rest(struct jp_supervisor *s, struct jp_child *child)
{
    for (unsigned i = 0; i < 2 && !child->has_tty; i++) {
        int waiting = unread(child->out[i]);
        for (; waiting > 0 && jp_child_may_read(s, child); waiting -= JP_READ_BYTES)
            jp_child_read(s, child, i);
    }
}

void jp_children_reap(struct jp_supervisor *s, bool waits)
{
    for (struct jp_child *c = s->children; c; c = c->next) {
        if (c->has_ended)
            continue;
        pid_t r;
        do {
            r = waitpid(c->pid, &c->status, waits ? 0 : WNOHANG);
        } while (r < 0 && errno == EINTR);
        if (r == 0)
            continue;
        if (r < 0) /* cannot be; but nothing must wait for it for ever */
            c->status = SIGKILL;
        c->has_ended = true;
        read_rest(s, c);
        jp_app_child_ended(s, c);
    }
}

/*
 * True when everything that an ended child wrote has been read. A process that it left behind may
 * hold the other end of a pipe: that of a main process stays open for it until nothing runs any
 * more, others are closed (and even in the end a stranger may hold one: passed out of the pod).
 * A terminal is hung up when its session's leader ends: there the end always comes, and only then
 * it is certain that nothing is under way in the kernel.
 */
static bool settle(struct jp_supervisor *s, struct jp_child *child)
{
    bool stays = child->role == JP_ROLE_MAIN && !child->is_followed && s->phase < JP_PHASE_DRAINING;
    bool is_quiet = true;
    for (unsigned i = 0; i < 2; i++) {
        if (child->out[i] < 0)
            continue;
        if (child->has_tty || unread(child->out[i]) > 0)
            is_quiet = false;
        else if (!stays)
            close_output(s, child, i);
    }
    return is_quiet;
}

static void tell_exited(struct jp_supervisor *s, const struct jp_child *child)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_EXITED;
    message.number = child->status;
    if (child->role == JP_ROLE_MAIN)
        message.app = s->apps[child->app].plan->name;
    if ((child->role == JP_ROLE_MAIN && !child->is_followed) || child->role == JP_ROLE_EXEC)
        jp_clients_tell(s, &message, child);
}

static void free_child(struct jp_supervisor *s, struct jp_child *child)
{
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (c->session == child)
            c->session = NULL;
        if (c->feeds != child)
            continue;
        c->feeds = NULL;
        if (child->is_followed) /* it may go on with the next one */
            jp_client_taken(c);
    }
    jp_fd_close(&child->in);
    jp_fd_close(&child->out[0]);
    jp_fd_close(&child->out[1]);
    jp_buf_clear(&child->pending);
    free(child);
}

void jp_children_sweep(struct jp_supervisor *s)
{
    struct jp_child **at = &s->children;
    while (*at) {
        struct jp_child *child = *at;
        if (child->has_ended && settle(s, child) && !child->is_drained) {
            child->is_drained = true;
            tell_exited(s, child);
        }
        if (child->is_drained && child->out[0] < 0 && child->out[1] < 0) {
            *at = child->next;
            free_child(s, child);
        } else {
            at = &child->next;
        }
    }
}

void jp_children_clear(struct jp_supervisor *s)
{
    while (s->children) {
        struct jp_child *child = s->children;
        s->children = child->next;
        free_child(s, child);
    }
}
