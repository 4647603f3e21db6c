/*
 * Limits of a pod that runs are changed (JP_CONTROL_SET): the plan is, and the back end carries it
 * out once more. Either all that was asked for is in force afterwards, or what was before.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "stage1/supervisor.h"

struct change {
    struct jp_supervisor *s;
    const struct jp_control_message *message;
    size_t told;       /* limits asked for of which the back end said what became of them */
    char refused[320]; /* the first limit asked for that the host does not enforce; "": none */
};

/* True when the message asks for that limit. */
static bool is_asked(const struct jp_control_message *message, const char *resource)
{
    size_t len = strlen(resource);
    for (size_t i = 0; i < message->argv.count; i++) {
        const char *item = message->argv.items[i];
        if (strncmp(item, resource, len) == 0 && item[len] == '=')
            return true;
    }
    return false;
}

static void judge(void *context, const struct jp_limit_report *report)
{
    struct change *c = context;
    const char *app = c->message->app;
    jp_record_add_report(c->s, report);
    bool is_same = app ? report->app && strcmp(app, report->app) == 0 : !report->app;
    if (!is_same || !is_asked(c->message, report->resource))
        return;
    c->told++;
    if (report->verdict == JP_VERDICT_IGNORED && c->refused[0] == '\0')
        (void)snprintf(c->refused, sizeof(c->refused), "%s: %s", report->resource, report->reason);
}

/*
 * Twice: where a group's limit must not be above that of the group over it, lowering both takes the
 * apps' first, raising both the pod's.
 */
static int carry_out(struct change *c, struct jp_error *err)
{
    struct jp_supervisor *s = c->s;
    for (int i = 0; i < 2; i++) {
        jp_buf_clear(&s->reports);
        c->refused[0] = '\0';
        c->told = 0;
        if (jp_platform.limits->setup(s->isolation, judge, c, err) < 0 ||
            jp_platform.limits->settle(s->isolation, judge, c, err) < 0)
            return -1;
    }
    if (c->refused[0] != '\0')
        return jp_fail(err, JP_EUNSUPPORTED, 0, "%s", c->refused);
    if (c->told < c->message->argv.count)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "%s takes no such limit",
                       c->message->app ? "an app" : "this pod");
    return 0;
}

static int read_limits(const struct jp_control_message *message, struct jp_plan_limits *ret,
                       struct jp_error *err)
{
    for (size_t i = 0; i < message->argv.count; i++) {
        char name[64];
        uint64_t number = 0;
        const char *item = message->argv.items[i];
        size_t len = strcspn(item, "=");
        (void)snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : 0), item);
        uint64_t *limit = jp_plan_limit(ret, name);
        if (!limit || item[len] != '=' || !jp_parse_u64(item + len + 1, 10, 1, UINT64_MAX, &number))
            return jp_fail(err, JP_EINVALID, 0, "no such limit: '%s'", item);
        *limit = number;
    }
    return 0;
}

int jp_limits_change(struct jp_supervisor *s, size_t app, const struct jp_control_message *message,
                     struct jp_error *err)
{
    struct jp_plan_limits *limits = app == SIZE_MAX ? &s->plan.limits : &s->plan.apps[app].limits;
    struct jp_plan_limits before = *limits, wanted = *limits;
    struct change c = {.s = s, .message = message};
    if (s->phase != JP_PHASE_RUNNING)
        return jp_fail(err, JP_EBUSY, 0, "the pod is not running");
    if (read_limits(message, &wanted, err) < 0)
        return -1;
    *limits = wanted;
    int r = carry_out(&c, err);
    if (r < 0) {
        *limits = before;
        (void)carry_out(&c, NULL);
    } else if (app == SIZE_MAX && wanted.network_bytes != before.network_bytes) {
        jp_forward_limit(s);
    }
    /* Before the answer: who asked may look at once. */
    s->record_is_stale = jp_record_write(s, NULL) < 0;
    return r;
}
