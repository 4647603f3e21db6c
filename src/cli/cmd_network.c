/* network: which there are, what they need of the host, and mending that. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "platform/platform.h"
#include "pod/network.h"

static const char *const kinds[] = {
    [JP_NET_BRIDGE] = "bridge", [JP_NET_ROUTED] = "routed", [JP_NET_MACVLAN] = "macvlan"};

/* "fd00:1::/64" or nothing. */
static const char *subnet6(const struct jp_network *network, char out[JP_ADDRESS6_SIZE + 4])
{
    char text[JP_ADDRESS6_SIZE];
    if (!jp_platform.links->has_ipv6 || network->addresses6.prefix_len == 0)
        return NULL;
    jp_subnet6_format(&network->addresses6, 0, text);
    (void)snprintf(out, JP_ADDRESS6_SIZE + 4, "%s/%u", text, network->addresses6.prefix_len);
    return out;
}

static size_t count_leases(const struct jp_networks *networks, const struct jp_network *network,
                           const struct jp_store_pods *pods)
{
    size_t count = 0;
    for (size_t i = 0; i < pods->count; i++)
        count += jp_network_of(networks, pods->items[i].address) == network;
    return count;
}

static json_t *network_json(const struct jp_network *network, size_t leases)
{
    char six[JP_ADDRESS6_SIZE + 4];
    JP_AUTO_FREE char *gateway = jp_network_gateway(network);
    size_t all = jp_subnet_last(&network->addresses) - jp_subnet_first(&network->addresses) + 1;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:I, s:I}", "name", network->name, "kind",
                     kinds[network->kind], "interface", network->interface, "subnet",
                     network->subnet, "subnet6", jp_json_text(subnet6(network, six)), "gateway",
                     jp_json_text(gateway), "isolated", (int)network->is_isolated, "leased",
                     (json_int_t)leases, "free", (json_int_t)(all - leases));
}

static void add_row(struct jp_table *table, const struct jp_network *network, size_t leases)
{
    char six[JP_ADDRESS6_SIZE + 4];
    jp_table_add(table, network->name);
    jp_table_add(table, kinds[network->kind]);
    jp_table_add(table, network->interface);
    jp_table_add(table, network->subnet);
    jp_table_add(table, subnet6(network, six));
    jp_table_addf(table, "%zu", leases);
}

static int list(struct jp_cli *cli, const struct jp_pod_context *ctx,
                const struct jp_store_pods *pods, struct jp_error *err)
{
    bool wants_json = jp_cli_wants_json(&cli->args);
    json_t *array = wants_json ? json_array() : NULL;
    struct jp_table table = jp_table_new("NAME|KIND|INTERFACE|SUBNET|SUBNET6|PODS",
                                         jp_cli_has(&cli->args, "no-header"));
    for (size_t i = 0; i < ctx->networks->count; i++) {
        const struct jp_network *network = &ctx->networks->items[i];
        size_t leases = count_leases(ctx->networks, network, pods);
        if (wants_json)
            (void)json_array_append_new(array, network_json(network, leases));
        else
            add_row(&table, network, leases);
    }
    if (!wants_json)
        return jp_table_print(&table, err);
    jp_strv_clear(&table.cells);
    return jp_print_json(array, err);
}

static int print_rules(const struct jp_pod_context *ctx, struct jp_buf *out, struct jp_error *err)
{
    struct jp_plan_host host = {.state = NULL};
    if (jp_network_host(ctx, &host, err) < 0)
        return -1;
    jp_platform.links->print_rules(&host, out);
    jp_plan_host_clear(&host);
    return jp_buf_failed(out) ? jp_oom(err) : 0;
}

/* Whether pods of a network are found by name: what doctor says of it. */
struct naming {
    char *resolver; /* what the finding about the network's is called */
    const char *text;
    struct jp_buf problem;
};

static void hear_examined(void *context, const char *name, JP_UNUSED bool is_fine, const char *text,
                          JP_UNUSED const char *remedy)
{
    struct naming *naming = context;
    if (strcmp(name, "names of pods") == 0 && !naming->text)
        jp_buf_puts(&naming->problem, text);
}

static void hear_reported(void *context, const char *what, const char *problem,
                          JP_UNUSED const char *remedy)
{
    struct naming *naming = context;
    if (strcmp(what, naming->resolver) == 0)
        naming->text = problem;
}

/* To be released by jp_buf_clear(ret). */
static int describe_names(const struct jp_pod_context *ctx, const struct jp_network *network,
                          struct jp_buf *ret, struct jp_error *err)
{
    struct naming naming = {.problem = JP_BUF_INIT};
    const struct jp_link_report report = {hear_reported, &naming};
    JP_AUTO_FREE char *resolver = jp_format("resolver of network %s", network->name);
    if (!resolver)
        return jp_oom(err);
    naming.resolver = resolver;
    if (jp_network_inspect(ctx, false, &report, err) < 0)
        return -1;
    if (naming.text)
        jp_buf_puts(&naming.problem, naming.text);
    else
        jp_pod_names_examine(ctx, hear_examined, &naming);
    *ret = naming.problem;
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}

static int show(struct jp_cli *cli, const struct jp_pod_context *ctx, const char *name,
                const struct jp_store_pods *pods, struct jp_error *err)
{
    char six[JP_ADDRESS6_SIZE + 4], number[32];
    JP_AUTO(jp_buf) rules = JP_BUF_INIT;
    JP_AUTO(jp_buf) names = JP_BUF_INIT;
    const struct jp_network *network = jp_network_find(ctx->networks, name);
    if (!network)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no network '%s'", name);
    size_t leases = count_leases(ctx->networks, network, pods);
    if (print_rules(ctx, &rules, err) < 0 || describe_names(ctx, network, &names, err) < 0)
        return -1;
    if (jp_cli_wants_json(&cli->args)) {
        json_t *object = network_json(network, leases);
        (void)json_object_set_new(object, "names", jp_json_text(jp_buf_text(&names)));
        (void)json_object_set_new(object, "rules", jp_json_text(jp_buf_text(&rules)));
        return jp_print_json(object, err);
    }
    JP_AUTO_FREE char *gateway = jp_network_gateway(network);
    (void)snprintf(number, sizeof(number), "%zu", leases);
    jp_show_line("Name", network->name);
    jp_show_line("Kind", kinds[network->kind]);
    jp_show_line("Interface", network->interface);
    jp_show_line("Subnet", network->subnet);
    jp_show_line("Subnet6", subnet6(network, six));
    jp_show_line("Gateway", gateway);
    jp_show_line("Isolation", network->is_isolated ? "pod" : "none");
    jp_show_line("Names", jp_buf_text(&names));
    jp_show_line("Pods", number);
    (void)printf("\nRules of all networks%s:\n%s", ctx->networks->table ? "" : " (not made by us)",
                 jp_buf_text(&rules));
    return 0;
}

/* ---- repair ---------------------------------------------------------------------------------- */

struct findings {
    json_t *list; /* NULL: printed as they come */
    bool is_left; /* something could not be mended */
    bool is_any;
};

static void say(void *context, const char *what, const char *problem, const char *remedy)
{
    struct findings *findings = context;
    findings->is_any = true;
    findings->is_left |= remedy != NULL;
    if (findings->list)
        (void)json_array_append_new(
            findings->list, json_pack("{s:s, s:s, s:b, s:o}", "what", what, "problem", problem,
                                      "mended", remedy == NULL, "remedy", jp_json_text(remedy)));
    else if (remedy)
        (void)printf("%s: %s: %s\n", what, problem, remedy);
    else
        (void)printf("%s: %s: mended\n", what, problem);
}

static int repair(struct jp_cli *cli, const struct jp_pod_context *ctx, struct jp_error *err)
{
    struct findings findings = {.list = jp_cli_wants_json(&cli->args) ? json_array() : NULL};
    struct jp_link_report report = {say, &findings};
    if (jp_network_inspect(ctx, true, &report, err) < 0) {
        json_decref(findings.list);
        return -1;
    }
    if (findings.list && jp_print_json(findings.list, err) < 0)
        return -1;
    if (!findings.list && !findings.is_any)
        (void)printf("nothing to mend\n");
    return findings.is_left ? 1 : 0;
}

int jp_cmd_network(struct jp_cli *cli, struct jp_error *err)
{
    const char *verb = cli->args.n_words > 0 ? cli->args.words[0] : "list";
    const char *name = cli->args.n_words > 1 ? cli->args.words[1] : JP_NETWORK_POD;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    JP_AUTO(jp_store_pods) pods = {NULL, 0};
    if (!ctx)
        return -1;
    if (strcmp(verb, "repair") == 0 && cli->args.n_words == 1)
        return repair(cli, ctx, err);
    if (jp_store_pod_list(ctx->store, &pods, err) < 0)
        return -1;
    if (strcmp(verb, "list") == 0 && cli->args.n_words <= 1)
        return list(cli, ctx, &pods, err);
    if (strcmp(verb, "show") == 0)
        return show(cli, ctx, name, &pods, err);
    return jp_fail(err, JP_EUSAGE, 0, "'%s': expected list, show [NAME] or repair", verb);
}
