/*
 * What every command of both programs goes through: global options, configuration, the command's
 * own words, the error line and the exit status. Only here is an error printed.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/fetching.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "image/image.h"
#include "platform/platform.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/self.h"

enum {
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_OURS = 125, /* Jetpack failed before the app ran */
    STATUS_NOEXEC = 126,
    STATUS_NOPROGRAM = 127,
    STATUS_KILLED = 128 + SIGKILL,
};

void jp_cli_warn(const char *text)
{
    (void)fprintf(stderr, "jetpack: warning: %s\n", text);
}

/* ---- what commands ask for ------------------------------------------------------------------- */

struct jp_store_options jp_cli_store_options(const struct jp_cli *cli)
{
    return (struct jp_store_options){
        .root = jp_config_root(cli->config),
        .driver = jp_config_get(cli->config, "storage.driver"),
        .subnet = jp_config_get(cli->config, "net.subnet"),
        .zfs = &cli->zfs,
    };
}

struct jp_store *jp_cli_store(struct jp_cli *cli, struct jp_error *err)
{
    struct jp_store_options options = jp_cli_store_options(cli);
    if (!cli->store && jp_store_open(&options, &cli->store, err) < 0)
        return NULL;
    return cli->store;
}

static void tell(void *context, enum jp_pod_tell kind, const char *text)
{
    const struct jp_cli *cli = context;
    if (kind == JP_POD_WARNING)
        jp_cli_warn(text);
    else if (jp_config_bool(cli->config, "debug"))
        (void)fprintf(stderr, "jetpack: %s\n", text);
}

/* A folder that nobody configured must not win over the programs beside a binary being tried. */
const char *jp_cli_libexec(const struct jp_cli *cli)
{
    bool is_set = jp_config_is_set(cli->config, "path.libexec");
    return is_set ? jp_config_get(cli->config, "path.libexec") : NULL;
}

/* A back end that only pretends has nobody who could ask. */
static const struct jp_pod_metadata *metadata(struct jp_cli *cli)
{
    if (!JP_WITH_MDS || strcmp(jp_platform.name, "fake") == 0)
        return NULL;
    cli->metadata = (struct jp_pod_metadata){
        .port = (uint16_t)jp_config_u64(cli->config, "mds.port"),
        .user = jp_config_get(cli->config, "mds.user"),
        .keeps_uid = jp_config_bool(cli->config, "mds.keep-uid"),
        .token_key = jp_config_get(cli->config, "mds.token-key"),
        .signing_key = jp_config_get(cli->config, "mds.signing-key"),
        .log = jp_config_get(cli->config, "mds.logfile"),
        .pid_file = jp_config_get(cli->config, "mds.pidfile"),
        .idle_ms = (uint32_t)jp_config_u64(cli->config, "mds.idle") * 1000,
    };
    return &cli->metadata;
}

/* ace.jailConf.NAME = VALUE: parameters of every jail. */
static int jail_parameters(const struct jp_cli *cli, struct jp_strv *ret, struct jp_error *err)
{
    static const char family[] = "ace.jailConf.";
    JP_AUTO(jp_strv) names = {NULL, 0, 0};
    if (jp_config_names(cli->config, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        if (strncmp(name, family, strlen(family)) != 0)
            continue;
        if (jp_strv_add_owned(ret, jp_format("%s=%s", name + strlen(family),
                                             jp_config_get(cli->config, name))) < 0)
            return jp_oom(err);
    }
    return 0;
}

struct jp_pod_context *jp_cli_pods(struct jp_cli *cli, struct jp_error *err)
{
    if (cli->pods.store)
        return &cli->pods;
    if (!cli->has_signals) {
        if (jp_pod_signals_catch(&cli->signals, err) < 0)
            return NULL;
        cli->has_signals = true;
    }
    struct jp_store *store = jp_cli_store(cli, err);
    if (!store)
        return NULL;
    if (cli->jail_parameters.count == 0 && jail_parameters(cli, &cli->jail_parameters, err) < 0)
        return NULL;
    if (cli->networks.count == 0 && jp_networks_read(cli->config, &cli->networks, err) < 0)
        return NULL;
    uint64_t grace = jp_config_u64(cli->config, "stop.grace");
    cli->pods = (struct jp_pod_context){
        .store = store,
        .libexec = jp_cli_libexec(cli),
        .dns_servers = jp_config_get(cli->config, "ace.dns-servers"),
        .redirects_ports = strcmp(jp_config_get(cli->config, "net.publish"), "nat") == 0,
        .has_names = strcmp(jp_config_get(cli->config, "net.names"), "off") != 0,
        .networks = &cli->networks,
        .jail_prefix = jp_config_get(cli->config, "jail.namePrefix"),
        .jail_parameters = &cli->jail_parameters,
        .stop_grace_ms = grace ? (uint32_t)grace * 1000 : 1,
        .ready_limit_ms = (uint32_t)jp_config_u64(cli->config, "ready.limit") * 1000,
        .log_max_bytes = jp_config_u64(cli->config, "logs.max-size"),
        .log_files = (uint32_t)jp_config_u64(cli->config, "logs.files"),
        .metadata = metadata(cli),
        .tell = tell,
        .tell_context = cli,
        .interrupted = cli->signals.interrupted,
    };
    return &cli->pods;
}

int jp_cli_find_pod(struct jp_cli *cli, const char *word, struct jp_store_pod *ret,
                    struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    return ctx ? jp_pod_find(ctx, word, ret, err) : -1;
}

int jp_cli_find_pod_app(struct jp_cli *cli, const char *word, struct jp_store_pod *ret,
                        char **ret_app, struct jp_error *err)
{
    if (!strchr(word, ':'))
        return jp_cli_find_pod(cli, word, ret, err);
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    return ctx ? jp_pod_find_app(ctx, word, ret, ret_app, err) : -1;
}

int jp_cli_each_word(struct jp_cli *cli,
                     int (*each)(struct jp_cli *cli, const char *word, struct jp_error *err),
                     struct jp_error *err)
{
    bool has_failed = false;
    for (size_t i = 0; i < cli->args.n_words; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        if (each(cli, cli->args.words[i], &why) >= 0)
            continue;
        if (has_failed)
            jp_cli_print_error(cli, err);
        has_failed = true;
        jp_error_clear(err);
        jp_error_move(err, &why);
        if (err->code == JP_EINTERRUPTED)
            break;
    }
    return has_failed ? -1 : 0;
}

int jp_cli_save_id(const char *path, const char *id, struct jp_error *err)
{
    JP_AUTO_FREE char *line = jp_format("%s\n", id);
    if (!line)
        return jp_oom(err);
    JP_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    return jp_fd_write_all(fd, line, strlen(line), path, err);
}

int jp_cli_note_import(const struct jp_cli *cli, const struct jp_image_imported *imported,
                       struct jp_error *err)
{
    const char *saveid = jp_cli_value(&cli->args, "saveid");
    if (saveid && jp_cli_save_id(saveid, imported->id, err) < 0)
        return -1;
    for (size_t i = 0; i < imported->missing.count; i++) {
        JP_AUTO_FREE char *text =
            jp_format("it needs the image %s, which is not here yet", imported->missing.items[i]);
        jp_cli_warn(text ? text : "an image that it needs is not here");
    }
    return 0;
}

/* Whoever calls us so has another working directory. */
static char *absolute(const char *path)
{
    char here[4096];
    if (path[0] == '/')
        return jp_strdup(path);
    return getcwd(here, sizeof(here)) ? jp_format("%s/%s", here, path) : NULL;
}

int jp_cli_words_for(const struct jp_cli *cli, const char *command, const char *uuid,
                     struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *self = jp_self_path(err);
    if (!self)
        return -1;
    JP_AUTO_FREE char *config = absolute(jp_config_path(cli->config));
    if (!config)
        return jp_fail_sys(err, "find the configuration from another directory");
    const char *const before[] = {self, "-config", config};
    const char *const after[] = {command, uuid};
    int r = jp_strv_extend(ret, (char *const *)before, JP_LEN(before));
    for (size_t i = 0; r == 0 && i < cli->n_overrides; i++)
        r = jp_strv_add(ret, "-o") < 0 || jp_strv_add(ret, cli->overrides[i]) < 0 ? -1 : 0;
    if (r == 0)
        r = jp_strv_extend(ret, (char *const *)after, JP_LEN(after));
    return r < 0 ? jp_oom(err) : 0;
}

/* ---- running a command ----------------------------------------------------------------------- */

/* One that hands over to itself would never end. */
static bool is_this_program(int fd)
{
    struct stat helper, self;
    JP_AUTO_FREE char *path = jp_self_path(NULL);
    return path && fstat(fd, &helper) == 0 && stat(path, &self) == 0 &&
           helper.st_dev == self.st_dev && helper.st_ino == self.st_ino;
}

static int run_helper(struct jp_cli *cli, struct jp_error *err)
{
    struct jp_pod_context ctx = {.libexec = jp_cli_libexec(cli)};
    JP_AUTO_FREE char *path = NULL;
    JP_AUTO_FD int fd = jp_pod_program(&ctx, "jetpack-image", &path, err);
    if (fd < 0)
        return -1;
    if (is_this_program(fd))
        return jp_fail(err, JP_EUNSUPPORTED, 0, "this is not for jetpack-image: call jetpack");
    execv(path, cli->argv);
    return jp_fail_sys(err, "execute '%s'", path);
}

static const struct jp_command_function *find_function(const struct jp_command *command)
{
    for (const struct jp_command_function *f = jp_command_functions; f->name; f++)
        if (strcmp(f->name, command->name) == 0)
            return f;
    return NULL;
}

static int check_words(const struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_command *command = cli->command;
    if (cli->args.n_words < command->min_words)
        return jp_fail(err, JP_EUSAGE, 0, "expected: jetpack %s %s", command->name,
                       command->synopsis);
    if (cli->args.n_words > command->max_words)
        return jp_fail(err, JP_EUSAGE, 0, "unexpected '%s'", cli->args.words[command->max_words]);
    return 0;
}

static bool is_privileged(void)
{
    return geteuid() == 0 || strcmp(jp_platform.name, "fake") == 0;
}

static int read_words(struct jp_cli *cli, struct jp_error *err)
{
    if (cli->command->flags & JP_COMMAND_PODS)
        return 0;
    bool is_permuting = !(cli->command->flags & JP_COMMAND_PROGRAM);
    if (jp_cli_args_read(cli->command->options, cli->rest, cli->n_rest, is_permuting, &cli->args,
                         err) < 0)
        return -1;
    const char *format = jp_cli_value(&cli->args, "format");
    bool is_help = strcmp(cli->command->name, "help") == 0;
    if (format && !is_help && strcmp(format, "json") != 0 && strcmp(format, "table") != 0)
        return jp_fail(err, JP_EUSAGE, 0, "-format=%s: must be table or json", format);
    return check_words(cli, err);
}

static int flush_output(struct jp_error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return jp_fail_sys(err, "write standard output");
    return 0;
}

/* Before the helper: whoever lacks rights may not even see it. */
static int check_rights(struct jp_cli *cli, struct jp_error *err)
{
    if (!(cli->command->flags & JP_COMMAND_ROOT) || is_privileged())
        return 0;
    return read_words(cli, err) < 0 ? -1 : jp_fail(err, JP_ESYS, 0, "must be root");
}

static int run_command(struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_command_function *function = find_function(cli->command);
    if (check_rights(cli, err) < 0)
        return -1;
    if (!function)
        return run_helper(cli, err);
    if (read_words(cli, err) < 0)
        return -1;
    int status = function->run(cli, err);
    return status >= 0 && flush_output(err) < 0 ? -1 : status;
}

static int status_of(const struct jp_command *command, const struct jp_error *err)
{
    if (err->code == JP_EUSAGE)
        return STATUS_USAGE;
    if (!command || !(command->flags & JP_COMMAND_STATUS))
        return STATUS_FAILED;
    if (err->code == JP_ENOPROGRAM)
        return STATUS_NOPROGRAM;
    if (err->code == JP_EKILLED)
        return STATUS_KILLED;
    return err->code == JP_ENOEXEC ? STATUS_NOEXEC : STATUS_OURS;
}

/* One line, whatever a file name or an image put into the text. */
void jp_cli_print_error(const struct jp_cli *cli, const struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_strdup(jp_error_text(err));
    for (char *c = text; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = *c == '\n' ? ' ' : '?';
    (void)fflush(stdout);
    const char *name = cli->command ? cli->command->name : NULL;
    (void)fprintf(stderr, "jetpack: %s%s%s", name ? name : "", name ? ": " : "",
                  text ? text : "out of memory");
    if (err->code == JP_EUSAGE)
        (void)fprintf(stderr, " (see 'jetpack help%s%s')", name ? " " : "", name ? name : "");
    (void)fputc('\n', stderr);
}

static void finish(struct jp_cli *cli)
{
    jp_fetching_free(cli->fetching);
    if (cli->has_signals)
        jp_pod_signals_release(&cli->signals);
    jp_pod_ahead_free(cli->pods.ahead);
    free(cli->openpgp_program);
    jp_cli_passphrase_free(&cli->passphrase);
    jp_strv_clear(&cli->jail_parameters);
    jp_networks_clear(&cli->networks);
    jp_store_free(cli->store);
    jp_cli_args_clear(&cli->args);
    jp_strv_clear(&cli->zfs.root);
    jp_strv_clear(&cli->zfs.images);
    jp_strv_clear(&cli->zfs.pods);
    jp_config_free(cli->config);
}

/* ---- global options -------------------------------------------------------------------------- */

struct globals {
    const char *config_path;
    const char **options;
    size_t n_options;
    bool wants_help;
    bool wants_version;
};

static int read_globals(struct jp_cli_reader *reader, struct globals *globals, struct jp_error *err)
{
    struct jp_cli_given given;
    int r;
    while ((r = jp_cli_option_read(reader, &given, err)) > 0) {
        const char *name = given.option->name;
        if (strcmp(name, "config") == 0)
            globals->config_path = given.value;
        else if (strcmp(name, "option") == 0)
            globals->options[globals->n_options++] = given.value;
        else if (strcmp(name, "help") == 0)
            globals->wants_help = true;
        else
            globals->wants_version = true;
    }
    return r;
}

static bool is_help_option(const char *word)
{
    return strcmp(word, "-help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `COMMAND -help`, also after other options, but not behind a word that may be a program. */
static bool asks_for_help(const struct jp_cli *cli)
{
    for (size_t i = 0; i < cli->n_rest && cli->rest[i][0] == '-'; i++)
        if (is_help_option(cli->rest[i]))
            return true;
    return false;
}

/* root.zfs.*, images.zfs.*, pods.zfs.* as lists of "PROPERTY=VALUE"; what is set to nothing is not.
 */
static int collect_zfs(struct jp_cli *cli, struct jp_error *err)
{
    const struct {
        const char *prefix;
        struct jp_strv *list;
    } families[] = {{"root.zfs.", &cli->zfs.root},
                    {"images.zfs.", &cli->zfs.images},
                    {"pods.zfs.", &cli->zfs.pods}};
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    cli->zfs.dataset = jp_config_get(cli->config, "root.zfs");
    if (jp_config_names(cli->config, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count * JP_LEN(families); i++) {
        const char *name = names.items[i / JP_LEN(families)];
        const char *prefix = families[i % JP_LEN(families)].prefix;
        const char *value = jp_config_get(cli->config, name);
        /* The mount point of the root dataset is the root directory. */
        if (!value || strncmp(name, prefix, strlen(prefix)) != 0 ||
            strcmp(name, "root.zfs.mountpoint") == 0)
            continue;
        char *property = jp_format("%s=%s", name + strlen(prefix), value);
        if (jp_strv_add_owned(families[i % JP_LEN(families)].list, property) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int load_config(struct jp_cli *cli, const struct globals *globals, struct jp_error *err)
{
    struct jp_config_source source = {
        .path = globals->config_path,
        .options = globals->options,
        .n_options = globals->n_options,
    };
    if (jp_config_load(&source, &cli->config, err) < 0)
        return -1;
    const struct jp_strv *warnings = jp_config_warnings(cli->config);
    bool is_ours = find_function(cli->command); /* else the helper says the same in a moment */
    for (size_t i = 0; i < warnings->count && is_ours; i++)
        jp_cli_warn(warnings->items[i]);
    return collect_zfs(cli, err);
}

static int find_command(struct jp_cli *cli, char **words, size_t count, struct jp_error *err)
{
    int r = jp_command_rewrite(words, count, err);
    if (r < 0)
        return -1;
    count -= (size_t)r;
    cli->command = jp_command_find(words[0]);
    if (!cli->command)
        return jp_fail(err, JP_EUSAGE, 0, "unknown command '%s'", words[0]);
    cli->rest = words + 1;
    cli->n_rest = count - 1;
    return 0;
}

static int work(struct jp_cli *cli, int argc, char **argv, struct jp_error *err)
{
    static const struct jp_cli_option *const tables[] = {jp_global_options, NULL};
    JP_AUTO_FREE const char **options = jp_calloc((size_t)argc + 1, sizeof(*options));
    if (!options)
        return jp_oom(err);
    struct globals globals = {.options = options};
    cli->overrides = options;
    struct jp_cli_reader reader = {
        .tables = tables,
        .words = argv,
        .count = (size_t)argc,
        .at = argc > 0,
    };
    if (read_globals(&reader, &globals, err) < 0)
        return -1;
    if (globals.wants_version) {
        (void)printf("%s\n", JP_VERSION);
        return flush_output(err);
    }
    if (globals.wants_help || reader.at >= reader.count) {
        jp_help_overview();
        return flush_output(err);
    }
    if (find_command(cli, argv + reader.at, reader.count - reader.at, err) < 0)
        return -1;
    if (asks_for_help(cli)) {
        jp_help_command(cli->command);
        return flush_output(err);
    }
    cli->n_overrides = globals.n_options;
    if (load_config(cli, &globals, err) < 0)
        return -1;
    return run_command(cli, err);
}

int jp_cli_main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_cli cli = {.argv = argv};
    int status = -1;
    if (jp_fd_sane_stdio(&err) == 0) {
        jp_sys_arm();
        status = work(&cli, argc, argv, &err);
    }
    if (status < 0) {
        jp_cli_print_error(&cli, &err);
        status = status_of(cli.command, &err);
    }
    finish(&cli);
    return status;
}
