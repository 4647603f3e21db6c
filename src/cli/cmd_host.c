/* init, info, config, version, doctor: the installation itself. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "platform/platform.h"
#include "store/driver/driver.h"
#include "sys/self.h"

int jp_cmd_version(struct jp_cli *cli, struct jp_error *err)
{
    const char *commit = jp_config_get(cli->config, "version.git");
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(
            json_pack("{s:s, s:o}", "version", JP_VERSION, "git", jp_json_text(commit)), err);
    (void)printf(commit ? "%s+git(%s)\n" : "%s\n", JP_VERSION, commit);
    return 0;
}

int jp_cmd_init(struct jp_cli *cli, struct jp_error *err)
{
    bool was_created = false;
    struct jp_store_options options = jp_cli_store_options(cli);
    if (jp_store_init(&options, &was_created, err) < 0)
        return -1;
    const char *why = NULL;
    struct jp_store *store = jp_cli_store(cli, err);
    const struct jp_driver_ops *driver = store ? jp_store_driver(store, &why, err) : NULL;
    const struct jp_pod_context *ctx = driver ? jp_cli_pods(cli, err) : NULL;
    if (!ctx || (ctx->metadata && jp_pod_service_prepare(ctx, err) < 0))
        return -1;
    (void)printf("%s %s (storage driver %s)\n", options.root,
                 was_created ? "is ready" : "was ready already", driver->name);
    return 0;
}

/* ---- config ---------------------------------------------------------------------------------- */

static bool is_secret(const char *name)
{
    const struct jp_config_key *key = jp_config_key_find(name);
    return key && jp_config_key_is_secret(key);
}

/*
 * The folder `share` of the build directory that this program runs from, which has what path.share
 * and path.libexec are asked for (share/meson.build); NULL when it is installed. The caller's.
 */
static char *share_in_place(void)
{
    JP_AUTO_FREE char *self = jp_self_path(NULL);
    char *slash = self ? strstr(self, "/src/cli/") : NULL;
    if (!slash)
        return NULL;
    *slash = '\0';
    JP_AUTO_FREE char *share = jp_format("%s/share", self);
    JP_AUTO_FREE char *macros = jp_format("%s/share/jetpack.image.mk", self);
    return macros && access(macros, F_OK) == 0 ? jp_take(&share) : NULL;
}

/* What is in force; `place` is share_in_place(). */
static const char *value_of(const struct jp_cli *cli, const char *name, const char *place)
{
    bool has_place = strcmp(name, "path.share") == 0 || strcmp(name, "path.libexec") == 0;
    if (has_place && place && !jp_config_is_set(cli->config, name))
        return place;
    return jp_config_get(cli->config, name);
}

static int show_all(struct jp_cli *cli, bool wants_json, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_config_names(cli->config, &names, err) < 0)
        return -1;
    JP_AUTO_FREE char *place = share_in_place();
    json_t *object = wants_json ? json_object() : NULL;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        const char *value = value_of(cli, name, place);
        if (value && is_secret(name))
            value = "(set)";
        if (wants_json)
            (void)json_object_set_new(object, name, jp_json_text(value));
        else
            (void)printf("%s =%s%s\n", name, value ? " " : "", value ? value : "");
    }
    return wants_json ? jp_print_json(object, err) : 0;
}

int jp_cmd_config(struct jp_cli *cli, struct jp_error *err)
{
    bool wants_json = jp_cli_wants_json(&cli->args);
    if (cli->args.n_words == 0)
        return show_all(cli, wants_json, err);
    for (size_t i = 0; i < cli->args.n_words; i++) {
        const char *name = cli->args.words[i];
        if (jp_config_key_find(name) || jp_config_get(cli->config, name))
            continue;
        const char *near = jp_config_key_near(name);
        return jp_fail(err, JP_ENOTFOUND, 0,
                       near ? "no such variable: %s; did you mean %s?" : "no such variable: %s",
                       name, near);
    }
    JP_AUTO_FREE char *place = share_in_place();
    json_t *object = wants_json ? json_object() : NULL;
    for (size_t i = 0; i < cli->args.n_words; i++) {
        const char *value = value_of(cli, cli->args.words[i], place);
        if (wants_json)
            (void)json_object_set_new(object, cli->args.words[i], jp_json_text(value));
        else
            (void)printf("%s\n", value ? value : "");
    }
    return wants_json ? jp_print_json(object, err) : 0;
}

/* ---- info and doctor ------------------------------------------------------------------------- */

struct examination {
    json_t *list; /* NULL: text */
    bool is_brief;
    unsigned missing;
};

static void examined(void *context, const char *name, bool is_fine, const char *text,
                     const char *remedy)
{
    struct examination *examination = context;
    examination->missing += !is_fine;
    if (examination->list) {
        json_t *item = json_pack("{s:s, s:b, s:o, s:o}", "name", name, "fine", (int)is_fine, "text",
                                 jp_json_text(text), "remedy", jp_json_text(remedy));
        (void)json_array_append_new(examination->list, item);
        return;
    }
    if (examination->is_brief) {
        jp_show_line(name, text);
        return;
    }
    (void)printf("%-8s %-16s %s\n", is_fine ? "ok" : "MISSING", name, text ? text : "");
    if (!is_fine && remedy)
        (void)printf("%-25s   -> %s\n", "", remedy);
}

/* What does not depend on the back end: the root directory and its storage driver. */
static void examine_store(struct jp_cli *cli, struct examination *examination)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    const char *root = jp_config_root(cli->config);
    if (geteuid() != 0)
        examined(examination, "privileges", false, "not root: most commands will refuse",
                 "run it as root");
    if (access(root, F_OK) != 0) {
        examined(examination, "root directory", true, "not made yet: the first command does it",
                 NULL);
        return;
    }
    if (access(root, R_OK | W_OK | X_OK) != 0) {
        examined(examination, "root directory", geteuid() != 0, root, "check its owner and mode");
        return;
    }
    const char *why = NULL;
    struct jp_store *store = jp_cli_store(cli, &err);
    const struct jp_driver_ops *driver = store ? jp_store_driver(store, &why, &err) : NULL;
    examined(examination, "root directory", store != NULL, store ? root : jp_error_text(&err),
             "jetpack fsck -repair");
    if (store)
        examined(examination, "storage driver", driver != NULL,
                 driver ? driver->name : jp_error_text(&err), "set storage.driver");
}

static void say_network(void *context, const char *what, const char *problem, const char *remedy)
{
    examined(context, what, false, problem, remedy);
}

/* What networks need, compared with what is there. */
static void examine_networks(struct jp_cli *cli, struct examination *examination)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_link_report report = {say_network, examination};
    if (geteuid() != 0 || access(jp_config_root(cli->config), F_OK) != 0)
        return;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, &err);
    if (!ctx || jp_network_inspect(ctx, false, &report, &err) < 0)
        examined(examination, "networks", false, jp_error_text(&err), "see jetpack.conf(5), net.*");
    if (ctx)
        jp_pod_names_examine(ctx, examined, examination);
    if (ctx && ctx->redirects_ports)
        examined(examination, "published ports", true,
                 "sent on by the kernel, past the host's input rules (net.publish = nat)", NULL);
}

int jp_cmd_doctor(struct jp_cli *cli, struct jp_error *err)
{
    struct examination examination = {0};
    if (jp_cli_wants_json(&cli->args))
        examination.list = json_array();
    examine_store(cli, &examination);
    examine_networks(cli, &examination);
    jp_platform.host->examine(examined, &examination);
    if (examination.list && jp_print_json(examination.list, err) < 0)
        return -1;
    if (!examination.list && !examination.missing)
        (void)printf("nothing is missing\n");
    return examination.missing ? 1 : 0;
}

struct facts {
    const char *driver;
    const char *driver_why;
    size_t images;
    size_t pods;
    bool has_store;
};

/* Numbers from the store; without one (not root, not made yet) the rest is told all the same. */
static void gather(struct jp_cli *cli, struct facts *facts)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    const char *root = jp_config_root(cli->config);
    if (access(root, R_OK | W_OK | X_OK) != 0)
        return;
    struct jp_store *store = jp_cli_store(cli, &err);
    const struct jp_driver_ops *driver =
        store ? jp_store_driver(store, &facts->driver_why, &err) : NULL;
    JP_AUTO(jp_store_images) images = {NULL, 0};
    JP_AUTO(jp_store_pods) pods = {NULL, 0};
    static const struct jp_store_image_query all;
    if (!driver || jp_store_image_list(store, &all, &images, &err) < 0 ||
        jp_store_pod_list(store, &pods, &err) < 0)
        return;
    facts->driver = driver->name;
    facts->images = images.count;
    facts->pods = pods.count;
    facts->has_store = true;
}

static json_t *info_json(struct jp_cli *cli, const struct facts *facts)
{
    struct examination examination = {.list = json_array()};
    jp_platform.host->examine(examined, &examination);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", JP_VERSION,
                     "platform", jp_platform.name, "os", jp_pod_host_os(), "arch",
                     jp_pod_host_arch(), "config", jp_json_text(jp_config_path(cli->config)),
                     "root", jp_json_text(jp_config_root(cli->config)), "driver",
                     jp_json_text(facts->driver), "images",
                     facts->has_store ? json_integer((json_int_t)facts->images) : json_null(),
                     "pods", facts->has_store ? json_integer((json_int_t)facts->pods) : json_null(),
                     "host", examination.list);
}

int jp_cmd_info(struct jp_cli *cli, struct jp_error *err)
{
    struct facts facts = {0};
    gather(cli, &facts);
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(info_json(cli, &facts), err);
    char number[32];
    jp_show_line("Version", JP_VERSION);
    jp_show_line("Platform", jp_platform.name);
    jp_show_line("Images for", jp_pod_host_os());
    jp_show_line("Architecture", jp_pod_host_arch());
    jp_show_line("Configuration", jp_config_path(cli->config));
    jp_show_line("Root", jp_config_root(cli->config));
    if (facts.has_store) {
        jp_show_line("Driver", facts.driver);
        jp_show_line("Driver because", facts.driver_why);
        (void)snprintf(number, sizeof(number), "%zu", facts.images);
        jp_show_line("Images", number);
        (void)snprintf(number, sizeof(number), "%zu", facts.pods);
        jp_show_line("Pods", number);
    }
    jp_show_line("Bridge", jp_config_get(cli->config, "net.bridge"));
    jp_show_line("Subnet", jp_config_get(cli->config, "net.subnet"));
    struct examination examination = {.is_brief = true};
    jp_platform.host->examine(examined, &examination);
    return 0;
}
