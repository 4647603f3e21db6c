/*
 * States. Derived, never remembered: somebody holds the lock or not, the record says what the
 * supervisor saw last. What contradicts itself is told as it is: a record of a living pod without
 * a lock means that its supervisor died.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"

static const char *const state_names[] = {
    [JP_POD_PREPARING] = "preparing", [JP_POD_PREPARED] = "prepared",
    [JP_POD_STARTING] = "starting",   [JP_POD_RUNNING] = "running",
    [JP_POD_STOPPING] = "stopping",   [JP_POD_EXITED] = "exited",
    [JP_POD_FAILED] = "failed",       [JP_POD_GARBAGE] = "garbage",
};

const char *jp_pod_state_name(enum jp_pod_state state)
{
    return state_names[state];
}

bool jp_pod_state_is_alive(enum jp_pod_state state)
{
    return state == JP_POD_STARTING || state == JP_POD_RUNNING || state == JP_POD_STOPPING;
}

static enum jp_pod_state state_by_name(const char *name)
{
    for (size_t i = 0; i < JP_LEN(state_names); i++) {
        if (strcmp(state_names[i], name) == 0)
            return (enum jp_pod_state)i;
    }
    return JP_POD_GARBAGE;
}

/* Between taking the lock and the supervisor's first record an older one may say "exited". */
static enum jp_pod_state derive(bool is_held, const struct jp_pod_record *record)
{
    if (is_held) {
        enum jp_pod_state state = record->is_there ? state_by_name(record->state) : JP_POD_STARTING;
        return jp_pod_state_is_alive(state) ? state : JP_POD_STARTING;
    }
    if (!record->is_there)
        return JP_POD_PREPARED;
    enum jp_pod_state state = state_by_name(record->state);
    return jp_pod_state_is_alive(state) ? JP_POD_FAILED : state;
}

/* ---- apps ---- */

static struct jp_pod_app_status *find_app(const struct jp_pod_record *record, const char *name)
{
    for (size_t i = 0; i < record->n_apps; i++) {
        if (record->apps[i].name && strcmp(record->apps[i].name, name) == 0)
            return &record->apps[i];
    }
    return NULL;
}

static int fill_app(struct jp_pod_status *status, const struct jp_store_pod_app *from,
                    struct jp_pod_record *record, struct jp_error *err)
{
    struct jp_pod_app_status *to = &status->apps[status->n_apps++];
    struct jp_pod_app_status *seen = find_app(record, from->name);
    if (seen) {
        *to = *seen;
        *seen = (struct jp_pod_app_status){.name = NULL};
    } else {
        to->name = jp_strdup(from->name);
        to->state = jp_strdup("prepared");
    }
    to->image_id = jp_strdup(from->image_id);
    /* What ran when the supervisor died does not run any more. */
    if (!jp_pod_state_is_alive(status->state)) {
        to->pid = 0;
        jp_plan_sockets_clear(&to->sockets, &to->n_sockets);
        if (to->state &&
            (strcmp(to->state, "running") == 0 || strcmp(to->state, "starting") == 0 ||
             strcmp(to->state, "stopping") == 0 || strcmp(to->state, "restarting") == 0)) {
            free(to->state);
            to->state = jp_strdup("failed");
        }
    }
    return to->name && to->state && to->image_id ? 0 : jp_oom(err);
}

static int copy_pod(const struct jp_store_pod *from, struct jp_store_pod *to, struct jp_error *err)
{
    to->uuid = jp_strdup(from->uuid);
    to->name = jp_strdup(from->name);
    to->address = jp_strdup(from->address);
    to->created_ns = from->created_ns;
    to->apps = jp_calloc(from->n_apps + 1, sizeof(*to->apps));
    if (!to->uuid || !to->name || !to->apps || (from->address && !to->address))
        return jp_oom(err);
    for (size_t i = 0; i < from->n_apps; i++) {
        struct jp_store_pod_app *app = &to->apps[to->n_apps++];
        app->name = jp_strdup(from->apps[i].name);
        app->image_id = jp_strdup(from->apps[i].image_id);
        if (!app->name || !app->image_id)
            return jp_oom(err);
    }
    return 0;
}

static int take_record(struct jp_pod_status *status, struct jp_pod_record *record,
                       struct jp_error *err)
{
    const struct jp_store_pod *pod = &status->pod;
    status->reason = jp_take(&record->error);
    if (!status->reason && status->state == JP_POD_FAILED && jp_pod_record_is_alive(record))
        status->reason = jp_strdup("its supervisor died");
    /* Under a lock that a start has just taken it may still be that of an earlier run. */
    bool is_of_now = jp_pod_state_is_alive(status->state) && jp_pod_record_is_alive(record);
    if (is_of_now) {
        status->ports = record->ports;
        record->ports = (struct jp_plan_ports){.items = NULL};
    }
    status->supervisor = is_of_now ? record->supervisor : 0;
    status->started_ns = record->started_ns;
    status->ended_ns = record->ended_ns;
    status->has_status = record->has_status;
    status->status = record->status;
    status->apps = jp_calloc(pod->n_apps + 1, sizeof(*status->apps));
    if (!status->apps)
        return jp_oom(err);
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (fill_app(status, &pod->apps[i], record, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- details ---- */

static int add_verdict(void *context, const char *app, const char *isolator,
                       enum jp_verdict verdict, const char *reason, struct jp_error *err)
{
    struct jp_pod_status *status = context;
    struct jp_pod_isolator_status *items =
        jp_realloc_array(status->isolators, status->n_isolators + 1, sizeof(*status->isolators));
    if (!items)
        return jp_oom(err);
    status->isolators = items;
    struct jp_pod_isolator_status *to = &items[status->n_isolators++];
    *to = (struct jp_pod_isolator_status){.verdict = verdict};
    to->app = jp_strdup(app);
    to->name = jp_strdup(isolator);
    to->reason = jp_strdup(reason);
    return to->name ? 0 : jp_oom(err);
}

static int judge_app(const struct jp_pod_context *ctx, const struct jp_runtime_app *app,
                     const struct jp_pod_verdicts *verdicts, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) image = JP_IMAGE_MANIFEST_INIT;
    if (app->image.id && jp_pod_load_image(ctx, app->image.id, &image, err) < 0)
        return -1;
    struct jp_plan_confine confine = {.capabilities = 0};
    struct jp_plan_limits limits = {.memory_bytes = 0};
    int result = jp_pod_confine_app(jp_runtime_app_effective(app, &image), app->name, &confine,
                                    &limits, verdicts, err);
    free(confine.seccomp);
    jp_plan_labels_clear(&confine.labels);
    return result;
}

static int add_recorded(struct jp_pod_status *status, const struct jp_pod_record *record,
                        struct jp_error *err)
{
    if (jp_strv_extend(&status->warnings, record->warnings.items, record->warnings.count) < 0)
        return jp_oom(err);
    for (size_t i = 0; i < record->n_isolators; i++) {
        const struct jp_pod_isolator_status *seen = &record->isolators[i];
        if (add_verdict(status, seen->app, seen->name ? seen->name : "?", seen->verdict,
                        seen->reason, err) < 0)
            return -1;
    }
    return 0;
}

static int name_images(struct jp_pod_status *status, const struct jp_pod_manifest *m,
                       struct jp_error *err)
{
    for (size_t i = 0; i < status->n_apps; i++) {
        const struct jp_runtime_app *app = jp_pod_manifest_find_app(m, status->apps[i].name);
        if (!app || !app->image.name || status->apps[i].image_name)
            continue;
        if (!(status->apps[i].image_name = jp_strdup(app->image.name)))
            return jp_oom(err);
    }
    return 0;
}

int jp_pod_status_name_images(const struct jp_pod_context *ctx, struct jp_pod_status *status,
                              struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    if (jp_pod_manifest(ctx, status->pod.uuid, &text, NULL) < 0 ||
        jp_pod_manifest_parse(text, strlen(text), &m, NULL) < 0)
        return 0;
    return name_images(status, &m, err);
}

static int add_details(const struct jp_pod_context *ctx, struct jp_pod_status *status,
                       const struct jp_pod_record *record, struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) m = JP_POD_MANIFEST_INIT;
    struct jp_pod_verdicts verdicts = {add_verdict, status};
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    uint8_t net = 0;
    if (jp_pod_manifest(ctx, status->pod.uuid, &status->manifest, err) < 0 ||
        jp_pod_manifest_parse(status->manifest, strlen(status->manifest), &m, err) < 0 ||
        jp_pod_net_mode(&m, &net, err) < 0 || name_images(status, &m, err) < 0 ||
        jp_pod_confine_pod(&m.isolators, &plan, &verdicts, err) < 0)
        return -1;
    for (size_t i = 0; i < m.apps.count; i++) {
        if (judge_app(ctx, &m.apps.items[i], &verdicts, err) < 0)
            return -1;
    }
    status->hostname = jp_strdup(jp_pod_hostname(&status->pod, &m));
    const char *net_name = jp_pod_manifest_annotation(&m, JP_NOTE_NET);
    status->net = jp_strdup(net_name ? net_name : JP_NETWORK_POD);
    return add_recorded(status, record, err);
}

/* ---- the whole ---- */

/* A directory that cannot be read, or a broken record: something half there. */
static int look(const struct jp_pod_context *ctx, struct jp_pod_status *status,
                struct jp_pod_record *record, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, status->pod.uuid, &pod_fd, NULL) < 0) {
        status->state = JP_POD_GARBAGE;
        return 0;
    }
    int held = jp_lock_is_held(pod_fd, JP_POD_LOCK_FILE, err);
    if (held < 0)
        return -1;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    /* What killed sessions left says nothing: the pod is as its last run left it. */
    if ((held ? jp_pod_record_now : jp_pod_record_read)(pod_fd, record, &why) < 0) {
        status->state = held ? JP_POD_RUNNING : JP_POD_FAILED;
        status->reason = jp_strdup(jp_error_text(&why));
        return 0;
    }
    status->state = derive(held == 1, record);
    return 0;
}

static int examine(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   bool with_details, struct jp_pod_status *status, struct jp_error *err)
{
    struct jp_pod_record record = {.is_there = false};
    int result = copy_pod(pod, &status->pod, err);
    const struct jp_network *network = jp_network_of(jp_pod_networks(ctx), pod->address);
    if (result == 0 && network && jp_platform.links->has_ipv6)
        status->address6 = jp_network_address6(network, pod->address);
    if (result == 0)
        result = look(ctx, status, &record, err);
    if (result == 0) {
        JP_AUTO_FREE char *broken = jp_take(&status->reason);
        result = take_record(status, &record, err);
        if (!status->reason)
            status->reason = jp_take(&broken);
    }
    if (result == 0 && with_details) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (add_details(ctx, status, &record, &why) < 0 && !status->reason)
            status->reason = jp_strdup(jp_error_text(&why));
    }
    jp_pod_record_clear(&record);
    return result;
}

int jp_pod_status(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  bool with_details, struct jp_pod_status *ret, struct jp_error *err)
{
    struct jp_pod_status status = {.state = JP_POD_GARBAGE};
    if (examine(ctx, pod, with_details, &status, err) < 0) {
        jp_pod_status_clear(&status);
        return -1;
    }
    *ret = status;
    return 0;
}

void jp_pod_status_clear(struct jp_pod_status *status)
{
    jp_store_pod_clear(&status->pod);
    /* The lists are those of a record: released as such. */
    struct jp_pod_record lists = {
        .apps = status->apps,
        .n_apps = status->n_apps,
        .isolators = status->isolators,
        .n_isolators = status->n_isolators,
        .warnings = status->warnings,
    };
    jp_pod_record_clear(&lists);
    jp_plan_ports_clear(&status->ports);
    free(status->reason);
    free(status->manifest);
    free(status->hostname);
    free(status->address6);
    free(status->net);
    *status = (struct jp_pod_status){.state = JP_POD_GARBAGE};
}

int jp_pod_list(const struct jp_pod_context *ctx, struct jp_pod_statuses *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_pods) pods = {NULL, 0};
    struct jp_pod_statuses list = {NULL, 0};
    if (jp_store_pod_list(ctx->store, &pods, err) < 0)
        return -1;
    list.items = jp_calloc(pods.count + 1, sizeof(*list.items));
    if (!list.items)
        return jp_oom(err);
    for (size_t i = 0; i < pods.count; i++) {
        if (jp_pod_status(ctx, &pods.items[i], false, &list.items[i], err) < 0) {
            jp_pod_statuses_clear(&list);
            return -1;
        }
        list.count++;
    }
    *ret = list;
    return 0;
}

void jp_pod_statuses_clear(struct jp_pod_statuses *statuses)
{
    for (size_t i = 0; i < statuses->count; i++)
        jp_pod_status_clear(&statuses->items[i]);
    free(statuses->items);
    *statuses = (struct jp_pod_statuses){NULL, 0};
}
