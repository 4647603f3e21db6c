/* The life of a pod on the fake back end: started, stopped, killed, failed; one test a sentence. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "stage1/harness.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"
#include "tap.h"

static void ends_by_itself(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "echo out; echo err >&2; exit 3");
    harness_app(&h, "two", "pwd; echo $HOME; exit 4");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "the owner hears STARTED");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 3 << 8,
           "and ENDED with the first status that is not zero");
    TAP_OK(harness_is_clean(&h), "by then nothing is left and the lock is free");
    TAP_OK(harness_record_is(&h, "state", "exited") && harness_record_number(&h, "status") == 768,
           "the record says exited");
    TAP_OK(harness_record_number(&h, "apps.1.status") == 4 << 8, "and the status of each app");
    TAP_OK(strstr(jp_buf_text(&h.output), "out\n") && strstr(jp_buf_text(&h.output), "err\n") &&
               strstr(jp_buf_text(&h.output), "/root\n"),
           "the owner got all output");
    const char *log = harness_file(&h, "pod/logs/one.log");
    TAP_OK(strstr(log, " stdout F out\n") && strstr(log, " stderr F err\n"), "so did the log");
    TAP_OK(harness_wait(&h) == 0, "the supervisor ends well");
    TAP_OK(strstr(harness_file(&h, "fake/calls"), "isolation.kill") &&
               !strstr(harness_file(&h, "pod/control"), "x"),
           "the world was ended");
    harness_close(&h);
}

static void warns(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "exit 0");
    struct jp_plan_mount mounts[] = {
        {.path = (char[]){"/da\"ta"}}, {.path = (char[]){"/x"}}, {.path = (char[]){"/x"}}};
    struct jp_plan_volume volume = {.name = (char[]){"v"}, .source = (char[]){"/nowhere"}};
    app->mounts = mounts;
    app->n_mounts = JP_LEN(mounts);
    h.plan.volumes = &volume;
    h.plan.n_volumes = 1;
    harness_start(&h, 0);
    struct jp_control_message message = JP_CONTROL_MESSAGE_INIT;
    TAP_OK(harness_await(&h, h.owner, JP_CONTROL_WARNING, &message) &&
               strcmp((const char *)message.data,
                      "app 'one': '/da\"ta' is mounted in pretence only") == 0,
           "the owner hears of what the back end warns of");
    TAP_OK(harness_await(&h, h.owner, JP_CONTROL_WARNING, &message) &&
               strstr((const char *)message.data, "'/x'"),
           "of everything");
    int type = 0;
    while (type != JP_CONTROL_STARTED && jp_control_receive(h.owner, &message, NULL) > 0 &&
           message.type != JP_CONTROL_WARNING)
        type = message.type;
    TAP_OK(type == JP_CONTROL_STARTED, "once, before STARTED");
    jp_control_message_clear(&message);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "the pod ends");
    TAP_OK(
        harness_record_is(&h, "warnings.0", "app 'one': '/da\"ta' is mounted in pretence only") &&
            harness_record_is(&h, "warnings.1", "app 'one': '/x' is mounted in pretence only"),
        "and the record keeps them");
    app->mounts = NULL;
    app->n_mounts = 0;
    h.plan.volumes = NULL;
    h.plan.n_volumes = 0;
    harness_close(&h);
}

static void stops(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(
        &h, "one", "trap 'echo bye; exit 7' USR1; touch ready; while :; do sleep 0.05; done");
    app->stop_signal = SIGUSR1;
    harness_handler(&app->post_stop, "echo after");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "STARTED");
    harness_await_file(&h, "root/ready");
    TAP_OK(harness_record_is(&h, "state", "running") &&
               harness_record_number(&h, "apps.0.pid") > 1 &&
               harness_record_number(&h, "supervisor.pid") == (long)h.supervisor &&
               harness_record_number(&h, "supervisor.start") > 0,
           "the record of a running pod");
    int client = harness_connect(&h);
    harness_send(client, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "STOP is accepted");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == 7 << 8,
           "the app got its own stop signal");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 7 << 8, "everybody hears of it");
    const char *bye = strstr(jp_buf_text(&h.output), "bye\n");
    TAP_OK(bye && strstr(bye, "after\n"), "then its post-stop handler ran");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    close(client);
    harness_close(&h);
}

static void stops_hard(bool by_kill)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app =
        harness_app(&h, "one", "trap '' TERM; touch ready; while :; do sleep 0.05; done");
    harness_handler(&app->post_stop, "touch after");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    int client = harness_connect(&h);
    harness_send(client, by_kill ? JP_CONTROL_KILL : JP_CONTROL_STOP, 100);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == SIGKILL, "%s: SIGKILL",
           by_kill ? "KILL" : "STOP of an app that ignores its signal, after the grace");
    TAP_OK((faccessat(h.dir_fd, "root/after", F_OK, 0) == 0) == !by_kill,
           "the post-stop handler %s", by_kill ? "does not run" : "still runs");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    close(client);
    harness_close(&h);
}

static void stops_by_signal(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "touch ready; exec sleep 1000");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    tap_kill(h.supervisor, SIGTERM);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == SIGTERM,
           "SIGTERM to the supervisor stops the pod");
    TAP_OK(harness_record_is(&h, "state", "exited") && harness_is_clean(&h), "as in order");
    harness_close(&h);
}

static void owner_leaves(bool detaches)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "touch ready; while [ ! -e go ]; do sleep 0.05; done; touch done");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "started");
    harness_await_file(&h, "root/ready");
    if (detaches)
        harness_send(h.owner, JP_CONTROL_DETACH, 0);
    close(h.owner);
    h.owner = -1;
    if (detaches) {
        int client = harness_connect(&h);
        (void)mkdirat(h.dir_fd, "root/go", 0700);
        TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == 0,
               "an owner who says DETACH leaves the pod running");
        close(client);
    }
    (void)harness_wait(&h);
    TAP_OK((faccessat(h.dir_fd, "root/done", F_OK, 0) == 0) == detaches, "an owner who %s",
           detaches ? "detached: the app came to its end" : "vanishes stops it");
    TAP_OK(harness_record_is(&h, "state", "exited") && harness_is_clean(&h), "nothing is left");
    harness_close(&h);
}

/* The pod is over before its owner says DETACH: what follows its end is still its own affair. */
static void owner_leaves_late(bool detaches)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 0");
    JP_AUTO_FREE char *marker = jp_format("%s/removed", h.dir);
    if (jp_strv_add(&h.plan.at_end, "/bin/mkdir") < 0 || jp_strv_add(&h.plan.at_end, marker) < 0)
        abort();
    harness_start(&h, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "a pod that is over at once");
    if (detaches)
        harness_send(h.owner, JP_CONTROL_DETACH, 0);
    close(h.owner);
    h.owner = -1;
    (void)harness_wait(&h);
    TAP_OK((faccessat(h.dir_fd, "removed", F_OK, 0) == 0) == detaches, "is removed by %s",
           detaches ? "its supervisor when the owner has let it go" : "the owner who has not");
    harness_close(&h);
}

/* Stops the supervisor, so that what is said meanwhile is found all at once. */
static void stop_supervisor(const struct harness *h)
{
    int status;
    tap_kill(h->supervisor, SIGSTOP);
    if (waitpid(h->supervisor, &status, WUNTRACED) != h->supervisor || !WIFSTOPPED(status))
        abort();
}

enum last_look {
    UNREAD_OUTPUT, /* of an app that it is attached to */
    UNREAD_ANSWER, /* that its supervisor cannot give any more */
    UNREAD_END,
};

/* DETACH counts whatever its owner did not wait to hear. */
static void owner_leaves_in_a_hurry(enum last_look look)
{
    static const char *const names[] = {"output", "an answer", "the end"};
    static const char *const scripts[] = {"echo hello; while [ ! -e go ]; do sleep 0.05; done",
                                          "while [ ! -e go ]; do sleep 0.05; done", "exit 0"};
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", scripts[look]);
    app->has_stdin = look == UNREAD_ANSWER;
    JP_AUTO_FREE char *marker = jp_format("%s/removed", h.dir);
    if (jp_strv_add(&h.plan.at_end, "/bin/mkdir") < 0 || jp_strv_add(&h.plan.at_end, marker) < 0)
        abort();
    harness_start(&h, look == UNREAD_END ? -1 : (int)JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "started");
    struct pollfd unread = {.fd = h.owner, .events = POLLIN};
    if (look != UNREAD_ANSWER && poll(&unread, 1, HARNESS_WAIT_MS) != 1)
        abort();
    stop_supervisor(&h);
    if (look == UNREAD_ANSWER)
        harness_input(h.owner, "input");
    harness_send(h.owner, JP_CONTROL_DETACH, 0);
    jp_fd_close(&h.owner);
    tap_kill(h.supervisor, SIGCONT);
    if (look != UNREAD_END) {
        int client = harness_connect(&h);
        (void)mkdirat(h.dir_fd, "root/go", 0700);
        TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == 0, "the pod goes on");
        close(client);
    }
    (void)harness_wait(&h);
    TAP_OK(faccessat(h.dir_fd, "removed", F_OK, 0) == 0,
           "an owner who detaches with %s unread lets the pod go", names[look]);
    harness_close(&h);
}

/* An owner that was told FAILED waits for its supervisor's end, so that must not wait for it. */
static void owner_hears_failure(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "exit 0");
    harness_handler(&app->pre_start, "exit 3");
    JP_AUTO_FREE char *marker = jp_format("%s/removed", h.dir);
    if (jp_strv_add(&h.plan.at_end, "/bin/mkdir") < 0 || jp_strv_add(&h.plan.at_end, marker) < 0)
        abort();
    harness_start(&h, -1);
    (void)harness_await_number(&h, h.owner, JP_CONTROL_FAILED);
    struct pollfd end = {.fd = h.owner, .events = POLLIN};
    TAP_OK(poll(&end, 1, JP_FAREWELL_MS / 2) == 1 &&
               harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == -1,
           "the supervisor of a failed start does not wait for its owner to part");
    jp_fd_close(&h.owner);
    (void)harness_wait(&h);
    TAP_OK(faccessat(h.dir_fd, "removed", F_OK, 0) < 0, "who removes the pod itself");
    harness_close(&h);
}

static void handlers(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "echo main");
    harness_handler(&app->pre_start, "echo pre");
    harness_handler(&app->post_stop, "echo post; exit 5");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0,
           "a post-stop handler's status is not the pod's");
    TAP_STR(jp_buf_text(&h.output), "pre\nmain\npost\n", "handlers run before and after");
    TAP_OK(harness_record_is(&h, "apps.0.error", "post-stop handler ended with status 5"),
           "but it is told");
    harness_close(&h);
}

static void fails(const char *what, void (*change)(struct jp_plan_app *app), int code,
                  const char *text, int status)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *first =
        harness_app(&h, "first", "trap 'touch stopped; exit 0' TERM; while :; do sleep 0.05; done");
    harness_handler(&first->post_stop, "touch after");
    change(harness_app(&h, "second", "touch ran"));
    harness_start(&h, 0);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    TAP_OK(harness_await(&h, h.owner, JP_CONTROL_FAILED, &m) && m.number == code,
           "%s: the owner hears FAILED", what);
    JP_AUTO_FREE char *got = jp_memdup0(m.data, m.data_len);
    TAP_STR(got, text, "with the reason");
    TAP_OK(harness_record_is(&h, "state", "failed") && harness_record_is(&h, "error", text) &&
               harness_record_number(&h, "status") == status << 8,
           "so does the record");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    TAP_OK(faccessat(h.dir_fd, "root/ran", F_OK, 0) < 0, "the app did not run");
    harness_close(&h);
}

static void fail_pre_start(struct jp_plan_app *app)
{
    harness_handler(&app->pre_start, "exit 9");
}

static void miss_program(struct jp_plan_app *app)
{
    free(app->argv.items[0]);
    app->argv.items[0] = jp_strdup("/nonexistent/program");
}

static void miss_permission(struct jp_plan_app *app)
{
    free(app->argv.items[0]);
    app->argv.items[0] = jp_strdup("/etc/passwd");
}

static void miss_user(struct jp_plan_app *app)
{
    free(app->user);
    app->user = jp_strdup("nobody-knows");
}

static void miss_directory(struct jp_plan_app *app)
{
    free(app->cwd);
    app->cwd = jp_strdup("/no/such/place");
}

static void failures(void)
{
    fails("a pre-start handler that fails", fail_pre_start, JP_EINVALID,
          "app second: pre-start handler ended with status 9", 125);
    fails("a program that is not there", miss_program, JP_ENOPROGRAM,
          "app second: execute '/nonexistent/program': No such file or directory", 127);
    fails("a program that cannot be executed", miss_permission, JP_ENOEXEC,
          "app second: execute '/etc/passwd': Permission denied", 126);
    fails("a working directory that is not there", miss_directory, JP_ESYS,
          "app second: working directory '/no/such/place': No such file or directory", 125);
    struct harness h;
    harness_open(&h);
    miss_user(harness_app(&h, "one", "touch ran"));
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) == JP_ENOTFOUND,
           "an unknown user: FAILED");
    TAP_OK(harness_record_is(&h, "state", "failed") && harness_is_clean(&h), "nothing is left");
    harness_close(&h);
}

static void stops_in_pre_start(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "touch ran");
    harness_handler(&app->pre_start, "touch ready; exec sleep 1000");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    harness_send(h.owner, JP_CONTROL_STATUS, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STATE) == 0 &&
               harness_record_is(&h, "apps.0.state", "starting"),
           "while the pre-start handler runs");
    harness_send(h.owner, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) == JP_EINTERRUPTED,
           "a STOP ends the start");
    TAP_OK(faccessat(h.dir_fd, "root/ran", F_OK, 0) < 0 && harness_is_clean(&h),
           "and nothing is left");
    harness_close(&h);
}

static void world_dies(void)
{
    struct harness h;
    harness_open(&h);
    struct jp_plan_app *app = harness_app(&h, "one", "touch ready; exec sleep 1000");
    harness_handler(&app->post_stop, "touch after");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ready");
    JP_AUTO_FREE char *path = jp_format("fake/isolation/%s", h.plan.uuid);
    int init = 0;
    TAP_OK(sscanf(harness_file(&h, path), "init %d", &init) == 1, "PID 1 of the pod is known");
    tap_kill(init, SIGKILL);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 125 << 8,
           "when it is killed the pod ends");
    TAP_OK(harness_record_is(&h, "error", "the pod's first process was killed") &&
               harness_record_is(&h, "state", "failed") && harness_is_clean(&h),
           "with its reason, and nothing is left");
    harness_close(&h);
}

static void reports(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 1")->limits.memory_bytes = 1 << 20;
    JP_AUTO_FREE char *oom = jp_format("%s/fake/oom", h.dir);
    JP_AUTO_FREE char *mark = jp_format("%s/%s-one", oom, h.plan.uuid);
    TAP_OK(mkdir(oom, 0700) == 0 && mkdir(mark, 0700) == 0, "the kernel will say so");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 1 << 8, "ended");
    TAP_OK(harness_record_is(&h, "isolators.0.verdict", "ignored") &&
               harness_record_is(&h, "isolators.0.app", "one") &&
               harness_record_is(&h, "isolators.0.reason", "the fake back end has \"no\" limits"),
           "what became of a limit is in the record");
    TAP_OK(harness_record_is(&h, "warnings.0",
                             "app 'one': isolator 'resource/memory' is ignored: the fake back end "
                             "has \"no\" limits"),
           "and told as a warning");
    TAP_OK(strstr(harness_file(&h, "pod/state"), "\"oom\":true"), "and that memory ran out");
    harness_close(&h);
}

/* Says something to the app's socket as the app would. */
static bool say(struct harness *h, const char *text)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/fake/notify-0", h->dir);
    JP_AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) ==
                          (ssize_t)strlen(text);
}

/* sd_notify(3): the pod has started when the app says so. */
static void readiness(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "echo to $NOTIFY_SOCKET; touch ran; sleep 1000")->notifies = true;
    harness_app(&h, "two", "sleep 1000");
    harness_start(&h, 0);
    harness_await_file(&h, "root/ran");
    TAP_OK(say(&h, "STATUS=READY=1\nXREADY=1\nREADY=10") && say(&h, ""),
           "an app says this and that");
    harness_send(h.owner, JP_CONTROL_STATUS, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STATE) == 0 &&
               harness_record_is(&h, "state", "starting") &&
               harness_record_is(&h, "apps.0.state", "starting") &&
               harness_record_is(&h, "apps.1.state", "running"),
           "it runs and is not ready: the pod is starting");
    for (int i = 0; i < 1000; i++)
        (void)say(&h, "WATCHDOG=1");
    /* FreeBSD lets nobody wait for room. */
    bool is_said = false;
    for (int i = 0; i < HARNESS_WAIT_MS && !is_said; i++) {
        is_said = say(&h, "STATUS=fine\nREADY=1\n");
        if (!is_said)
            (void)poll(NULL, 0, 1);
    }
    TAP_OK(is_said, "a thousand messages fill nothing");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0,
           "READY=1: the pod has started");
    TAP_OK(strstr(jp_buf_text(&h.output), "/fake/notify-0\n"), "the app was told where");
    TAP_OK(harness_record_is(&h, "state", "running") &&
               harness_record_is(&h, "apps.0.state", "running"),
           "and the record says so");
    TAP_OK(say(&h, "READY=1"), "saying it again is heard by nobody");
    harness_send(h.owner, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == SIGTERM,
           "the pod ends as others do");
    harness_close(&h);
}

static void ends_unready(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 3")->notifies = true;
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0,
           "an app that ends without a word did start");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 3 << 8, "and has its status");
    TAP_OK(!say(&h, "READY=1"), "its socket is nobody's");
    harness_close(&h);
    harness_open(&h);
    harness_app(&h, "one", "trap 'exit 5' USR1; while :; do sleep 0.1; done");
    h.plan.apps[0].notifies = true;
    h.plan.apps[0].stop_signal = SIGUSR1;
    harness_start(&h, 0);
    harness_await_file(&h, "fake/notify-0");
    harness_send(h.owner, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) >= 0,
           "a pod that is stopped before it was ready was not started");
    (void)harness_wait(&h);
    TAP_OK(harness_record_is(&h, "state", "failed") && harness_is_clean(&h), "and nothing is left");
    harness_close(&h);
}

/* --strict: rather not at all than without a limit. */
static void refuses(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "touch ran")->limits.memory_bytes = 1 << 20;
    h.plan.is_strict = true;
    harness_start(&h, 0);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    TAP_OK(harness_await(&h, h.owner, JP_CONTROL_FAILED, &m) && m.number == JP_EUNSUPPORTED,
           "a strict pod does not start without its limit");
    JP_AUTO_FREE char *got = jp_memdup0(m.data, m.data_len);
    TAP_OK(got && strstr(got, "isolator 'resource/memory' is ignored") && strstr(got, "is strict"),
           "and says which one it is");
    TAP_OK(faccessat(h.dir_fd, "root/ran", F_OK, 0) < 0 && harness_is_clean(&h),
           "the app did not run, nothing is left");
    harness_close(&h);
}

int main(void)
{
    ends_by_itself();
    warns();
    stops();
    stops_hard(false);
    stops_hard(true);
    stops_by_signal();
    owner_leaves_late(true);
    owner_leaves_late(false);
    owner_leaves_in_a_hurry(UNREAD_OUTPUT);
    owner_leaves_in_a_hurry(UNREAD_ANSWER);
    owner_leaves_in_a_hurry(UNREAD_END);
    owner_hears_failure();
    owner_leaves(false);
    owner_leaves(true);
    handlers();
    failures();
    stops_in_pre_start();
    world_dies();
    reports();
    refuses();
    readiness();
    ends_unready();
    return tap_done();
}
