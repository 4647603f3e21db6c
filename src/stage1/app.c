/*
 * The life of the apps, which is the life of the pod.
 *
 * Each app goes its own way: pre-start handler, main process, post-stop handler, and perhaps again
 * (restart.c). The pod has started when every app has come as far as its main process, and is over
 * when every app is at its end. A failure on the way to "started" is the pod's failure: what runs
 * is stopped like in an ordinary stop, so that apps which did run get their signal and their
 * post-stop handler.
 */
#include <sys/wait.h>

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"

static void check_started(struct jp_supervisor *s);

static void end_app(struct jp_supervisor *s, struct jp_app *app, enum jp_app_state state)
{
    app->state = state;
    s->record_is_stale = true;
    check_started(s);
}

/* The first failure of an app is kept as its text. */
static void note_failure(struct jp_app *app, const struct jp_error *error)
{
    if (!app->error)
        app->error = jp_strdup(jp_error_text(error));
}

static int start_child(struct jp_supervisor *s, struct jp_app *app, enum jp_role role,
                       struct jp_error *err)
{
    struct jp_orders orders = jp_child_orders(app);
    struct jp_launch launch = {.role = role, .app = (size_t)(app - s->apps), .orders = &orders};
    uint32_t root_group = 0;
    if (role == JP_ROLE_MAIN) {
        launch.has_tty = app->plan->has_tty;
        launch.has_stdin = app->plan->has_stdin;
        launch.window = s->window;
        orders.sockets = app->socket_names;
        launch.sockets = app->sockets;
    } else { /* handlers run as root of the app, everything else alike */
        orders.argv =
            role == JP_ROLE_PRE_START ? app->plan->pre_start.argv : app->plan->post_stop.argv;
        orders.uid = orders.gid = 0;
        orders.groups = &root_group;
        orders.n_groups = 1;
    }
    return jp_child_launch(s, &launch, &app->child, err);
}

static void fail_app(struct jp_supervisor *s, struct jp_app *app, struct jp_error *error)
{
    jp_wrap(error, "app %s", app->plan->name);
    note_failure(app, error);
    app->state = JP_APP_FAILED;
    jp_apps_fail(s, error);
}

/* 125 when we failed, 126 and 127 when the program could not be executed or found. */
static int failure_status(enum jp_code code)
{
    if (code == JP_ENOPROGRAM)
        return 127 << 8;
    return (code == JP_ENOEXEC ? 126 : 125) << 8;
}

/* Main process and handlers have ended. */
static void conclude(struct jp_supervisor *s, struct jp_app *app)
{
    if (app->will_restart)
        jp_restart_pause(s, app);
    else
        end_app(s, app, JP_APP_EXITED);
    check_started(s);
}

/*
 * On the way to its first run that is the pod's failure, later an end of the app like another: the
 * others go on.
 */
static void could_not_start(struct jp_supervisor *s, struct jp_app *app, struct jp_error *error)
{
    if (app->restarts == 0) {
        fail_app(s, app, error);
        return;
    }
    note_failure(app, error);
    app->has_status = true;
    app->status = failure_status(error->code);
    app->ended_ns = jp_time_now_ns();
    app->will_restart = jp_restart_is_wanted(s, app);
    conclude(s, app);
    jp_restart_tell(s, (size_t)(app - s->apps), error);
}

void jp_app_has_root(struct jp_supervisor *s, struct jp_app *app, struct jp_error *error)
{
    if (s->phase >= JP_PHASE_STOPPING) {
        end_app(s, app, JP_APP_EXITED);
    } else if (error) {
        jp_wrap(error, "clean root");
        could_not_start(s, app, error);
    } else {
        jp_app_begin(s, app);
    }
}

static void count_as_started(struct jp_supervisor *s, const struct jp_app *app)
{
    check_started(s);
    jp_restart_tell(s, (size_t)(app - s->apps), NULL);
}

static void start_main(struct jp_supervisor *s, struct jp_app *app)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (start_child(s, app, JP_ROLE_MAIN, &err) < 0) {
        could_not_start(s, app, &err);
        return;
    }
    if (app->input_is_over)
        (void)jp_child_feed(app->child, "", 0);
    app->state = JP_APP_RUNNING;
    app->started_ns = jp_time_now_ns();
    app->ended_ns = 0;
    app->was_out_of_memory = false;
    app->was_late = false;
    jp_ready_count(app);
    s->record_is_stale = true;
    if (!app->is_awaited)
        count_as_started(s, app);
}

void jp_app_ready(struct jp_supervisor *s, struct jp_app *app)
{
    app->is_awaited = false;
    s->record_is_stale = true;
    if (app->state == JP_APP_RUNNING)
        count_as_started(s, app);
}

void jp_app_late(struct jp_supervisor *s, struct jp_app *app)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    jp_fail(&err, JP_EBUSY, 0, "app %s: it was not ready (sd_notify READY=1) within %u seconds",
            app->plan->name, app->plan->ready_ms / 1000);
    app->is_awaited = false;
    app->was_late = true;
    s->record_is_stale = true;
    note_failure(app, &err);
    jp_restart_tell(s, (size_t)(app - s->apps), &err);
    if (s->phase >= JP_PHASE_STOPPING)
        return;
    if (app->restarts == 0)
        jp_apps_fail(s, &err);
    else
        jp_restart_end_main(s, app, -1);
    check_started(s);
}

void jp_app_begin(struct jp_supervisor *s, struct jp_app *app)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    app->began_ms = jp_time_monotonic_ms();
    s->record_is_stale = true;
    if (app->plan->argv.count == 0) {
        jp_fail(&err, JP_ENOPROGRAM, 0, "the image names no program to run");
        fail_app(s, app, &err);
    } else if (jp_ready_begin(s, app, &err) < 0) {
        could_not_start(s, app, &err);
    } else if (app->plan->pre_start.argv.count == 0) {
        start_main(s, app);
    } else if (start_child(s, app, JP_ROLE_PRE_START, &err) < 0) {
        jp_wrap(&err, "pre-start handler");
        could_not_start(s, app, &err);
    } else {
        app->state = JP_APP_STARTING;
    }
}

void jp_apps_begin(struct jp_supervisor *s)
{
    s->record_is_stale = true;
    for (size_t i = 0; i < s->plan.n_apps && !s->plan.without_apps; i++) {
        if (s->phase == JP_PHASE_STARTING)
            jp_app_begin(s, &s->apps[i]);
    }
    check_started(s);
}

static void tell_owner(struct jp_supervisor *s, const struct jp_control_message *message)
{
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (c->is_owner)
            jp_client_post(c, message);
    }
}

/* What the back end found worth telling while it built the world. */
static void collect_warnings(struct jp_supervisor *s)
{
    jp_record_take_warnings(s);
    for (size_t i = 0; i < s->warnings.count; i++) {
        struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
        message.type = JP_CONTROL_WARNING;
        message.data = (unsigned char *)s->warnings.items[i];
        message.data_len = strnlen(s->warnings.items[i], JP_CONTROL_MAX_DATA);
        tell_owner(s, &message);
    }
}

/* Tells the owner once that every app runs, or ran. */
static void check_started(struct jp_supervisor *s)
{
    if (s->phase != JP_PHASE_STARTING)
        return;
    for (size_t i = 0; i < s->plan.n_apps && !s->plan.without_apps; i++) {
        const struct jp_app *app = &s->apps[i];
        if (app->state == JP_APP_WAITING || app->state == JP_APP_STARTING ||
            (app->state == JP_APP_RUNNING && app->is_awaited))
            return;
    }
    s->phase = JP_PHASE_RUNNING;
    s->has_started = true;
    s->running_ns = jp_time_now_ns();
    collect_warnings(s);
    (void)jp_record_write(s, NULL); /* who hears STARTED may look there */
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_STARTED;
    tell_owner(s, &message);
}

static void describe_status(int status, const char *what, struct jp_error *err)
{
    if (WIFSIGNALED(status))
        jp_fail(err, JP_EINVALID, 0, "%s was killed by signal %d", what, WTERMSIG(status));
    else
        jp_fail(err, JP_EINVALID, 0, "%s ended with status %d", what, WEXITSTATUS(status));
}

static void pre_start_ended(struct jp_supervisor *s, struct jp_app *app, int status)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (s->phase >= JP_PHASE_STOPPING) {
        end_app(s, app, app->restarts > 0 ? JP_APP_EXITED : JP_APP_FAILED);
    } else if (status != 0) {
        describe_status(status, "pre-start handler", &err);
        could_not_start(s, app, &err);
    } else {
        start_main(s, app);
    }
}

static void main_ended(struct jp_supervisor *s, struct jp_app *app, int status)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    size_t index = (size_t)(app - s->apps);
    bool was_awaited = app->is_awaited;
    jp_ready_end(app);
    app->has_status = true;
    app->status = app->was_late ? failure_status(JP_EBUSY) : status;
    app->ended_ns = jp_time_now_ns();
    app->was_out_of_memory =
        status != 0 && jp_platform.limits->was_out_of_memory(s->isolation, index);
    app->will_restart = jp_restart_is_wanted(s, app);
    if (was_awaited) /* it ran, and whoever asked for that is told */
        jp_restart_tell(s, index, NULL);
    if (app->plan->post_stop.argv.count == 0 || s->skips_handlers) {
        conclude(s, app);
    } else if (start_child(s, app, JP_ROLE_POST_STOP, &err) < 0) {
        jp_wrap(&err, "post-stop handler");
        note_failure(app, &err);
        conclude(s, app);
    } else {
        end_app(s, app, JP_APP_STOPPING);
        if (s->phase == JP_PHASE_STOPPING) {
            uint32_t time_ms = s->grace_ms > JP_HANDLER_MS ? s->grace_ms : JP_HANDLER_MS;
            s->stop_at_ms = jp_time_monotonic_ms() + time_ms;
        }
    }
}

static void post_stop_ended(struct jp_supervisor *s, struct jp_app *app, int status)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (status != 0) {
        describe_status(status, "post-stop handler", &err);
        note_failure(app, &err);
    }
    conclude(s, app);
}

void jp_app_child_ended(struct jp_supervisor *s, struct jp_child *child)
{
    struct jp_app *app = &s->apps[child->app];
    if (app->child == child)
        app->child = NULL;
    switch (child->role) {
    case JP_ROLE_PRE_START:
        pre_start_ended(s, app, child->status);
        break;
    case JP_ROLE_MAIN:
        main_ended(s, app, child->status);
        child->is_followed = app->will_restart;
        break;
    case JP_ROLE_POST_STOP:
        post_stop_ended(s, app, child->status);
        break;
    case JP_ROLE_EXEC:
        jp_renew_look_soon(s); /* it may have been the last in a root that was left */
        break;
    }
}

/* A pod without its apps: is it there for anybody? */
static bool is_needed(const struct jp_supervisor *s)
{
    for (const struct jp_child *c = s->children; c; c = c->next) {
        if (c->role == JP_ROLE_EXEC)
            return true;
    }
    for (const struct jp_client *c = s->clients; c; c = c->next) {
        if (c->is_needing && !c->is_gone)
            return true;
    }
    return false;
}

bool jp_apps_are_over(const struct jp_supervisor *s)
{
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        enum jp_app_state state = s->apps[i].state;
        if (state == JP_APP_STARTING || state == JP_APP_RUNNING || state == JP_APP_STOPPING ||
            state == JP_APP_RESTARTING)
            return false;
    }
    if (s->phase >= JP_PHASE_STOPPING || !s->plan.without_apps)
        return true;
    return !is_needed(s);
}

/* Enters the phase; what was not started by now never will be. */
static void begin_stop(struct jp_supervisor *s)
{
    if (s->phase == JP_PHASE_STARTING && !s->has_failed) {
        jp_fail(&s->error, JP_EINTERRUPTED, 0, "stopped before it was started");
        s->has_failed = true;
    }
    s->phase = JP_PHASE_STOPPING;
    s->record_is_stale = true;
    jp_restart_cancel(s);
}

void jp_apps_stop(struct jp_supervisor *s, int64_t grace_ms)
{
    uint32_t grace =
        grace_ms < 0 || grace_ms > UINT32_MAX ? s->plan.stop_grace_ms : (uint32_t)grace_ms;
    int64_t at_ms = jp_time_monotonic_ms() + grace;
    s->is_hurried = true;
    if (s->phase >= JP_PHASE_STOPPING) { /* asked again: only sooner */
        if (s->stop_at_ms > at_ms)
            s->stop_at_ms = at_ms;
        return;
    }
    begin_stop(s);
    s->grace_ms = grace;
    s->stop_at_ms = at_ms;
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        struct jp_app *app = &s->apps[i];
        if (app->state == JP_APP_RUNNING && app->child)
            jp_child_signal(app->child, app->plan->stop_signal);
        else if (app->state == JP_APP_STARTING && app->child)
            jp_child_signal(app->child, SIGTERM);
    }
}

static void kill_all(struct jp_supervisor *s)
{
    if (s->isolation)
        (void)jp_platform.isolation->signal(s->isolation, SIGKILL, NULL);
    for (struct jp_child *c = s->children; c; c = c->next)
        jp_child_signal(c, SIGKILL);
    jp_renew_kill(s);
    s->stop_at_ms = 0;
}

void jp_apps_kill(struct jp_supervisor *s)
{
    s->is_hurried = true;
    if (s->phase >= JP_PHASE_DRAINING)
        return;
    s->skips_handlers = true;
    if (s->phase < JP_PHASE_STOPPING)
        begin_stop(s);
    kill_all(s);
}

void jp_apps_fail(struct jp_supervisor *s, struct jp_error *error)
{
    if (!s->has_failed) {
        s->has_failed = true;
        jp_error_move(&s->error, error);
    }
    jp_apps_stop(s, -1);
}

int jp_apps_status(const struct jp_supervisor *s)
{
    if (s->has_failed)
        return failure_status(s->error.code);
    for (size_t i = 0; i < s->plan.n_apps; i++) {
        if (s->apps[i].has_status && s->apps[i].status != 0)
            return s->apps[i].status;
    }
    return 0;
}

/*
 * When a client that does not read is given up: never while the pod runs (it stops only what it is
 * attached to), and when the pod has ended by itself those who get its last words may take all the
 * time they like (`run` or `attach` into a pager). Whoever asks for a stop shall not wait for
 * others, though.
 */
static int64_t patience_ends_ms(const struct jp_supervisor *s, const struct jp_client *client)
{
    bool matters = client->is_owner || client->session || client->is_attached;
    if (!client->queue || s->phase < JP_PHASE_STOPPING || (matters && !s->is_hurried))
        return 0;
    return client->stalled_since_ms + JP_PATIENCE_MS;
}

void jp_apps_tick(struct jp_supervisor *s, int64_t now_ms)
{
    if (s->stop_at_ms > 0 && now_ms >= s->stop_at_ms && s->phase == JP_PHASE_STOPPING)
        kill_all(s);
    jp_ready_tick(s, now_ms);
    jp_restart_tick(s, now_ms);
    jp_renew_tick(s, now_ms);
    for (struct jp_child *c = s->children; c; c = c->next) {
        if (c->kill_at_ms > 0 && now_ms >= c->kill_at_ms) {
            jp_child_signal(c, SIGKILL);
            c->kill_at_ms = 0;
        }
    }
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (patience_ends_ms(s, c) > 0 && now_ms >= patience_ends_ms(s, c))
            jp_client_drop(s, c);
    }
}

/* The earlier of two points in time, 0 standing for never. */
static int64_t sooner(int64_t a, int64_t b)
{
    return a > 0 && (b <= 0 || a < b) ? a : b;
}

int64_t jp_apps_next_deadline(const struct jp_supervisor *s)
{
    int64_t next = s->phase == JP_PHASE_STOPPING ? s->stop_at_ms : 0;
    next = sooner(jp_restart_next_ms(s), next);
    next = sooner(jp_ready_next_ms(s), next);
    next = sooner(s->phase < JP_PHASE_DRAINING ? s->look_at_ms : 0, next);
    for (const struct jp_child *c = s->children; c; c = c->next)
        next = sooner(c->has_ended ? 0 : c->kill_at_ms, next);
    for (const struct jp_client *c = s->clients; c; c = c->next)
        next = sooner(patience_ends_ms(s, c), next);
    return next;
}
