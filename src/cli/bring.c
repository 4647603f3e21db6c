#include "cli/bring.h"

#include "config.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/location.h"
#include "sys/fd.h"
#include "sys/process.h"

#define MAX_ANSWER 65536
#define TICK_MS    200

static int make_words(const struct jp_cli_bring *bring, const char *word, struct jp_strv *ret,
                      struct jp_error *err)
{
    if (jp_cli_words_for(bring->cli, "bring", word, ret, err) < 0)
        return -1;
    if (bring->allows_unsigned && jp_strv_add(ret, "-allow-unsigned") < 0)
        return jp_oom(err);
    for (size_t i = 0; bring->http_hosts && i < bring->http_hosts->count; i++) {
        if (jp_strv_add(ret, "-allow-http") < 0 ||
            jp_strv_add(ret, bring->http_hosts->items[i]) < 0)
            return jp_oom(err);
    }
    if (bring->passphrase &&
        (jp_strv_add(ret, "-passphrase-file") < 0 || jp_strv_add(ret, "-") < 0))
        return jp_oom(err);
    return 0;
}

/* Standard input of who fetches: ours, for questions, or the passphrase. The caller's. */
static int make_input(const struct jp_cli_bring *bring, int *ret, struct jp_error *err)
{
    int pipes[2];
    *ret = -1;
    if (!bring->passphrase) {
        *ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3); /* closed: nothing to be read */
        return 0;
    }
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    *ret = pipes[0];
    JP_AUTO_FD int writing = pipes[1];
    return jp_fd_write_all(writing, bring->passphrase, strlen(bring->passphrase), "passphrase",
                           err);
}

/* Until the other side has closed; an interrupt of ours is passed on once. */
static int read_answer(const struct jp_cli_bring *bring, int fd, pid_t pid, struct jp_buf *ret,
                       struct jp_error *err)
{
    const volatile sig_atomic_t *interrupted = bring->cli->signals.interrupted;
    bool is_told = false;
    for (;;) {
        char bytes[4096];
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (interrupted && *interrupted && !is_told) {
            (void)kill(pid, SIGTERM);
            is_told = true;
        }
        if (poll(&waiting, 1, TICK_MS) <= 0)
            continue;
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return jp_fail_sys(err, "read what was fetched");
        if (n > 0 && ret->len < MAX_ANSWER)
            jp_buf_add(ret, bytes, (size_t)n);
    }
}

/* "0 ID" or "CODE TEXT". */
static int take_answer(const char *answer, char **ret, struct jp_error *err)
{
    uint64_t code = JP_ESYS;
    size_t len = strcspn(answer, " ");
    JP_AUTO_FREE char *digits = jp_memdup0(answer, len);
    JP_AUTO_FREE char *rest =
        answer[len] ? jp_memdup0(answer + len + 1, strcspn(answer + len + 1, "\n")) : NULL;
    if (!digits || !rest || !jp_parse_u64(digits, 10, 0, JP_ENOPROGRAM, &code))
        return jp_fail(err, JP_ESYS, 0, "jetpack-image ended without an answer");
    if (code != JP_OK)
        return jp_fail(err, (enum jp_code)code, 0, "%s", rest);
    if (!jp_image_id_valid(rest))
        return jp_fail(err, JP_ECORRUPT, 0, "jetpack-image gave no image id");
    *ret = jp_take(&rest);
    return 0;
}

int jp_cli_bring(const struct jp_cli_bring *bring, const char *word, char **ret,
                 struct jp_error *err)
{
    JP_AUTO(jp_strv) words = JP_STRV_INIT;
    JP_AUTO(jp_buf) answer = JP_BUF_INIT;
    int pipes[2];
    int status;
    pid_t pid;
    if (!jp_config_bool(bring->cli->config, "allow.autodiscovery"))
        return jp_fail(err, JP_EUNTRUSTED, 0,
                       "'%s' is not here, and allow.autodiscovery is off: jetpack fetch brings it",
                       word);
    JP_AUTO_FD int input = -1;
    if (make_words(bring, word, &words, err) < 0 || make_input(bring, &input, err) < 0)
        return -1;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    JP_AUTO_FD int reading = pipes[0];
    JP_AUTO_FD int writing = pipes[1];
    const int stdio[3] = {input, writing, STDERR_FILENO};
    jp_store_rest(bring->cli->pods.store);
    if (jp_process_start(words.items, stdio, &pid, err) < 0)
        return -1;
    jp_fd_close(&writing);
    int r = read_answer(bring, reading, pid, &answer, err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return r < 0 ? -1 : take_answer(jp_buf_text(&answer), ret, err);
}

/* As jp_pod_context.fetch. */
static int fetch_absent(void *context, const char *word, struct jp_error *err)
{
    const struct jp_cli_bring *bring = context;
    JP_AUTO_FREE char *id = NULL;
    return jp_cli_bring(bring, word, &id, err);
}

int jp_cli_bring_absent(struct jp_cli *cli, struct jp_cli_bring *bring, struct jp_error *err)
{
    if (!jp_cli_pods(cli, err))
        return -1;
    if (jp_config_bool(cli->config, "allow.autodiscovery")) {
        cli->pods.fetch = fetch_absent;
        cli->pods.fetch_context = bring;
    }
    return 0;
}

int jp_cli_bring_place(const struct jp_cli_bring *bring, char **word, struct jp_error *err)
{
    char *id = NULL;
    if (!jp_cli_location_is_place(*word))
        return 0;
    if (jp_cli_bring(bring, *word, &id, err) < 0)
        return -1;
    free(*word);
    *word = id;
    return 0;
}
