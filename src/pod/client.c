/*
 * Requests to a running pod's supervisor over pods/UUID/control, and what follows from their
 * answers: stop, kill, signal, wait, destroy.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "plan/state.h"
#include "pod/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/process.h"
#include "sys/readable.h"

#define KILL_WAIT_MS     10000  /* for a supervisor to end after KILL before it is killed itself */
#define GONE_WAIT_MS     10000  /* for the lock after the supervisor was killed */
#define CONNECT_PAUSE_MS 20     /* between tries to reach a supervisor that is starting or ending */
#define MAX_SKIPPED      100000 /* messages of output before an answer */

/* ---- connecting ---- */

static int not_running(const struct jp_store_pod *pod, struct jp_error *err)
{
    return jp_fail(err, JP_EBUSY, 0, "pod '%s' is not running", pod->name);
}

/* The path may be longer than a socket address holds: it is reached through its directory. */
static int connect_here(int fd, int pod_fd, int *ret_errno, struct jp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, JP_STATE_CONTROL, sizeof(JP_STATE_CONTROL));
    JP_AUTO_FD int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fchdir(pod_fd) < 0)
        return jp_fail_sys(err, "enter the pod's directory");
    int result = connect(fd, (const struct sockaddr *)&address, sizeof(address));
    *ret_errno = result < 0 ? errno : 0;
    /* A working directory that was removed cannot be gone back to; nobody needs it then. */
    if (here < 0 || fchdir(here) < 0) {
        if (chdir("/") < 0)
            return jp_fail_sys(err, "leave the pod's directory");
    }
    return 0;
}

static int hello(const struct jp_pod_context *ctx, int fd, int64_t timeout_ms, uint32_t *ret_flags,
                 struct jp_error *err)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_HELLO;
    message.number = JP_CONTROL_VERSION;
    JP_AUTO(jp_control_message) answer = JP_CONTROL_MESSAGE_INIT;
    if (jp_control_send(fd, &message, err) < 0)
        return -1;
    int n = jp_wait_readable(fd, timeout_ms, ctx->interrupted, err);
    if (n == 0)
        return jp_fail(err, JP_ELIMIT, 0, "the supervisor does not answer");
    if (n < 0 || (n = jp_pod_await(fd, &answer, err)) < 0)
        return -1;
    if (n == 0 || answer.type != JP_CONTROL_HELLO)
        return jp_fail(err, JP_ESYS, ECONNRESET, "the supervisor did not answer");
    if (answer.number > JP_CONTROL_VERSION)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "the pod is run by a newer version of Jetpack");
    *ret_flags = answer.flags;
    return 0;
}

static int connect_within(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                          int pod_fd, int64_t timeout_ms, uint32_t *ret_flags, struct jp_error *err)
{
    JP_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    int failure = 0;
    if (connect_here(fd, pod_fd, &failure, err) < 0)
        return -1;
    if (failure == ENOENT || failure == ECONNREFUSED)
        return not_running(pod, err);
    if (failure != 0)
        return jp_fail(err, JP_ESYS, failure, "connect to the supervisor of pod '%s'", pod->name);
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (hello(ctx, fd, timeout_ms, ret_flags, &local) < 0) {
        /* It was about to end: the socket was still there, nobody took the connection. */
        if (local.sys == ECONNRESET || local.sys == EPIPE)
            return not_running(pod, err);
        jp_error_move(err, &local);
        return jp_wrap(err, "pod '%s'", pod->name);
    }
    return jp_fd_take(&fd);
}

int jp_pod_connect(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                   struct jp_error *err)
{
    uint32_t flags;
    return connect_within(ctx, pod, pod_fd, -1, &flags, err);
}

int jp_pod_connect_patiently(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                             int pod_fd, int64_t timeout_ms, uint32_t *ret_flags,
                             struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + timeout_ms;
    for (;;) {
        JP_AUTO(jp_error) local = JP_ERROR_INIT;
        int64_t left = end - jp_time_monotonic_ms();
        int held = jp_lock_is_held(pod_fd, JP_POD_LOCK_FILE, err);
        if (held < 0)
            return -1;
        left = timeout_ms < 0 ? -1 : left < 0 ? 0 : left;
        int fd = connect_within(ctx, pod, pod_fd, left, ret_flags, &local);
        if (fd >= 0)
            return fd;
        if (local.code != JP_EBUSY || held == 0) {
            jp_error_move(err, &local);
            return -1;
        }
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        if (timeout_ms >= 0 && jp_time_monotonic_ms() >= end)
            return jp_fail(err, JP_ELIMIT, 0, "pod '%s' does not answer", pod->name);
        (void)poll(NULL, 0, CONNECT_PAUSE_MS);
    }
}

static int open_and_connect(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                            int *ret_pod_fd, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    int fd = jp_pod_connect(ctx, pod, pod_fd, err);
    if (fd >= 0 && ret_pod_fd)
        *ret_pod_fd = jp_fd_take(&pod_fd);
    return fd;
}

/* ---- messages ---- */

int jp_pod_failed_message(const struct jp_control_message *message, struct jp_error *err)
{
    enum jp_code code = message->number > JP_OK && message->number <= JP_ENOPROGRAM
                            ? (enum jp_code)message->number
                            : JP_ESYS;
    return jp_fail(err, code, 0, "%.*s", (int)(message->data_len < 4096 ? message->data_len : 4096),
                   message->data ? (const char *)message->data : "the supervisor failed");
}

void jp_pod_tell_warning(const struct jp_pod_context *ctx, const struct jp_control_message *message)
{
    if (ctx && message->data)
        jp_pod_say(ctx, JP_POD_WARNING, "%.*s",
                   (int)(message->data_len < 1000 ? message->data_len : 1000),
                   (const char *)message->data);
}

int jp_pod_await(int socket, struct jp_control_message *ret, struct jp_error *err)
{
    for (unsigned i = 0; i < MAX_SKIPPED; i++) {
        int n = jp_control_receive(socket, ret, err);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n;
        if (ret->type == JP_CONTROL_FAILED)
            return jp_pod_failed_message(ret, err);
        if (ret->type != JP_CONTROL_OUTPUT && ret->type != JP_CONTROL_EXITED)
            return 1;
    }
    return jp_fail(err, JP_ELIMIT, 0, "the supervisor does not answer");
}

/* One that has ended meanwhile has said so: that is still to be read. */
static int put_question(int socket, const struct jp_control_message *message, struct jp_error *err)
{
    JP_AUTO(jp_error) gone = JP_ERROR_INIT;
    if (jp_control_send(socket, message, &gone) >= 0 || gone.sys == EPIPE || gone.sys == ECONNRESET)
        return 0;
    jp_error_move(err, &gone);
    return -1;
}

static int take_answer(int socket, struct jp_control_message *answer, struct jp_error *err)
{
    int n = jp_pod_await(socket, answer, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return jp_fail(err, JP_ESYS, ECONNRESET, "the supervisor went away");
    if (answer->type == JP_CONTROL_ENDED)
        return jp_fail(err, JP_EBUSY, 0, "it has just ended");
    return 0;
}

int jp_pod_ask(int socket, const struct jp_control_message *message, struct jp_control_message *ret,
               struct jp_error *err)
{
    JP_AUTO(jp_control_message) own = JP_CONTROL_MESSAGE_INIT;
    struct jp_control_message *answer = ret ? ret : &own;
    if (put_question(socket, message, err) < 0)
        return -1;
    return take_answer(socket, answer, err);
}

/* ---- ending ---- */

/* 1 when the lock was found free: the pod is over and no supervisor died; -1 on error. */
static int settle(const struct jp_store_pod *pod, int pod_fd, int *lock_fd, struct jp_error *err)
{
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    *lock_fd = jp_pod_lock(pod, pod_fd, &local);
    if (*lock_fd >= 0)
        return 1;
    if (local.code == JP_EBUSY)
        return 0;
    jp_error_move(err, &local);
    return -1;
}

/*
 * A record that says "running" under a free lock: what the dead supervisor left is removed. Of
 * sessions in a pod that did not run there is nothing to remember.
 */
int jp_pod_mend(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                bool *ret_mended, struct jp_error *err)
{
    struct jp_pod_record record = {.is_there = false};
    bool has_sessions = faccessat(pod_fd, JP_STATE_SESSIONS, F_OK, 0) == 0;
    bool is_dead = jp_pod_record_read(pod_fd, &record, NULL) < 0 || jp_pod_record_is_alive(&record);
    jp_pod_record_clear(&record);
    if (ret_mended)
        *ret_mended = is_dead || has_sessions;
    if (!is_dead && !has_sessions)
        return 0;
    if (jp_pod_clean_system(ctx, pod->uuid, err) < 0 ||
        (is_dead && jp_pod_record_fail(pod_fd, pod->uuid, "its supervisor died", err) < 0))
        return -1;
    if (has_sessions && jp_sys.unlinkat(pod_fd, JP_STATE_SESSIONS, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s'", JP_STATE_SESSIONS);
    return 0;
}

int jp_pod_supervisor_open(int pod_fd, struct jp_pod_record *record, struct jp_process *ret,
                           struct jp_error *err)
{
    if (jp_pod_record_now(pod_fd, record, err) < 0)
        return -1;
    return jp_process_open_same(record->supervisor, record->supervisor_start, ret, err);
}

/* Does it take the pod down, and gets on with it? */
static bool is_at_work(int pod_fd, bool has_heard)
{
    struct jp_pod_record record = {.is_there = false};
    JP_AUTO(jp_process) supervisor = JP_PROCESS_INIT;
    bool is_there = jp_pod_supervisor_open(pod_fd, &record, &supervisor, NULL) == 0;
    bool is = is_there && (has_heard || record.is_undoing) && !jp_process_is_stopped(&supervisor);
    jp_pod_record_clear(&record);
    return is;
}

/*
 * Unmounting takes its time, and no signal makes it shorter: the supervisor is left to it until the
 * lock is free (*ret_lock) or it does not get on (-1). An interrupt that comes now ends the wait.
 */
static int await_work(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                      bool has_heard, int *ret_lock, struct jp_error *err)
{
    struct jp_pod_context patient = *ctx;
    if (ctx->interrupted && *ctx->interrupted)
        patient.interrupted = NULL;
    while (*ret_lock < 0 && is_at_work(pod_fd, has_heard)) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        jp_pod_say(ctx, JP_POD_INFO, "pod '%s' is still being taken down", pod->name);
        *ret_lock = jp_pod_lock_wait(&patient, pod_fd, GONE_WAIT_MS, &why);
        if (*ret_lock < 0 && why.code != JP_EBUSY) {
            jp_error_move(err, &why);
            return -1;
        }
    }
    return 0;
}

/*
 * Sends the request and waits for the pod's end. *ret_seat is the connection, open or -1: as long
 * as it is open, a supervisor that will remove the pod (`run -destroy`) waits with it. *ret_heard:
 * it has said that it does what it was asked.
 */
static int end_by_request(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                          int pod_fd, uint8_t type, int64_t grace_ms, int *ret_seat,
                          bool *ret_heard, struct jp_error *err)
{
    uint32_t flags;
    int fd = *ret_seat = jp_pod_connect_patiently(ctx, pod, pod_fd, KILL_WAIT_MS, &flags, err);
    if (fd < 0)
        return -1;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = type;
    message.number = grace_ms;
    JP_AUTO(jp_error) gone = JP_ERROR_INIT;
    if (jp_control_send(fd, &message, &gone) < 0) {
        if (gone.sys == EPIPE || gone.sys == ECONNRESET)
            return 0; /* it ends by itself; the lock tells when */
        jp_error_move(err, &gone);
        return -1;
    }
    jp_store_rest(ctx->store);
    int64_t end = jp_time_monotonic_ms() + KILL_WAIT_MS;
    JP_AUTO(jp_control_message) answer = JP_CONTROL_MESSAGE_INIT;
    for (;;) {
        int64_t left = type == JP_CONTROL_KILL ? end - jp_time_monotonic_ms() : -1;
        if (type == JP_CONTROL_KILL && left <= 0)
            return jp_fail(err, JP_EBUSY, 0, "the supervisor does not answer");
        int n = jp_wait_readable(fd, left, ctx->interrupted, err);
        if (n < 0)
            return -1;
        if (n == 0)
            continue;
        n = jp_control_receive(fd, &answer, err);
        if (n <= 0)
            return n;
        if (answer.type == JP_CONTROL_FAILED)
            return jp_pod_failed_message(&answer, err);
        if (answer.type == JP_CONTROL_ENDED)
            return 0;
        *ret_heard |= answer.type == JP_CONTROL_OK;
    }
}

/* A supervisor that answers nothing: it holds the lock, so its record names it. */
static int kill_supervisor(int pod_fd, struct jp_error *err)
{
    struct jp_pod_record record = {.is_there = false};
    JP_AUTO(jp_process) process = JP_PROCESS_INIT;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    int result = jp_pod_supervisor_open(pod_fd, &record, &process, &local);
    jp_pod_record_clear(&record);
    if (result == 0)
        return jp_process_signal(&process, SIGKILL, err);
    if (local.code == JP_ENOTFOUND)
        return 0;
    jp_error_move(err, &local);
    return -1;
}

static struct jp_pod_context deaf(const struct jp_pod_context *ctx)
{
    struct jp_pod_context copy = *ctx;
    copy.interrupted = NULL;
    return copy;
}

/* The lock of a pod that runs, whatever it takes. */
static int take_from(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                     int *ret_lock, int *ret_seat, struct jp_error *err)
{
    /* What removes the traces of an interrupted command is not interrupted itself. */
    struct jp_pod_context calm = deaf(ctx);
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    bool has_heard = false;
    bool was_told =
        end_by_request(&calm, pod, pod_fd, JP_CONTROL_KILL, 0, ret_seat, &has_heard, &why) == 0;
    *ret_lock = jp_pod_lock_wait(&calm, pod_fd, was_told ? GONE_WAIT_MS : 1000, NULL);
    if (await_work(ctx, pod, pod_fd, has_heard, ret_lock, err) < 0)
        return -1;
    if (*ret_lock < 0 && kill_supervisor(pod_fd, err) < 0)
        return -1;
    if (*ret_lock < 0)
        *ret_lock = jp_pod_lock_wait(&calm, pod_fd, GONE_WAIT_MS, err);
    return *ret_lock < 0 ? -1 : 0;
}

/* Ends the pod by all means. On success the lock is ours. */
static int end_for_good(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                        int pod_fd, int *ret_lock, int *ret_seat, struct jp_error *err)
{
    int free_now = settle(pod, pod_fd, ret_lock, err);
    if (free_now < 0)
        return -1;
    if (free_now == 0 && take_from(ctx, pod, pod_fd, ret_lock, ret_seat, err) < 0)
        return jp_wrap(err, "kill pod '%s'", pod->name);
    return 0;
}

int jp_pod_unless_gone(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int result,
                       struct jp_error *why, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (result == 0)
        return 0;
    if (why->code != JP_EINTERRUPTED &&
        jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, &local) < 0 && local.code == JP_ENOTFOUND)
        return 0;
    jp_error_move(err, why);
    return -1;
}

static int stop(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int64_t grace_ms,
                struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO_FD int seat = -1;
    JP_AUTO_FD int lock = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    int free_now = settle(pod, pod_fd, &lock, err);
    if (free_now < 0)
        return -1;
    if (free_now == 0) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        bool has_heard = false;
        int r =
            end_by_request(ctx, pod, pod_fd, JP_CONTROL_STOP, grace_ms, &seat, &has_heard, &why);
        /* JP_ELIMIT: it does not hear us. It may be at its end all the same. */
        if (r < 0 && why.code == JP_ELIMIT &&
            await_work(ctx, pod, pod_fd, has_heard, &lock, err) < 0)
            return jp_wrap(err, "stop pod '%s'", pod->name);
        /* JP_EBUSY: not running by now; it ended between the two looks. */
        if (r < 0 && why.code != JP_EBUSY && lock < 0) {
            jp_error_move(err, &why);
            return jp_wrap(err, "stop pod '%s'", pod->name);
        }
        if (lock < 0)
            lock = jp_pod_lock_wait(ctx, pod_fd, GONE_WAIT_MS, err);
        if (lock < 0)
            return jp_wrap(err, "stop pod '%s'", pod->name);
    }
    if (jp_pod_mend(ctx, pod, pod_fd, NULL, err) < 0)
        return -1;
    return jp_pod_shed(ctx, pod, pod_fd, NULL, err);
}

int jp_pod_stop(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int64_t grace_ms,
                struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    return jp_pod_unless_gone(ctx, pod, stop(ctx, pod, grace_ms, &why), &why, err);
}

static int kill_pod(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                    struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO_FD int seat = -1;
    JP_AUTO_FD int lock = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0 ||
        end_for_good(ctx, pod, pod_fd, &lock, &seat, err) < 0)
        return -1;
    if (jp_pod_mend(ctx, pod, pod_fd, NULL, err) < 0)
        return -1;
    return jp_pod_shed(ctx, pod, pod_fd, NULL, err);
}

int jp_pod_kill(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    return jp_pod_unless_gone(ctx, pod, kill_pod(ctx, pod, &why), &why, err);
}

static int destroy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO_FD int seat = -1;
    JP_AUTO_FD int lock = -1;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, &local) < 0) {
        /* Half removed: the directory is gone, the row may be left. */
        if (local.code == JP_ENOTFOUND)
            return jp_store_pod_destroy(ctx->store, pod->uuid, err);
        jp_error_move(err, &local);
        return -1;
    }
    if (end_for_good(ctx, pod, pod_fd, &lock, &seat, err) < 0)
        return -1;
    jp_pod_unregister(ctx, pod->uuid);
    if (jp_pod_mend(ctx, pod, pod_fd, NULL, err) < 0)
        return -1;
    return jp_store_pod_destroy(ctx->store, pod->uuid, err);
}

int jp_pod_destroy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int result = destroy(ctx, pod, &why);
    if (result == 0 || why.code == JP_ENOTFOUND)
        return jp_pod_unless_gone(ctx, pod, result, &why, err);
    jp_error_move(err, &why); /* of its row something may be left */
    return -1;
}

int jp_pod_end_run(const struct jp_pod_context *ctx, const char *uuid, struct jp_error *err)
{
    struct jp_pod_context calm = deaf(ctx);
    JP_AUTO_FD int pod_fd = -1;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_store_pod_open(ctx->store, uuid, &pod_fd, &local) < 0) {
        if (local.code == JP_ENOTFOUND) /* somebody was faster */
            return 0;
        jp_error_move(err, &local);
        return -1;
    }
    JP_AUTO_FD int lock = jp_pod_lock_wait(&calm, pod_fd, GONE_WAIT_MS, &local);
    if (lock < 0 && local.code != JP_EBUSY)
        jp_error_move(err, &local);
    if (lock < 0) /* busy: it was started again, and that run is not ours to end */
        return local.code == JP_EBUSY ? 0 : -1;
    struct jp_pod_record record = {.is_there = false};
    if (jp_pod_record_read(pod_fd, &record, err) < 0)
        return -1;
    bool was_ours = record.will_destroy && record.supervisor == getpid();
    jp_pod_record_clear(&record);
    if (!was_ours)
        return 0;
    jp_pod_unregister(ctx, uuid);
    return jp_store_pod_destroy(ctx->store, uuid, err);
}

int jp_pod_signal(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, const char *app,
                  int signal, struct jp_error *err)
{
    JP_AUTO_FD int fd = open_and_connect(ctx, pod, NULL, err);
    if (fd < 0)
        return -1;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_SIGNAL;
    message.app = (char *)(uintptr_t)app;
    message.number = signal;
    if (jp_pod_ask(fd, &message, NULL, err) < 0)
        return jp_wrap(err, "signal pod '%s'", pod->name);
    return 0;
}

int jp_pod_restart_app(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                       const char *app, int64_t grace_ms, struct jp_error *err)
{
    JP_AUTO_FD int fd = open_and_connect(ctx, pod, NULL, err);
    if (fd < 0)
        return -1;
    jp_store_rest(ctx->store);
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO(jp_control_message) answer = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_RESTART;
    message.app = (char *)(uintptr_t)app;
    message.number = grace_ms;
    if (put_question(fd, &message, err) < 0 ||
        jp_wait_readable(fd, -1, ctx->interrupted, err) < 0 || take_answer(fd, &answer, err) < 0)
        return jp_wrap(err, "restart '%s' of pod '%s'", app, pod->name);
    return 0;
}

int jp_pod_set_limits(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                      const char *app, const struct jp_strv *limits, struct jp_error *err)
{
    JP_AUTO_FD int fd = open_and_connect(ctx, pod, NULL, err);
    if (fd < 0)
        return -1;
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_SET;
    message.app = (char *)(uintptr_t)app;
    message.argv = *limits; /* lent */
    if (jp_pod_ask(fd, &message, NULL, err) < 0)
        return jp_wrap(err, "set limits of pod '%s'", pod->name);
    return 0;
}

/* ---- waiting ---- */

/* How a wait ended. */
struct ending {
    int seat; /* held until the record was read */
    bool was_told;
    int status; /* what ENDED said */
};

/* 1 ended, 0 time-out, -1 error. */
static int wait_for_end(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                        int pod_fd, int64_t timeout_ms, struct ending *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    uint32_t flags;
    int fd = ret->seat = jp_pod_connect_patiently(ctx, pod, pod_fd, timeout_ms, &flags, &local);
    if (fd < 0) {
        if (local.code == JP_EBUSY || local.code == JP_ELIMIT)
            return local.code == JP_EBUSY;
        jp_error_move(err, &local);
        return -1;
    }
    jp_store_rest(ctx->store);
    int64_t end = jp_time_monotonic_ms() + timeout_ms;
    JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
    for (;;) {
        int64_t left = timeout_ms < 0 ? -1 : end - jp_time_monotonic_ms();
        if (timeout_ms >= 0 && left <= 0)
            return 0;
        int n = jp_wait_readable(fd, left, ctx->interrupted, err);
        if (n < 0)
            return -1;
        if (n == 0)
            continue;
        n = jp_control_receive(fd, &message, err);
        if (n < 0)
            return -1;
        if (n == 0)
            return 1;
        if (message.type == JP_CONTROL_ENDED) {
            ret->was_told = true;
            ret->status = (int)message.number;
            return 1;
        }
    }
}

static int status_of(const struct jp_pod_record *record, const struct jp_store_pod *pod,
                     const char *app, int *ret_status, struct jp_error *err)
{
    if (!record->is_there)
        return jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' never ran", pod->name);
    bool has_status = record->has_status;
    int status = record->status;
    for (size_t i = 0; app && i < record->n_apps; i++) {
        if (strcmp(record->apps[i].name, app) == 0) {
            has_status = record->apps[i].has_status;
            status = record->apps[i].status;
        }
    }
    if (!has_status)
        return jp_fail(err, JP_ESYS, 0, "pod '%s' failed: %s", pod->name,
                       record->error ? record->error : "no exit status is known");
    *ret_status = status;
    return 0;
}

int jp_pod_wait(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, const char *app,
                int64_t timeout_ms, int *ret_status, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    struct ending ending = {.seat = -1};
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    int n = wait_for_end(ctx, pod, pod_fd, timeout_ms, &ending, err);
    JP_UNUSED JP_AUTO_FD int seat = ending.seat;
    if (n < 0)
        return -1;
    if (n == 0)
        return jp_fail(err, JP_ELIMIT, 0, "pod '%s' still runs", pod->name);
    struct jp_pod_record record = {.is_there = false};
    if (jp_pod_record_read(pod_fd, &record, err) < 0)
        return -1;
    int result = 0;
    if (record.is_there || !ending.was_told || app)
        result = status_of(&record, pod, app, ret_status, err);
    else /* whoever ran it has removed it already (run -destroy) */
        *ret_status = ending.status;
    jp_pod_record_clear(&record);
    return result;
}
