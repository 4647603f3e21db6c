/*
 * The supervisor from beginning to end: take up the owner, build the pod's world, live, take it
 * down, tell everybody.
 */
#include "stage1/supervisor.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "plan/state.h"
#include "sys/fd.h"
#include "sys/process.h"

/* Messages that the owner wrote before we were there: HELLO, and ATTACH if it wants all output. */
static int take_up_owner(struct jp_supervisor *s, struct jp_error *err)
{
    int fd = jp_fd_take(&s->owner_fd);
    if (jp_client_adopt(s, fd, /* is_owner= */ true, err) < 0)
        return -1;
    s->clients->is_needing = true;
    jp_client_serve(s, s->clients);
    return 0;
}

static int make_apps(struct jp_supervisor *s, struct jp_error *err)
{
    s->apps = jp_calloc(s->plan.n_apps, sizeof(*s->apps));
    if (!s->apps)
        return jp_oom(err);
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        s->apps[i].plan = &s->plan.apps[i];
        s->apps[i].root_fd = -1;
        s->apps[i].dir_fd = -1;
        s->apps[i].notify_fd = -1;
        s->apps[i].log = (struct jp_log)JP_LOG_INIT;
        s->apps[i].log.max_bytes = s->plan.log_max_bytes;
        s->apps[i].log.max_files = s->plan.log_files;
    }
    return 0;
}

static int open_logs(struct jp_supervisor *s, struct jp_error *err)
{
    s->logs_fd = jp_fd_make_dir(s->pod_fd, JP_STATE_LOGS, 0700, err);
    if (s->logs_fd < 0)
        return -1;
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        if (jp_log_open(&s->apps[i].log, s->logs_fd, s->plan.apps[i].name, err) < 0)
            return -1;
    }
    return 0;
}

static uint64_t own_start(void)
{
    struct jp_process process = JP_PROCESS_INIT;
    if (jp_process_open(getpid(), &process, NULL) < 0)
        return 0;
    uint64_t start = process.start;
    jp_process_clear(&process);
    return start;
}

/* Everything that needs no world: the record, the socket, the logs. */
static int open_desk(struct jp_supervisor *s, struct jp_error *err)
{
    if (jp_loop_arm(err) < 0 || take_up_owner(s, err) < 0)
        return -1;
    s->start_ticks = own_start();
    s->started_ns = jp_time_now_ns();
    if (jp_record_write(s, err) < 0 || open_logs(s, err) < 0)
        return -1;
    return jp_control_listen(s, err);
}

/* True while something that a child wrote has not been handed on. */
static bool has_output(const struct jp_supervisor *s)
{
    return s->children != NULL;
}

static bool has_mail(const struct jp_supervisor *s)
{
    for (const struct jp_client *c = s->clients; c; c = c->next) {
        if (c->queue)
            return true;
    }
    return false;
}

static void tell_end(struct jp_supervisor *s)
{
    struct jp_control_message ended = JP_CONTROL_MESSAGE_INIT;
    ended.type = JP_CONTROL_ENDED;
    ended.number = jp_apps_status(s);
    struct jp_control_message failed = JP_CONTROL_MESSAGE_INIT;
    JP_AUTO_FREE char *text = NULL;
    if (!s->has_started) {
        text = jp_strdup(jp_error_text(&s->error));
        failed.type = JP_CONTROL_FAILED;
        failed.number = s->error.code;
        failed.data = (unsigned char *)text;
        failed.data_len = text ? strnlen(text, JP_CONTROL_MAX_DATA) : 0;
    }
    for (struct jp_client *c = s->clients; c; c = c->next)
        jp_client_post(c, c->is_owner && !s->has_started ? &failed : &ended);
}

/* In this order: nothing runs, all output is out, the record is final, the lock is free, ENDED. */
static void finish(struct jp_supervisor *s)
{
    s->phase = JP_PHASE_UNDOING;
    (void)jp_record_write(s, NULL);
    jp_world_undo(s);
    jp_renew_finish(s);
    jp_forward_end(s); /* also when it was never begun: who has the lock next may want the ports */
    s->phase = JP_PHASE_DRAINING;
    jp_children_sweep(s);
    while (has_output(s))
        jp_loop_round(s, -1);
    s->phase = JP_PHASE_OVER;
    s->ended_ns = jp_time_now_ns();
    jp_record_finish(s);
    jp_control_close(s);
    jp_fd_close(&s->lock_fd);
    tell_end(s);
    while (has_mail(s))
        jp_loop_round(s, -1);
}

static bool owner_is_there(const struct jp_supervisor *s)
{
    for (const struct jp_client *c = s->clients; c; c = c->next) {
        if (c->is_owner && !c->is_gone && !c->is_deaf)
            return true;
    }
    return false;
}

static bool somebody_is_there(const struct jp_supervisor *s)
{
    return s->clients != NULL;
}

/* True when they are all gone, false when they do not go. */
static bool await_parting(struct jp_supervisor *s, bool (*is_there)(const struct jp_supervisor *))
{
    int64_t end_ms = jp_time_monotonic_ms() + JP_FAREWELL_MS;
    for (int64_t now_ms; is_there(s) && (now_ms = jp_time_monotonic_ms()) < end_ms;)
        jp_loop_round(s, (int)(end_ms - now_ms));
    return !is_there(s);
}

/*
 * An owner that was told ENDED sees to what is left of the pod itself, unless it has let the pod
 * go: its DETACH may still be under way when the pod ends at once, so its leaving is waited for.
 * One that was told FAILED has nothing to let go, and waits for us.
 */
static bool is_ours_to_remove(struct jp_supervisor *s)
{
    if (s->plan.at_end.count == 0)
        return false;
    if (!owner_is_there(s))
        return true;
    if (!s->has_started)
        return false;
    return await_parting(s, owner_is_there) && s->is_let_go;
}

/*
 * By another program (there is no database here), which we become. What those who were told
 * ENDED may still look at is about to be removed: they go first.
 */
static void remove_pod(struct jp_supervisor *s)
{
    extern char **environ;
    (void)await_parting(s, somebody_is_there);
    (void)execve(s->plan.at_end.items[0], s->plan.at_end.items, environ);
}

static void release(struct jp_supervisor *s)
{
    jp_children_clear(s);
    jp_clients_clear(s);
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        jp_log_clear(&s->apps[i].log);
        jp_identity_clear(&s->apps[i].identity);
        jp_ready_end(&s->apps[i]);
        free(s->apps[i].error);
    }
    free(s->apps);
    jp_buf_clear(&s->reports);
    jp_strv_clear(&s->warnings);
    jp_error_clear(&s->error);
    jp_fd_close(&s->logs_fd);
    jp_fd_close(&s->pod_fd);
    jp_fd_close(&s->stage2_fd);
    jp_plan_clear(&s->plan);
}

int jp_supervise(struct jp_supervisor *s)
{
    if (make_apps(s, &s->error) < 0 || open_desk(s, &s->error) < 0 ||
        jp_world_build(s, &s->error) < 0) {
        s->has_failed = true;
    } else {
        jp_apps_begin(s);
        while (!jp_apps_are_over(s)) {
            jp_clients_let_leave(s);
            jp_loop_round(s, -1);
        }
    }
    finish(s);
    if (is_ours_to_remove(s))
        remove_pod(s); /* where that fails the pod stays, marked for gc */
    release(s);
    return 0;
}
