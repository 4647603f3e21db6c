/*
 * The record: the file `state` in the pod's directory, by which every other command knows the pod
 * (plan/state.h documents its members). Replaced as a whole at each change; a record that cannot be
 * written (disk full) is tried again at the next change, as long as the lock is ours, and stops
 * nothing. A pod without its apps has one of another name: it is no run.
 */
#include <unistd.h>

#include "base/time.h"
#include "plan/state.h"
#include "stage1/supervisor.h"
#include "sys/calls.h"
#include "sys/fd.h"

static void add_string(struct jp_buf *out, const char *text)
{
    jp_buf_putc(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            jp_buf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f) /* any byte: texts may quote names of an image's files */
            jp_buf_printf(out, "\\u%04x", *p);
        else
            jp_buf_putc(out, (char)*p);
    }
    jp_buf_putc(out, '"');
}

static void add_text(struct jp_buf *out, const char *key, const char *text)
{
    jp_buf_printf(out, ",\"%s\":", key);
    add_string(out, text);
}

static void add_number(struct jp_buf *out, const char *key, uint64_t number)
{
    jp_buf_printf(out, ",\"%s\":%llu", key, (unsigned long long)number);
}

static void add_time(struct jp_buf *out, const char *key, int64_t time_ns)
{
    char text[JP_TIME_SIZE];
    if (time_ns == 0)
        return;
    jp_time_format(time_ns, 9, text);
    add_text(out, key, text);
}

void jp_record_add_report(void *supervisor, const struct jp_limit_report *report)
{
    static const char *const verdicts[] = {
        [JP_VERDICT_ENFORCED] = "enforced",
        [JP_VERDICT_MODIFIED] = "modified",
        [JP_VERDICT_IGNORED] = "ignored",
    };
    struct jp_supervisor *s = supervisor;
    jp_buf_puts(&s->reports, s->reports.len > 0 ? ",{\"resource\":" : "{\"resource\":");
    add_string(&s->reports, report->resource);
    if (report->app)
        add_text(&s->reports, "app", report->app);
    add_text(&s->reports, "verdict", verdicts[report->verdict]);
    if (report->verdict != JP_VERDICT_ENFORCED)
        add_text(&s->reports, "reason", report->reason);
    jp_buf_putc(&s->reports, '}');
}

void jp_record_add_warning(struct jp_supervisor *s, const char *text)
{
    if (s->warnings.count >= JP_MAX_WARNINGS || jp_strv_contains(&s->warnings, text))
        return;
    if (jp_strv_add(&s->warnings, text) < 0)
        return; /* no memory: the pod is worth more than the text */
}

void jp_record_take_warnings(struct jp_supervisor *s)
{
    struct jp_strv *told = jp_platform.isolation->warnings(s->isolation);
    for (size_t i = 0; i < told->count; i++)
        jp_record_add_warning(s, told->items[i]);
    jp_strv_clear(told);
}

static void add_strings(struct jp_buf *out, const struct jp_strv *strings)
{
    jp_buf_putc(out, '[');
    for (size_t i = 0; i < strings->count; i++) {
        if (i > 0)
            jp_buf_putc(out, ',');
        add_string(out, strings->items[i]);
    }
    jp_buf_putc(out, ']');
}

static void add_port(struct jp_buf *out, const struct jp_plan_port *port)
{
    jp_buf_puts(out, "{\"name\":");
    add_string(out, port->name);
    add_text(out, "protocol", port->is_udp ? "udp" : "tcp");
    if (port->host_ip)
        add_text(out, "hostIP", port->host_ip);
    add_number(out, "hostPort", port->host_port);
    add_number(out, "podPort", port->pod_port);
    add_number(out, "count", port->count);
    jp_buf_puts(out, ",\"from\":");
    add_strings(out, &port->sources);
    jp_buf_putc(out, '}');
}

/* None when nobody forwards them. */
static void add_ports(struct jp_buf *out, const struct jp_supervisor *s)
{
    jp_buf_puts(out, ",\"ports\":[");
    for (size_t i = 0; s->forwarder > 0 && i < s->plan.ports.count; i++) {
        if (i > 0)
            jp_buf_putc(out, ',');
        add_port(out, &s->plan.ports.items[i]);
    }
    jp_buf_putc(out, ']');
}

static const char *app_state(const struct jp_app *app)
{
    static const char *const names[] = {
        [JP_APP_WAITING] = "waiting",       [JP_APP_STARTING] = "starting",
        [JP_APP_RUNNING] = "running",       [JP_APP_STOPPING] = "stopping",
        [JP_APP_EXITED] = "exited",         [JP_APP_FAILED] = "failed",
        [JP_APP_RESTARTING] = "restarting",
    };
    bool is_unready = app->state == JP_APP_RUNNING && app->is_awaited;
    return names[is_unready ? JP_APP_STARTING : app->state];
}

static void add_sockets(struct jp_buf *out, const struct jp_app *app)
{
    jp_buf_puts(out, ",\"sockets\":[");
    for (size_t i = 0; i < app->socket_names.count; i++) {
        const struct jp_plan_socket *socket = &app->plan->sockets[i];
        jp_buf_puts(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        add_string(out, socket->name);
        add_text(out, "protocol", socket->is_udp ? "udp" : "tcp");
        add_number(out, "port", socket->port);
        jp_buf_putc(out, '}');
    }
    jp_buf_putc(out, ']');
}

static void add_app(struct jp_buf *out, const struct jp_app *app)
{
    jp_buf_puts(out, "{\"name\":");
    add_string(out, app->plan->name);
    add_text(out, "state", app_state(app));
    if (app->state == JP_APP_RUNNING && app->child)
        add_number(out, "pid", (uint64_t)app->child->pid);
    if (app->has_status && app->ended_ns > 0)
        add_number(out, "status", (uint64_t)app->status);
    if (app->was_out_of_memory)
        jp_buf_puts(out, ",\"oom\":true");
    add_time(out, "started", app->started_ns);
    add_time(out, "ended", app->ended_ns);
    add_number(out, "restarts", app->restarts);
    add_number(out, "uid", app->identity.uid);
    add_number(out, "gid", app->identity.gid);
    if (app->socket_names.count > 0)
        add_sockets(out, app);
    if (app->error)
        add_text(out, "error", app->error);
    if (app->log.lost > 0)
        add_number(out, "lost", app->log.lost);
    jp_buf_putc(out, '}');
}

static const char *pod_state(const struct jp_supervisor *s)
{
    switch (s->phase) {
    case JP_PHASE_STARTING:
        return "starting";
    case JP_PHASE_RUNNING:
        return "running";
    case JP_PHASE_STOPPING:
    case JP_PHASE_UNDOING:
    case JP_PHASE_DRAINING:
        return "stopping";
    case JP_PHASE_OVER:
        break;
    }
    return s->has_failed ? "failed" : "exited";
}

int jp_record_text(const struct jp_supervisor *s, struct jp_buf *out, struct jp_error *err)
{
    jp_buf_printf(out, "{\"version\":%d", JP_STATE_VERSION);
    add_text(out, "uuid", s->plan.uuid);
    add_text(out, "state", pod_state(s));
    jp_buf_printf(out, ",\"supervisor\":{\"pid\":%ld,\"start\":%llu}", (long)getpid(),
                  (unsigned long long)s->start_ticks);
    add_time(out, "started", s->started_ns);
    add_time(out, "running", s->running_ns);
    add_time(out, "ended", s->ended_ns);
    if (s->has_failed)
        add_text(out, "error", jp_error_text(&s->error));
    if (s->phase == JP_PHASE_OVER)
        add_number(out, "status", (uint64_t)jp_apps_status(s));
    if (s->phase == JP_PHASE_UNDOING || s->phase == JP_PHASE_DRAINING)
        jp_buf_puts(out, ",\"undoing\":true");
    if (s->plan.will_destroy)
        jp_buf_puts(out, ",\"destroy\":true");
    jp_buf_printf(out, ",\"isolators\":[%s]", jp_buf_text(&s->reports));
    add_ports(out, s);
    jp_buf_puts(out, ",\"warnings\":");
    add_strings(out, &s->warnings);
    jp_buf_puts(out, ",\"apps\":[");
    for (size_t i = 0; s->apps && i < s->plan.n_apps; i++) {
        if (i > 0)
            jp_buf_putc(out, ',');
        add_app(out, &s->apps[i]);
    }
    jp_buf_puts(out, "]}\n");
    return jp_buf_failed(out) ? jp_oom(err) : 0;
}

int jp_record_write(struct jp_supervisor *s, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    const char *file = s->plan.without_apps ? JP_STATE_SESSIONS : JP_STATE_FILE;
    if (s->lock_fd < 0)
        return 0;
    if (jp_record_text(s, &text, err) < 0)
        return -1;
    if (jp_file_update(s->pod_fd, file, text.data, text.len, 0600, err) < 0)
        return -1;
    s->record_is_stale = false;
    return 0;
}

void jp_record_finish(struct jp_supervisor *s)
{
    if (s->plan.without_apps)
        (void)jp_sys.unlinkat(s->pod_fd, JP_STATE_SESSIONS, 0);
    else
        (void)jp_record_write(s, NULL);
}
