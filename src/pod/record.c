/*
 * Pods on disk: their manifest, their lock, and the record that the supervisor leaves
 * (plan/state.h). A pod lives exactly as long as its lock is held; a record that says otherwise is
 * that of a supervisor that was killed.
 */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "appc/timestamp.h"
#include "base/mem.h"
#include "base/time.h"
#include "plan/state.h"
#include "platform/platform.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_WARNINGS  1024  /* of a record; supervisors write fewer */
#define CALM_WAIT_MS  10000 /* for commands that look after a pod that does not run */
#define LOCK_PAUSE_MS 20    /* between looks at a lock that somebody is about to give up */

/* ---- manifest ---- */

int jp_pod_manifest(const struct jp_pod_context *ctx, const char *uuid, char **ret,
                    struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    struct jp_buf buf = JP_BUF_INIT;
    if (jp_store_pod_open(ctx->store, uuid, &fd, err) < 0)
        return -1;
    if (jp_file_read(fd, "manifest", JP_MANIFEST_MAX, &buf, err) < 0) {
        jp_buf_clear(&buf);
        return jp_wrap(err, "pod %s", uuid);
    }
    *ret = jp_buf_steal(&buf);
    return *ret ? 0 : jp_oom(err);
}

int jp_pod_load_manifest(const struct jp_pod_context *ctx, const char *uuid,
                         struct jp_pod_manifest *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *json = NULL;
    if (jp_pod_manifest(ctx, uuid, &json, err) < 0)
        return -1;
    if (jp_pod_manifest_parse(json, strlen(json), ret, err) < 0)
        return jp_wrap(err, "manifest of pod %s", uuid);
    return 0;
}

char *jp_pod_path(const struct jp_pod_context *ctx, const char *uuid)
{
    return jp_format("%s/pods/%s", jp_store_root(ctx->store), uuid);
}

/* ---- record ---- */

static char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? jp_strdup(text) : NULL;
}

static int64_t time_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    int64_t ns = 0;
    return text && jp_timestamp_parse(text, &ns, NULL) == 0 ? ns : 0;
}

static bool number_of(const json_t *object, const char *name, json_int_t max, json_int_t *ret)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
        return false;
    *ret = json_integer_value(value);
    return true;
}

static int read_sockets(const json_t *list, struct jp_pod_app_status *to, struct jp_error *err)
{
    size_t count = json_array_size(list);
    json_int_t port = 0;
    if (count > JP_PLAN_MAX_SOCKETS)
        return jp_fail(err, JP_ECORRUPT, 0, "record: too many sockets");
    if (count > 0 && !(to->sockets = jp_calloc(count, sizeof(*to->sockets))))
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        const json_t *from = json_array_get(list, i);
        const char *protocol = json_string_value(json_object_get(from, "protocol"));
        struct jp_plan_socket *socket = &to->sockets[to->n_sockets++];
        socket->name = text_of(from, "name");
        if (!socket->name || !protocol || !number_of(from, "port", 65535, &port))
            return jp_fail(err, JP_ECORRUPT, 0, "record: a socket without name or port");
        socket->is_udp = strcmp(protocol, "udp") == 0;
        socket->port = (uint32_t)port;
    }
    return 0;
}

static int read_app(const json_t *from, struct jp_pod_app_status *to, struct jp_error *err)
{
    json_int_t number = 0;
    to->name = text_of(from, "name");
    to->state = text_of(from, "state");
    to->error = text_of(from, "error");
    if (number_of(from, "pid", INT32_MAX, &number))
        to->pid = (pid_t)number;
    to->has_status = number_of(from, "status", INT32_MAX, &number);
    to->status = to->has_status ? (int)number : 0;
    to->out_of_memory = json_is_true(json_object_get(from, "oom"));
    to->started_ns = time_of(from, "started");
    to->ended_ns = time_of(from, "ended");
    if (number_of(from, "restarts", UINT32_MAX, &number))
        to->restarts = (uint32_t)number;
    return read_sockets(json_object_get(from, "sockets"), to, err);
}

static void read_isolator(const json_t *from, struct jp_pod_isolator_status *to)
{
    const char *resource = json_string_value(json_object_get(from, "resource"));
    const char *verdict = json_string_value(json_object_get(from, "verdict"));
    bool is_whole = resource && strchr(resource, '/');
    to->name = jp_format("%s%s", is_whole ? "" : "resource/", resource ? resource : "?");
    to->app = text_of(from, "app");
    to->reason = text_of(from, "reason");
    to->verdict = verdict && strcmp(verdict, "enforced") == 0   ? JP_VERDICT_ENFORCED
                  : verdict && strcmp(verdict, "modified") == 0 ? JP_VERDICT_MODIFIED
                                                                : JP_VERDICT_IGNORED;
}

static int read_strings(const json_t *list, struct jp_strv *ret, struct jp_error *err)
{
    size_t index;
    const json_t *item;
    if (json_array_size(list) > MAX_WARNINGS)
        return jp_fail(err, JP_ECORRUPT, 0, "record: too many texts");
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (text && jp_strv_add(ret, text) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int read_port(const json_t *from, struct jp_plan_port *to, struct jp_error *err)
{
    const char *protocol = json_string_value(json_object_get(from, "protocol"));
    json_int_t host = 0, pod = 0, count = 0;
    to->name = text_of(from, "name");
    to->host_ip = text_of(from, "hostIP");
    if (!to->name || !protocol || !number_of(from, "hostPort", 65535, &host) ||
        !number_of(from, "podPort", 65535, &pod) || !number_of(from, "count", 65535, &count))
        return jp_fail(err, JP_ECORRUPT, 0, "record: a port without name or number");
    to->is_udp = strcmp(protocol, "udp") == 0;
    to->host_port = (uint32_t)host;
    to->pod_port = (uint32_t)pod;
    to->count = (uint32_t)count;
    return read_strings(json_object_get(from, "from"), &to->sources, err);
}

static int read_ports(const json_t *list, struct jp_plan_ports *ret, struct jp_error *err)
{
    size_t count = json_array_size(list);
    if (count > JP_PORT_MAX)
        return jp_fail(err, JP_ECORRUPT, 0, "record: too many ports");
    if (count > 0 && !(ret->items = jp_calloc(count, sizeof(*ret->items))))
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        if (read_port(json_array_get(list, i), &ret->items[ret->count++], err) < 0)
            return -1;
    }
    return 0;
}

static int read_lists(const json_t *root, struct jp_pod_record *record, struct jp_error *err)
{
    const json_t *apps = json_object_get(root, "apps");
    const json_t *isolators = json_object_get(root, "isolators");
    size_t n_apps = json_array_size(apps);
    size_t n_isolators = json_array_size(isolators);
    if (n_apps > JP_PLAN_MAX_APPS || n_isolators > 4 * JP_PLAN_MAX_APPS)
        return jp_fail(err, JP_ECORRUPT, 0, "record: too many apps");
    record->apps = jp_calloc(n_apps + 1, sizeof(*record->apps));
    record->isolators = jp_calloc(n_isolators + 1, sizeof(*record->isolators));
    if (!record->apps || !record->isolators)
        return jp_oom(err);
    for (size_t i = 0; i < n_apps; i++) {
        if (read_app(json_array_get(apps, i), &record->apps[record->n_apps++], err) < 0)
            return -1;
        if (!record->apps[i].name || !record->apps[i].state)
            return jp_fail(err, JP_ECORRUPT, 0, "record: an app without name or state");
    }
    for (size_t i = 0; i < n_isolators; i++)
        read_isolator(json_array_get(isolators, i), &record->isolators[record->n_isolators++]);
    return 0;
}

static int read_root(const json_t *root, struct jp_pod_record *record, struct jp_error *err)
{
    json_int_t number = 0;
    if (!number_of(root, "version", JP_STATE_VERSION, &number))
        return jp_fail(err, JP_EUNSUPPORTED, 0, "record: of another version of Jetpack");
    record->is_there = true;
    record->state = text_of(root, "state");
    record->error = text_of(root, "error");
    record->is_undoing = json_is_true(json_object_get(root, "undoing"));
    record->will_destroy = json_is_true(json_object_get(root, "destroy"));
    record->started_ns = time_of(root, "started");
    record->ended_ns = time_of(root, "ended");
    record->has_status = number_of(root, "status", INT32_MAX, &number);
    record->status = record->has_status ? (int)number : 0;
    const json_t *supervisor = json_object_get(root, "supervisor");
    if (number_of(supervisor, "pid", INT32_MAX, &number))
        record->supervisor = (pid_t)number;
    if (number_of(supervisor, "start", INT64_MAX, &number))
        record->supervisor_start = (uint64_t)number;
    if (!record->state)
        return jp_fail(err, JP_ECORRUPT, 0, "record: no state");
    if (read_strings(json_object_get(root, "warnings"), &record->warnings, err) < 0 ||
        read_ports(json_object_get(root, "ports"), &record->ports, err) < 0)
        return -1;
    return read_lists(root, record, err);
}

int jp_pod_record_parse(const char *json, size_t len, struct jp_pod_record *ret,
                        struct jp_error *err)
{
    json_error_t where;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root)) {
        json_decref(root);
        return jp_fail(err, JP_ECORRUPT, 0, "record: not a JSON object");
    }
    struct jp_pod_record record = {.is_there = false};
    int result = read_root(root, &record, err);
    json_decref(root);
    if (result < 0)
        jp_pod_record_clear(&record);
    else
        *ret = record;
    return result;
}

static int read_record(int pod_fd, const char *file, struct jp_pod_record *ret,
                       struct jp_error *err)
{
    struct jp_buf buf = JP_BUF_INIT;
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    int result = jp_file_read(pod_fd, file, JP_STATE_MAX_BYTES, &buf, &local);
    if (result < 0 && local.code == JP_ENOTFOUND) {
        *ret = (struct jp_pod_record){.is_there = false};
        result = 0;
    } else if (result < 0) {
        jp_error_move(err, &local);
    } else {
        result = jp_pod_record_parse(jp_buf_text(&buf), buf.len, ret, err);
    }
    jp_buf_clear(&buf);
    return result;
}

int jp_pod_record_read(int pod_fd, struct jp_pod_record *ret, struct jp_error *err)
{
    return read_record(pod_fd, JP_STATE_FILE, ret, err);
}

int jp_pod_record_now(int pod_fd, struct jp_pod_record *ret, struct jp_error *err)
{
    if (read_record(pod_fd, JP_STATE_SESSIONS, ret, err) < 0)
        return -1;
    ret->is_of_sessions = ret->is_there;
    return ret->is_there ? 0 : jp_pod_record_read(pod_fd, ret, err);
}

static void clear_app(struct jp_pod_app_status *app)
{
    free(app->name);
    free(app->image_id);
    free(app->image_name);
    free(app->state);
    free(app->error);
    jp_plan_sockets_clear(&app->sockets, &app->n_sockets);
}

static void clear_isolator(struct jp_pod_isolator_status *isolator)
{
    free(isolator->app);
    free(isolator->name);
    free(isolator->reason);
}

void jp_pod_record_clear(struct jp_pod_record *record)
{
    for (size_t i = 0; i < record->n_apps; i++)
        clear_app(&record->apps[i]);
    for (size_t i = 0; i < record->n_isolators; i++)
        clear_isolator(&record->isolators[i]);
    free(record->apps);
    free(record->isolators);
    free(record->state);
    free(record->error);
    jp_strv_clear(&record->warnings);
    jp_plan_ports_clear(&record->ports);
    *record = (struct jp_pod_record){.is_there = false};
}

bool jp_pod_record_is_alive(const struct jp_pod_record *record)
{
    static const char *const words[] = {"starting", "running", "stopping"};
    for (size_t i = 0; record->is_there && i < JP_LEN(words); i++) {
        if (strcmp(record->state, words[i]) == 0)
            return true;
    }
    return false;
}

/* Apps that ran when the supervisor died ended with it, nobody knows how. */
static void fail_apps(json_t *root)
{
    json_t *apps = json_object_get(root, "apps");
    for (size_t i = 0; i < json_array_size(apps) && i < JP_PLAN_MAX_APPS; i++) {
        json_t *app = json_array_get(apps, i);
        const char *state = json_string_value(json_object_get(app, "state"));
        if (state && strcmp(state, "exited") != 0) {
            (void)json_object_set_new(app, "state", json_string("failed"));
            (void)json_object_del(app, "pid");
        }
    }
}

int jp_pod_record_fail(int pod_fd, const char *uuid, const char *reason, struct jp_error *err)
{
    struct jp_buf buf = JP_BUF_INIT;
    json_t *root = NULL;
    if (jp_file_read(pod_fd, JP_STATE_FILE, JP_STATE_MAX_BYTES, &buf, NULL) == 0)
        root = json_loadb(jp_buf_text(&buf), buf.len, JSON_REJECT_DUPLICATES, NULL);
    jp_buf_clear(&buf);
    if (!json_is_object(root)) {
        json_decref(root);
        root = json_pack("{s:i,s:s,s:[]}", "version", JP_STATE_VERSION, "uuid", uuid, "apps");
    }
    if (!root)
        return jp_oom(err);
    char now[JP_TIME_SIZE];
    jp_time_format(jp_time_now_ns(), 9, now);
    (void)json_object_set_new(root, "state", json_string("failed"));
    (void)json_object_set_new(root, "error", json_string(reason));
    (void)json_object_set_new(root, "ended", json_string(now));
    fail_apps(root);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text)
        return jp_oom(err);
    int result = jp_file_update(pod_fd, JP_STATE_FILE, text, strlen(text), 0600, err);
    free(text);
    return result;
}

/* ---- lock ---- */

int jp_pod_lock(const struct jp_store_pod *pod, int pod_fd, struct jp_error *err)
{
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    int fd = jp_lock_take(pod_fd, JP_POD_LOCK_FILE, JP_LOCK_LIFE, false, &local);
    if (fd >= 0)
        return fd;
    if (local.code != JP_EBUSY) {
        jp_error_move(err, &local);
        return jp_wrap(err, "pod '%s'", pod->name);
    }
    struct jp_pod_record record = {.is_there = false};
    (void)jp_pod_record_now(pod_fd, &record, NULL);
    if (record.is_of_sessions)
        jp_fail(
            err, JP_EBUSY, 0,
            "pod '%s' does not run, but exec, console or cp is at work in it: wait for that, or "
            "end it with 'jetpack stop %s'",
            pod->name, pod->name);
    else
        jp_fail(err, JP_EBUSY, 0, "pod '%s' is %s", pod->name,
                jp_pod_record_is_alive(&record) ? record.state : "in use by another command");
    jp_pod_record_clear(&record);
    return -1;
}

static bool is_alive(int pod_fd)
{
    struct jp_pod_record record = {.is_there = false};
    bool is = jp_pod_record_now(pod_fd, &record, NULL) == 0 && jp_pod_record_is_alive(&record);
    jp_pod_record_clear(&record);
    return is;
}

int jp_pod_lock_calm(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                     struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + CALM_WAIT_MS;
    for (;;) {
        JP_AUTO(jp_error) local = JP_ERROR_INIT;
        int fd = jp_pod_lock(pod, pod_fd, &local);
        if (fd >= 0)
            return fd;
        if (local.code != JP_EBUSY || is_alive(pod_fd) || jp_time_monotonic_ms() >= end) {
            jp_error_move(err, &local);
            return -1;
        }
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
}

int jp_pod_lock_wait(const struct jp_pod_context *ctx, int pod_fd, int64_t timeout_ms,
                     struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + timeout_ms;
    for (;;) {
        JP_AUTO(jp_error) local = JP_ERROR_INIT;
        int fd = jp_lock_take(pod_fd, JP_POD_LOCK_FILE, JP_LOCK_LIFE, false, &local);
        if (fd >= 0)
            return fd;
        if (local.code != JP_EBUSY || (timeout_ms >= 0 && jp_time_monotonic_ms() >= end)) {
            jp_error_move(err, &local);
            return -1;
        }
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
}

int jp_pod_clean_system(const struct jp_pod_context *ctx, const char *uuid, struct jp_error *err)
{
    JP_AUTO_FREE char *dir = jp_pod_path(ctx, uuid);
    if (!dir)
        return jp_oom(err);
    /* All three are tried: one that fails must not keep the others' things. */
    int result = jp_platform.isolation->clean(uuid, dir, err);
    if (jp_platform.limits->clean(uuid, dir, result < 0 ? NULL : err) < 0)
        result = -1;
    if (jp_platform.links->clean(uuid, dir, result < 0 ? NULL : err) < 0)
        result = -1;
    return result < 0 ? jp_wrap(err, "clean up after pod %s", uuid) : 0;
}
