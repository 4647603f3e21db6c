/*
 * Apps that are started again: because the pod's policy says so, or because somebody asked for it.
 *
 * It is the same run of the pod: its world and its volumes stay, but each start has a clean root
 * (renew.c, doc/decisions/0006-restarts.md). Handlers run around each start. The pause before the
 * next one grows from JP_RESTART_FIRST_MS to JP_RESTART_LONGEST_MS, so that an app that cannot live
 * keeps nobody busy, and is short again after a run of JP_RESTART_CALM_MS. A stop ends all pauses.
 */
#include "base/time.h"
#include "stage1/supervisor.h"

bool jp_restart_is_wanted(const struct jp_supervisor *s, const struct jp_app *app)
{
    if (s->phase >= JP_PHASE_STOPPING)
        return false;
    if (app->is_ordered || s->plan.restart == JP_RESTART_ALWAYS)
        return true;
    bool has_chance = s->plan.restart_limit == 0 || app->retries < s->plan.restart_limit;
    return s->plan.restart == JP_RESTART_ON_FAILURE && app->status != 0 && has_chance;
}

static int64_t next_pause_ms(const struct jp_app *app, int64_t now_ms)
{
    if (app->pause_ms == 0 || now_ms - app->began_ms >= JP_RESTART_CALM_MS)
        return JP_RESTART_FIRST_MS;
    return app->pause_ms > JP_RESTART_LONGEST_MS / 2 ? JP_RESTART_LONGEST_MS : app->pause_ms * 2;
}

void jp_restart_pause(struct jp_supervisor *s, struct jp_app *app)
{
    int64_t now_ms = jp_time_monotonic_ms();
    if (app->is_ordered) {
        app->pause_ms = 0;
        app->retries = 0;
    } else {
        app->pause_ms = next_pause_ms(app, now_ms);
        app->retries++;
    }
    app->restart_at_ms = now_ms + app->pause_ms;
    app->state = JP_APP_RESTARTING;
    s->record_is_stale = true;
}

/*
 * What a main process of before left running may hold its output open. It is not waited for any
 * more, or descriptors would pile up with the restarts.
 */
static void let_go_of_output(struct jp_supervisor *s, size_t app)
{
    for (struct jp_child *c = s->children; c; c = c->next) {
        if (c->role == JP_ROLE_MAIN && c->app == app)
            c->is_followed = true;
    }
}

void jp_restart_tick(struct jp_supervisor *s, int64_t now_ms)
{
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        struct jp_app *app = &s->apps[i];
        if (app->state != JP_APP_RESTARTING || now_ms < app->restart_at_ms)
            continue;
        let_go_of_output(s, i);
        app->is_ordered = false;
        app->restarts++;
        app->began_ms = now_ms;
        jp_renew_begin(s, i);
    }
}

int64_t jp_restart_next_ms(const struct jp_supervisor *s)
{
    int64_t next = 0;
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        const struct jp_app *app = &s->apps[i];
        if (app->state == JP_APP_RESTARTING && (next == 0 || app->restart_at_ms < next))
            next = app->restart_at_ms;
    }
    return next;
}

void jp_restart_cancel(struct jp_supervisor *s)
{
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        s->apps[i].is_ordered = false;
        s->apps[i].will_restart = false;
        if (s->apps[i].state == JP_APP_RESTARTING)
            s->apps[i].state = JP_APP_EXITED;
    }
}

void jp_restart_tell(struct jp_supervisor *s, size_t app, const struct jp_error *error)
{
    for (struct jp_client *c = s->clients; c; c = c->next) {
        if (!c->awaits_start || c->awaited_app != app)
            continue;
        c->awaits_start = false;
        if (s->record_is_stale) /* who asked may look at once */
            (void)jp_record_write(s, NULL);
        jp_request_answer(c, error);
    }
}

void jp_restart_end_main(struct jp_supervisor *s, struct jp_app *app, int64_t grace_ms)
{
    bool is_given = grace_ms >= 0 && grace_ms <= UINT32_MAX;
    int64_t grace = is_given ? grace_ms : (int64_t)s->plan.stop_grace_ms;
    app->child->kill_at_ms = jp_time_monotonic_ms() + grace;
    jp_child_signal(app->child, app->plan->stop_signal);
}

int jp_restart_order(struct jp_supervisor *s, struct jp_client *client, size_t index,
                     int64_t grace_ms, struct jp_error *err)
{
    struct jp_app *app = &s->apps[index];
    if (s->phase != JP_PHASE_RUNNING)
        return jp_fail(err, JP_EBUSY, 0, "the pod is not running");
    if (app->state == JP_APP_WAITING)
        return jp_fail(err, JP_EBUSY, 0, "the pod runs without its apps");
    client->awaits_start = true;
    client->awaited_app = index;
    if (app->state == JP_APP_STARTING) /* it is on its way */
        return 0;
    app->is_ordered = true;
    app->will_restart = true;
    if (app->state == JP_APP_RUNNING)
        jp_restart_end_main(s, app, grace_ms);
    else if (app->state != JP_APP_STOPPING)
        jp_restart_pause(s, app); /* of no length */
    return 0;
}
