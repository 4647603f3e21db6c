/*
 * The supervisor on the real back end of this system, with a shell from busybox as its image: that
 * the two fit together. What the back end does is tested where it stands.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "plan/state.h"
#include "stage1/harness.h"
#include "tap.h"

#define CAPABILITIES 0xa80425fbULL

static struct jp_plan_app *app(struct harness *h, const char *name, const char *script)
{
    struct jp_plan_app *a = harness_app(h, name, script);
    a->confine.capabilities = CAPABILITIES;
    a->is_linux = true;
    return a;
}

static void runs(void)
{
    struct harness h;
    harness_open(&h);
    harness_busybox(&h);
    struct jp_plan_app *one = app(&h, "one", "echo main $$ $HOME; id -u; exit 3");
    harness_handler(&one->pre_start, "echo pre");
    harness_handler(&one->post_stop, "echo post");
    one->supplementary_gids = jp_calloc(1, sizeof(uint32_t));
    one->n_supplementary_gids = 1;
    one->supplementary_gids[0] = 77;
    free(one->user);
    one->user = jp_strdup("1234");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 3 << 8, "a pod runs to its end");
    const char *output = jp_buf_text(&h.output);
    printf("# %s", harness_file(&h, "pod/state"));
    TAP_OK(strncmp(output, "pre\nmain ", 9) == 0 && strstr(output, "\n1234\npost\n"),
           "with its handlers, as its user");
    TAP_OK(harness_record_is(&h, "state", "exited"), "and says so");
    harness_close(&h);
}

static void fails(void)
{
    struct harness h;
    harness_open(&h);
    harness_busybox(&h);
    struct jp_plan_app *one = app(&h, "one", "");
    free(one->argv.items[0]);
    one->argv.items[0] = jp_strdup("no-such-program");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) == JP_ENOPROGRAM,
           "a program that is not there");
    TAP_OK(harness_record_number(&h, "status") == 127 << 8, "is status 127");
    harness_close(&h);
}

static void serves(void)
{
    struct harness h;
    harness_open(&h);
    harness_busybox(&h);
    app(&h, "one", "trap 'exit 4' TERM; while :; do sleep 0.1; done");
    harness_start(&h, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "a pod runs");
    int client = harness_connect(&h);
    harness_exec(client, "id -u; read x; echo got $x; exit 6", JP_CONTROL_F_STDIN);
    harness_input(client, "word\n");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 6 << 8 &&
               strstr(jp_buf_text(&h.output), "0\ngot word\n"),
           "exec with input");
    harness_exec(client, NULL, JP_CONTROL_F_CONSOLE | JP_CONTROL_F_TTY | JP_CONTROL_F_STDIN);
    close(client);
    client = harness_connect(&h);
    harness_exec(client, NULL, JP_CONTROL_F_CONSOLE | JP_CONTROL_F_TTY | JP_CONTROL_F_STDIN);
    harness_input(client, "test -t 0 && exit 7\n");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 7 << 8, "console");
    close(client);
    harness_send(h.owner, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 4 << 8, "stop");
    harness_close(&h);
}

/* Sum of a line of smaps_rollup over the supervisor and its child PID 1, in KiB. */
static long memory_kib(pid_t supervisor, const char *key)
{
    char path[64], line[256];
    long pids[2] = {supervisor, 0}, sum = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)supervisor,
                   (long)supervisor);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%ld", &pids[1]) != 1)
        pids[1] = 0;
    if (f)
        (void)fclose(f);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pids[i]);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f)) {
            long kib;
            if (strncmp(line, key, strlen(key)) == 0 &&
                sscanf(line + strlen(key), ": %ld", &kib) == 1) {
                sum += kib;
                printf("# pid %ld %s", pids[i], line);
            }
        }
        if (f)
            (void)fclose(f);
    }
    return sum;
}

static void is_small(void)
{
    struct harness h;
    harness_open(&h);
    harness_busybox(&h);
    app(&h, "one", "echo hello; exec sleep 1000");
    harness_start(&h, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "an idle pod");
    usleep(3000000);
    long pss = memory_kib(h.supervisor, "Pss"), rss = memory_kib(h.supervisor, "Rss");
    TAP_OK(pss > 0 && rss > 0, "supervisor and PID 1 take %ld KiB (PSS), %ld KiB (RSS)", pss, rss);
    harness_send(h.owner, JP_CONTROL_KILL, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == SIGKILL, "kill");
    harness_close(&h);
}

int main(void)
{
    if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0 || !getenv("JETPACK_TEST_STAGE2")) {
        tap_skip("the real back end", "needs root, a static /bin/busybox and stage 2");
        return tap_done();
    }
    runs();
    fails();
    serves();
    is_small();
    return tap_done();
}
