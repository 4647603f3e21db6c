/*
 * Faults on the way: each call to the platform fails in turn, and the supervisor is killed before
 * each of them in turn. What must hold: a pod that failed leaves nothing and says why; what a
 * killed supervisor leaves is removed by clean calls that know only the UUID.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/platform.h"
#include "stage1/harness.h"
#include "tap.h"

#define MAX_CALLS 200 /* a start and end of two apps takes fewer than 30 */

static void number(const char *variable, unsigned n)
{
    JP_AUTO_FREE char *text = jp_format("%u", n);
    if (!text || setenv(variable, text, 1) < 0)
        abort();
}

static void fill(struct harness *h)
{
    struct jp_plan_app *app = harness_app(h, "one", "exit 0");
    harness_handler(&app->pre_start, "exit 0");
    harness_handler(&app->post_stop, "exit 0");
    harness_app(h, "two", "exit 0")->has_tty = true;
    h->plan.volumes = jp_calloc(1, sizeof(*h->plan.volumes));
    h->plan.n_volumes = 1;
    h->plan.volumes[0].source = jp_strdup("/tmp");
    app->mounts = jp_calloc(1, sizeof(*app->mounts));
    app->n_mounts = 1;
    app->mounts[0].path = jp_strdup("/data");
}

static size_t count_calls(struct harness *h)
{
    size_t n = 0;
    for (const char *p = harness_file(h, "fake/calls"); *p; p++)
        n += *p == '\n';
    return n;
}

/* True when the n-th call was there to fail. */
static bool fail_call(unsigned n, unsigned *told)
{
    struct harness h;
    harness_open(&h);
    fill(&h);
    number("JETPACK_FAKE_FAIL", n);
    harness_start(&h, 0);
    unsetenv("JETPACK_FAKE_FAIL");
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    bool has_failed = harness_await(&h, h.owner, JP_CONTROL_FAILED, &m);
    JP_AUTO_FREE char *text = jp_memdup0(m.data ? (char *)m.data : "", m.data_len);
    bool fine = harness_wait(&h) == 0 && harness_is_clean(&h) &&
                harness_record_is(&h, "state", has_failed ? "failed" : "exited");
    if (has_failed)
        fine = fine && text && strstr(text, "Input/output error") &&
               harness_record_is(&h, "error", text);
    *told += has_failed;
    TAP_OK(fine, "call %u fails: %s", n, has_failed ? text : "the pod runs all the same");
    bool was_reached = n <= count_calls(&h);
    harness_close(&h);
    return was_reached;
}

static bool is_gone(const char *text)
{
    int pid = 0;
    const char *digits = strncmp(text, "init ", 5) == 0 ? text + 5 : text;
    return sscanf(digits, "%d", &pid) != 1 || kill(-pid, 0) < 0;
}

/* Whatever the object of the world named is not there any more (PID 1 takes a moment to leave). */
static bool all_gone(char *pids)
{
    bool gone = true;
    char *rest = pids;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        int tries = 0;
        while (!is_gone(line) && tries++ < 10000)
            usleep(1000);
        gone = gone && is_gone(line);
    }
    return gone;
}

static bool kill_before_call(unsigned n)
{
    struct harness h;
    harness_open(&h);
    fill(&h);
    number("JETPACK_FAKE_KILL", n);
    harness_start(&h, 0);
    unsetenv("JETPACK_FAKE_KILL");
    while (harness_await_number(&h, h.owner, JP_CONTROL_ENDED) > 0)
        ;
    int status = harness_wait(&h);
    bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    JP_AUTO_FREE char *path = jp_format("fake/isolation/%s", h.plan.uuid);
    JP_AUTO_FREE char *pids = jp_strdup(harness_file(&h, path));
    bool fine = jp_platform.links->clean(h.plan.uuid, NULL, NULL) == 0 &&
                jp_platform.limits->clean(h.plan.uuid, NULL, NULL) == 0 &&
                jp_platform.isolation->clean(h.plan.uuid, NULL, NULL) == 0;
    TAP_OK(fine && harness_is_clean(&h) && all_gone(pids),
           "killed before call %u: clean leaves nothing", n);
    if (was_killed)
        TAP_OK(!harness_record_is(&h, "state", "exited"), "and the record does not claim an end");
    harness_close(&h);
    return was_killed;
}

/* A supervisor that cannot even begin says so. */
static void bad_beginnings(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "exit 0");
    h.plan.version = 99;
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) == JP_EUNSUPPORTED,
           "a plan of another version is refused");
    TAP_OK(WEXITSTATUS(harness_wait(&h)) == 1 && harness_is_clean(&h), "and nothing is left");
    harness_close(&h);

    harness_open(&h);
    harness_app(&h, "one", "exit 0");
    TAP_OK(mkdirat(h.pod_fd, "control", 0700) == 0, "something else stands where the socket goes");
    harness_start(&h, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_FAILED) == JP_ESYS, "FAILED is heard");
    TAP_OK(harness_wait(&h) == 0 && harness_is_clean(&h) &&
               harness_record_is(&h, "state", "failed"),
           "and nothing is left");
    harness_close(&h);

    harness_open(&h);
    harness_app(&h, "one", "touch ran");
    harness_start(&h, -1);
    close(h.owner);
    h.owner = -1;
    (void)harness_wait(&h);
    TAP_OK(harness_is_clean(&h), "an owner who is gone before the start: nothing is left");
    harness_close(&h);
}

int main(void)
{
    unsigned n = 0, told = 0;
    while (fail_call(++n, &told) && n < MAX_CALLS)
        ;
    TAP_OK(n > 15 && n < MAX_CALLS && told > 10, "%u calls failed in turn, %u of them told", n,
           told);
    n = 0;
    while (kill_before_call(++n) && n < MAX_CALLS)
        ;
    TAP_OK(n > 15 && n < MAX_CALLS, "killed before each of %u calls", n);
    bad_beginnings();
    return tap_done();
}
