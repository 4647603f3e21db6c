/*
 * Plans: the reified manifest, the images' manifests and the driver's clones become the plain data
 * that a supervisor carries out. Nothing is decided after this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "pod/internal.h"
#include "sys/process.h"

#define DEFAULT_PATH      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_GRACE_MS  10000
#define DEFAULT_LOG_BYTES (10U << 20)
#define DEFAULT_LOG_FILES 5
#define MAX_GRACE_S       86400
#define MAX_READY_S       86400

bool jp_pod_start_includes(const struct jp_pod_start *start, const char *app)
{
    return !start->only_app || strcmp(start->only_app, app) == 0;
}

/* ---- the pod ---- */

const char *jp_pod_hostname(const struct jp_store_pod *pod, const struct jp_pod_manifest *m)
{
    const char *name = jp_pod_manifest_annotation(m, JP_NOTE_HOSTNAME);
    if (!name)
        name = jp_pod_manifest_annotation(m, "hostname"); /* the prototype's */
    return name ? name : pod->name ? pod->name : pod->uuid;
}

int jp_pod_net_mode(const struct jp_pod_manifest *m, uint8_t *ret, struct jp_error *err)
{
    const char *mode = jp_pod_manifest_annotation(m, JP_NOTE_NET);
    if (!mode || strcmp(mode, JP_NETWORK_POD) == 0 || jp_network_name_valid(mode))
        *ret = JP_NET_POD;
    else if (strcmp(mode, "host") == 0)
        *ret = JP_NET_HOST;
    else if (strcmp(mode, "none") == 0)
        *ret = JP_NET_NONE;
    else
        return jp_fail(err, JP_EINVALID, 0,
                       "annotation %s: '%s' is not pod, host, none or the name of a network",
                       JP_NOTE_NET, mode);
    const char *address = jp_pod_manifest_annotation(m, JP_NOTE_IP);
    if (address && *ret != JP_NET_POD)
        return jp_fail(err, JP_EINVALID, 0,
                       "the address %s was asked for, but the pod has no network of its own",
                       address);
    return 0;
}

static int check_kind(const struct jp_network *network, struct jp_error *err)
{
    const struct jp_link_ops *links = jp_platform.links;
    if (network->is_alias)
        return links->has_alias ? 0
                                : jp_fail(err, JP_EUNSUPPORTED, 0,
                                          "net.mode = alias: this system has no such networks");
    if (!links->has_stacks())
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "network '%s': this kernel has no network stacks for pods: set net.mode = "
                       "alias, or use a kernel with VIMAGE",
                       network->name);
    if (!(links->kinds & (1U << network->kind)))
        return jp_fail(err, JP_EUNSUPPORTED, 0, "network '%s': this system has only bridges",
                       network->name);
    return 0;
}

int jp_pod_network(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                   const struct jp_network **ret, struct jp_error *err)
{
    uint8_t mode = JP_NET_NONE;
    if (jp_pod_net_mode(m, &mode, err) < 0)
        return -1;
    *ret = NULL;
    if (mode != JP_NET_POD)
        return 0;
    const char *name = jp_pod_manifest_annotation(m, JP_NOTE_NET);
    *ret = jp_network_find(jp_pod_networks(ctx), name ? name : JP_NETWORK_POD);
    if (!*ret)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no network '%s': set net.%s.subnet", name,
                       name);
    return check_kind(*ret, err);
}

/* The first address of a network is the host's. */
static int plan_addresses(const struct jp_network *network, const char *address,
                          struct jp_plan_net *net, struct jp_error *err)
{
    net->gateway = jp_network_gateway(network);
    net->address = jp_strdup(address);
    net->prefix_len = network->addresses.prefix_len;
    if (!net->gateway || !net->address)
        return jp_oom(err);
    if (!jp_platform.links->has_ipv6 || network->addresses6.prefix_len == 0)
        return 0;
    net->address6 = jp_network_address6(network, address);
    net->gateway6 = jp_network_address6(network, net->gateway);
    net->prefix_len6 = network->addresses6.prefix_len;
    return net->address6 && net->gateway6 ? 0 : jp_oom(err);
}

static int plan_net(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                    struct jp_plan_net *net, struct jp_error *err)
{
    const struct jp_network *network = NULL;
    uint32_t number = 0;
    if (jp_pod_net_mode(request->manifest, &net->mode, err) < 0 ||
        jp_pod_network(ctx, request->manifest, &network, err) < 0)
        return -1;
    if (!network)
        return 0;
    const char *address = jp_pod_manifest_annotation(request->manifest, JP_NOTE_ADDRESS);
    if (!address || !jp_quad_parse(address, &number))
        return jp_fail(err, JP_ECORRUPT, 0, "the pod has no annotation %s", JP_NOTE_ADDRESS);
    if (!jp_subnet_has(&network->addresses, number))
        return jp_fail(err, JP_EINVALID, 0,
                       "the pod's address %s is not of network '%s' (%s): its subnet was changed "
                       "since; prepare the pod again",
                       address, network->name, network->subnet);
    net->kind = network->kind;
    net->is_isolated = network->is_isolated;
    char **interface = network->is_alias ? &net->interface : &net->bridge;
    *interface = jp_strdup(network->interface);
    if (!*interface)
        return jp_oom(err);
    if (network->is_alias)
        net->mode = JP_NET_ALIAS;
    if (request->names && !(net->names = jp_strdup(request->names)))
        return jp_oom(err);
    if (jp_network_host(ctx, &net->host, err) < 0)
        return -1;
    return plan_addresses(network, address, net, err);
}

static uint32_t grace_ms(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m)
{
    const char *text = jp_pod_manifest_annotation(m, JP_NOTE_STOP_GRACE);
    uint64_t seconds = 0;
    if (text && jp_parse_u64(text, 10, 0, MAX_GRACE_S, &seconds))
        return (uint32_t)seconds * 1000;
    return ctx->stop_grace_ms ? ctx->stop_grace_ms : DEFAULT_GRACE_MS;
}

static int plan_pod(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                    struct jp_plan *plan, struct jp_error *err)
{
    const struct jp_store_pod *pod = request->pod;
    plan->version = JP_PLAN_VERSION;
    plan->uuid = jp_strdup(pod->uuid);
    plan->name = jp_strdup(pod->name ? pod->name : pod->uuid);
    plan->hostname = jp_strdup(jp_pod_hostname(pod, request->manifest));
    plan->dir = jp_strdup(request->pod_path);
    plan->jail_prefix = jp_strdup(ctx->jail_prefix ? ctx->jail_prefix : "jetpack/");
    if (!plan->uuid || !plan->name || !plan->hostname || !plan->dir || !plan->jail_prefix)
        return jp_oom(err);
    plan->stop_grace_ms = grace_ms(ctx, request->manifest);
    plan->log_max_bytes = ctx->log_max_bytes ? ctx->log_max_bytes : DEFAULT_LOG_BYTES;
    plan->log_files = ctx->log_files ? ctx->log_files : DEFAULT_LOG_FILES;
    plan->is_strict = request->is_strict;
    plan->without_apps = request->start->without_apps;
    if (jp_pod_restart_policy(request->manifest, &plan->restart, &plan->restart_limit, err) < 0 ||
        jp_pod_plan_jail(ctx, request->manifest, request->images, plan, err) < 0)
        return -1;
    if (request->identity && request->identity->file &&
        !(plan->registration = jp_strdup(request->identity->file)))
        return jp_oom(err);
    plan->will_destroy = request->start->will_destroy;
    const struct jp_strv *at_end = request->start->at_end;
    if (at_end && jp_strv_extend(&plan->at_end, at_end->items, at_end->count) < 0)
        return jp_oom(err);
    const struct jp_strv *renew = request->start->renew;
    if (renew && jp_strv_extend(&plan->renew, renew->items, renew->count) < 0)
        return jp_oom(err);
    if (plan_net(ctx, request, &plan->net, err) < 0)
        return -1;
    return jp_pod_plan_ports(ctx, request, plan, err);
}

/* ---- volumes and mounts ---- */

static int add_volume(struct jp_plan *plan, const struct jp_pod_plan_request *request,
                      const struct jp_volume *volume, const char *directory, struct jp_error *err)
{
    if (plan->n_volumes >= JP_PLAN_MAX_VOLUMES)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d volumes", JP_PLAN_MAX_VOLUMES);
    struct jp_plan_volume *to = &plan->volumes[plan->n_volumes++];
    to->name = jp_strdup(directory);
    to->source = volume->is_host
                     ? jp_strdup(volume->source)
                     : jp_format("%s/%s/%s", request->pod_path, JP_POD_VOLUMES_DIR, directory);
    to->is_host = volume->is_host;
    to->allow_links =
        jp_pod_is_on(jp_pod_manifest_annotation(request->manifest, JP_NOTE_VOLUME_LINKS));
    to->is_read_only = volume->is_read_only;
    to->is_recursive = volume->is_host && jp_volume_is_recursive(volume);
    return to->name && to->source ? 0 : jp_oom(err);
}

static size_t count_volumes(const struct jp_pod_manifest *m)
{
    size_t count = m->volumes.count;
    for (size_t i = 0; i < m->apps.count; i++)
        count += m->apps.items[i].mounts.count;
    return count;
}

static int plan_volumes(const struct jp_pod_plan_request *request, struct jp_plan *plan,
                        struct jp_error *err)
{
    plan->volumes = jp_calloc(count_volumes(request->manifest) + 1, sizeof(*plan->volumes));
    if (!plan->volumes)
        return jp_oom(err);
    for (size_t i = 0; i < request->manifest->volumes.count; i++) {
        const struct jp_volume *volume = &request->manifest->volumes.items[i];
        if (add_volume(plan, request, volume, volume->name, err) < 0)
            return -1;
    }
    return 0;
}

static int find_volume(struct jp_plan *plan, const struct jp_pod_plan_request *request,
                       const char *app, const struct jp_mount *mount, uint32_t *ret,
                       struct jp_error *err)
{
    if (mount->has_app_volume) {
        JP_AUTO_FREE char *directory = jp_format("%s+%s", app, mount->volume);
        if (!directory)
            return jp_oom(err);
        *ret = (uint32_t)plan->n_volumes;
        return add_volume(plan, request, &mount->app_volume, directory, err);
    }
    for (size_t i = 0; i < plan->n_volumes; i++) {
        if (strcmp(plan->volumes[i].name, mount->volume) == 0) {
            *ret = (uint32_t)i;
            return 0;
        }
    }
    return jp_fail(err, JP_EINVALID, 0, "app '%s': there is no volume '%s'", app, mount->volume);
}

/* A mount is as read-only as its volume and the image's mount point of that path say. */
static bool is_read_only(const struct jp_app *app, const char *path)
{
    for (size_t i = 0; app && i < app->mount_points.count; i++) {
        JP_AUTO_FREE char *clean = NULL;
        if (jp_pod_clean_path(app->mount_points.items[i].path, &clean, NULL) == 0 &&
            strcmp(clean, path) == 0)
            return app->mount_points.items[i].is_read_only;
    }
    return false;
}

static int compare_mounts(const void *a, const void *b)
{
    return strcmp(((const struct jp_plan_mount *)a)->path, ((const struct jp_plan_mount *)b)->path);
}

static int plan_mounts(const struct jp_pod_plan_request *request, struct jp_plan *plan,
                       const struct jp_runtime_app *from, const struct jp_app *effective,
                       struct jp_plan_app *to, struct jp_error *err)
{
    to->mounts = jp_calloc(from->mounts.count + 1, sizeof(*to->mounts));
    if (!to->mounts)
        return jp_oom(err);
    for (size_t i = 0; i < from->mounts.count; i++) {
        struct jp_plan_mount *mount = &to->mounts[to->n_mounts++];
        const struct jp_mount *wanted = &from->mounts.items[i];
        if (jp_pod_clean_path(wanted->path, &mount->path, err) < 0 ||
            find_volume(plan, request, from->name, wanted, &mount->volume, err) < 0)
            return -1;
        mount->is_read_only =
            plan->volumes[mount->volume].is_read_only || is_read_only(effective, mount->path);
    }
    /* A parent's path is a prefix of its child's: it sorts first. */
    if (to->n_mounts > 1)
        qsort(to->mounts, to->n_mounts, sizeof(*to->mounts), compare_mounts);
    return 0;
}

/* ---- an app ---- */

static int add_variable(struct jp_strv *env, const char *name, const char *value)
{
    return jp_strv_add_owned(env, jp_format("%s=%s", name, value));
}

static bool is_ours(const struct jp_plan_app *app, const char *name)
{
    static const char *const sockets[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    for (size_t i = 0; app->n_sockets > 0 && i < JP_LEN(sockets); i++) {
        if (strcmp(name, sockets[i]) == 0)
            return true;
    }
    return strcmp(name, "AC_APP_NAME") == 0 || strcmp(name, "AC_METADATA_URL") == 0 ||
           strcmp(name, "container") == 0;
}

/* ace.md "Execution Environment". HOME and its kin are known to stage 1 only. */
static int plan_environment(const struct jp_pod_plan_request *request, const char *name,
                            const struct jp_app *app, struct jp_plan_app *to, struct jp_error *err)
{
    bool has_path = app && jp_pairs_get(&app->environment, "PATH");
    bool has_term = app && jp_pairs_get(&app->environment, "TERM");
    int rc = 0;
    if (!has_path)
        rc |= add_variable(&to->env, "PATH", DEFAULT_PATH);
    rc |= add_variable(&to->env, "AC_APP_NAME", name);
    if (request->identity && request->identity->url)
        rc |= add_variable(&to->env, "AC_METADATA_URL", request->identity->url);
    rc |= add_variable(&to->env, "container", "jetpack");
    if (to->has_tty && !has_term)
        rc |= add_variable(&to->env, "TERM", request->start->term ? request->start->term : "vt100");
    for (size_t i = 0; app && i < app->environment.count; i++) {
        const struct jp_pair *pair = &app->environment.items[i];
        if (!is_ours(to, pair->name))
            rc |= add_variable(&to->env, pair->name, pair->value);
    }
    return rc ? jp_oom(err) : 0;
}

static int plan_user(const struct jp_app *app, struct jp_plan_app *to, struct jp_error *err)
{
    to->user = jp_strdup(app && app->user ? app->user : "0");
    to->group = jp_strdup(app && app->group ? app->group : "0");
    to->cwd = jp_strdup(app && app->working_directory ? app->working_directory : "/");
    if (!to->user || !to->group || !to->cwd)
        return jp_oom(err);
    size_t count = app ? app->supplementary_gids.count : 0;
    if (count == 0)
        return 0;
    to->supplementary_gids = jp_calloc(count, sizeof(*to->supplementary_gids));
    if (!to->supplementary_gids)
        return jp_oom(err);
    memcpy(to->supplementary_gids, app->supplementary_gids.items,
           count * sizeof(*to->supplementary_gids));
    to->n_supplementary_gids = count;
    return 0;
}

static int plan_handler(const struct jp_app *app, const char *name, struct jp_plan_handler *to,
                        struct jp_error *err)
{
    const struct jp_event_handler *handler = app ? jp_app_find_handler(app, name) : NULL;
    if (!handler)
        return 0;
    return jp_strv_extend(&to->argv, handler->exec.items, handler->exec.count) < 0 ? jp_oom(err)
                                                                                   : 0;
}

/* aci.md "socketActivated". The ports are sound: jp_pod_rules_check has looked. */
static int plan_sockets(const struct jp_app *app, struct jp_plan_app *to, struct jp_error *err)
{
    size_t count = jp_pod_count_sockets(app);
    if (count == 0)
        return 0;
    to->sockets = jp_calloc(count, sizeof(*to->sockets));
    if (!to->sockets)
        return jp_oom(err);
    for (size_t i = 0; i < app->ports.count; i++) {
        const struct jp_port *port = &app->ports.items[i];
        for (uint32_t k = 0; port->is_socket_activated && k < port->count; k++) {
            struct jp_plan_socket *socket = &to->sockets[to->n_sockets++];
            socket->is_udp = strcmp(port->protocol, "udp") == 0;
            socket->port = port->port + k;
            if (!(socket->name = jp_strdup(port->name)))
                return jp_oom(err);
        }
    }
    return 0;
}

struct app_plan {
    const struct jp_pod_plan_request *request;
    const struct jp_pod_verdicts *verdicts;
    const char *resolv_conf;
    uint32_t ready_limit_ms;
};

/* What the app's annotation says, else the pod's, else the image's; NULL. */
static const char *note_of(const struct jp_pod_plan_request *request,
                           const struct jp_runtime_app *app, const struct jp_image_manifest *image,
                           const char *note)
{
    const char *text = jp_pairs_get(&app->annotations, note);
    if (!text)
        text = jp_pod_manifest_annotation(request->manifest, note);
    return text ? text : jp_image_manifest_annotation(image, note);
}

static int stop_signal(const struct jp_pod_plan_request *request, const struct jp_runtime_app *app,
                       const struct jp_image_manifest *image, int32_t *ret, struct jp_error *err)
{
    const char *name = note_of(request, app, image, JP_NOTE_STOP_SIGNAL);
    *ret = name ? jp_signal_number(name) : SIGTERM;
    if (*ret == 0)
        return jp_fail(err, JP_EINVALID, 0, "app '%s': there is no signal '%s'", app->name, name);
    return 0;
}

/* aci.md: "string boolean, optional, defaults to false". What the pod's manifest says counts first.
 */
static bool notifies(const struct jp_runtime_app *app, const struct jp_image_manifest *image)
{
    static const char note[] = "appc.io/executor/supports-systemd-notify";
    const char *word = jp_pairs_get(&app->annotations, note);
    if (!word)
        word = jp_image_manifest_annotation(image, note);
    return word && strcmp(word, "true") == 0;
}

static int ready_limit(const struct app_plan *p, const struct jp_runtime_app *app,
                       const struct jp_image_manifest *image, uint32_t *ret, struct jp_error *err)
{
    const char *text = note_of(p->request, app, image, JP_NOTE_READY_LIMIT);
    uint64_t seconds = 0;
    if (text && !jp_parse_u64(text, 10, 0, MAX_READY_S, &seconds))
        return jp_fail(err, JP_EINVALID, 0,
                       "app '%s': annotation %s: '%.80s' is not a number of seconds (0 to %d)",
                       app->name, JP_NOTE_READY_LIMIT, text, MAX_READY_S);
    *ret = text ? (uint32_t)seconds * 1000 : p->ready_limit_ms;
    return 0;
}

static int add_file(struct jp_plan_app *to, const char *path, const char *content,
                    bool only_if_missing, struct jp_error *err)
{
    struct jp_plan_file *file = &to->files[to->n_files++];
    file->path = jp_strdup(path);
    file->content = jp_strdup(content);
    file->only_if_missing = only_if_missing;
    return file->path && file->content ? 0 : jp_oom(err);
}

/* OS-SPEC.md "Common Files": an image's own /etc/hosts is not touched. */
static int plan_files(const struct jp_plan *plan, const char *resolv_conf, struct jp_plan_app *to,
                      struct jp_error *err)
{
    to->files = jp_calloc(2, sizeof(*to->files));
    if (!to->files)
        return jp_oom(err);
    if (resolv_conf && add_file(to, "/etc/resolv.conf", resolv_conf, false, err) < 0)
        return -1;
    JP_AUTO(jp_buf) hosts = JP_BUF_INIT;
    jp_buf_printf(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost\n%s\t%s\n",
                  plan->net.address ? plan->net.address : "127.0.0.1", plan->hostname);
    if (plan->net.address6)
        jp_buf_printf(&hosts, "%s\t%s\n", plan->net.address6, plan->hostname);
    return jp_buf_failed(&hosts) ? jp_oom(err)
                                 : add_file(to, "/etc/hosts", jp_buf_text(&hosts), true, err);
}

/* "" chooses the only app. */
static bool is_chosen(const char *choice, const struct jp_pod_plan_request *request,
                      const char *name)
{
    if (!choice)
        return false;
    if (choice[0] != '\0')
        return strcmp(choice, name) == 0;
    return request->start->only_app || request->manifest->apps.count == 1;
}

static int plan_app(const struct app_plan *p, struct jp_plan *plan, size_t index,
                    struct jp_plan_app *to, struct jp_error *err)
{
    const struct jp_runtime_app *from = &p->request->manifest->apps.items[index];
    const struct jp_image_manifest *image = &p->request->images[index];
    const struct jp_app *app = jp_runtime_app_effective(from, image);
    const char *os = jp_image_manifest_label(image, "os");
    if (!(to->name = jp_strdup(from->name)))
        return jp_oom(err);
    to->root.is_read_only = from->is_read_only_root;
    to->is_linux = os ? strcmp(os, "linux") == 0 : strcmp(jp_pod_host_os(), "linux") == 0;
    to->has_tty = is_chosen(p->request->start->tty_app, p->request, from->name);
    to->has_stdin = to->has_tty || is_chosen(p->request->start->stdin_app, p->request, from->name);
    to->notifies = notifies(from, image);
    if (jp_pod_devfs_ruleset(p->request->manifest, &to->devfs_ruleset, err) < 0)
        return -1;
    if (app && jp_strv_extend(&to->argv, app->exec.items, app->exec.count) < 0)
        return jp_oom(err);
    if (plan_user(app, to, err) < 0 || plan_sockets(app, to, err) < 0 ||
        plan_environment(p->request, from->name, app, to, err) < 0 ||
        plan_mounts(p->request, plan, from, app, to, err) < 0 ||
        plan_handler(app, "pre-start", &to->pre_start, err) < 0 ||
        plan_handler(app, "post-stop", &to->post_stop, err) < 0 ||
        stop_signal(p->request, from, image, &to->stop_signal, err) < 0 ||
        ready_limit(p, from, image, &to->ready_ms, err) < 0 ||
        plan_files(plan, p->resolv_conf, to, err) < 0)
        return -1;
    return jp_pod_confine_app(app, from->name, &to->confine, &to->limits, p->verdicts, err);
}

static int plan_apps(const struct app_plan *p, struct jp_plan *plan, struct jp_error *err)
{
    const struct jp_runtime_apps *apps = &p->request->manifest->apps;
    plan->apps = jp_calloc(apps->count, sizeof(*plan->apps));
    if (!plan->apps)
        return jp_oom(err);
    for (size_t i = 0; i < apps->count; i++) {
        if (!jp_pod_start_includes(p->request->start, apps->items[i].name))
            continue;
        struct jp_plan_app *to = &plan->apps[plan->n_apps];
        if (p->request->roots) {
            to->root = p->request->roots[plan->n_apps];
            p->request->roots[plan->n_apps] = (struct jp_plan_root){.kind = 0};
        }
        plan->n_apps++;
        if (plan_app(p, plan, i, to, err) < 0)
            return -1;
        to->root.is_volatile = !p->request->start->keep && !p->request->is_kept;
    }
    if (plan->n_apps == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no app '%s' in the pod",
                       p->request->start->only_app);
    return 0;
}

int jp_pod_plan_make(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                     const struct jp_pod_verdicts *verdicts, struct jp_plan *ret,
                     struct jp_error *err)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO_FREE char *resolv_conf = NULL;
    if (plan_pod(ctx, request, &plan, err) < 0 || plan_volumes(request, &plan, err) < 0 ||
        jp_pod_resolv_conf(ctx, request->manifest, &plan.net, &resolv_conf, err) < 0 ||
        jp_pod_confine_pod(&request->manifest->isolators, &plan, verdicts, err) < 0)
        return -1;
    struct app_plan p = {request, verdicts, resolv_conf, ctx->ready_limit_ms};
    if (plan_apps(&p, &plan, err) < 0)
        return -1;
    *ret = plan;
    plan = (struct jp_plan){0};
    return 0;
}
