/*
 * The plan to and from bytes: one walk over every field serves both directions.
 *
 * Reading checks form only: versions, ranges, names that become file names, paths that must be
 * absolute, indexes. The plan comes from our own stage 0 through a sealed descriptor; the checks
 * are there so that a broken one ends in a sentence and not in a wild pointer (CVE-2021-43784 is
 * what a length that overflows on this road can do).
 */
#include "plan/plan.h"

#include <string.h>

#include "base/mem.h"
#include "base/random.h"

void jp_plan_root_code(struct jp_codec *c, struct jp_plan_root *root)
{
    jp_codec_u8(c, &root->kind);
    jp_codec_str(c, &root->dir);
    jp_codec_strv(c, &root->layers, JP_PLAN_MAX_LAYERS);
    jp_codec_str(c, &root->upper);
    jp_codec_str(c, &root->work);
    jp_codec_bool(c, &root->is_volatile);
    jp_codec_bool(c, &root->is_read_only);
}

static void code_limits(struct jp_codec *c, struct jp_plan_limits *limits)
{
    jp_codec_u64(c, &limits->memory_bytes);
    jp_codec_u64(c, &limits->memory_request_bytes);
    jp_codec_u64(c, &limits->cpu_milli);
    jp_codec_u64(c, &limits->cpu_request_milli);
    jp_codec_u64(c, &limits->processes);
    jp_codec_u64(c, &limits->cpu_shares);
    jp_codec_u64(c, &limits->block_bytes);
    jp_codec_u64(c, &limits->block_operations);
    jp_codec_u64(c, &limits->network_bytes);
}

uint64_t *jp_plan_limit(struct jp_plan_limits *limits, const char *resource)
{
    const struct {
        const char *resource;
        uint64_t *limit;
    } table[] = {
        {"memory", &limits->memory_bytes},
        {"cpu", &limits->cpu_milli},
        {"processes", &limits->processes},
        {"os/linux/cpu-shares", &limits->cpu_shares},
        {"block-bandwidth", &limits->block_bytes},
        {"block-iops", &limits->block_operations},
        {"network-bandwidth", &limits->network_bytes},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        if (strcmp(table[i].resource, resource) == 0)
            return table[i].limit;
    }
    return NULL;
}

static void code_mounts(struct jp_codec *c, struct jp_plan_app *app)
{
    jp_codec_array(c, &app->mounts, &app->n_mounts, sizeof(*app->mounts), JP_PLAN_MAX_MOUNTS);
    for (size_t i = 0; i < app->n_mounts && !c->failed; i++) {
        jp_codec_u32(c, &app->mounts[i].volume);
        jp_codec_str(c, &app->mounts[i].path);
        jp_codec_bool(c, &app->mounts[i].is_read_only);
    }
    jp_codec_array(c, &app->files, &app->n_files, sizeof(*app->files), JP_PLAN_MAX_MOUNTS);
    for (size_t i = 0; i < app->n_files && !c->failed; i++) {
        jp_codec_str(c, &app->files[i].path);
        jp_codec_str(c, &app->files[i].content);
        jp_codec_bool(c, &app->files[i].only_if_missing);
    }
}

static void code_sockets(struct jp_codec *c, struct jp_plan_app *app)
{
    jp_codec_array(c, &app->sockets, &app->n_sockets, sizeof(*app->sockets), JP_PLAN_MAX_SOCKETS);
    for (size_t i = 0; i < app->n_sockets && !c->failed; i++) {
        jp_codec_str(c, &app->sockets[i].name);
        jp_codec_bool(c, &app->sockets[i].is_udp);
        jp_codec_u32(c, &app->sockets[i].port);
        jp_codec_bool(c, &app->sockets[i].is_given);
    }
}

static void code_user(struct jp_codec *c, struct jp_plan_app *app)
{
    jp_codec_str(c, &app->user);
    jp_codec_str(c, &app->group);
    jp_codec_array(c, &app->supplementary_gids, &app->n_supplementary_gids,
                   sizeof(*app->supplementary_gids), JP_PLAN_MAX_STRINGS);
    for (size_t i = 0; i < app->n_supplementary_gids && !c->failed; i++)
        jp_codec_u32(c, &app->supplementary_gids[i]);
}

/* Empty bytes read back as "none". */
static void code_confine(struct jp_codec *c, struct jp_plan_confine *confine)
{
    jp_codec_u64(c, &confine->capabilities);
    jp_codec_bool(c, &confine->no_new_privileges);
    jp_plan_labels_code(c, &confine->labels);
    jp_codec_bool(c, &confine->has_oom_score);
    jp_codec_i32(c, &confine->oom_score);
    jp_codec_bytes(c, &confine->seccomp, &confine->seccomp_len);
    if (!c->is_writing && confine->seccomp_len == 0) {
        free(confine->seccomp);
        confine->seccomp = NULL;
    }
}

static void code_app(struct jp_codec *c, struct jp_plan_app *app)
{
    jp_codec_str(c, &app->name);
    jp_plan_root_code(c, &app->root);
    jp_codec_strv(c, &app->argv, JP_PLAN_MAX_STRINGS);
    jp_codec_strv(c, &app->env, JP_PLAN_MAX_STRINGS);
    jp_codec_str(c, &app->cwd);
    code_user(c, app);
    code_mounts(c, app);
    code_sockets(c, app);
    jp_codec_strv(c, &app->pre_start.argv, JP_PLAN_MAX_STRINGS);
    jp_codec_strv(c, &app->post_stop.argv, JP_PLAN_MAX_STRINGS);
    code_limits(c, &app->limits);
    code_confine(c, &app->confine);
    jp_codec_i32(c, &app->stop_signal);
    jp_codec_bool(c, &app->has_tty);
    jp_codec_bool(c, &app->has_stdin);
    jp_codec_bool(c, &app->notifies);
    jp_codec_u32(c, &app->ready_ms);
    jp_codec_bool(c, &app->is_linux);
    jp_codec_u32(c, &app->devfs_ruleset);
}

static void code_host(struct jp_codec *c, struct jp_plan_host *host)
{
    jp_codec_str(c, &host->state);
    jp_codec_str(c, &host->table);
    jp_codec_array(c, &host->networks, &host->n_networks, sizeof(*host->networks),
                   JP_PLAN_MAX_NETWORKS);
    for (size_t i = 0; i < host->n_networks && !c->failed; i++) {
        struct jp_plan_network *network = &host->networks[i];
        jp_codec_u8(c, &network->kind);
        jp_codec_bool(c, &network->is_isolated);
        jp_codec_str(c, &network->bridge);
        jp_codec_str(c, &network->subnet);
        jp_codec_str(c, &network->subnet6);
    }
}

void jp_plan_host_clear(struct jp_plan_host *host)
{
    for (size_t i = 0; i < host->n_networks; i++) {
        free(host->networks[i].bridge);
        free(host->networks[i].subnet);
        free(host->networks[i].subnet6);
    }
    free(host->networks);
    free(host->state);
    free(host->table);
    *host = (struct jp_plan_host){.state = NULL};
}

static void code_net(struct jp_codec *c, struct jp_plan_net *net)
{
    jp_codec_u8(c, &net->mode);
    jp_codec_u8(c, &net->kind);
    jp_codec_bool(c, &net->is_isolated);
    jp_codec_str(c, &net->bridge);
    jp_codec_str(c, &net->interface);
    jp_codec_str(c, &net->address);
    jp_codec_str(c, &net->gateway);
    jp_codec_u32(c, &net->prefix_len);
    jp_codec_str(c, &net->address6);
    jp_codec_str(c, &net->gateway6);
    jp_codec_u32(c, &net->prefix_len6);
    jp_codec_str(c, &net->names);
    code_host(c, &net->host);
}

static void code_volumes(struct jp_codec *c, struct jp_plan *plan)
{
    jp_codec_array(c, &plan->volumes, &plan->n_volumes, sizeof(*plan->volumes),
                   JP_PLAN_MAX_VOLUMES);
    for (size_t i = 0; i < plan->n_volumes && !c->failed; i++) {
        struct jp_plan_volume *volume = &plan->volumes[i];
        jp_codec_str(c, &volume->name);
        jp_codec_str(c, &volume->source);
        jp_codec_bool(c, &volume->is_host);
        jp_codec_bool(c, &volume->allow_links);
        jp_codec_bool(c, &volume->is_read_only);
        jp_codec_bool(c, &volume->is_recursive);
    }
}

void jp_plan_code(struct jp_codec *c, struct jp_plan *plan)
{
    jp_codec_u32(c, &plan->version);
    jp_codec_str(c, &plan->uuid);
    jp_codec_str(c, &plan->name);
    jp_codec_str(c, &plan->hostname);
    jp_codec_str(c, &plan->dir);
    jp_codec_str(c, &plan->jail_prefix);
    jp_codec_strv(c, &plan->jail_parameters, JP_PLAN_MAX_STRINGS);
    jp_codec_bool(c, &plan->may_share_volumes);
    code_net(c, &plan->net);
    jp_plan_ports_code(c, &plan->ports);
    jp_codec_str(c, &plan->forwarder);
    jp_codec_bool(c, &plan->redirects_ports);
    code_limits(c, &plan->limits);
    jp_plan_labels_code(c, &plan->labels);
    jp_codec_strv(c, &plan->sysctls, JP_PLAN_MAX_STRINGS);
    code_volumes(c, plan);
    jp_codec_array(c, &plan->apps, &plan->n_apps, sizeof(*plan->apps), JP_PLAN_MAX_APPS);
    for (size_t i = 0; i < plan->n_apps && !c->failed; i++)
        code_app(c, &plan->apps[i]);
    jp_codec_u32(c, &plan->stop_grace_ms);
    jp_codec_u8(c, &plan->restart);
    jp_codec_u32(c, &plan->restart_limit);
    jp_codec_u64(c, &plan->log_max_bytes);
    jp_codec_u32(c, &plan->log_files);
    jp_codec_bool(c, &plan->is_strict);
    jp_codec_bool(c, &plan->without_apps);
    jp_codec_str(c, &plan->registration);
    jp_codec_bool(c, &plan->will_destroy);
    jp_codec_strv(c, &plan->at_end, JP_PLAN_MAX_STRINGS);
    jp_codec_strv(c, &plan->renew, JP_PLAN_MAX_STRINGS);
}

static bool is_absolute(const char *path)
{
    return path && path[0] == '/';
}

/* The name of an app is used as the name of a file. */
static bool is_file_name(const char *name)
{
    return name && name[0] != '\0' && name[0] != '.' && strlen(name) <= JP_PLAN_MAX_NAME &&
           !strchr(name, '/');
}

bool jp_plan_root_is_sound(const struct jp_plan_root *root)
{
    switch (root->kind) {
    case JP_ROOT_DIRECTORY:
    case JP_ROOT_DATASET:
        return is_absolute(root->dir);
    case JP_ROOT_OVERLAY:
        for (size_t i = 0; i < root->layers.count; i++) {
            if (!is_absolute(root->layers.items[i]))
                return false;
        }
        return root->layers.count > 0 && is_absolute(root->upper) && is_absolute(root->work);
    default:
        return false;
    }
}

/* NULL, or what is wrong with the app. */
static const char *app_fault(const struct jp_plan *plan, const struct jp_plan_app *app)
{
    if (!is_file_name(app->name))
        return "name";
    if (!jp_plan_root_is_sound(&app->root))
        return "root";
    if (!is_absolute(app->cwd))
        return "working directory";
    if (!app->user || !app->group)
        return "user or group";
    for (size_t i = 0; i < app->n_mounts; i++) {
        if (app->mounts[i].volume >= plan->n_volumes || !is_absolute(app->mounts[i].path))
            return "mount";
    }
    for (size_t i = 0; i < app->n_files; i++) {
        if (!is_absolute(app->files[i].path) || !app->files[i].content)
            return "file";
    }
    for (size_t i = 0; i < app->n_sockets; i++) {
        if (!app->sockets[i].name || app->sockets[i].port < 1 || app->sockets[i].port > 65535)
            return "socket";
    }
    return NULL;
}

static int check(const struct jp_plan *plan, struct jp_error *err)
{
    if (!plan->uuid || !jp_uuid_valid(plan->uuid))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken uuid");
    if (!plan->name || !plan->hostname || plan->net.mode > JP_NET_ALIAS ||
        plan->net.kind > JP_NET_MACVLAN || plan->net.prefix_len > 32 || plan->net.prefix_len6 > 128)
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken names or network");
    if (plan->restart > JP_RESTART_ALWAYS)
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken restart policy");
    if (plan->net.mode == JP_NET_POD &&
        (!plan->net.bridge || !plan->net.address || !plan->net.gateway))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: a network without bridge or address");
    for (size_t i = 0; i < plan->net.host.n_networks; i++) {
        const struct jp_plan_network *network = &plan->net.host.networks[i];
        if (network->kind > JP_NET_MACVLAN || !network->bridge || !network->subnet)
            return jp_fail(err, JP_ECORRUPT, 0, "plan: broken network %zu", i);
    }
    if (plan->net.names && !is_absolute(plan->net.names))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: bad directory of names");
    if (plan->net.host.state && !is_absolute(plan->net.host.state))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken directory of networks");
    if (!plan->net.address6 != !plan->net.gateway6)
        return jp_fail(err, JP_ECORRUPT, 0, "plan: half an IPv6 address");
    if (plan->registration && !is_absolute(plan->registration))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken registration");
    if (plan->net.mode == JP_NET_ALIAS && (!plan->net.interface || !plan->net.address))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: an alias without interface or address");
    if (plan->n_apps == 0)
        return jp_fail(err, JP_ECORRUPT, 0, "plan: no app");
    if (plan->at_end.count > 0 && !is_absolute(plan->at_end.items[0]))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken program for the end");
    if (plan->renew.count > 0 && !is_absolute(plan->renew.items[0]))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken program for clean roots");
    for (size_t i = 0; i < plan->n_volumes; i++) {
        if (!is_absolute(plan->volumes[i].source))
            return jp_fail(err, JP_ECORRUPT, 0, "plan: volume %zu has no source", i);
    }
    for (size_t i = 0; i < plan->n_apps; i++) {
        const char *fault = app_fault(plan, &plan->apps[i]);
        if (fault)
            return jp_fail(err, JP_ECORRUPT, 0, "plan: app %zu: broken %s", i, fault);
    }
    return 0;
}

int jp_plan_decode(const void *bytes, size_t len, struct jp_plan *ret, struct jp_error *err)
{
    JP_AUTO(jp_plan) plan = {0};
    struct jp_codec peek = jp_codec_reader(bytes, len);
    jp_codec_u32(&peek, &plan.version);
    if (peek.failed)
        return jp_fail(err, JP_ECORRUPT, 0, "plan: too short");
    if (plan.version != JP_PLAN_VERSION)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "plan: version %u, this program reads %d",
                       plan.version, JP_PLAN_VERSION);
    struct jp_codec c = jp_codec_reader(bytes, len);
    jp_plan_code(&c, &plan);
    if (!jp_codec_done(&c))
        return jp_fail(err, JP_ECORRUPT, 0, "plan: broken at byte %zu of %zu", len - c.left, len);
    if (check(&plan, err) < 0)
        return -1;
    *ret = plan;
    plan = (struct jp_plan){0};
    return 0;
}

int jp_plan_encode(struct jp_plan *plan, struct jp_buf *ret, struct jp_error *err)
{
    struct jp_codec c = jp_codec_writer(ret);
    jp_plan_code(&c, plan);
    if (jp_buf_failed(ret))
        return jp_oom(err);
    if (!jp_codec_done(&c))
        return jp_fail(err, JP_ELIMIT, 0, "plan: more of something than a plan can hold");
    return 0;
}

void jp_plan_root_clear(struct jp_plan_root *root)
{
    free(root->dir);
    jp_strv_clear(&root->layers);
    free(root->upper);
    free(root->work);
    *root = (struct jp_plan_root){.kind = 0};
}

void jp_plan_root_take(struct jp_plan_root *root, struct jp_plan_root *from)
{
    from->is_volatile = root->is_volatile;
    from->is_read_only = root->is_read_only;
    jp_plan_root_clear(root);
    *root = *from;
    *from = (struct jp_plan_root){.kind = 0};
}

void jp_plan_sockets_clear(struct jp_plan_socket **sockets, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*sockets)[i].name);
    free(*sockets);
    *sockets = NULL;
    *count = 0;
}

size_t jp_plan_count_given(const struct jp_plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->n_apps; i++) {
        for (size_t k = 0; k < plan->apps[i].n_sockets; k++)
            count += plan->apps[i].sockets[k].is_given;
    }
    return count;
}

static void clear_app(struct jp_plan_app *app)
{
    free(app->name);
    jp_plan_root_clear(&app->root);
    jp_strv_clear(&app->argv);
    jp_strv_clear(&app->env);
    free(app->cwd);
    free(app->user);
    free(app->group);
    free(app->supplementary_gids);
    for (size_t i = 0; i < app->n_mounts; i++)
        free(app->mounts[i].path);
    free(app->mounts);
    for (size_t i = 0; i < app->n_files; i++) {
        free(app->files[i].path);
        free(app->files[i].content);
    }
    free(app->files);
    jp_plan_sockets_clear(&app->sockets, &app->n_sockets);
    jp_strv_clear(&app->pre_start.argv);
    jp_strv_clear(&app->post_stop.argv);
    free(app->confine.seccomp);
    jp_plan_labels_clear(&app->confine.labels);
}

void jp_plan_clear(struct jp_plan *plan)
{
    free(plan->uuid);
    free(plan->name);
    free(plan->hostname);
    free(plan->dir);
    free(plan->jail_prefix);
    jp_strv_clear(&plan->jail_parameters);
    free(plan->net.bridge);
    free(plan->net.interface);
    free(plan->net.address);
    jp_plan_host_clear(&plan->net.host);
    free(plan->net.address6);
    free(plan->net.gateway6);
    free(plan->net.names);
    free(plan->net.gateway);
    jp_plan_ports_clear(&plan->ports);
    free(plan->forwarder);
    jp_strv_clear(&plan->sysctls);
    jp_plan_labels_clear(&plan->labels);
    free(plan->registration);
    for (size_t i = 0; i < plan->n_volumes; i++) {
        free(plan->volumes[i].name);
        free(plan->volumes[i].source);
    }
    free(plan->volumes);
    for (size_t i = 0; i < plan->n_apps; i++)
        clear_app(&plan->apps[i]);
    free(plan->apps);
    jp_strv_clear(&plan->at_end);
    jp_strv_clear(&plan->renew);
    *plan = (struct jp_plan)JP_PLAN_INIT;
}
