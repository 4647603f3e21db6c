/*
 * The life of a pod on the back end that only pretends: prepare, run, stop, kill, destroy, and what
 * a killed supervisor leaves. Arguments: stage 1 of the tests, any file as stage 2.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>

#include "base/time.h"
#include "pod/fixture_test.h"
#include "sys/process.h"

static struct fixture f;
static char output[65536];
static size_t output_len;

static int take_output(void *context, const char *app, int stream, const void *bytes, size_t len)
{
    (void)context;
    (void)app;
    (void)stream;
    if (output_len + len < sizeof(output)) {
        memcpy(output + output_len, bytes, len);
        output_len += len;
        output[output_len] = '\0';
    }
    return 0;
}

static void set_up(char **argv)
{
    fixture_open(&f);
    JP_AUTO_FREE char *libexec = jp_format("%s/libexec", f.dir);
    JP_AUTO_FREE char *stage1 = jp_format("%s/jetpack-stage1", libexec);
    JP_AUTO_FREE char *stage2 = jp_format("%s/jetpack-stage2", libexec);
    JP_AUTO_FREE char *fake = jp_format("%s/fake", f.dir);
    JP_AUTO_FREE char *real1 = realpath(argv[1], NULL);
    JP_AUTO_FREE char *real2 = realpath(argv[2], NULL);
    if (!real1 || !real2 || mkdir(libexec, 0755) < 0 || mkdir(fake, 0755) < 0 ||
        symlink(real1, stage1) < 0 || symlink(real2, stage2) < 0 ||
        setenv("JETPACK_FAKE_DIR", fake, 1) < 0)
        fixture_die("set up", NULL);
    f.ctx.libexec = jp_take(&libexec);
    f.ctx.stop_grace_ms = 2000;
    fixture_named_image(
        &f, 'a', "example.com/sh", "1.0.0",
        "\"app\":{\"exec\":[\"/bin/sh\",\"-c\",\"echo hello; echo err >&2; exit 3\"],"
        "\"user\":\"0\",\"group\":\"0\"}");
    fixture_named_image(
        &f, 'b', "example.com/sleep", "1.0.0",
        "\"app\":{\"exec\":[\"/bin/sleep\",\"1000\"],\"user\":\"0\",\"group\":\"0\"}");
    fixture_named_image(&f, 'c', "example.com/absent", "1.0.0",
                        "\"app\":{\"exec\":[\"/no/such/program\"],\"user\":\"0\",\"group\":\"0\"}");
}

static bool prepare(const char *image, const char *name, struct jp_store_pod *pod)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_pod_request) request = JP_POD_REQUEST_INIT;
    bool ok = (!name || jp_pod_request_set(&request, JP_POD_OPT_POD_NAME, name, &err) == 0) &&
              jp_pod_request_image(&request, image, &err) == 0 &&
              jp_pod_prepare(&f.ctx, &request, pod, &err) == 0;
    return TAP_OK(ok, "prepare %s%s", image, ok ? "" : jp_error_text(&err));
}

static enum jp_pod_state state_of(const struct jp_store_pod *pod)
{
    struct jp_pod_status status;
    if (jp_pod_status(&f.ctx, pod, true, &status, NULL) < 0)
        return JP_POD_GARBAGE;
    enum jp_pod_state state = status.state;
    jp_pod_status_clear(&status);
    return state;
}

static int run(const struct jp_store_pod *pod, int *ret_status, struct jp_error *err)
{
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    struct jp_pod_start start = {.keep = false};
    struct jp_pod_relay relay = {.input = -1, .terminal = -1, .signals = -1, .output = take_output};
    enum jp_pod_end end;
    output_len = 0;
    output[0] = '\0';
    if (jp_pod_start(&f.ctx, pod, &start, &session, err) < 0)
        return -1;
    return jp_pod_session_relay(session, &relay, &end, ret_status, err);
}

static int count_line(void *context, const struct jp_pod_log_line *line)
{
    unsigned *seen = context;
    if (line->stream == 1 && line->len == 5 && memcmp(line->text, "hello", 5) == 0)
        *seen += 1;
    if (line->stream == 2 && line->len == 3 && memcmp(line->text, "err", 3) == 0)
        *seen += 100;
    return 0;
}

static void test_run(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    int status = -1;
    if (!prepare("example.com/sh", "first", &pod))
        return;
    TAP_OK(state_of(&pod) == JP_POD_PREPARED, "it is prepared");
    TAP_OK(pod.address != NULL, "it has an address");
    TAP_OK(run(&pod, &status, &err) == 0 && jp_pod_exit_code(status) == 3,
           "it runs in the foreground: %d %s", status, err.msg ? err.msg : "");
    TAP_OK(strstr(output, "hello\n") && strstr(output, "err\n"), "its output comes");
    TAP_OK(state_of(&pod) == JP_POD_EXITED, "it has exited");
    err = (struct jp_error)JP_ERROR_INIT;
    TAP_OK(jp_pod_wait(&f.ctx, &pod, NULL, 0, &status, &err) == 0 && jp_pod_exit_code(status) == 3,
           "wait tells its status");
    unsigned seen = 0;
    struct jp_pod_logs logs = {.tail = -1, .line = count_line, .context = &seen};
    TAP_OK(jp_pod_logs(&f.ctx, &pod, &logs, &err) == 0 && seen == 101, "its log has both lines");
    TAP_OK(run(&pod, &status, &err) == 0, "it runs again");
    seen = 0;
    logs.tail = 1;
    (void)jp_pod_logs(&f.ctx, &pod, &logs, &err);
    TAP_OK(seen == 1 || seen == 100, "the last line alone");
    JP_AUTO(jp_store_pod) found = {.uuid = NULL};
    TAP_OK(jp_pod_find_for_run(&f.ctx, "first", &found, &err) == 1 &&
               tap_same(found.uuid, pod.uuid),
           "found by its name");
    TAP_OK(jp_pod_rename(&f.ctx, &pod, "second", &err) == 0, "renamed");
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroyed %s", err.msg ? err.msg : "");
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "which somebody else may have done before");
    TAP_OK(jp_pod_find(&f.ctx, "second", &found, &err) < 0 && err.code == JP_ENOTFOUND,
           "it is gone");
}

static void test_failing_start(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    int status = -1;
    if (!prepare("example.com/absent", NULL, &pod))
        return;
    TAP_OK(run(&pod, &status, &err) < 0 && err.code == JP_ENOPROGRAM, "no such program: %d %s",
           (int)err.code, jp_error_text(&err));
    TAP_OK(state_of(&pod) == JP_POD_FAILED, "the pod has failed");
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, NULL) == 0, "and can be destroyed");
}

static bool start_detached(const struct jp_store_pod *pod)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    struct jp_pod_start start = {.is_detached = true};
    bool ok = jp_pod_start(&f.ctx, pod, &start, &session, &err) == 0;
    return TAP_OK(ok, "start in the background %s", ok ? "" : jp_error_text(&err));
}

static pid_t supervisor_of(const struct jp_store_pod *pod)
{
    struct jp_pod_status status;
    if (jp_pod_status(&f.ctx, pod, false, &status, NULL) < 0)
        return 0;
    pid_t pid = status.supervisor;
    jp_pod_status_clear(&status);
    return pid;
}

static void test_background(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_pod_start start = {.is_detached = true};
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    int status = 0;
    if (!prepare("example.com/sleep", NULL, &pod) || !start_detached(&pod))
        return;
    TAP_OK(state_of(&pod) == JP_POD_RUNNING, "it runs");
    TAP_OK(jp_pod_start(&f.ctx, &pod, &start, &session, &err) < 0 && err.code == JP_EBUSY,
           "a second start is refused: %s", jp_error_text(&err));
    TAP_OK(jp_pod_wait(&f.ctx, &pod, NULL, 10, &status, NULL) < 0, "wait does not wait for ever");
    TAP_OK(jp_pod_stop(&f.ctx, &pod, -1, &err) == 0 && state_of(&pod) == JP_POD_EXITED, "stop");
    TAP_OK(jp_pod_stop(&f.ctx, &pod, -1, &err) == 0, "stop of a stopped pod");
    TAP_OK(jp_pod_wait(&f.ctx, &pod, NULL, 0, &status, NULL) == 0 && WIFSIGNALED(status),
           "ended by the signal");
    if (!start_detached(&pod))
        return;
    TAP_OK(jp_pod_signal(&f.ctx, &pod, NULL, SIGKILL, &err) == 0 &&
               jp_pod_wait(&f.ctx, &pod, NULL, 10000, &status, NULL) == 0,
           "a signal ends it");
    if (!start_detached(&pod))
        return;
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroy kills %s", err.msg ? err.msg : "");
}

static void test_killed_supervisor(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    struct jp_pod_gc gc = {.exited = false};
    if (!prepare("example.com/sleep", NULL, &pod) || !start_detached(&pod))
        return;
    pid_t pid = supervisor_of(&pod);
    JP_AUTO(jp_process) process = JP_PROCESS_INIT;
    if (pid <= 0 || jp_process_open(pid, &process, &err) < 0) {
        TAP_OK(false, "the supervisor's pid");
        return;
    }
    (void)jp_process_signal(&process, SIGKILL, &err);
    (void)waitpid(pid, NULL, 0);
    /* Its PID 1 may hold the lock for a moment longer. */
    for (int i = 0; i < 500 && jp_pod_state_is_alive(state_of(&pod)); i++)
        (void)poll(NULL, 0, 10);
    TAP_OK(state_of(&pod) == JP_POD_FAILED, "a pod whose supervisor was killed has failed");
    TAP_OK(jp_pod_gc(&f.ctx, &gc, &err) == 0 && state_of(&pod) == JP_POD_FAILED, "gc mends it %s",
           err.msg ? err.msg : "");
    if (!start_detached(&pod))
        return;
    TAP_OK(jp_pod_kill(&f.ctx, &pod, &err) == 0 && !jp_pod_state_is_alive(state_of(&pod)),
           "it runs again and is killed");
    gc.exited = true;
    TAP_OK(jp_pod_gc(&f.ctx, &gc, &err) == 0, "gc removes what has ended");
    JP_AUTO(jp_store_pod) found = {.uuid = NULL};
    TAP_OK(jp_pod_find(&f.ctx, pod.uuid, &found, &err) < 0, "it is gone");
}

/* The disk being full: what makes room finds its locks there, or gives the store's reserve up. */
static void test_no_room(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    const struct jp_networks networks = {.count = 0};
    const struct jp_pod_gc gc = {.exited = false};
    JP_AUTO_FREE char *reserve = jp_format("%s/root/reserve", f.dir);
    JP_AUTO_FD int pod_fd = -1;
    if (!prepare("example.com/sh", NULL, &pod))
        return;
    TAP_OK(jp_store_pod_open(f.store, pod.uuid, &pod_fd, &err) == 0 &&
               faccessat(pod_fd, JP_POD_LOCK_FILE, F_OK, 0) == 0,
           "a pod that never ran has its lock");
    f.ctx.networks = &networks;
    (void)setenv("JETPACK_FAKE_RESERVE", reserve, 1);
    TAP_OK(access(reserve, F_OK) == 0 && jp_pod_gc(&f.ctx, &gc, &err) == 0,
           "gc gives the reserve up for what networks need of the host %s", jp_error_text(&err));
    (void)unsetenv("JETPACK_FAKE_RESERVE");
    f.ctx.networks = NULL;
    TAP_OK(access(reserve, F_OK) == 0, "... and makes another one");
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroyed");
}

#define FAKE_CALL "isolation.destroy"

static char *read_calls(int fake_fd)
{
    struct jp_buf text = JP_BUF_INIT;
    if (jp_file_read(fake_fd, "calls", 64 << 20, &text, NULL) == 0)
        return jp_buf_steal(&text);
    jp_buf_clear(&text);
    return NULL;
}

/* Lets the call come to its end a while after it was begun. */
static JP_NORETURN void let_go_later(int fake_fd)
{
    char *calls;
    (void)alarm(300);
    while (!(calls = read_calls(fake_fd)) || !strstr(calls, FAKE_CALL)) {
        free(calls);
        (void)poll(NULL, 0, 10);
    }
    (void)poll(NULL, 0, 13000); /* the ten seconds for an answer, and one more for the lock */
    _exit(unlinkat(fake_fd, "wait-" FAKE_CALL, 0) < 0);
}

/* The supervisor needs longer to undo its work than kill waits for one that says nothing. */
static void test_slow_end(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *fake = jp_format("%s/fake", f.dir);
    JP_AUTO_FD int fake_fd = fake ? open(fake, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = 0;
    if (!prepare("example.com/sleep", NULL, &pod) || !start_detached(&pod))
        return;
    (void)unlinkat(fake_fd, "calls", 0);
    TAP_OK(close(openat(fake_fd, "wait-" FAKE_CALL, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0,
           "whose end is slow");
    pid_t helper = fork();
    if (helper == 0)
        let_go_later(fake_fd);
    f.said[0] = '\0';
    TAP_OK(jp_pod_kill(&f.ctx, &pod, &err) == 0, "it is killed: %s", err.msg ? err.msg : "");
    TAP_OK(waitpid(helper, &status, 0) == helper && status == 0, "but not its supervisor");
    TAP_OK(state_of(&pod) == JP_POD_EXITED && strstr(f.said, "still being taken down"),
           "which comes to the end of its work");
    TAP_OK(jp_pod_wait(&f.ctx, &pod, NULL, 0, &status, &err) == 0 && WIFSIGNALED(status),
           "and knows how the app ended");
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroyed");
}

static void test_exec(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_PTR(jp_pod_session) session = NULL;
    struct jp_pod_exec exec = {.app = "sleep"};
    struct jp_pod_relay relay = {.input = -1, .terminal = -1, .signals = -1, .output = take_output};
    enum jp_pod_end end;
    int status = 0;
    if (!prepare("example.com/sleep", NULL, &pod))
        return;
    if (jp_strv_add(&exec.argv, "/bin/sh") < 0 || jp_strv_add(&exec.argv, "-c") < 0 ||
        jp_strv_add(&exec.argv, "echo inside; exit 7") < 0)
        return;
    output_len = 0;
    bool ok = jp_pod_exec(&f.ctx, &pod, &exec, &session, &err) == 0 &&
              jp_pod_session_relay(session, &relay, &end, &status, &err) == 0;
    TAP_OK(ok && jp_pod_exit_code(status) == 7 && strstr(output, "inside"),
           "exec in a pod that does not run: %d %s", status, err.msg ? err.msg : "");
    jp_pod_session_free(jp_take(&session));
    TAP_OK(!jp_pod_state_is_alive(state_of(&pod)), "its isolation has ended with it");
    if (start_detached(&pod)) {
        ok = jp_pod_exec(&f.ctx, &pod, &exec, &session, &err) == 0 &&
             jp_pod_session_relay(session, &relay, &end, &status, &err) == 0;
        TAP_OK(ok && jp_pod_exit_code(status) == 7, "exec in a running pod: %d %s", status,
               err.msg ? err.msg : "");
        TAP_OK(state_of(&pod) == JP_POD_RUNNING, "which runs on");
    }
    jp_strv_clear(&exec.argv);
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroyed");
}

static void test_interrupt(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_pod_request) request = JP_POD_REQUEST_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO(jp_store_pods) left = {NULL, 0};
    volatile sig_atomic_t flag = SIGINT;
    struct jp_pod_context ctx = f.ctx;
    ctx.interrupted = &flag;
    (void)jp_pod_request_image(&request, "example.com/sleep", &err);
    TAP_OK(jp_pod_prepare(&ctx, &request, &pod, &err) < 0 && err.code == JP_EINTERRUPTED,
           "an interrupted prepare");
    TAP_OK(jp_store_pod_list(f.store, &left, NULL) == 0 && left.count == 0, "leaves nothing");
}

/* A supervisor that was started before its pod: used by the next start, or gone without a trace. */
static void test_ahead(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    int status = -1;
    while (waitpid(-1, NULL, 0) > 0)
        ; /* those of the tests before */
    TAP_OK(jp_pod_start_ahead(&f.ctx, NULL, &err) == 0, "a supervisor without a pod");
    jp_pod_ahead_free(f.ctx.ahead);
    f.ctx.ahead = NULL;
    TAP_OK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "it ends when there will be none");
    if (!prepare("example.com/sh", "ahead", &pod))
        return;
    TAP_OK(jp_pod_start_ahead(&f.ctx, NULL, &err) == 0 &&
               jp_pod_start_ahead(&f.ctx, NULL, &err) == 0,
           "another one, and no second beside it");
    TAP_OK(run(&pod, &status, &err) == 0 && jp_pod_exit_code(status) == 3, "runs a pod: %d %s",
           status, err.msg ? err.msg : "");
    TAP_OK(run(&pod, &status, &err) == 0 && jp_pod_exit_code(status) == 3,
           "once: the next start has its own");
    jp_pod_ahead_free(f.ctx.ahead);
    f.ctx.ahead = NULL;
    TAP_OK(jp_pod_destroy(&f.ctx, &pod, &err) == 0, "destroyed");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        printf("Bail out! usage: %s STAGE1 STAGE2\n", argv[0]);
        return 1;
    }
    set_up(argv);
    test_run();
    test_failing_start();
    test_background();
    test_killed_supervisor();
    test_no_room();
    test_slow_end();
    test_exec();
    test_interrupt();
    test_ahead();
    free((void *)(uintptr_t)f.ctx.libexec);
    fixture_close(&f);
    return tap_done();
}
