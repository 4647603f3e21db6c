/* exec, console, attach: sessions with a running pod. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strv.h"
#include "cli/cmd.h"
#include "cli/stream.h"
#include "pod/session.h"

static int relay(struct jp_cli *cli, struct jp_pod_session *session, const struct jp_pod_exec *exec,
                 struct jp_error *err)
{
    enum jp_pod_end end;
    int status = 0;
    struct jp_cli_stream stream = {.is_raw = true};
    struct jp_pod_relay options = {
        .input = exec->has_stdin ? STDIN_FILENO : -1,
        .terminal = exec->has_tty && isatty(STDIN_FILENO) ? STDIN_FILENO : -1,
        .signals = cli->signals.fd,
        .output = jp_cli_stream_output,
        .context = &stream,
    };
    int r = jp_pod_session_relay(session, &options, &end, &status, err);
    jp_cli_stream_clear(&stream);
    return r < 0 ? -1 : jp_pod_exit_code(status);
}

static int environment(const struct jp_cli_args *args, struct jp_strv *ret, struct jp_error *err)
{
    for (size_t i = 0; i < args->n_given; i++) {
        const struct jp_cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "environment") != 0)
            continue;
        const char *equals = strchr(given->value, '=');
        if (!equals || equals == given->value)
            return jp_fail(err, JP_EUSAGE, 0, "-environment=%s: expected NAME=VALUE", given->value);
        if (jp_strv_add(ret, given->value) < 0)
            return jp_oom(err);
    }
    return 0;
}

/* What both have in common: options, pod and app, then the session. */
static int run(struct jp_cli *cli, struct jp_pod_exec *exec, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    struct jp_cli_window window = jp_cli_window();
    exec->cwd = jp_cli_value(&cli->args, "workdir");
    exec->rows = window.rows;
    exec->columns = window.columns;
    exec->term = window.term;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || environment(&cli->args, &exec->env, err) < 0 ||
        jp_pod_find_app(ctx, cli->args.words[0], &pod, &app, err) < 0)
        return -1;
    exec->app = app;
    if (jp_pod_exec(ctx, &pod, exec, &session, err) < 0)
        return -1;
    return relay(cli, session, exec, err);
}

int jp_cmd_exec(struct jp_cli *cli, struct jp_error *err)
{
    bool has_tty = jp_cli_has(&cli->args, "tty");
    struct jp_pod_exec exec = {
        .user = jp_cli_value(&cli->args, "user"),
        .has_tty = has_tty,
        .has_stdin = has_tty || jp_cli_has(&cli->args, "interactive"),
    };
    int r = -1;
    if (jp_strv_extend(&exec.argv, cli->args.words + 1, cli->args.n_words - 1) < 0)
        (void)jp_oom(err);
    else
        r = run(cli, &exec, err);
    jp_strv_clear(&exec.argv);
    jp_strv_clear(&exec.env);
    return r;
}

int jp_cmd_console(struct jp_cli *cli, struct jp_error *err)
{
    struct jp_pod_exec exec = {
        .user = jp_cli_value(&cli->args, "user"),
        .has_tty = jp_cli_has(&cli->args, "tty") || isatty(STDIN_FILENO),
        .has_stdin = true,
    };
    if (!exec.user && cli->args.n_words > 1)
        exec.user = cli->args.words[1];
    int r = run(cli, &exec, err);
    jp_strv_clear(&exec.env);
    return r;
}

/* ---- attach ---------------------------------------------------------------------------------- */

/* "ctrl-p,ctrl-q" or single characters, separated by commas, as bytes. At most 16. */
static int read_keys(const char *text, char keys[17], struct jp_error *err)
{
    size_t n = 0;
    for (const char *at = text; *at && n < 16;) {
        size_t len = strcspn(at, ",");
        if (len == 1)
            keys[n++] = *at;
        else if (len == 6 && strncmp(at, "ctrl-", 5) == 0 && at[5] >= '@' && at[5] <= 'z')
            keys[n++] = (char)(at[5] & 0x1f);
        else
            return jp_fail(err, JP_EUSAGE, 0,
                           "-detach-keys=%s: expected keys such as ctrl-p,ctrl-q", text);
        at += len + (at[len] == ',');
    }
    keys[n] = '\0';
    return 0;
}

int jp_cmd_attach(struct jp_cli *cli, struct jp_error *err)
{
    char keys[17];
    const char *wanted = jp_cli_value(&cli->args, "detach-keys");
    bool has_tty = jp_cli_has(&cli->args, "tty");
    bool has_stdin = has_tty || jp_cli_has(&cli->args, "interactive");
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    bool has_terminal = has_tty && isatty(STDIN_FILENO);
    struct jp_cli_window window = jp_cli_window();
    if (read_keys(wanted ? wanted : "ctrl-p,ctrl-q", keys, err) < 0 ||
        jp_cli_find_pod_app(cli, cli->args.words[0], &pod, &app, err) < 0)
        return -1;
    struct jp_pod_join join = {
        .app = app,
        .has_stdin = has_stdin,
        .rows = has_terminal ? window.rows : 0,
        .columns = has_terminal ? window.columns : 0,
    };
    if (jp_pod_attach(jp_cli_pods(cli, err), &pod, &join, &session, err) < 0)
        return -1;
    enum jp_pod_end end;
    int status;
    struct jp_cli_stream stream = {.is_raw = app != NULL || has_stdin || pod.n_apps == 1};
    struct jp_pod_relay options = {
        .input = has_stdin ? STDIN_FILENO : -1,
        .terminal = has_terminal ? STDIN_FILENO : -1,
        .signals = cli->signals.fd,
        .detach_keys = has_stdin ? keys : NULL,
        .output = jp_cli_stream_output,
        .context = &stream,
    };
    int r = jp_pod_session_relay(session, &options, &end, &status, err);
    jp_cli_stream_clear(&stream);
    return r < 0 ? -1 : 0;
}
