/*
 * prepare, run, start: from words to a running pod.
 *
 * The words after the command's own options are segments: options of the pod, then images, each
 * followed by options of its app and perhaps `-- ARG... ---`.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appc/image_manifest.h"
#include "appc/pod_manifest.h"
#include "base/macros.h"
#include "cli/bring.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/stream.h"
#include "pod/request.h"
#include "pod/session.h"
#include "sys/notify.h"

struct wanted {
    struct jp_pod_request request;
    bool is_dry;
    bool has_tty;
    bool has_stdin;
    bool is_detached;
    bool will_destroy;
    bool keep;
    const char *app;
    const char *saveid;
    bool allows_unsigned;      /* of what is fetched */
    struct jp_strv http_hosts; /* that plain http is permitted for */
    char *passphrase;          /* of it, where it is encrypted */
};

/* ---- reading the words ----------------------------------------------------------------------- */

/* An option of the command itself. */
static int take_own(struct wanted *wanted, const struct jp_cli_given *given, struct jp_error *err)
{
    const char *name = given->option->name;
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"dry-run", &wanted->is_dry},
        {"tty", &wanted->has_tty},
        {"interactive", &wanted->has_stdin},
        {"detach", &wanted->is_detached},
        {"destroy", &wanted->will_destroy},
        {"keep", &wanted->keep},
        {"allow-unsigned", &wanted->allows_unsigned},
    };
    for (size_t i = 0; i < JP_LEN(flags); i++)
        if (strcmp(name, flags[i].name) == 0)
            *flags[i].flag = true;
    if (strcmp(name, "app") == 0)
        wanted->app = given->value;
    if (strcmp(name, "saveid") == 0)
        wanted->saveid = given->value;
    if (strcmp(name, "allow-http") == 0 && jp_strv_add(&wanted->http_hosts, given->value) < 0)
        return jp_oom(err);
    if (strcmp(name, "passphrase-file") == 0) {
        jp_cli_passphrase_free(&wanted->passphrase);
        return jp_cli_passphrase_read(given->value, &wanted->passphrase, err);
    }
    if (strcmp(name, "manifest") == 0)
        return jp_pod_request_read(&wanted->request, given->value, err);
    return 0;
}

static bool is_own(const struct jp_command *command, const struct jp_cli_option *option)
{
    for (const struct jp_cli_option *o = command->options; o->name; o++)
        if (o == option)
            return true;
    return false;
}

/* All options up to the next word that is none. */
static int take_options(struct jp_cli *cli, struct jp_cli_reader *reader, struct wanted *wanted,
                        struct jp_error *err)
{
    struct jp_cli_given given;
    int r;
    while ((r = jp_cli_option_read(reader, &given, err)) > 0) {
        if (is_own(cli->command, given.option))
            r = take_own(wanted, &given, err);
        else
            r = jp_pod_request_set(&wanted->request, (enum jp_pod_option)given.option->id,
                                   given.value, err);
        if (r < 0)
            return -1;
    }
    return r;
}

/* What stands between `--` and `---`, or the end. */
static int take_arguments(struct jp_cli_reader *reader, struct wanted *wanted, struct jp_error *err)
{
    if (wanted->request.n_apps == 0)
        return jp_fail(err, JP_EUSAGE, 0, "'--' before the first image");
    for (reader->at++; reader->at < reader->count; reader->at++) {
        const char *word = reader->words[reader->at];
        if (strcmp(word, "---") == 0) {
            reader->at++;
            return 0;
        }
        if (jp_pod_request_argument(&wanted->request, word, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_option_of(const struct jp_cli_option *const *tables, char *word)
{
    struct jp_cli_reader reader = {.tables = tables, .words = &word, .count = 1};
    struct jp_cli_given given;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    (void)jp_cli_option_read(&reader, &given, &err);
    return reader.at > 0;
}

static int read_words(struct jp_cli *cli, struct wanted *wanted, struct jp_error *err)
{
    const struct jp_cli_option *const first[] = {cli->command->options, jp_cli_pod_options(), NULL};
    const struct jp_cli_option *const then[] = {jp_cli_app_options(), NULL};
    struct jp_cli_reader reader = {.tables = first, .words = cli->rest, .count = cli->n_rest};
    for (;;) {
        if (take_options(cli, &reader, wanted, err) < 0) {
            char *word = reader.at < reader.count ? reader.words[reader.at] : NULL;
            bool is_late = reader.tables == then && word && is_option_of(first, word);
            return is_late ? jp_fail(err, JP_EUSAGE, 0,
                                     "option '%s' must stand before the first image", word)
                           : -1;
        }
        if (reader.at >= reader.count)
            return 0;
        const char *word = reader.words[reader.at];
        if (strcmp(word, "---") == 0)
            return jp_fail(err, JP_EUSAGE, 0, "'---' without '--'");
        if (strcmp(word, "--") == 0) {
            if (take_arguments(&reader, wanted, err) < 0)
                return -1;
            continue;
        }
        reader.at++;
        reader.tables = then;
        if (jp_pod_request_image(&wanted->request, word, err) < 0)
            return -1;
    }
}

static int check(const struct wanted *wanted, struct jp_error *err)
{
    if (wanted->request.n_apps == 0 && !wanted->request.manifest)
        return jp_fail(err, JP_EUSAGE, 0, "expected an image, or a pod manifest with -f");
    if (wanted->keep && wanted->will_destroy)
        return jp_fail(err, JP_EUSAGE, 0, "option '-keep' excludes '-destroy'");
    return 0;
}

static int read_request(struct jp_cli *cli, struct wanted *wanted, struct jp_error *err)
{
    return read_words(cli, wanted, err) < 0 ? -1 : check(wanted, err);
}

/* ---- what is not here ------------------------------------------------------------------------ */

/* Words that are places and no names of images become the ids of what lies there. */
static int bring_places(const struct jp_cli_bring *bring, struct jp_pod_request *request,
                        struct jp_error *err)
{
    for (size_t i = 0; i < request->n_apps; i++) {
        if (jp_cli_bring_place(bring, &request->apps[i].image, err) < 0)
            return -1;
    }
    return 0;
}

/* Images that are absent are fetched. *bring stays as long as the command. */
static int allow_fetching(struct jp_cli *cli, struct wanted *wanted, struct jp_cli_bring *bring,
                          struct jp_error *err)
{
    *bring = (struct jp_cli_bring){
        .cli = cli,
        .allows_unsigned = wanted->allows_unsigned,
        .http_hosts = &wanted->http_hosts,
        .passphrase = wanted->passphrase,
    };
    if (jp_cli_bring_absent(cli, bring, err) < 0)
        return -1;
    return bring_places(bring, &wanted->request, err);
}

static void wanted_clear(struct wanted *wanted)
{
    jp_pod_request_clear(&wanted->request);
    jp_strv_clear(&wanted->http_hosts);
    jp_cli_passphrase_free(&wanted->passphrase);
}

/* ---- prepare --------------------------------------------------------------------------------- */

static int print_reified(struct jp_cli *cli, const struct wanted *wanted, struct jp_error *err)
{
    JP_AUTO_FREE char *text = NULL;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_reify(ctx, &wanted->request, &text, err) < 0)
        return -1;
    (void)fputs(text, stdout);
    return 0;
}

static int make_pod(struct jp_cli *cli, const struct wanted *wanted, struct jp_store_pod *ret,
                    struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    /* What is gone after this command need not survive a power failure. */
    if (!ctx || (wanted->will_destroy ? jp_pod_prepare_volatile(ctx, &wanted->request, ret, err)
                                      : jp_pod_prepare(ctx, &wanted->request, ret, err)) < 0)
        return -1;
    return wanted->saveid ? jp_cli_save_id(wanted->saveid, ret->uuid, err) : 0;
}

int jp_cmd_prepare(struct jp_cli *cli, struct jp_error *err)
{
    struct wanted wanted = {.request = JP_POD_REQUEST_INIT};
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_cli_bring bring;
    int r = read_request(cli, &wanted, err);
    if (r == 0)
        r = allow_fetching(cli, &wanted, &bring, err);
    if (r == 0 && wanted.is_dry) {
        r = print_reified(cli, &wanted, err);
    } else if (r == 0) {
        r = make_pod(cli, &wanted, &pod, err);
        if (r == 0)
            (void)printf("%s\n", pod.uuid);
    }
    wanted_clear(&wanted);
    return r;
}

/* ---- run ------------------------------------------------------------------------------------- */

/* One bare word may be a pod. 1: it is, in *ret; 0: it is not. */
static int find_existing(struct jp_cli *cli, const struct wanted *wanted, struct jp_store_pod *ret,
                         struct jp_error *err)
{
    const struct jp_pod_request *request = &wanted->request;
    if (request->manifest || request->n_settings > 0 || request->n_apps != 1 ||
        request->apps[0].n_settings > 0 || request->apps[0].arguments.count > 0)
        return 0;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    return ctx ? jp_pod_find_for_run(ctx, request->apps[0].image, ret, err) : -1;
}

/* To a unit of Type=notify: what depends on it finds a pod that serves. */
static void tell_started(JP_UNUSED void *context)
{
    jp_notify("READY=1\nSTATUS=the pod runs");
}

static int relay(struct jp_cli *cli, const struct wanted *wanted, struct jp_pod_session *session,
                 int *ret_status, struct jp_error *err)
{
    enum jp_pod_end end;
    bool is_raw = wanted->has_tty || wanted->has_stdin || wanted->app;
    struct jp_cli_stream stream = {.is_raw = is_raw};
    struct jp_pod_relay options = {
        .input = wanted->has_tty || wanted->has_stdin ? STDIN_FILENO : -1,
        .terminal = wanted->has_tty && isatty(STDIN_FILENO) ? STDIN_FILENO : -1,
        .signals = cli->signals.fd,
        .output = jp_cli_stream_output,
        .started = tell_started,
        .context = &stream,
    };
    int r = jp_pod_session_relay(session, &options, &end, ret_status, err);
    jp_cli_stream_clear(&stream);
    return r;
}

/* 1 when neither the pod nor the image says what the app is to run. */
static int has_no_program(const struct jp_pod_context *ctx, const struct jp_runtime_app *app,
                          struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) image = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    size_t len;
    if (app->has_app)
        return app->app.exec.count == 0;
    if (jp_store_image_manifest(ctx->store, app->image.id, &text, &len, err) < 0 ||
        jp_image_manifest_parse(text, len, &image, err) < 0)
        return -1;
    return !image.has_app || image.app.exec.count == 0;
}

/* With a terminal, an image without app gets a login or a shell, as `console` does. */
static int needs_console(struct jp_cli *cli, const struct wanted *wanted,
                         const struct jp_store_pod *pod, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    JP_AUTO(jp_pod_manifest) manifest = JP_POD_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    if (!ctx || !wanted->has_tty || wanted->is_detached || (pod->n_apps != 1 && !wanted->app))
        return ctx ? 0 : -1;
    if (jp_pod_manifest(ctx, pod->uuid, &text, err) < 0 ||
        jp_pod_manifest_parse(text, strlen(text), &manifest, err) < 0)
        return -1;
    const struct jp_runtime_app *app =
        wanted->app ? jp_pod_manifest_find_app(&manifest, wanted->app) : &manifest.apps.items[0];
    return app ? has_no_program(ctx, app, err) : 0;
}

static int run_console(struct jp_cli *cli, const struct wanted *wanted,
                       const struct jp_store_pod *pod, struct jp_error *err)
{
    struct jp_cli_window window = jp_cli_window();
    struct jp_pod_exec exec = {
        .app = wanted->app,
        .has_stdin = true,
        .has_tty = true,
        .rows = window.rows,
        .columns = window.columns,
        .term = window.term,
    };
    int status = 0;
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    if (jp_pod_exec(&cli->pods, pod, &exec, &session, err) < 0 ||
        relay(cli, wanted, session, &status, err) < 0)
        return -1;
    return jp_pod_exit_code(status);
}

static int run_pod(struct jp_cli *cli, const struct wanted *wanted, const struct jp_store_pod *pod,
                   struct jp_error *err)
{
    struct jp_cli_window window = jp_cli_window();
    const char *app = wanted->app ? wanted->app : "";
    JP_AUTO(jp_strv) at_end = JP_STRV_INIT;
    JP_AUTO(jp_strv) renew = JP_STRV_INIT;
    if (jp_cli_words_for(cli, "renew-root", pod->uuid, &renew, err) < 0 ||
        (wanted->will_destroy && jp_cli_words_for(cli, "end-run", pod->uuid, &at_end, err) < 0))
        return -1;
    struct jp_pod_start options = {
        .is_detached = wanted->is_detached,
        .keep = wanted->keep,
        .will_destroy = wanted->will_destroy,
        .at_end = &at_end,
        .renew = &renew,
        .tty_app = wanted->has_tty ? app : NULL,
        .stdin_app = wanted->has_tty || wanted->has_stdin ? app : NULL,
        .only_app = wanted->app,
        .rows = window.rows,
        .columns = window.columns,
        .term = window.term,
    };
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_start(ctx, pod, &options, &session, err) < 0)
        return -1;
    if (wanted->is_detached) {
        (void)printf("%s\n", pod->uuid);
        return 0;
    }
    int status = 0;
    if (relay(cli, wanted, session, &status, err) < 0 ||
        (!wanted->will_destroy && jp_pod_tidy(ctx, pod, err) < 0))
        return -1;
    return jp_pod_exit_code(status);
}

/* -destroy: also after a failure; the first error is the one that is told. */
static int destroy_after(struct jp_cli *cli, const struct jp_store_pod *pod, int result,
                         struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    struct jp_pod_context ctx = cli->pods;
    ctx.interrupted = NULL; /* the interrupt ended the run; removing it goes on to its end */
    if (jp_pod_destroy(&ctx, pod, &why) == 0)
        return result;
    if (result >= 0)
        jp_error_move(err, &why);
    return -1;
}

/* -app in a pod that this command has just made: a name that is wrong must not leave the pod. */
static int check_made(struct jp_cli *cli, const struct wanted *wanted,
                      const struct jp_store_pod *pod, struct jp_error *err)
{
    for (size_t i = 0; i < pod->n_apps; i++)
        if (!wanted->app || strcmp(pod->apps[i].name, wanted->app) == 0)
            return 0;
    jp_fail(err, JP_ENOTFOUND, 0, "the pod has no app '%s'", wanted->app ? wanted->app : "");
    return wanted->will_destroy ? -1 : destroy_after(cli, pod, -1, err);
}

static int run(struct jp_cli *cli, const struct wanted *wanted, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    /* Its supervisor is loaded while we look for what to run. */
    if (!ctx || jp_pod_start_ahead(ctx, &wanted->request, err) < 0)
        return -1;
    int r = find_existing(cli, wanted, &pod, err);
    bool is_made = r == 0;
    if (is_made)
        r = make_pod(cli, wanted, &pod, err) < 0 ? -1 : check_made(cli, wanted, &pod, err);
    else if (r > 0 && wanted->saveid)
        r = jp_cli_save_id(wanted->saveid, pod.uuid, err);
    if (r >= 0)
        r = needs_console(cli, wanted, &pod, err);
    if (r >= 0)
        r = r ? run_console(cli, wanted, &pod, err) : run_pod(cli, wanted, &pod, err);
    /* In the background its supervisor sees to it, unless there is none. */
    if (wanted->will_destroy && pod.uuid && (r < 0 || !wanted->is_detached))
        r = destroy_after(cli, &pod, r, err);
    else if (r < 0 && is_made && pod.uuid && err->code == JP_EBUSY)
        r = destroy_after(cli, &pod, r,
                          err); /* somebody has its port: as if it had not been made */
    return r;
}

int jp_cmd_run(struct jp_cli *cli, struct jp_error *err)
{
    struct wanted wanted = {.request = JP_POD_REQUEST_INIT};
    struct jp_cli_bring bring;
    int r = read_request(cli, &wanted, err);
    if (r == 0)
        r = allow_fetching(cli, &wanted, &bring, err);
    if (r == 0)
        r = wanted.is_dry ? print_reified(cli, &wanted, err) : run(cli, &wanted, err);
    wanted_clear(&wanted);
    return r;
}

static int start(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    struct wanted wanted = {.is_detached = true, .keep = jp_cli_has(&cli->args, "keep")};
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    return jp_cli_find_pod(cli, word, &pod, err) < 0 ? -1 : run_pod(cli, &wanted, &pod, err);
}

static int restart(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    int64_t grace_ms = -1;
    const char *text = jp_cli_value(&cli->args, "time");
    struct wanted wanted = {.is_detached = true};
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    if (text && !jp_parse_duration(text, &grace_ms))
        return jp_fail(err, JP_EUSAGE, 0, "-time=%s: expected a number of seconds", text);
    if (jp_cli_find_pod_app(cli, word, &pod, &app, err) < 0)
        return -1;
    if (app)
        return jp_pod_restart_app(jp_cli_pods(cli, err), &pod, app, grace_ms, err);
    if (jp_pod_stop(jp_cli_pods(cli, err), &pod, grace_ms, err) < 0)
        return -1;
    return run_pod(cli, &wanted, &pod, err);
}

int jp_cmd_restart(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, restart, err);
}

int jp_cmd_start(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, start, err);
}
