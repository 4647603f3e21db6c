/* Apps that are started again, by policy and by order, on the fake back end. */
#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/harness.h"
#include "stage1/supervisor.h"
#include "tap.h"

/* Fails until it ran that often; each run leaves a line. */
#define FAILS_UNTIL(n)                                                                             \
    "echo run >>runs; [ $(wc -l <runs) -ge " #n " ] && exit 0; echo again; exit 3"

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void policies(void)
{
    static const struct {
        const char *script;
        uint8_t policy;
        uint32_t limit;
        long restarts;
        int status;
        const char *what;
    } cases[] = {
        {"exit 3", JP_RESTART_NO, 0, 0, 3, "no: an app that failed stays so"},
        {FAILS_UNTIL(4), JP_RESTART_ON_FAILURE, 0, 3, 0, "on-failure: until it ends well"},
        {FAILS_UNTIL(9), JP_RESTART_ON_FAILURE, 2, 2, 3,
         "on-failure:2: twice, its last status counts"},
        {"kill -9 $$", JP_RESTART_ON_FAILURE, 1, 1, -1, "on-failure:1: a signal is a failure"},
        {"exit 0", JP_RESTART_ON_FAILURE, 0, 0, 0, "on-failure: not after a success"},
    };
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        struct harness h;
        harness_open(&h);
        harness_app(&h, "one", cases[i].script);
        h.plan.restart = cases[i].policy;
        h.plan.restart_limit = cases[i].limit;
        int64_t begin_ms = jp_time_monotonic_ms();
        harness_start(&h, 0);
        long want = cases[i].status < 0 ? SIGKILL : cases[i].status << 8;
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == want, "%s", cases[i].what);
        int64_t took_ms = jp_time_monotonic_ms() - begin_ms;
        int64_t pauses_ms = JP_RESTART_FIRST_MS * ((1 << cases[i].restarts) - 1);
        /* Each pause may be cut short by less than a millisecond: times are whole ones. */
        TAP_OK(took_ms + cases[i].restarts >= pauses_ms, "after pauses that double: %d ms at least",
               (int)pauses_ms);
        TAP_OK(harness_record_number(&h, "apps.0.restarts") == cases[i].restarts,
               "counted in the record");
        TAP_OK(harness_is_clean(&h), "nothing is left");
        harness_close(&h);
    }
}

static void goes_on(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", FAILS_UNTIL(3));
    harness_handler(&app->pre_start, "echo before >>order");
    harness_handler(&app->post_stop, "echo after >>order");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "a pod with handlers");
    TAP_STR(harness_file(&h, "root/order"), "before\nafter\nbefore\nafter\nbefore\nafter\n",
            "they run around every start");
    TAP_STR(jp_buf_text(&h.output), "again\nagain\n", "whoever is attached gets the output of all");
    TAP_OK(count(harness_file(&h, "pod/logs/one.log"), " stdout F again\n") == 2,
           "so does the log");
    harness_close(&h);
}

static void always(enum jp_control_type end)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app =
        harness_app(&h, "one", "echo run >>runs; [ $(wc -l <runs) -lt 3 ] || touch thrice; exit 0");
    harness_handler(&app->post_stop, "exit 0");
    h.plan.restart = JP_RESTART_ALWAYS;
    harness_start(&h, 0);
    harness_await_file(&h, "root/thrice");
    int client = harness_connect(&h);
    harness_send(client, (int)end, -1);
    /* The status is that of whatever it was doing. */
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) >= 0,
           "always: after success too, until %s", end == JP_CONTROL_KILL ? "KILL" : "STOP");
    TAP_OK(harness_record_number(&h, "apps.0.restarts") >= 2 &&
               harness_record_is(&h, "apps.0.state", "exited") && harness_is_clean(&h),
           "which ends it at once");
    close(client);
    harness_close(&h);
}

/* In the longest of pauses: it is not waited for. */
static void stops_in_a_pause(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 3");
    h.plan.restart = JP_RESTART_ALWAYS;
    harness_start(&h, 0);
    while (!harness_record_is(&h, "apps.0.state", "restarting") ||
           harness_record_number(&h, "apps.0.restarts") < 4 ||
           harness_record_number(&h, "apps.0.status") != 3 << 8)
        (void)usleep(20000);
    TAP_OK(true, "in a pause its status is known");
    harness_send(h.owner, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) > 0, "STOP in a pause");
    TAP_OK(harness_record_is(&h, "apps.0.state", "exited") && harness_is_clean(&h),
           "nothing is left");
    harness_close(&h);
}

static void fails_later(bool in_handler)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", in_handler ? "touch ran; exit 3" : "exit 3");
    if (in_handler)
        harness_handler(&app->pre_start, "[ ! -e ran ] || exit 9");
    harness_app(&h, "two", "while [ ! -e go ]; do sleep 0.05; done");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    h.plan.restart_limit = 2;
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "two apps");
    while (!harness_record_is(&h, "apps.0.state", "exited"))
        (void)usleep(20000);
    TAP_OK(harness_record_is(&h, "state", "running") &&
               harness_record_number(&h, "apps.0.restarts") == 2,
           in_handler ? "a pre-start handler that fails in a restart is an end of the app"
                      : "when one has used up its restarts");
    TAP_OK(harness_record_number(&h, "apps.0.status") == (in_handler ? 125 << 8 : 3 << 8),
           "with its status");
    TAP_OK(mkdirat(h.dir_fd, "root/go", 0700) == 0 &&
               harness_await_number(&h, h.owner, JP_CONTROL_ENDED) ==
                   (in_handler ? 125 << 8 : 3 << 8),
           "the other goes on to its own end");
    harness_close(&h);
}

/* 0 where there is no /proc. */
static size_t count_pipes(pid_t pid)
{
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++) {
        char link[64];
        JP_AUTO_FREE char *name = jp_format("/proc/%d/fd/%d", (int)pid, fd);
        n += readlink(name, link, sizeof(link)) > 5 && strncmp(link, "pipe:", 5) == 0;
    }
    return n;
}

/* A process that is left holds the output: descriptors of many runs must not pile up. */
static void lets_go_of_output(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one",
                "echo run >>runs; touch ready; sleep 1000 &"
                "[ $(wc -l <runs) -ge 4 ] && exec sleep 1000;"
                "while [ ! -e go ]; do sleep 0.05; done; exit 1");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    while (!harness_record_is(&h, "apps.0.state", "running")) /* its start is complete */
        (void)usleep(20000);
    size_t before = count_pipes(h.supervisor);
    TAP_OK(mkdirat(h.dir_fd, "root/go", 0700) == 0, "a program that leaves another behind");
    while (harness_record_number(&h, "apps.0.restarts") != 3 ||
           !harness_record_is(&h, "apps.0.state", "running"))
        (void)usleep(20000);
    size_t n = count_pipes(h.supervisor);
    TAP_OK(n == before, "output of runs before is let go: %zu pipes, %zu at first", n, before);
    harness_send(h.owner, JP_CONTROL_KILL, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == SIGKILL, "and it ends");
    harness_close(&h);
}

static void send_restart(int socket, const char *app, long grace_ms)
{
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    message.type = JP_CONTROL_RESTART;
    message.app = (char *)(uintptr_t)app;
    message.number = grace_ms;
    (void)jp_control_send(socket, &message, NULL);
}

static void orders(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(
        &h, "one", "trap 'echo bye; exit 0' USR1; touch ready; while :; do sleep 0.05; done");
    app->stop_signal = SIGUSR1;
    harness_app(&h, "deaf", "trap '' TERM; touch deaf; while :; do sleep 0.05; done");
    harness_app(&h, "over", "[ ! -e second ] || exec sleep 1000; touch second; exit 4");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    harness_await_file(&h, "root/deaf");
    harness_await_file(&h, "root/second");
    int client = harness_connect(&h);
    long pid = harness_record_number(&h, "apps.0.pid");
    send_restart(client, "one", -1);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "RESTART of one app");
    TAP_OK(harness_record_number(&h, "apps.0.restarts") == 1 &&
               harness_record_number(&h, "apps.0.pid") != pid,
           "is answered when it runs again");
    TAP_OK(harness_record_number(&h, "apps.1.restarts") == 0, "the others did not notice");
    send_restart(client, "deaf", 50);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0,
           "RESTART of one that ignores its signal: killed after the grace");
    while (!harness_record_is(&h, "apps.2.state", "exited"))
        (void)usleep(20000);
    send_restart(client, "over", -1);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "RESTART of one that has ended");
    while (!harness_record_is(&h, "apps.2.state", "running"))
        (void)usleep(20000);
    TAP_OK(harness_record_number(&h, "apps.2.status") == -1, "its old status is forgotten");
    send_restart(client, "three", -1);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_ENOTFOUND,
           "RESTART of an unknown app");
    harness_send(client, JP_CONTROL_KILL, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == SIGKILL && harness_is_clean(&h),
           "the end");
    close(client);
    harness_close(&h);
}

static void input_goes_on(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "read line; echo got $line; exit 3");
    app->has_stdin = true;
    h.plan.restart = JP_RESTART_ON_FAILURE;
    h.plan.restart_limit = 2;
    harness_start(&h, JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "an app with input");
    harness_input(h.owner, "a\n");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_TAKEN) == 0, "takes it");
    while (harness_record_number(&h, "apps.0.restarts") != 1 ||
           !harness_record_is(&h, "apps.0.state", "running"))
        (void)usleep(20000);
    harness_input(h.owner, "b\n");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_TAKEN) == 0, "so does the next one");
    while (harness_record_number(&h, "apps.0.restarts") != 2 ||
           !harness_record_is(&h, "apps.0.state", "running"))
        (void)usleep(20000);
    harness_input(h.owner, "");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 3 << 8, "until its end");
    TAP_STR(jp_buf_text(&h.output), "got a\ngot b\ngot\n", "each got what was its own");
    harness_close(&h);
}

/* What was sent is lost with the program that did not read it; the client may go on. */
static void input_is_lost(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app =
        harness_app(&h, "one", "while [ ! -e go ]; do sleep 0.05; done; exit 3");
    app->has_stdin = true;
    h.plan.restart = JP_RESTART_ON_FAILURE;
    h.plan.restart_limit = 1;
    harness_start(&h, JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "an app that reads nothing");
    JP_AUTO_FREE char *much = jp_calloc(JP_CONTROL_MAX_DATA + 1, 1);
    memset(much, 'x', JP_CONTROL_MAX_DATA);
    for (int i = 0; i < 3; i++)
        harness_input(h.owner, much);
    TAP_OK(mkdirat(h.dir_fd, "root/go", 0700) == 0, "more than a pipe holds");
    for (int i = 0; i < 3; i++)
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_TAKEN) == 0, "is taken");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 3 << 8,
           "by a second run at last");
    harness_close(&h);
}

/* ---- clean roots ---- */

/* What the program of the store does, in a root that all runs share: it goes. */
#define CLEANS "rm -rf ./*; answer; cat <&1 >/dev/null"

static void is_clean(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app =
        harness_app(&h, "one", "ls >>../seen; touch dirt; [ $(wc -l <../runs) -ge 4 ] || exit 3");
    harness_handler(&app->pre_start, "echo run >>../runs; touch before");
    harness_handler(&app->post_stop, "touch after");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    harness_renew(&h, "echo \"jetpack: a warning\"; echo $1 >>../who; " CLEANS);
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "an app that leaves dirt");
    TAP_STR(harness_file(&h, "seen"), "before\nbefore\nbefore\nbefore\n",
            "begins with a clean root each time, handlers in the same one");
    TAP_STR(harness_file(&h, "who"), "one\none\none\n", "the program is told which");
    const char *calls = harness_file(&h, "fake/calls");
    TAP_OK(count(calls, "mounts.leave") == 3 && count(calls, "mounts.root") == 4 &&
               count(calls, "mounts.seal") == 4,
           "left and mounted for each");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    harness_close(&h);
}

/* Each of them ends a start, and the policy goes on. */
static void cannot_be_made(void)
{
    static const struct {
        const char *script; /* one that works follows, once the file is there */
        const char *error;
    } cases[] = {
        {"exit 1", "clean root: the program for it gave none"},
        {"echo hello; echo \"jetpack: renew-root: no room\"; exit 1",
         "clean root: renew-root: no room"},
        {"kill -9 $$", "clean root: the program for it gave none"},
        {"answer | head -c 20; exit 0", "clean root: the program for it gave none"},
        {"printf '\\0\\2\\0\\0\\0\\0\\0\\0\\0'", "clean root: a root of version 2"},
        {"printf '\\0\\1\\0\\0\\0\\377\\377\\377\\377'", "clean root: a root of 4294967295 bytes"},
        {"exec sleep 1000 >&- 2>&-", "clean root: the program for it gave none"},
        {"yes", "clean root: the program for it says too much"},
    };
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        struct harness h;
        harness_open(&h);
        harness_app(&h, "one", "[ -e ../tried ] || exit 3; exec sleep 1000");
        harness_app(&h, "two", "exec sleep 1000");
        h.plan.restart = JP_RESTART_ON_FAILURE;
        JP_AUTO_FREE char *script = jp_format(
            "[ ! -e ../tried ] || { answer; exit; }; touch ../tried; %s", cases[i].script);
        harness_renew(&h, script);
        harness_start(&h, 0);
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "two apps");
        while (!harness_record_is(&h, "apps.0.state", "running") ||
               harness_record_number(&h, "apps.0.restarts") != 2)
            (void)usleep(20000);
        TAP_OK(strstr(harness_file(&h, "pod/state"), cases[i].error), "no root: %s",
               cases[i].error);
        TAP_OK(harness_record_is(&h, "apps.1.state", "running") &&
                   harness_record_number(&h, "apps.1.restarts") == 0,
               "the other goes on, and the policy tries again");
        harness_send(h.owner, JP_CONTROL_KILL, 0);
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == SIGKILL &&
                   harness_is_clean(&h),
               "nothing is left");
        harness_close(&h);
    }
}

static void without_program(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 3");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    h.plan.restart_limit = 1;
    harness_renew(&h, "");
    free(h.plan.renew.items[0]);
    h.plan.renew.items[0] = jp_strdup("/nowhere/at/all");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 127 << 8,
           "a program that is not there: an end like another");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    harness_close(&h);
}

/* The n-th call of the platform fails, where the first start took fewer. */
static bool fails_at(unsigned n, bool *is_told)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app =
        harness_app(&h, "one", "[ -e ../twice ] && exit 0; touch ../twice; exit 3");
    h.plan.volumes = jp_calloc(1, sizeof(*h.plan.volumes));
    h.plan.n_volumes = 1;
    h.plan.volumes[0].source = jp_strdup("/tmp");
    app->mounts = jp_calloc(1, sizeof(*app->mounts));
    app->n_mounts = 1;
    app->mounts[0].path = jp_strdup("/data");
    h.plan.restart = JP_RESTART_ON_FAILURE;
    JP_AUTO_FREE char *text = jp_format("%u", n);
    (void)setenv("JETPACK_FAKE_FAIL", text, 1);
    harness_start(&h, 0);
    (void)unsetenv("JETPACK_FAKE_FAIL");
    long status = harness_await_number(&h, h.owner, JP_CONTROL_ENDED);
    (void)harness_wait(&h);
    *is_told = harness_record_number(&h, "apps.0.restarts") == 2;
    const char *calls = harness_file(&h, "fake/calls");
    bool was_reached = n <= count(calls, "\n");
    TAP_OK(status == 0 && harness_is_clean(&h), "call %u fails: %s", n,
           *is_told ? "another start follows" : "it runs all the same");
    harness_close(&h);
    return was_reached;
}

#define FIRST_CALL 10 /* of the first end: a start takes those before */

static void each_step(void)
{
    unsigned n = FIRST_CALL, told = 0;
    bool is_told = false;
    while (fails_at(n++, &is_told))
        told += is_told;
    TAP_OK(told == 4, "root, volume, seal and the program: %u failed in a restart", told);
}

/* Roots that somebody is still in are held until nobody is. */
static void left_roots(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exec sleep 1000");
    JP_AUTO_FREE char *busy = jp_format("fake/busy/%s-one", h.plan.uuid);
    TAP_OK(mkdirat(h.pod_fd, "apps", 0700) == 0 && mkdirat(h.pod_fd, "apps/one", 0700) == 0 &&
               mkdirat(h.dir_fd, "fake/busy", 0700) == 0 && mkdirat(h.dir_fd, busy, 0700) == 0,
           "somebody is in the root");
    harness_renew(&h, "echo $# >>../tidied; [ $# = 0 ] || { mv ../pod/apps/one ../aside; "
                      "mkdir ../pod/apps/one; answer; }");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "an app");
    int client = harness_connect(&h);
    send_restart(client, "one", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "is started again");
    int aside = openat(h.dir_fd, "aside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TAP_OK(flock(aside, LOCK_EX | LOCK_NB) < 0, "what it left is held");
    TAP_OK(unlinkat(h.dir_fd, busy, AT_REMOVEDIR) == 0, "nobody is in it any more");
    while (flock(aside, LOCK_EX | LOCK_NB) < 0)
        (void)usleep(20000);
    TAP_OK(true, "then it is not");
    while (strcmp(harness_file(&h, "tidied"), "1\n0\n") != 0)
        (void)usleep(20000);
    TAP_OK(true, "and somebody is told to remove it");
    (void)flock(aside, LOCK_UN);
    (void)mkdirat(h.dir_fd, busy, 0700);
    TAP_OK(renameat(h.dir_fd, "aside", h.dir_fd, "before") == 0, "once more");
    send_restart(client, "one", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "until the pod's end");
    harness_send(client, JP_CONTROL_KILL, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == SIGKILL, "which comes");
    TAP_OK(strcmp(harness_file(&h, "tidied"), "1\n0\n1\n0\n") == 0 && harness_is_clean(&h),
           "it is removed before that is told");
    close(aside);
    close(client);
    harness_close(&h);
}

/* A stop does not wait for ever for a root; nor is one thrown away half made. */
static void stops_meanwhile(bool in_a_hurry)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 3");
    h.plan.restart = JP_RESTART_ALWAYS;
    harness_renew(
        &h, "touch ../begun; while [ ! -e ../go ]; do sleep 0.05; done; answer; touch ../made");
    harness_start(&h, 0);
    harness_await_file(&h, "begun");
    int client = harness_connect(&h);
    harness_exec(client, "exit 7", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 7 << 8,
           "while a root is made the old one is there");
    harness_send(h.owner, JP_CONTROL_STOP, in_a_hurry ? 10 : -1);
    if (!in_a_hurry)
        TAP_OK(mkdirat(h.dir_fd, "go", 0700) == 0, "a stop lets it be made");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) > 0, "a stop ends the pod");
    TAP_OK((faccessat(h.dir_fd, "made", F_OK, 0) == 0) == !in_a_hurry,
           in_a_hurry ? "the program is killed after the grace" : "it was made");
    TAP_OK(harness_record_is(&h, "apps.0.state", "exited") && harness_is_clean(&h),
           "nothing is left");
    close(client);
    harness_close(&h);
}

int main(void)
{
    policies();
    goes_on();
    always(JP_CONTROL_STOP);
    always(JP_CONTROL_KILL);
    stops_in_a_pause();
    fails_later(false);
    fails_later(true);
    lets_go_of_output();
    orders();
    input_goes_on();
    input_is_lost();
    is_clean();
    cannot_be_made();
    without_program();
    each_step();
    left_roots();
    stops_meanwhile(false);
    stops_meanwhile(true);
    return tap_done();
}
