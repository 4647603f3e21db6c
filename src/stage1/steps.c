/*
 * The pod's world as a list of steps: walked forward to build it, backward to take it down, from
 * wherever the way forward ended. Each undo is fine with nothing to undo. (The pattern is that of
 * FreeBSD's jail(8).) What a killed supervisor leaves is not this file's business: the back ends'
 * clean calls find it by the pod's UUID.
 */
#include <sys/file.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/names.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"

struct step {
    const char *name; /* of what is made; NULL: the call's own text says it all */
    bool is_per_app;
    bool is_once; /* not for an app that is started again */
    int (*build)(struct jp_supervisor *s, size_t app, struct jp_error *err);
    void (*undo)(struct jp_supervisor *s, size_t app);
};

static int make_isolation(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    return jp_platform.isolation->create(&s->plan, s->stage2_fd, &s->isolation, err);
}

static void undo_isolation(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    jp_platform.isolation->destroy(s->isolation);
    s->isolation = NULL;
}

struct judgement {
    struct jp_supervisor *s;
    char ignored[320]; /* what is to be said of the first limit that is ignored; "": none is */
};

static void judge(void *context, const struct jp_limit_report *report)
{
    struct judgement *j = context;
    jp_record_add_report(j->s, report);
    if (report->verdict != JP_VERDICT_IGNORED)
        return;
    char text[sizeof(j->ignored)];
    (void)snprintf(text, sizeof(text), "%s%s%sisolator '%s%s' is ignored: %s",
                   report->app ? "app '" : "", report->app ? report->app : "",
                   report->app ? "': " : "", strchr(report->resource, '/') ? "" : "resource/",
                   report->resource, report->reason);
    jp_record_add_warning(j->s, text);
    if (j->ignored[0] == '\0')
        memcpy(j->ignored, text, sizeof(text));
}

static void undo_limits(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    jp_platform.limits->teardown(s->isolation);
}

/* Only now it shows what this host can do; what cannot be on any host was refused before. */
static int sentence(const struct judgement *j, struct jp_error *err)
{
    if (!j->s->plan.is_strict || j->ignored[0] == '\0')
        return 0;
    return jp_fail(err, JP_EUNSUPPORTED, 0, "%s, and the pod is strict", j->ignored);
}

static int make_limits(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    struct judgement j = {.s = s};
    if (jp_platform.limits->setup(s->isolation, judge, &j, err) < 0)
        return -1;
    if (sentence(&j, err) == 0)
        return 0;
    undo_limits(s, app);
    return -1;
}

static int make_settings(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    struct judgement j = {.s = s};
    if (jp_platform.limits->settle(s->isolation, judge, &j, err) < 0)
        return -1;
    return sentence(&j, err);
}

static int make_links(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    return jp_platform.links->setup(s->isolation, err);
}

static void undo_links(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    jp_platform.links->teardown(s->isolation);
}

static int open_sockets(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    return jp_sockets_open(s, err);
}

static void close_sockets(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    jp_sockets_close(s);
}

static int begin_ports(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    return jp_forward_begin(s, err);
}

static int await_ports(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    return jp_forward_await(s, err);
}

static void undo_ports(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    jp_forward_end(s);
}

static int make_root(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    return jp_platform.mounts->root(s->isolation, app, &s->apps[app].root_fd, err);
}

static void undo_root(struct jp_supervisor *s, size_t app)
{
    jp_fd_close(&s->apps[app].root_fd);
}

/* Read here, from the clean root, before volumes can put other files in its place. */
static int find_users(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    struct jp_app *a = &s->apps[app];
    if (jp_identity_of_app(a->plan, a->root_fd, &a->identity, err) < 0)
        return -1;
    return jp_identity_add_env(&a->identity, /* replaces= */ false, &a->plan->env, err);
}

static int make_volumes(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    for (size_t i = 0; i < s->plan.apps[app].n_mounts; i++) {
        if (jp_platform.mounts->volume(s->isolation, app, i, err) < 0)
            return jp_wrap(err, "mount '%s'", s->plan.apps[app].mounts[i].path);
    }
    return 0;
}

static int seal(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    return jp_platform.mounts->seal(s->isolation, app, err);
}

static int make_nothing(JP_UNUSED struct jp_supervisor *s, JP_UNUSED size_t app,
                        JP_UNUSED struct jp_error *err)
{
    return 0;
}

/*
 * Everything in the pod dies, ours are reaped, then its world ends. Only then can control groups be
 * removed.
 */
static void undo_processes(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    /* Nothing of ours runs any more: what else is in there dies with the world below. */
    if (s->children)
        (void)jp_platform.isolation->signal(s->isolation, SIGKILL, NULL);
    for (struct jp_child *c = s->children; c; c = c->next)
        jp_child_signal(c, SIGKILL);
    s->skips_handlers = true;
    jp_renew_end(s);
    jp_children_reap(s, /* waits= */ true);
    jp_platform.isolation->kill(s->isolation);
}

#define LOCK_TRIES    100 /* the service looks whether the file is locked: for a moment it is its */
#define LOCK_PAUSE_MS 10

/*
 * The metadata service knows the pod as long as its file is there and locked by us. A lock that
 * cannot be had is the service's doing, and its loss: the pod is not kept from starting.
 */
static int hold_registration(struct jp_supervisor *s, JP_UNUSED size_t app, struct jp_error *err)
{
    if (!s->plan.registration)
        return 0;
    s->registration_fd = open(s->plan.registration, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->registration_fd < 0)
        return jp_fail_sys(err, "open '%s'", s->plan.registration);
    for (int i = 0; i < LOCK_TRIES && flock(s->registration_fd, LOCK_EX | LOCK_NB) < 0; i++)
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    return 0;
}

static void undo_registration(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    if (s->plan.registration)
        (void)unlink(s->plan.registration);
    jp_fd_close(&s->registration_fd);
}

/* Entered by who started us, before anything of the pod was there. */
static void undo_names(struct jp_supervisor *s, JP_UNUSED size_t app)
{
    if (s->plan.net.names)
        jp_names_leave(s->plan.net.names, s->plan.uuid);
}

static const struct step steps[] = {
    {"registration", false, false, hold_registration, undo_registration},
    {"names", false, false, make_nothing, undo_names},
    {"isolation", false, false, make_isolation, undo_isolation},
    {"limits", false, false, make_limits, undo_limits},
    {"network", false, false, make_links, undo_links},
    {"settings", false, false, make_settings, NULL},
    {NULL, false, false, open_sockets, close_sockets},
    {"published ports", false, false, begin_ports, undo_ports},
    {"root", true, false, make_root, undo_root},
    {NULL, true, true, find_users, NULL},
    {"volumes", true, false, make_volumes, NULL},
    {"file systems", true, false, seal, NULL},
    {"published ports", false, false, await_ports, NULL},
    {NULL, false, false, make_nothing, undo_processes},
};

/*
 * Step and app of the n-th stop of the walk: neighbouring steps per app are walked for one app
 * after the other. False after the last.
 */
static bool locate(const struct jp_supervisor *s, size_t n, const struct step **ret_step,
                   size_t *ret_app)
{
    size_t i = 0;
    while (i < JP_LEN(steps)) {
        size_t width = 1; /* steps of this group */
        size_t times = 1;
        if (steps[i].is_per_app) {
            times = s->plan.n_apps;
            while (i + width < JP_LEN(steps) && steps[i + width].is_per_app)
                width++;
        }
        if (n < width * times) {
            *ret_step = &steps[i + n % width];
            *ret_app = n / width;
            return true;
        }
        n -= width * times;
        i += width;
    }
    return false;
}

static int build(struct jp_supervisor *s, const struct step *step, size_t app, struct jp_error *err)
{
    if (step->build(s, app, err) == 0)
        return 0;
    if (step->name)
        jp_wrap(err, "%s", step->name);
    return -1;
}

int jp_world_renew(struct jp_supervisor *s, size_t app, struct jp_error *err)
{
    for (size_t i = 0; i < JP_LEN(steps); i++) {
        if (steps[i].is_per_app && !steps[i].is_once && build(s, &steps[i], app, err) < 0)
            return -1;
    }
    return 0;
}

int jp_world_build(struct jp_supervisor *s, struct jp_error *err)
{
    const struct step *step;
    size_t app;
    while (locate(s, s->steps_done, &step, &app)) {
        if (jp_loop_was_asked_to_stop() || s->phase >= JP_PHASE_STOPPING)
            return jp_fail(err, JP_EINTERRUPTED, 0, "stopped before it was started");
        if (build(s, step, app, err) < 0)
            return step->is_per_app ? jp_wrap(err, "app %s", s->plan.apps[app].name) : -1;
        s->steps_done++;
    }
    return 0;
}

void jp_world_undo(struct jp_supervisor *s)
{
    const struct step *step;
    size_t app;
    for (; s->steps_done > 0; s->steps_done--) {
        if (locate(s, s->steps_done - 1, &step, &app) && step->undo)
            step->undo(s, app);
    }
}
