/* list, show, manifest: what pods there are and how they are. */
#include <stdio.h>
#include <string.h>

#include "appc/pod_manifest.h"
#include "base/buf.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "pod/inspect.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *sockets_json(const struct jp_pod_app_status *app)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < app->n_sockets; i++) {
        const struct jp_plan_socket *socket = &app->sockets[i];
        (void)json_array_append_new(
            list, json_pack("{s:o, s:s, s:i}", "name", jp_json_text(socket->name), "protocol",
                            socket->is_udp ? "udp" : "tcp", "port", (int)socket->port));
    }
    return list;
}

static json_t *app_json(const struct jp_pod_app_status *app)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:i, s:o, s:o}", "name",
                     jp_json_text(app->name), "image", jp_json_text(app->image_id), "image_name",
                     jp_json_text(app->image_name), "state", jp_json_text(app->state), "pid",
                     app->pid ? json_integer(app->pid) : json_null(), "exit",
                     app->has_status ? jp_json_status(app->status) : json_null(), "out_of_memory",
                     (int)app->out_of_memory, "started", jp_json_time(app->started_ns), "ended",
                     jp_json_time(app->ended_ns), "restarts", (int)app->restarts, "error",
                     jp_json_text(app->error), "sockets", sockets_json(app));
}

static json_t *ports_json(const struct jp_plan_ports *ports)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < ports->count; i++) {
        const struct jp_plan_port *port = &ports->items[i];
        json_t *from = json_array();
        for (size_t k = 0; from && k < port->sources.count; k++)
            (void)json_array_append_new(from, jp_json_text(port->sources.items[k]));
        (void)json_array_append_new(
            list,
            json_pack("{s:o, s:s, s:o, s:i, s:i, s:i, s:o}", "name", jp_json_text(port->name),
                      "protocol", port->is_udp ? "udp" : "tcp", "host_ip",
                      jp_json_text(port->host_ip), "host_port", (int)port->host_port, "pod_port",
                      (int)port->pod_port, "count", (int)port->count, "from", from));
    }
    return list;
}

static json_t *pod_json(const struct jp_pod_status *pod)
{
    json_t *apps = json_array();
    for (size_t i = 0; apps && i < pod->n_apps; i++)
        (void)json_array_append_new(apps, app_json(&pod->apps[i]));
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "uuid",
                     pod->pod.uuid, "name", jp_json_text(pod->pod.name), "state",
                     jp_pod_state_name(pod->state), "reason", jp_json_text(pod->reason), "address",
                     jp_json_text(pod->pod.address), "address6", jp_json_text(pod->address6),
                     "ports", ports_json(&pod->ports), "supervisor",
                     pod->supervisor ? json_integer(pod->supervisor) : json_null(), "created",
                     jp_json_time(pod->pod.created_ns), "started", jp_json_time(pod->started_ns),
                     "ended", jp_json_time(pod->ended_ns), "exit",
                     pod->has_status ? jp_json_status(pod->status) : json_null(), "apps", apps);
}

/* ---- filters --------------------------------------------------------------------------------- */

struct filter {
    char *name; /* owned */
    const char *value;
};

/* True when a pair of the manifest, of the pod or of one of its apps, has that name and value. */
static bool has_pair(const char *json, const char *name, const char *value, bool is_label)
{
    JP_AUTO(jp_pod_manifest) manifest = JP_POD_MANIFEST_INIT;
    if (!json || jp_pod_manifest_parse(json, strlen(json), &manifest, NULL) < 0)
        return false;
    const char *found =
        jp_pairs_get(is_label ? &manifest.user_labels : &manifest.annotations, name);
    if (!found && !is_label)
        found = jp_pairs_get(&manifest.user_annotations, name);
    bool fits = found && strcmp(found, value) == 0;
    for (size_t i = 0; !fits && !is_label && i < manifest.apps.count; i++) {
        found = jp_pairs_get(&manifest.apps.items[i].annotations, name);
        fits = found && strcmp(found, value) == 0;
    }
    return fits;
}

static bool has_app(const struct jp_pod_status *pod, const char *value, bool by_image)
{
    for (size_t i = 0; i < pod->n_apps; i++) {
        const struct jp_pod_app_status *app = &pod->apps[i];
        if (!by_image && app->name && strcmp(app->name, value) == 0)
            return true;
        if (by_image && ((app->image_name && strcmp(app->image_name, value) == 0) ||
                         (app->image_id && strncmp(app->image_id, value, strlen(value)) == 0)))
            return true;
    }
    return false;
}

static bool is_state(const char *word)
{
    for (int state = JP_POD_PREPARING; state <= JP_POD_GARBAGE; state++)
        if (strcmp(jp_pod_state_name((enum jp_pod_state)state), word) == 0)
            return true;
    return false;
}

static int fits_manifest(struct jp_cli *cli, const struct filter *filter,
                         const struct jp_pod_status *pod, struct jp_error *err)
{
    JP_AUTO_FREE char *text = NULL;
    bool is_label = strncmp(filter->name, "label:", 6) == 0;
    if (jp_pod_manifest(jp_cli_pods(cli, err), pod->pod.uuid, &text, NULL) < 0)
        return 0; /* a damaged pod has no labels */
    return has_pair(text, strchr(filter->name, ':') + 1, filter->value, is_label);
}

static int fits(struct jp_cli *cli, const struct filter *filter, const struct jp_pod_status *pod,
                struct jp_error *err)
{
    const char *name = filter->name;
    if (strcmp(name, "state") == 0 && !is_state(filter->value))
        return jp_fail(err, JP_EUSAGE, 0, "-filter=state=%s: no such state", filter->value);
    if (strcmp(name, "state") == 0)
        return strcmp(jp_pod_state_name(pod->state), filter->value) == 0;
    if (strcmp(name, "name") == 0)
        return pod->pod.name && strcmp(pod->pod.name, filter->value) == 0;
    if (strcmp(name, "app") == 0 || strcmp(name, "image") == 0)
        return has_app(pod, filter->value, name[0] == 'i');
    if (strncmp(name, "label:", 6) == 0 || strncmp(name, "annotation:", 11) == 0)
        return fits_manifest(cli, filter, pod, err);
    return jp_fail(err, JP_EUSAGE, 0,
                   "-filter=%s: expected state, name, app, image, label:NAME or annotation:NAME",
                   name);
}

/* All filters must fit. */
static int fits_all(struct jp_cli *cli, const struct jp_pod_status *pod, struct jp_error *err)
{
    for (size_t i = 0; i < cli->args.n_given; i++) {
        const struct jp_cli_given *given = &cli->args.given[i];
        if (strcmp(given->option->name, "filter") != 0)
            continue;
        const char *equals = strchr(given->value, '=');
        if (!equals)
            return jp_fail(err, JP_EUSAGE, 0, "-filter=%s: expected NAME=VALUE", given->value);
        JP_AUTO_FREE char *name = strndup(given->value, (size_t)(equals - given->value));
        struct filter filter = {name, equals + 1};
        int r = name ? fits(cli, &filter, pod, err) : jp_oom(err);
        if (r <= 0)
            return r;
    }
    return 1;
}

/* ---- list ------------------------------------------------------------------------------------ */

static void print_numbers(struct jp_buf *out, uint32_t first, uint32_t count)
{
    jp_buf_printf(out, "%u", first);
    if (count > 1)
        jp_buf_printf(out, "-%u", first + count - 1);
}

/* "192.0.2.1:8000-8002->80-82/tcp": where it is on the host, and in the pod. */
static void print_port(struct jp_buf *out, const struct jp_plan_port *port)
{
    bool is_v6 = port->host_ip && strchr(port->host_ip, ':');
    if (port->host_ip)
        jp_buf_printf(out, is_v6 ? "[%s]:" : "%s:", port->host_ip);
    print_numbers(out, port->host_port, port->count);
    if (port->host_port != port->pod_port) {
        jp_buf_puts(out, "->");
        print_numbers(out, port->pod_port, port->count);
    }
    jp_buf_puts(out, port->is_udp ? "/udp" : "/tcp");
}

static void add_row(struct jp_table *table, const struct jp_pod_status *pod, bool is_long)
{
    struct jp_buf apps = JP_BUF_INIT;
    struct jp_buf ports = JP_BUF_INIT;
    char word[JP_WORD_SIZE];
    for (size_t i = 0; i < pod->n_apps; i++) {
        const struct jp_pod_app_status *app = &pod->apps[i];
        jp_buf_printf(&apps, "%s%s", i ? ", " : "", app->name);
        if (is_long)
            jp_buf_printf(&apps, " (%s)", app->image_name ? app->image_name : app->image_id);
        if (app->restarts > 0)
            jp_buf_printf(&apps, " (restarts: %u)", app->restarts);
    }
    for (size_t i = 0; i < pod->ports.count; i++) {
        jp_buf_puts(&ports, i ? ", " : "");
        print_port(&ports, &pod->ports.items[i]);
    }
    jp_table_add(table, pod->pod.uuid);
    jp_table_add(table, pod->pod.name);
    jp_table_add(table, jp_pod_state_name(pod->state));
    jp_table_add(table, pod->pod.address);
    jp_table_add(table, ports.len > 0 ? jp_buf_text(&ports) : NULL);
    jp_table_add(table, jp_buf_text(&apps));
    jp_format_age(pod->pod.created_ns, word);
    jp_table_add(table, word);
    jp_buf_clear(&apps);
    jp_buf_clear(&ports);
}

int jp_cmd_list(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_pod_statuses) pods = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_list(ctx, &pods, err) < 0)
        return -1;
    bool wants_json = jp_cli_wants_json(&cli->args);
    bool is_quiet = jp_cli_has(&cli->args, "quiet");
    /* They are in the manifests: read only when they are shown or asked for. */
    bool wants_names =
        wants_json || jp_cli_has(&cli->args, "long") || jp_cli_has(&cli->args, "filter");
    json_t *list = wants_json ? json_array() : NULL;
    struct jp_table table =
        jp_table_new("ID|NAME|STATUS|IP|PORTS|APPS|AGE", jp_cli_has(&cli->args, "no-header"));
    int r = 0;
    for (size_t i = 0; r >= 0 && i < pods.count; i++) {
        if (wants_names && jp_pod_status_name_images(ctx, &pods.items[i], err) < 0)
            r = -1;
        else
            r = fits_all(cli, &pods.items[i], err);
        if (r <= 0)
            continue;
        if (wants_json)
            (void)json_array_append_new(list, pod_json(&pods.items[i]));
        else if (is_quiet)
            (void)printf("%s\n", pods.items[i].pod.uuid);
        else
            add_row(&table, &pods.items[i], jp_cli_has(&cli->args, "long"));
    }
    if (r < 0 || wants_json || is_quiet)
        jp_strv_clear(&table.cells);
    if (r < 0) {
        json_decref(list);
        return -1;
    }
    if (wants_json)
        return jp_print_json(list, err);
    return is_quiet ? 0 : jp_table_print(&table, err);
}

/* ---- show ------------------------------------------------------------------------------------ */

static const char *verdict_name(enum jp_verdict verdict)
{
    static const char *const names[] = {
        [JP_VERDICT_ENFORCED] = "enforced",
        [JP_VERDICT_MODIFIED] = "modified",
        [JP_VERDICT_IGNORED] = "ignored",
    };
    return names[verdict];
}

static json_t *details_json(const struct jp_pod_status *pod)
{
    json_t *object = pod_json(pod);
    json_t *isolators = json_array();
    for (size_t i = 0; i < pod->n_isolators; i++) {
        const struct jp_pod_isolator_status *isolator = &pod->isolators[i];
        (void)json_array_append_new(isolators, json_pack("{s:o, s:o, s:s, s:o}", "app",
                                                         jp_json_text(isolator->app), "name",
                                                         jp_json_text(isolator->name), "verdict",
                                                         verdict_name(isolator->verdict), "reason",
                                                         jp_json_text(isolator->reason)));
    }
    json_t *warnings = json_array();
    for (size_t i = 0; i < pod->warnings.count; i++)
        (void)json_array_append_new(warnings, jp_json_text(pod->warnings.items[i]));
    json_t *manifest = pod->manifest ? json_loads(pod->manifest, 0, NULL) : NULL;
    if (!object)
        return NULL;
    (void)json_object_set_new(object, "hostname", jp_json_text(pod->hostname));
    (void)json_object_set_new(object, "net", jp_json_text(pod->net));
    (void)json_object_set_new(object, "isolators", isolators);
    (void)json_object_set_new(object, "warnings", warnings);
    (void)json_object_set_new(object, "manifest", manifest ? manifest : json_null());
    return object;
}

static void show_time(const char *title, int64_t time_ns)
{
    char word[JP_WORD_SIZE];
    jp_format_time(time_ns, word);
    jp_show_line(title, time_ns ? word : NULL);
}

static void show_sockets(const struct jp_pod_app_status *app)
{
    for (size_t i = 0; i < app->n_sockets; i++) {
        const struct jp_plan_socket *socket = &app->sockets[i];
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s %u/%s", socket->name, socket->port,
                      socket->is_udp ? "udp" : "tcp");
        jp_show_line(i ? "" : "  Sockets", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
}

static void show_app(const struct jp_pod_app_status *app)
{
    char word[JP_WORD_SIZE];
    (void)putchar('\n');
    jp_show_line("App", app->name);
    jp_show_line("  Image", app->image_name);
    jp_show_line("  Image id", app->image_id);
    jp_show_line("  State", app->state);
    if (app->pid) {
        (void)snprintf(word, sizeof(word), "%d", (int)app->pid);
        jp_show_line("  Pid", word);
    }
    if (app->has_status) {
        jp_format_status(app->status, word);
        jp_show_line("  Exit status", word);
    }
    jp_show_line("  Error", app->error);
    if (app->out_of_memory)
        jp_show_line("  Killed", "out of memory");
    if (app->restarts > 0) {
        (void)snprintf(word, sizeof(word), "%u", app->restarts);
        jp_show_line("  Restarts", word);
    }
    show_time("  Started", app->started_ns);
    show_time("  Ended", app->ended_ns);
    show_sockets(app);
}

static void show_isolators(const struct jp_pod_status *pod)
{
    for (size_t i = 0; i < pod->n_isolators; i++) {
        const struct jp_pod_isolator_status *isolator = &pod->isolators[i];
        struct jp_buf line = JP_BUF_INIT;
        if (isolator->app)
            jp_buf_printf(&line, "%s: ", isolator->app);
        jp_buf_printf(&line, "%s: %s", isolator->name, verdict_name(isolator->verdict));
        if (isolator->reason)
            jp_buf_printf(&line, ", because %s", isolator->reason);
        if (i == 0)
            (void)putchar('\n');
        jp_show_line(i ? "" : "Isolators", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
}

static void show_ports(const struct jp_plan_ports *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        const struct jp_plan_port *port = &ports->items[i];
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s ", port->name);
        print_port(&line, port);
        for (size_t k = 0; k < port->sources.count; k++)
            jp_buf_printf(&line, "%s %s", k ? "," : " from", port->sources.items[k]);
        jp_show_line(i ? "" : "Ports", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
}

static void show_pod(const struct jp_pod_status *pod)
{
    char word[JP_WORD_SIZE];
    jp_show_line("ID", pod->pod.uuid);
    jp_show_line("Name", pod->pod.name);
    jp_show_line("Status", jp_pod_state_name(pod->state));
    jp_show_line("Reason", pod->reason);
    jp_show_line("IP", pod->pod.address);
    jp_show_line("IPv6", pod->address6);
    show_ports(&pod->ports);
    jp_show_line("Network", pod->net);
    jp_show_line("Hostname", pod->hostname);
    show_time("Created", pod->pod.created_ns);
    show_time("Started", pod->started_ns);
    show_time("Ended", pod->ended_ns);
    if (pod->has_status) {
        jp_format_status(pod->status, word);
        jp_show_line("Exit status", word);
    }
    for (size_t i = 0; i < pod->n_apps; i++)
        show_app(&pod->apps[i]);
    show_isolators(pod);
    for (size_t i = 0; i < pod->warnings.count; i++)
        jp_show_line("Warning", pod->warnings.items[i]);
}

int jp_cmd_show(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO(jp_pod_status) status = {.reason = NULL};
    if (jp_cli_find_pod(cli, cli->args.words[0], &pod, err) < 0 ||
        jp_pod_status(jp_cli_pods(cli, err), &pod, true, &status, err) < 0)
        return -1;
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(details_json(&status), err);
    show_pod(&status);
    return 0;
}

int jp_cmd_manifest(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *text = NULL;
    if (jp_cli_find_pod(cli, cli->args.words[0], &pod, err) < 0 ||
        jp_pod_manifest(jp_cli_pods(cli, err), pod.uuid, &text, err) < 0)
        return -1;
    (void)fputs(text, stdout);
    return 0;
}
