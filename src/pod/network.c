#include "pod/network.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/mem.h"
#include "config/conf.h"
#include "plan/service.h"
#include "platform/names.h"
#include "pod/inspect.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/interface.h"

#define MAX_NETWORKS   (JP_SERVICE_MAX_LISTENERS - 1)
#define MAX_INTERFACE  15 /* IFNAMSIZ of every system, without its NUL */
#define MAX_NAME       12 /* "jp-" before it is still the name of an interface */
#define PREFIX         "net."
#define JP_NETWORK_DIR "net" /* in the root directory */
#define SUBNET         ".subnet"

bool jp_network_name_valid(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return name[0] && strchr(letters, name[0]) && name[len] == '\0' && len <= MAX_NAME &&
           strcmp(name, JP_NETWORK_POD) != 0 && strcmp(name, "host") != 0 &&
           strcmp(name, "none") != 0;
}

static bool is_interface(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= MAX_INTERFACE && strcspn(name, " \t\n/:%") == len &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* ---- one ---- */

struct reader {
    const struct jp_config *config;
    const char *prefix; /* "net." or "net.NAME." */
};

/* The value of PREFIX WORD; NULL when it is not set. *ret_key is filled for errors. */
static const char *get(const struct reader *r, const char *word, char ret_key[64])
{
    JP_AUTO_FREE char *key = jp_format("%s%s", r->prefix, word);
    ret_key[0] = '\0';
    if (!key || strlen(key) >= 64)
        return NULL;
    memcpy(ret_key, key, strlen(key) + 1);
    return jp_config_get(r->config, key);
}

static void read_kind(const struct reader *r, struct jp_network *network)
{
    static const char *const kinds[] = {
        [JP_NET_BRIDGE] = "bridge", [JP_NET_ROUTED] = "routed", [JP_NET_MACVLAN] = "macvlan"};
    char key[64];
    const char *kind = get(r, "kind", key);
    for (size_t i = 0; kind && i < JP_LEN(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0)
            network->kind = (uint8_t)i;
    }
    const char *isolation = get(r, "isolation", key);
    network->is_isolated = isolation && strcmp(isolation, "pod") == 0;
}

static int read_interface(const struct reader *r, const char *word, struct jp_network *network,
                          struct jp_error *err)
{
    char key[64];
    const char *interface = get(r, word, key);
    if (!interface && network->kind == JP_NET_MACVLAN)
        return jp_fail(err, JP_EINVALID, 0, "%s: a macvlan network needs a device of the host",
                       key);
    network->interface = interface ? jp_strdup(interface) : jp_format("jp-%s", network->name);
    if (!network->interface)
        return jp_oom(err);
    if (!is_interface(network->interface))
        return jp_fail(err, JP_EINVALID, 0,
                       "%s: '%s' cannot be the name of an interface (1 to %d characters, no blank, "
                       "no '/' or ':')",
                       key, network->interface, MAX_INTERFACE);
    return 0;
}

/* The local network that everybody has who configures nothing. */
static int make_local(const struct jp_config *config, struct jp_network *network,
                      struct jp_error *err)
{
    JP_AUTO_FREE char *seed = jp_format("%s %s", jp_config_root(config), network->name);
    if (!seed)
        return jp_oom(err);
    jp_subnet6_local(seed, &network->addresses6);
    return 0;
}

static int read_subnets(const struct reader *r, struct jp_network *network, struct jp_error *err)
{
    char key[64];
    const char *subnet = get(r, "subnet", key);
    network->subnet = jp_strdup(subnet ? subnet : "");
    if (!network->subnet)
        return jp_oom(err);
    if (!jp_subnet_parse(network->subnet, &network->addresses))
        return jp_fail(err, JP_EINVALID, 0, "%s: '%s' is no network", key, network->subnet);
    network->host = jp_subnet_gateway(&network->addresses);
    const char *subnet6 = get(r, "subnet6", key);
    if (subnet6 ? strcmp(subnet6, "auto") == 0 : network->kind == JP_NET_BRIDGE)
        return make_local(r->config, network, err);
    if (subnet6 && strcmp(subnet6, "none") != 0 && !jp_subnet6_parse(subnet6, &network->addresses6))
        return jp_fail(err, JP_EINVALID, 0, "%s: '%s' is no network", key, subnet6);
    return 0;
}

static bool is_mode(const struct jp_config *config, const char *mode)
{
    const char *value = jp_config_get(config, "net.mode");
    return value && strcmp(value, mode) == 0;
}

/* Asked for, or the best that a kernel without network stacks for pods can do. */
static bool is_alias(const struct jp_config *config)
{
    const struct jp_link_ops *links = jp_platform.links;
    return is_mode(config, "alias") ||
           (is_mode(config, "auto") && links->has_alias && !links->has_stacks());
}

/*
 * net.mode = alias: the addresses of pods without a named network go on jail.interface. Where that
 * is in a network itself, they are of that one; net.subnet is for an interface without one (lo1).
 */
static int follow_interface(const struct jp_config *config, struct jp_network *network,
                            struct jp_error *err)
{
    const char *name = jp_config_get(config, "jail.interface");
    network->is_alias = is_alias(config);
    if (!network->is_alias || !jp_platform.links->has_alias || !name)
        return 0;
    free(network->interface);
    network->interface = jp_strdup(name);
    int r = network->interface ? jp_interface_subnet(name, &network->addresses, &network->host, err)
                               : jp_oom(err);
    if (r <= 0)
        return r;
    char quad[JP_QUAD_SIZE];
    jp_quad_format(network->addresses.network, quad);
    free(network->subnet);
    network->subnet = jp_format("%s/%u", quad, network->addresses.prefix_len);
    return network->subnet ? 0 : jp_oom(err);
}

static void clear(struct jp_network *network)
{
    free(network->name);
    free(network->interface);
    free(network->subnet);
}

/* Takes the name, also when it fails. */
static int read_network(const struct jp_config *config, char *name, struct jp_network *ret,
                        struct jp_error *err)
{
    bool is_own = name && strcmp(name, JP_NETWORK_POD) == 0;
    JP_AUTO_FREE char *prefix = is_own ? jp_strdup(PREFIX) : jp_format(PREFIX "%s.", name);
    struct reader r = {config, prefix};
    struct jp_network network = {.name = name};
    int result = name && prefix ? 0 : jp_oom(err);
    if (result == 0)
        read_kind(&r, &network);
    if (result == 0)
        result = read_interface(&r, is_own ? "bridge" : "interface", &network, err);
    if (result == 0)
        result = read_subnets(&r, &network, err);
    if (result == 0 && is_own)
        result = follow_interface(config, &network, err);
    if (result < 0)
        clear(&network);
    else
        *ret = network;
    return result;
}

/* ---- all ---- */

/* Two networks must differ in everything that one of them is known by. */
static int check_pair(const struct jp_network *a, const struct jp_network *b, struct jp_error *err)
{
    if (jp_subnet_overlaps(&a->addresses, &b->addresses))
        return jp_fail(err, JP_EINVALID, 0, "the networks %s (%s) and %s (%s) overlap", a->name,
                       a->subnet, b->name, b->subnet);
    if (jp_subnet6_overlaps(&a->addresses6, &b->addresses6))
        return jp_fail(err, JP_EINVALID, 0, "the IPv6 networks of %s and %s overlap", a->name,
                       b->name);
    if (a->kind != JP_NET_MACVLAN && b->kind != JP_NET_MACVLAN &&
        strcmp(a->interface, b->interface) == 0)
        return jp_fail(err, JP_EINVALID, 0, "the networks %s and %s have the same bridge '%s'",
                       a->name, b->name, a->interface);
    return 0;
}

static int add(const struct jp_config *config, char *name, struct jp_networks *networks,
               struct jp_error *err)
{
    if (networks->count == MAX_NETWORKS) {
        free(name);
        return jp_fail(err, JP_ELIMIT, 0, "more than %d networks", MAX_NETWORKS);
    }
    struct jp_network *network = &networks->items[networks->count];
    if (read_network(config, name, network, err) < 0)
        return -1;
    networks->count++;
    for (size_t i = 0; i + 1 < networks->count; i++) {
        if (check_pair(&networks->items[i], network, err) < 0)
            return -1;
    }
    return 0;
}

/* The name in "net.NAME.WORD"; NULL for keys of other forms. */
static char *name_in(const char *key, const char **ret_word)
{
    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 || strchr(key, '*'))
        return NULL;
    const char *name = key + strlen(PREFIX);
    const char *dot = strchr(name, '.');
    *ret_word = dot;
    return dot ? jp_memdup0(name, (size_t)(dot - name)) : NULL;
}

/* What is said about a network that has no subnet would be passed over. */
static int check_name(const struct jp_config *config, const char *name, struct jp_error *err)
{
    JP_AUTO_FREE char *key = jp_format(PREFIX "%s" SUBNET, name);
    if (!key)
        return jp_oom(err);
    if (!jp_network_name_valid(name))
        return jp_fail(err, JP_EINVALID, 0,
                       PREFIX "%s: a network is called by up to %d letters a to z, digits and '-', "
                              "and not pod, host or none",
                       name, MAX_NAME);
    if (!jp_config_get(config, key))
        return jp_fail(err, JP_EINVALID, 0, PREFIX "%s: the network has no subnet: set %s", name,
                       key);
    return 0;
}

static int add_named(const struct jp_config *config, struct jp_networks *networks,
                     struct jp_error *err)
{
    JP_AUTO(jp_strv) keys = JP_STRV_INIT;
    if (jp_config_names(config, &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < keys.count; i++) {
        const char *word = NULL;
        char *name = name_in(keys.items[i], &word);
        if (!name)
            continue;
        bool is_subnet = strcmp(word, SUBNET) == 0;
        int r = check_name(config, name, err);
        if (r == 0 && is_subnet)
            r = add(config, jp_take(&name), networks, err);
        free(name);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* Installations have tables of their own; that of the usual root directory has the short name. */
static int name_table(const struct jp_config *config, struct jp_networks *networks,
                      struct jp_error *err)
{
    const char *root = jp_config_root(config);
    const struct jp_config_key *key = jp_config_key_find("root.dir");
    struct jp_subnet6 digest;
    if (!jp_config_bool(config, "net.firewall"))
        return 0;
    jp_subnet6_local(root, &digest);
    networks->table = key && key->value && strcmp(root, key->value) == 0
                          ? jp_strdup("jetpack")
                          : jp_format("jetpack-%02x%02x%02x%02x", digest.network[1],
                                      digest.network[2], digest.network[3], digest.network[4]);
    return networks->table ? 0 : jp_oom(err);
}

int jp_networks_read(const struct jp_config *config, struct jp_networks *ret, struct jp_error *err)
{
    struct jp_networks networks = {.items = jp_calloc(MAX_NETWORKS, sizeof(*networks.items)),
                                   .usual = is_mode(config, "none")   ? "none"
                                            : is_mode(config, "host") ? "host"
                                                                      : JP_NETWORK_POD};
    if (!networks.items)
        return jp_oom(err);
    if (name_table(config, &networks, err) < 0 ||
        add(config, jp_strdup(JP_NETWORK_POD), &networks, err) < 0 ||
        add_named(config, &networks, err) < 0) {
        jp_networks_clear(&networks);
        return -1;
    }
    *ret = networks;
    return 0;
}

void jp_networks_clear(struct jp_networks *networks)
{
    for (size_t i = 0; i < networks->count; i++)
        clear(&networks->items[i]);
    free(networks->items);
    free(networks->table);
    *networks = (struct jp_networks){.items = NULL};
}

/* ---- what the host must know ---- */

static int copy_network(const struct jp_network *from, struct jp_plan_network *to,
                        struct jp_error *err)
{
    char network[JP_ADDRESS6_SIZE];
    to->kind = from->kind;
    to->is_isolated = from->is_isolated;
    to->bridge = jp_strdup(from->interface);
    to->subnet = jp_strdup(from->subnet);
    if (!to->bridge || !to->subnet)
        return jp_oom(err);
    if (!jp_platform.links->has_ipv6 || from->addresses6.prefix_len == 0)
        return 0;
    jp_subnet6_format(&from->addresses6, 0, network);
    to->subnet6 = jp_format("%s/%u", network, from->addresses6.prefix_len);
    return to->subnet6 ? 0 : jp_oom(err);
}

static int fill_host(const struct jp_pod_context *ctx, struct jp_plan_host *host,
                     struct jp_error *err)
{
    const struct jp_networks *networks = ctx->networks;
    JP_AUTO_FD int fd = jp_fd_make_dir(jp_store_root_fd(ctx->store), JP_NETWORK_DIR, 0700, err);
    if (fd < 0)
        return -1;
    host->state = jp_format("%s/" JP_NETWORK_DIR, jp_store_root(ctx->store));
    host->table = jp_strdup(networks->table);
    host->networks = jp_calloc(networks->count, sizeof(*host->networks));
    if (!host->state || !host->networks || (networks->table && !host->table))
        return jp_oom(err);
    for (size_t i = 0; i < networks->count; i++) {
        host->n_networks++;
        if (copy_network(&networks->items[i], &host->networks[i], err) < 0)
            return -1;
    }
    return 0;
}

int jp_network_host(const struct jp_pod_context *ctx, struct jp_plan_host *ret,
                    struct jp_error *err)
{
    struct jp_plan_host host = {.state = NULL};
    if (ctx->networks && fill_host(ctx, &host, err) < 0) {
        jp_plan_host_clear(&host);
        return -1;
    }
    *ret = host;
    return 0;
}

/* ---- looking after it ---- */

/* The network of the host's list that a running pod is on; NULL: none that is ours to look after.
 */
static const struct jp_plan_network *place_of(const struct jp_pod_context *ctx,
                                              const struct jp_plan_host *host,
                                              const struct jp_pod_status *pod)
{
    const struct jp_network *network = jp_network_of(ctx->networks, pod->pod.address);
    if (!network || !jp_pod_state_is_alive(pod->state))
        return NULL;
    return &host->networks[network - ctx->networks->items];
}

/* A resolver that could not be started when the pod was has left it without a name. */
static int inspect_name(const struct jp_pod_context *ctx, const struct jp_pod_status *pod,
                        const struct jp_link_report *report, struct jp_error *err)
{
    const struct jp_network *network = jp_network_of(ctx->networks, pod->pod.address);
    if (!ctx->has_names || !network || pod->state != JP_POD_RUNNING)
        return 0;
    JP_AUTO_FREE char *dir = jp_format(JP_NAMES_DIR "/%s/" JP_NAMES_HOSTS, network->name);
    JP_AUTO_FREE char *what = jp_format("name of pod %s", pod->pod.name);
    JP_AUTO_FREE char *remedy = jp_format("jetpack restart %s", pod->pod.name);
    if (!dir || !what || !remedy)
        return jp_oom(err);
    JP_AUTO_FD int hosts =
        openat(jp_store_root_fd(ctx->store), dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (hosts < 0 || faccessat(hosts, pod->pod.uuid, F_OK, 0) == 0)
        return 0; /* of a network without names, or it has one */
    report->say(report->context, what, "is not known: no resolver could be started with the pod",
                remedy);
    return 0;
}

struct running {
    struct jp_link_pod *items;
    size_t count;
};

static void running_clear(struct running *running)
{
    for (size_t i = 0; i < running->count; i++)
        free(running->items[i].dir);
    free(running->items);
}

static int add_running(const struct jp_pod_context *ctx, const struct jp_plan_host *host,
                       const struct jp_pod_status *pod, struct running *to, struct jp_error *err)
{
    const struct jp_plan_network *network = place_of(ctx, host, pod);
    if (!network)
        return 0;
    struct jp_link_pod *item = &to->items[to->count++];
    *item = (struct jp_link_pod){
        .uuid = pod->pod.uuid,
        .network = network,
        .dir = jp_pod_path(ctx, pod->pod.uuid),
        .address = pod->pod.address,
        .address6 = pod->address6,
        .ports = &pod->ports,
    };
    return item->dir ? 0 : jp_oom(err);
}

static int inspect(const struct jp_pod_context *ctx, const struct jp_plan_host *host, bool repair,
                   const struct jp_link_report *report, struct jp_error *err)
{
    JP_AUTO(jp_pod_statuses) pods = {NULL, 0};
    if (jp_pod_list(ctx, &pods, err) < 0)
        return -1;
    JP_AUTO(running) running = {.items = jp_calloc(pods.count + 1, sizeof(*running.items))};
    if (!running.items)
        return jp_oom(err);
    for (size_t i = 0; i < pods.count; i++) {
        if (add_running(ctx, host, &pods.items[i], &running, err) < 0 ||
            inspect_name(ctx, &pods.items[i], report, err) < 0)
            return -1;
    }
    return jp_platform.links->inspect(host, running.items, running.count, repair, report, err);
}

int jp_network_inspect(const struct jp_pod_context *ctx, bool repair,
                       const struct jp_link_report *report, struct jp_error *err)
{
    struct jp_plan_host host = {.state = NULL};
    if (jp_network_host(ctx, &host, err) < 0)
        return -1;
    int r = host.state ? inspect(ctx, &host, repair, report, err) : 0;
    jp_plan_host_clear(&host);
    return r < 0 ? -1 : jp_pod_names_inspect(ctx, repair, report, err);
}

/* ---- looking up ---- */

const struct jp_networks *jp_pod_networks(const struct jp_pod_context *ctx)
{
    static struct jp_network own = {.name = (char *)(uintptr_t)JP_NETWORK_POD,
                                    .interface = (char *)(uintptr_t) "jetpack0",
                                    .subnet = (char *)(uintptr_t)JP_STORE_SUBNET,
                                    .addresses = {0xac170000, 16},
                                    .host = 0xac170001};
    static const struct jp_networks standard = {.items = &own, .count = 1, .usual = JP_NETWORK_POD};
    return ctx->networks ? ctx->networks : &standard;
}

const struct jp_network *jp_network_find(const struct jp_networks *networks, const char *name)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (strcmp(networks->items[i].name, name) == 0)
            return &networks->items[i];
    }
    return NULL;
}

const struct jp_network *jp_network_of(const struct jp_networks *networks, const char *address)
{
    uint32_t number;
    if (!address || !jp_quad_parse(address, &number))
        return NULL;
    for (size_t i = 0; i < networks->count; i++) {
        if (jp_subnet_has(&networks->items[i].addresses, number))
            return &networks->items[i];
    }
    return NULL;
}

char *jp_network_gateway(const struct jp_network *network)
{
    char text[JP_QUAD_SIZE];
    jp_quad_format(network->host, text);
    return jp_strdup(text);
}

char *jp_network_address6(const struct jp_network *network, const char *address)
{
    uint32_t number;
    char text[JP_ADDRESS6_SIZE];
    if (network->addresses6.prefix_len == 0 || !jp_quad_parse(address, &number))
        return NULL;
    jp_subnet6_format(&network->addresses6, number - network->addresses.network, text);
    return jp_strdup(text);
}

int jp_network_address(const struct jp_network *network, const char *text, char **ret,
                       struct jp_error *err)
{
    uint32_t host;
    char address[JP_QUAD_SIZE];
    bool is_six = jp_subnet6_host(&network->addresses6, text, &host);
    uint32_t number = network->addresses.network + (is_six ? host : 0);
    if (is_six && number > network->host && jp_subnet_has(&network->addresses, number)) {
        jp_quad_format(number, address);
        text = address;
    }
    *ret = jp_strdup(text);
    return *ret ? 0 : jp_oom(err);
}
