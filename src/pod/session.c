/*
 * Sessions: `run` in the foreground, `exec`, `console`, `attach`. One loop over three descriptors:
 * the supervisor, the user's input, signals. Nothing is buffered here beyond one message each way:
 * a terminal that does not read stops the app, not the host's memory (containerd CVE-2022-31030).
 */
#include "pod/session.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/process.h"
#include "sys/readable.h"

#define MAX_DETACH_KEYS 32
#define REST_AFTER_MS   500   /* a run that is over sooner wants the database again */
#define LEAVE_WAIT_MS   10000 /* for an isolation that nobody else needs to end */
#define GONE_WAIT_MS    10000 /* for a supervisor that has closed our socket to end */
#define MAX_JOINS       1000  /* isolations that end just before they are asked; each costs one */

/* ---- opening ---- */

struct jp_pod_session *jp_pod_session_new(int socket)
{
    struct jp_pod_session *session = jp_calloc(1, sizeof(*session));
    if (!session)
        return NULL;
    session->socket = socket;
    session->pod_fd = -1;
    session->supervisor = (struct jp_process)JP_PROCESS_INIT;
    return session;
}

void jp_pod_session_leave(struct jp_pod_session *session)
{
    if (!session->is_without_apps || session->has_ended)
        return;
    session->has_ended = true;
    struct jp_control_message leave = JP_CONTROL_MESSAGE_INIT;
    leave.type = JP_CONTROL_LEAVE;
    JP_AUTO(jp_control_message) answer = JP_CONTROL_MESSAGE_INIT;
    int64_t end_ms = jp_time_monotonic_ms() + LEAVE_WAIT_MS;
    (void)jp_control_send(session->socket, &leave, NULL);
    for (int64_t left_ms = LEAVE_WAIT_MS; left_ms > 0; left_ms = end_ms - jp_time_monotonic_ms()) {
        if (jp_wait_readable(session->socket, left_ms, NULL, NULL) <= 0 ||
            jp_control_receive(session->socket, &answer, NULL) <= 0 ||
            answer.type == JP_CONTROL_OK || answer.type == JP_CONTROL_ENDED)
            return;
    }
}

void jp_pod_session_free(struct jp_pod_session *session)
{
    if (!session)
        return;
    jp_pod_session_leave(session);
    jp_fd_close(&session->socket);
    jp_fd_close(&session->pod_fd);
    jp_process_clear(&session->supervisor);
    /* One that has said its last word is a moment from its end; others are not waited for. */
    if (session->child > 0)
        (void)waitpid(session->child, NULL, WNOHANG);
    free(session);
}

static int join(int *fd, uint32_t flags, struct jp_pod_session **ret, struct jp_error *err)
{
    struct jp_pod_session *session = jp_pod_session_new(*fd);
    if (!session)
        return jp_oom(err);
    (void)jp_fd_take(fd);
    session->is_without_apps = flags & JP_CONTROL_F_WITHOUT_APPS;
    *ret = session;
    return 0;
}

/* What is to be removed after its run is not begun again. */
static int refuse_leftover(const struct jp_store_pod *pod, int pod_fd, struct jp_error *err)
{
    struct jp_pod_record record = {.is_there = false};
    (void)jp_pod_record_read(pod_fd, &record, NULL);
    bool is_leftover = record.will_destroy && !jp_pod_record_is_alive(&record);
    jp_pod_record_clear(&record);
    return is_leftover
               ? jp_fail(err, JP_EBUSY, 0, "pod '%s' has ended and is being removed", pod->name)
               : 0;
}

/* The session of a pod that runs, or whose isolation is there or is made now. */
static int join_or_start(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                         struct jp_pod_session **ret, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    for (;;) {
        JP_AUTO(jp_error) idle = JP_ERROR_INIT;
        JP_AUTO(jp_error) taken = JP_ERROR_INIT;
        uint32_t flags = 0;
        JP_AUTO_FD int fd = jp_pod_connect_patiently(ctx, pod, pod_fd, -1, &flags, &idle);
        if (fd >= 0)
            return join(&fd, flags, ret, err);
        if (idle.code != JP_EBUSY) {
            jp_error_move(err, &idle);
            return -1;
        }
        JP_AUTO_FD int lock = jp_pod_lock(pod, pod_fd, &taken);
        if (lock >= 0 && refuse_leftover(pod, pod_fd, err) < 0)
            return -1;
        if (lock >= 0)
            return jp_pod_start_without_apps(ctx, pod, jp_fd_take(&lock), ret, err);
        if (taken.code != JP_EBUSY) { /* else somebody was faster, and is joined */
            jp_error_move(err, &taken);
            return -1;
        }
    }
}

int jp_pod_enter(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 int (*ask)(void *context, int socket, struct jp_error *err), void *context,
                 struct jp_pod_session **ret, struct jp_error *err)
{
    for (unsigned i = 0;; i++) {
        JP_AUTO_PTR(jp_pod_session) session = NULL;
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (join_or_start(ctx, pod, &session, err) < 0)
            return -1;
        if (ask(context, session->socket, &why) == 0) {
            *ret = jp_take(&session);
            return 0;
        }
        /* Its last session ended just now, or it was killed: it is not the only one there can be.
         */
        bool is_over = why.code == JP_EBUSY || why.sys == ECONNRESET;
        if (!session->is_without_apps || session->is_owner || !is_over || i >= MAX_JOINS) {
            jp_error_move(err, &why);
            return jp_wrap(err, "pod '%s'", pod->name);
        }
        session->has_ended = true;
    }
}

static int copy_environment(const struct jp_pod_exec *exec, struct jp_strv *env,
                            struct jp_error *err)
{
    if (exec->has_tty && exec->term && jp_strv_add_owned(env, jp_format("TERM=%s", exec->term)) < 0)
        return jp_oom(err);
    return jp_strv_extend(env, exec->env.items, exec->env.count) < 0 ? jp_oom(err) : 0;
}

static int ask_exec(void *context, int socket, struct jp_error *err)
{
    const struct jp_pod_exec *exec = context;
    /* The message borrows everything but its environment: only that is released. */
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_EXEC;
    message.app = (char *)(uintptr_t)exec->app;
    message.user = (char *)(uintptr_t)exec->user;
    message.cwd = (char *)(uintptr_t)exec->cwd;
    message.argv = exec->argv;
    message.flags = (exec->has_stdin ? JP_CONTROL_F_STDIN : 0) |
                    (exec->has_tty ? JP_CONTROL_F_TTY : 0) |
                    (exec->argv.count == 0 ? JP_CONTROL_F_CONSOLE : 0);
    message.number = (int64_t)exec->rows << 16 | exec->columns;
    JP_AUTO(jp_strv) env = JP_STRV_INIT;
    if (copy_environment(exec, &env, err) < 0)
        return -1;
    message.env = env;
    return jp_pod_ask(socket, &message, NULL, err);
}

int jp_pod_exec(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                const struct jp_pod_exec *exec, struct jp_pod_session **ret, struct jp_error *err)
{
    struct jp_pod_session *session;
    struct jp_pod_exec wanted = *exec;
    if (jp_pod_enter(ctx, pod, ask_exec, &wanted, &session, err) < 0)
        return -1;
    session->is_exec = true;
    session->has_input = exec->has_stdin;
    session->has_tty = exec->has_tty;
    jp_store_rest(ctx->store);
    *ret = session;
    return 0;
}

/* The one that has answered; by the end of the socket another may be in its place. */
static void note_supervisor(struct jp_pod_session *session)
{
    struct jp_pod_record record = {.is_there = false};
    (void)jp_pod_supervisor_open(session->pod_fd, &record, &session->supervisor, NULL);
    jp_pod_record_clear(&record);
}

int jp_pod_attach(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  const struct jp_pod_join *join, struct jp_pod_session **ret, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    JP_AUTO_FD int fd = jp_pod_connect(ctx, pod, pod_fd, err);
    if (fd < 0)
        return -1;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_ATTACH;
    message.app = (char *)(uintptr_t)join->app;
    message.flags = join->has_stdin ? JP_CONTROL_F_STDIN : 0;
    message.number = (int64_t)join->rows << 16 | join->columns;
    if (jp_pod_ask(fd, &message, NULL, err) < 0)
        return jp_wrap(err, "attach to pod '%s'", pod->name);
    struct jp_pod_session *session = jp_pod_session_new(fd);
    if (!session)
        return jp_oom(err);
    (void)jp_fd_take(&fd);
    session->pod_fd = jp_fd_take(&pod_fd);
    note_supervisor(session);
    session->is_attached = true;
    session->has_input = join->has_stdin;
    session->has_tty = true;
    jp_store_rest(ctx->store);
    *ret = session;
    return 0;
}

/* ---- relaying ---- */

struct relay {
    struct jp_pod_session *session;
    const struct jp_pod_relay *options;
    bool input_is_open;
    bool awaits_taken; /* one INPUT is under way */
    bool stop_was_sent;
    bool has_started;
    bool is_over;
    bool is_detached;
    size_t keys_matched; /* of the detach keys: held back */
    struct termios before;
    bool is_raw;
    bool has_rested; /* the store; nothing else waits for us */
};

static int send_plain(struct relay *r, uint8_t type, int64_t number, struct jp_error *err)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = type;
    message.number = number;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_control_send(r->session->socket, &message, &local) >= 0)
        return 0;
    /* The supervisor's last messages are still to be read. */
    if (local.sys == EPIPE || local.sys == ECONNRESET)
        return 0;
    jp_error_move(err, &local);
    return -1;
}

static int send_size(struct relay *r, struct jp_error *err)
{
    struct winsize size;
    if (r->options->terminal < 0 || ioctl(r->options->terminal, TIOCGWINSZ, &size) < 0)
        return 0;
    return send_plain(r, JP_CONTROL_RESIZE, (int64_t)size.ws_row << 16 | size.ws_col, err);
}

static void make_raw(struct relay *r)
{
    if (r->options->terminal < 0 || tcgetattr(r->options->terminal, &r->before) < 0)
        return;
    struct termios raw = r->before;
    cfmakeraw(&raw);
    r->is_raw = tcsetattr(r->options->terminal, TCSADRAIN, &raw) == 0;
}

static void make_cooked(struct relay *r)
{
    if (r->is_raw)
        (void)tcsetattr(r->options->terminal, TCSADRAIN, &r->before);
    r->is_raw = false;
}

static int handle_signal(struct relay *r, int signal, struct jp_error *err)
{
    if (signal == SIGWINCH)
        return send_size(r, err);
    if (r->session->is_exec)
        return send_plain(r, JP_CONTROL_SIGNAL, signal, err);
    if (!r->session->is_owner) {
        r->is_detached = true;
        return 0;
    }
    uint8_t type = r->stop_was_sent ? JP_CONTROL_KILL : JP_CONTROL_STOP;
    r->stop_was_sent = true;
    return send_plain(r, type, -1, err);
}

static int read_signals(struct relay *r, struct jp_error *err)
{
    unsigned char bytes[64];
    ssize_t n = read(r->options->signals, bytes, sizeof(bytes));
    for (ssize_t i = 0; i < n; i++) {
        if (handle_signal(r, bytes[i], err) < 0)
            return -1;
    }
    return 0;
}

static int send_input(struct relay *r, const unsigned char *bytes, size_t len, struct jp_error *err)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_INPUT;
    message.data = (unsigned char *)(uintptr_t)bytes;
    message.data_len = len;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_control_send(r->session->socket, &message, &local) < 0 && local.sys != EPIPE &&
        local.sys != ECONNRESET) {
        jp_error_move(err, &local);
        return -1;
    }
    r->awaits_taken = true;
    return 0;
}

/*
 * Copies input to `out` (room for len + MAX_DETACH_KEYS) without a run of the detach keys; bytes
 * that may begin one are held back until it is clear. Returns the length; -1: they are complete.
 */
static ssize_t sift_keys(struct relay *r, const unsigned char *in, size_t len, unsigned char *out)
{
    const char *keys = r->options->detach_keys;
    size_t n_keys = keys ? strlen(keys) : 0;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (n_keys > 0 && n_keys < MAX_DETACH_KEYS &&
            in[i] == (unsigned char)keys[r->keys_matched]) {
            if (++r->keys_matched == n_keys)
                return -1;
            continue;
        }
        memcpy(out + n, keys ? keys : "", r->keys_matched);
        n += r->keys_matched;
        r->keys_matched = 0;
        out[n++] = in[i];
    }
    return (ssize_t)n;
}

static int read_input(struct relay *r, struct jp_error *err)
{
    unsigned char in[8192];
    unsigned char out[sizeof(in) + MAX_DETACH_KEYS];
    ssize_t n = read(r->options->input, in, sizeof(in));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0) { /* a terminal that went away ends input like an end of file */
        r->input_is_open = false;
        return send_input(r, (const unsigned char *)"", 0, err);
    }
    ssize_t len = sift_keys(r, in, (size_t)n, out);
    if (len < 0) {
        r->is_detached = true;
        return 0;
    }
    return len > 0 ? send_input(r, out, (size_t)len, err) : 0;
}

/* What a program that has just started must know: the size of its terminal, that input is empty. */
static int greet_app(struct relay *r, struct jp_error *err)
{
    if (r->session->has_input && !r->input_is_open &&
        send_input(r, (const unsigned char *)"", 0, err) < 0)
        return -1;
    return r->session->has_tty ? send_size(r, err) : 0;
}

/* A start that failed: the supervisor undoes its work and goes; then its word is the error. */
static int failed_start(struct relay *r, const struct jp_control_message *message,
                        struct jp_error *err)
{
    JP_AUTO(jp_control_message) rest = JP_CONTROL_MESSAGE_INIT;
    jp_pod_failed_message(message, err);
    while (jp_control_receive(r->session->socket, &rest, NULL) > 0) {
        if (rest.type == JP_CONTROL_ENDED)
            break;
    }
    r->session->has_ended = true;
    return -1;
}

static int take_message(struct relay *r, const struct jp_control_message *m, struct jp_error *err)
{
    switch (m->type) {
    case JP_CONTROL_OUTPUT:
        if (r->options->output &&
            r->options->output(r->options->context, m->app, m->stream, m->data, m->data_len) != 0)
            return jp_fail(err, JP_EINTERRUPTED, 0, "the output cannot be written");
        return 0;
    case JP_CONTROL_TAKEN:
        r->awaits_taken = false;
        return 0;
    case JP_CONTROL_WARNING:
        make_cooked(r); /* else lines would not begin at the left */
        jp_pod_tell_warning(r->session->ctx, m);
        make_raw(r);
        return 0;
    case JP_CONTROL_STARTED:
        r->has_started = true;
        if (r->options->started && r->session->is_owner && !r->session->is_exec)
            r->options->started(r->options->context);
        return greet_app(r, err);
    case JP_CONTROL_FAILED:
        if (r->session->is_owner && !r->session->is_exec && !r->has_started)
            return failed_start(r, m, err);
        return 0;
    case JP_CONTROL_EXITED:
        if (r->options->exited)
            r->options->exited(r->options->context, m->app, (int)m->number);
        if (r->session->is_exec && !m->app) {
            r->session->status = (int)m->number;
            r->is_over = true;
        }
        return 0;
    case JP_CONTROL_ENDED:
        if (!r->session->is_exec)
            r->session->status = (int)m->number;
        r->session->has_ended = true;
        r->is_over = true;
        return 0;
    default:
        return 0;
    }
}

/* Is the record that of the session's own supervisor? A child is not reaped before the session. */
static bool is_of_ours(const struct jp_pod_session *session, const struct jp_pod_record *record)
{
    const struct jp_process *supervisor = &session->supervisor;
    if (session->child > 0)
        return record->supervisor == session->child;
    return supervisor->pid <= 0 ||
           (record->supervisor == supervisor->pid && record->supervisor_start == supervisor->start);
}

static bool stays(struct jp_pod_session *session)
{
    struct jp_process *supervisor = &session->supervisor;
    if (session->child > 0 && jp_process_open(session->child, supervisor, NULL) < 0)
        return false;
    return supervisor->pid > 0 && jp_process_wait_gone(supervisor, GONE_WAIT_MS, NULL) != 1;
}

enum ending { DIED, GIVEN_UP, REPLACED };

/*
 * The socket has ended, and the pod has not said so. A supervisor that has given this command up
 * ends in order, and its record tells; one that was killed leaves a record that lives, under a lock
 * that may be held for a moment longer: what is waited for is the process. The record of another
 * run, begun since, tells nothing of ours.
 */
static enum ending ending_of(struct jp_pod_session *session)
{
    struct jp_pod_record record = {.is_there = false};
    enum ending ending = DIED;
    if (session->pod_fd < 0)
        return DIED;
    if (stays(session))
        return GIVEN_UP;
    if (jp_pod_record_read(session->pod_fd, &record, NULL) == 0) {
        if (record.is_there && !is_of_ours(session, &record))
            ending = REPLACED;
        else if (!jp_pod_record_is_alive(&record))
            ending = GIVEN_UP;
    }
    jp_pod_record_clear(&record);
    return ending;
}

static int fail_end(struct relay *r, struct jp_error *err)
{
    switch (ending_of(r->session)) {
    case GIVEN_UP:
        return jp_fail(err, JP_EBUSY, 0,
                       "the pod was stopped while this command did not read its output");
    case REPLACED:
        return jp_fail(err, JP_EBUSY, 0, "the pod has ended, and was started again since");
    default:
        return jp_fail(err, r->has_started ? JP_EKILLED : JP_ESYS, ECONNRESET,
                       "the pod's supervisor died");
    }
}

static int read_message(struct relay *r, struct jp_error *err)
{
    JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
    int n = jp_control_receive(r->session->socket, &message, err);
    if (n < 0)
        return -1;
    return n == 0 ? fail_end(r, err) : take_message(r, &message, err);
}

static int turn(struct relay *r, struct jp_error *err)
{
    /* Before the app runs there is nobody to take it: the supervisor would drop it. */
    bool reads_input = r->has_started && r->input_is_open && !r->awaits_taken;
    struct pollfd polled[3] = {
        {.fd = r->session->socket, .events = POLLIN},
        {.fd = reads_input ? r->options->input : -1, .events = POLLIN},
        {.fd = r->options->signals, .events = POLLIN},
    };
    int n = poll(polled, JP_LEN(polled), r->has_rested ? -1 : REST_AFTER_MS);
    if (n < 0)
        return errno == EINTR ? 0 : jp_fail_sys(err, "wait for the pod");
    if (n == 0) {
        r->has_rested = true;
        if (r->session->ctx)
            jp_store_rest(r->session->ctx->store);
        return 0;
    }
    if (polled[2].revents && read_signals(r, err) < 0)
        return -1;
    if (polled[1].revents && read_input(r, err) < 0)
        return -1;
    if (polled[0].revents && !r->is_detached)
        return read_message(r, err);
    return 0;
}

static void leave(struct relay *r)
{
    if (r->session->is_owner && !r->session->is_exec)
        (void)send_plain(r, JP_CONTROL_DETACH, 0, NULL);
}

int jp_pod_session_relay(struct jp_pod_session *session, const struct jp_pod_relay *options,
                         enum jp_pod_end *ret_end, int *ret_status, struct jp_error *err)
{
    struct relay r = {.session = session, .options = options};
    r.input_is_open = session->has_input && options->input >= 0;
    r.has_started = !session->is_owner || session->is_exec;
    r.is_over = session->has_ended;
    make_raw(&r);
    int result = 0;
    if (r.has_started)
        result = greet_app(&r, err);
    while (result == 0 && !r.is_over && !r.is_detached)
        result = turn(&r, err);
    make_cooked(&r);
    if (r.is_detached)
        leave(&r);
    jp_pod_session_leave(session);
    if (result < 0)
        return -1;
    *ret_end = r.is_detached ? JP_POD_END_DETACHED : JP_POD_END_EXITED;
    *ret_status = session->status;
    return 0;
}

int jp_pod_exit_code(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 125;
}
