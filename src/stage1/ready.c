/*
 * Readiness: what an app says by sd_notify(3), when its image tells that it does (aci.md
 * "appc.io/executor/supports-systemd-notify"). Such an app counts as started with its READY=1, not
 * with its first instruction: `run -d`, `start` and `restart` wait for it.
 *
 * The socket lies in the app's own /dev; who is in there may speak for the app. Whatever else is
 * said is received and forgotten, so that nobody waits for us. Who takes longer than the plan
 * allows is ended, as one that could not be started.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"

#define MAX_MESSAGE 4096 /* of what is longer the rest is not looked at */
#define MAX_ROUND   64   /* messages of an app before others have their turn */

int jp_ready_begin(struct jp_supervisor *s, struct jp_app *app, struct jp_error *err)
{
    char path[JP_NOTIFY_PATH_SIZE];
    jp_ready_end(app);
    if (!app->plan->notifies)
        return 0;
    if (jp_platform.mounts->notify(s->isolation, (size_t)(app - s->apps), &app->notify_fd, path,
                                   err) < 0)
        return jp_wrap(err, "offer NOTIFY_SOCKET");
    if (app->notify_fd < 0)
        return 0;
    JP_AUTO_FREE char *variable = jp_format("NOTIFY_SOCKET=%s", path);
    if (!variable || jp_env_set(&app->plan->env, variable) < 0)
        return jp_oom(err);
    app->is_awaited = true;
    return 0;
}

void jp_ready_end(struct jp_app *app)
{
    jp_fd_close(&app->notify_fd);
    app->is_awaited = false;
    app->ready_at_ms = 0;
}

void jp_ready_count(struct jp_app *app)
{
    if (app->is_awaited && app->plan->ready_ms > 0)
        app->ready_at_ms = jp_time_monotonic_ms() + app->plan->ready_ms;
}

static bool is_due(const struct jp_app *app)
{
    return app->is_awaited && app->ready_at_ms > 0 && app->state == JP_APP_RUNNING;
}

void jp_ready_tick(struct jp_supervisor *s, int64_t now_ms)
{
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        struct jp_app *app = &s->apps[i];
        if (is_due(app) && now_ms >= app->ready_at_ms)
            jp_app_late(s, app);
    }
}

int64_t jp_ready_next_ms(const struct jp_supervisor *s)
{
    int64_t next = 0;
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        const struct jp_app *app = &s->apps[i];
        if (is_due(app) && (next == 0 || app->ready_at_ms < next))
            next = app->ready_at_ms;
    }
    return next;
}

/* "READY=1" as a line of its own. */
static bool says_ready(const char *text)
{
    static const char word[] = "READY=1";
    for (; *text; text += *text == '\n') {
        size_t len = strcspn(text, "\n");
        if (len == sizeof(word) - 1 && memcmp(text, word, len) == 0)
            return true;
        text += len;
    }
    return false;
}

bool jp_ready_hear(struct jp_app *app)
{
    char text[MAX_MESSAGE + 1];
    bool is_ready = false;
    for (int i = 0; i < MAX_ROUND; i++) {
        ssize_t n = recv(app->notify_fd, text, MAX_MESSAGE, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        text[n] = '\0';
        is_ready |= says_ready(text);
    }
    return is_ready && app->is_awaited;
}
