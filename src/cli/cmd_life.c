/* stop, kill, killall, destroy, rename, wait, cp: small steps in the life of a pod. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/time.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "pod/inspect.h"
#include "pod/session.h"
#include "store/store.h"
#include "sys/fd.h"
#include "sys/process.h"

/* Seconds of an option in milliseconds; `absent` when it was not given. */
static int read_seconds(const struct jp_cli *cli, const char *option, int64_t absent, int64_t *ret,
                        struct jp_error *err)
{
    const char *text = jp_cli_value(&cli->args, option);
    *ret = absent;
    if (text && !jp_parse_duration(text, ret))
        return jp_fail(err, JP_EUSAGE, 0, "-%s=%s: expected a number of seconds", option, text);
    return 0;
}

static int read_signal(const struct jp_cli *cli, int absent, int *ret, struct jp_error *err)
{
    const char *text = jp_cli_value(&cli->args, "signal");
    *ret = text ? jp_signal_number(text) : absent;
    if (text && *ret == 0)
        return jp_fail(err, JP_EUSAGE, 0, "-signal=%s: no such signal", text);
    return 0;
}

static int stop(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    int64_t grace;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    if (read_seconds(cli, "time", -1, &grace, err) < 0 || jp_cli_find_pod(cli, word, &pod, err) < 0)
        return -1;
    return jp_pod_stop(jp_cli_pods(cli, err), &pod, grace, err);
}

int jp_cmd_stop(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, stop, err);
}

static int kill_word(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    int number;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    if (read_signal(cli, 0, &number, err) < 0 ||
        jp_cli_find_pod_app(cli, word, &pod, &app, err) < 0)
        return -1;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!number && !app)
        return jp_pod_kill(ctx, &pod, err);
    return jp_pod_signal(ctx, &pod, app, number ? number : SIGKILL, err);
}

int jp_cmd_kill(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, kill_word, err);
}

int jp_cmd_killall(struct jp_cli *cli, struct jp_error *err)
{
    int number;
    unsigned count = 0;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    const char *name = cli->args.words[1];
    if (read_signal(cli, SIGTERM, &number, err) < 0 ||
        jp_cli_find_pod(cli, cli->args.words[0], &pod, err) < 0 ||
        jp_pod_killall(jp_cli_pods(cli, err), &pod, name, number, &count, err) < 0)
        return -1;
    if (count == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "no process '%s' in pod '%s'", name, pod.name);
    return 0;
}

static int destroy(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    return jp_cli_find_pod(cli, word, &pod, err) < 0
               ? -1
               : jp_pod_destroy(jp_cli_pods(cli, err), &pod, err);
}

int jp_cmd_destroy(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, destroy, err);
}

int jp_cmd_end_run(struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    return ctx ? jp_pod_end_run(ctx, cli->args.words[0], err) : -1;
}

/* Until whoever called us has closed it; what is said meanwhile is not for us. */
static void await_end(int socket)
{
    char bytes[64];
    ssize_t n;
    do {
        n = read(socket, bytes, sizeof(bytes));
    } while (n > 0 || (n < 0 && errno == EINTR));
}

/* Standard input is the pod's lock, standard output a socket (plan/renewal.h). */
int jp_cmd_renew_root(struct jp_cli *cli, struct jp_error *err)
{
    struct stat st;
    JP_AUTO(jp_buf) root = JP_BUF_INIT;
    const char *app = cli->args.n_words > 1 ? cli->args.words[1] : NULL;
    if (fstat(STDOUT_FILENO, &st) < 0 || !S_ISSOCK(st.st_mode))
        return jp_fail(err, JP_EUSAGE, 0, "only a supervisor calls this");
    jp_process_end_with_parent();
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || (app && (jp_pod_renew_root(ctx, cli->args.words[0], app, &root, err) < 0 ||
                         jp_fd_write_all(STDOUT_FILENO, root.data, root.len, "answer", err) < 0)))
        return -1;
    await_end(STDOUT_FILENO);
    /* Nothing of the pod is touched from here on. */
    JP_AUTO_FD int null = jp_fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return -1;
    return jp_store_sweep(ctx->store, err);
}

int jp_cmd_rename(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    return jp_cli_find_pod(cli, cli->args.words[0], &pod, err) < 0
               ? -1
               : jp_pod_rename(jp_cli_pods(cli, err), &pod, cli->args.words[1], err);
}

static int wait_for(struct jp_cli *cli, const char *word, int64_t end_ms, int *ret_status,
                    struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    if (jp_cli_find_pod_app(cli, word, &pod, &app, err) < 0)
        return -1;
    int64_t left_ms = end_ms < 0 ? -1 : end_ms - jp_time_monotonic_ms();
    if (end_ms >= 0 && left_ms < 0)
        left_ms = 0;
    return jp_pod_wait(jp_cli_pods(cli, err), &pod, app, left_ms, ret_status, err);
}

int jp_cmd_wait(struct jp_cli *cli, struct jp_error *err)
{
    int64_t timeout_ms;
    int result = 0;
    if (read_seconds(cli, "timeout", -1, &timeout_ms, err) < 0)
        return -1;
    int64_t end_ms = timeout_ms < 0 ? -1 : jp_time_monotonic_ms() + timeout_ms;
    /* A name that nobody has is told before the first wait. */
    for (size_t i = 0; i < cli->args.n_words; i++) {
        JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
        JP_AUTO_FREE char *app = NULL;
        if (jp_cli_find_pod_app(cli, cli->args.words[i], &pod, &app, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < cli->args.n_words; i++) {
        int status;
        if (wait_for(cli, cli->args.words[i], end_ms, &status, err) < 0)
            return -1;
        if (result == 0)
            result = jp_pod_exit_code(status);
    }
    return result;
}

int jp_cmd_cp(struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    size_t n = cli->args.n_words - 1;
    return ctx ? jp_pod_copy(ctx, (const char *const *)cli->args.words, n, cli->args.words[n], err)
               : -1;
}
