/* Logs merged over apps and rotated files, records and states, on files made by hand. */
#include <sys/stat.h>

#include "plan/state.h"
#include "pod/fixture_test.h"
#include "sys/lock.h"

static struct fixture f;
static struct jp_store_pod pod;
static int pod_fd = -1;
static char seen[1024];

static int collect(void *context, const struct jp_pod_log_line *line)
{
    (void)context;
    size_t used = strlen(seen);
    (void)snprintf(seen + used, sizeof(seen) - used, "%s%d%s%.*s;", line->app, line->stream,
                   line->is_complete ? "=" : "+", (int)line->len, line->text);
    return 0;
}

static const char *read_logs(const char *app, int64_t tail, int64_t since_ns)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_pod_logs options = {.app = app, .tail = tail, .since_ns = since_ns, .line = collect};
    seen[0] = '\0';
    if (jp_pod_logs(&f.ctx, &pod, &options, &err) < 0)
        (void)snprintf(seen, sizeof(seen), "error %d", (int)err.code);
    return seen;
}

static void write_file(int dir, const char *name, const char *text)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_file_replace(dir, name, text, strlen(text), 0600, false, &err) < 0)
        fixture_die(name, &err);
}

static void test_logs(void)
{
    TAP_STR(read_logs(NULL, -1, 0), "", "no log yet");
    JP_AUTO_FD int dir = jp_fd_make_dir(pod_fd, JP_STATE_LOGS, 0700, NULL);
    write_file(dir, "a.log.2", "2026-01-01T00:00:01.000000000Z stdout F a1\n");
    write_file(dir, "a.log.1",
               "2026-01-01T00:00:03.000000000Z stdout P a3\n"
               "garbage\n"
               "2026-01-01T00:00:03.000000001Z stderr F a4\n");
    write_file(dir, "a.log",
               "2026-01-01T00:00:06Z stdout F \n2026-01-01T00:00:07Z stdout F x y\nhalf a l");
    write_file(dir, "b.log",
               "2026-01-01T00:00:02Z stdout F b2\n2026-01-01T00:00:05Z stderr F b5\n");
    TAP_STR(read_logs(NULL, -1, 0), "a1=a1;b1=b2;a1+a3;a2=a4;b2=b5;a1=;a1=x y;",
            "rotated files and two apps, by time; what is no entry is left out");
    TAP_STR(read_logs("b", -1, 0), "b1=b2;b2=b5;", "one app");
    TAP_STR(read_logs(NULL, 2, 0), "a1=;a1=x y;", "the last two");
    TAP_STR(read_logs(NULL, 0, 0), "", "the last none");
    TAP_STR(read_logs(NULL, -1, INT64_C(1767225605) * 1000000000), "b2=b5;a1=;a1=x y;", "since");
    TAP_STR(read_logs("c", -1, 0), "error 5", "no such app");
}

#define LINE(n, text) "2026-01-01T00:01:0" #n ".000000000Z stdout F " text "\n"

/* Rotates the log when a line arrives; the pod ends with the last one. */
struct rotation {
    int dir;
    int lock;
};

static int collect_and_rotate(void *context, const struct jp_pod_log_line *line)
{
    struct rotation *r = context;
    (void)collect(NULL, line);
    if (strncmp(line->text, "one", line->len) == 0) { /* twice, before anybody looks again */
        (void)renameat(r->dir, "a.log", r->dir, "a.log.2");
        write_file(r->dir, "a.log.1", LINE(2, "two"));
        write_file(r->dir, "a.log", LINE(3, "three"));
    } else if (strncmp(line->text, "three", line->len) == 0) { /* so often that it is gone */
        (void)unlinkat(r->dir, "a.log.2", 0);
        write_file(r->dir, "a.log.1", LINE(8, "eight"));
        write_file(r->dir, "a.log", LINE(9, "nine"));
    } else if (strncmp(line->text, "nine", line->len) == 0) {
        jp_fd_close(&r->lock);
    }
    return 0;
}

static void test_follow(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct rotation r = {.dir = jp_fd_make_dir(pod_fd, JP_STATE_LOGS, 0700, NULL)};
    r.lock = jp_lock_take(pod_fd, "lock", JP_LOCK_EXCLUSIVE, false, NULL);
    struct jp_pod_logs options = {
        .app = "a", .tail = -1, .follow = true, .line = collect_and_rotate, .context = &r};
    (void)unlinkat(r.dir, "a.log.1", 0);
    (void)unlinkat(r.dir, "a.log.2", 0);
    write_file(r.dir, "a.log", LINE(1, "one"));
    seen[0] = f.said[0] = '\0';
    TAP_OK(jp_pod_logs(&f.ctx, &pod, &options, &err) == 0, "follow until the end");
    TAP_STR(seen, "a1=one;a1=two;a1=three;a1=eight;a1=nine;", "... over two rotations at once");
    const char *first = strstr(f.said, "lines are missing");
    TAP_OK(first && !strstr(first + 1, "lines are missing"), "... and says once what is lost");
    jp_fd_close(&r.dir);
}

static enum jp_pod_state state(void)
{
    struct jp_pod_status status;
    if (jp_pod_status(&f.ctx, &pod, false, &status, NULL) < 0)
        return JP_POD_PREPARING;
    enum jp_pod_state s = status.state;
    jp_pod_status_clear(&status);
    return s;
}

#define RECORD(state)                                                                              \
    "{\"version\":1,\"state\":\"" state "\",\"supervisor\":{\"pid\":1,\"start\":2},\"apps\":["     \
    "{\"name\":\"a\",\"state\":\"running\",\"pid\":3}]}"

static void test_states(void)
{
    TAP_OK(state() == JP_POD_PREPARED, "neither lock nor record: prepared");
    write_file(pod_fd, JP_STATE_FILE, RECORD("exited"));
    TAP_OK(state() == JP_POD_EXITED, "record exited, no lock");
    write_file(pod_fd, JP_STATE_FILE, RECORD("running"));
    TAP_OK(state() == JP_POD_FAILED, "record running, no lock: the supervisor died");
    JP_AUTO_FD int lock = jp_lock_take(pod_fd, "lock", JP_LOCK_EXCLUSIVE, false, NULL);
    TAP_OK(state() == JP_POD_RUNNING, "record running, locked");
    write_file(pod_fd, JP_STATE_FILE, RECORD("exited"));
    TAP_OK(state() == JP_POD_STARTING, "an earlier record, locked: starting");
    static const char *const broken[] = {"",
                                         "{",
                                         "[]",
                                         "{\"version\":99,\"state\":\"running\"}",
                                         "{\"version\":1}",
                                         "{\"version\":1,\"state\":5,\"apps\":7}",
                                         "{\"version\":1,\"state\":\"x\",\"apps\":[{}]}"};
    for (size_t i = 0; i < JP_LEN(broken); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        struct jp_pod_record record;
        TAP_OK(jp_pod_record_parse(broken[i], strlen(broken[i]), &record, &err) < 0,
               "broken record %zu", i);
    }
    jp_fd_close(&lock);
    write_file(pod_fd, JP_STATE_FILE, "{");
    TAP_OK(state() == JP_POD_FAILED, "a broken record is no reason to fail");
    write_file(pod_fd, JP_STATE_FILE, RECORD("running"));
    struct jp_pod_record record = {.is_there = false};
    TAP_OK(jp_pod_record_fail(pod_fd, pod.uuid, "why", NULL) == 0 &&
               jp_pod_record_read(pod_fd, &record, NULL) == 0 && tap_same(record.state, "failed") &&
               tap_same(record.error, "why") && record.n_apps == 1 &&
               tap_same(record.apps[0].state, "failed"),
           "a dead supervisor's record is finished");
    jp_pod_record_clear(&record);
}

int main(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_pod_request) request = JP_POD_REQUEST_INIT;
    fixture_open(&f);
    fixture_named_image(&f, 'a', "example.com/x", "1.0.0", "");
    if (jp_pod_request_image(&request, "example.com/x", &err) < 0 ||
        jp_pod_request_set(&request, JP_POD_OPT_NAME, "a", &err) < 0 ||
        jp_pod_request_image(&request, "example.com/x", &err) < 0 ||
        jp_pod_request_set(&request, JP_POD_OPT_NAME, "b", &err) < 0 ||
        jp_pod_prepare(&f.ctx, &request, &pod, &err) < 0 ||
        jp_store_pod_open(f.store, pod.uuid, &pod_fd, &err) < 0)
        fixture_die("prepare", &err);
    test_logs();
    test_follow();
    test_states();
    jp_fd_close(&pod_fd);
    jp_store_pod_clear(&pod);
    fixture_close(&f);
    return tap_done();
}
