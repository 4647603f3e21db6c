/* Clients of a running pod: exec, terminals, input, attach, slow and vanishing ones. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "stage1/harness.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "tap.h"

static void start_idle(struct harness *h)
{
    harness_open(h);
    harness_app(h, "one", "exec sleep 1000");
    harness_start(h, -1);
    TAP_OK(harness_await_number(h, h->owner, JP_CONTROL_STARTED) == 0, "a pod runs");
}

static void end_idle(struct harness *h)
{
    harness_send(h->owner, JP_CONTROL_KILL, 0);
    TAP_OK(harness_await_number(h, h->owner, JP_CONTROL_ENDED) == SIGKILL && harness_is_clean(h),
           "its end leaves nothing");
    harness_close(h);
}

static void executes(void)
{
    struct harness h;
    start_idle(&h);
    int client = harness_connect(&h);
    harness_exec(client, "echo $container; echo err >&2; exit 5", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "EXEC is accepted");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 5 << 8, "its status is told");
    TAP_OK(strstr(jp_buf_text(&h.output), "jetpack\n") && strstr(jp_buf_text(&h.output), "err\n"),
           "after all of its output, with the app's environment");
    TAP_STR(harness_file(&h, "pod/logs/one.log"), "", "which is not in the app's log");
    close(client);

    client = harness_connect(&h);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    m.type = JP_CONTROL_EXEC;
    if (jp_strv_add(&m.argv, "no-such-program") < 0)
        abort();
    TAP_OK(jp_control_send(client, &m, NULL) == 1 &&
               harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_ENOPROGRAM,
           "a program that is not there");
    jp_control_message_clear(&m);
    m.type = JP_CONTROL_EXEC;
    m.app = jp_strdup("two");
    TAP_OK(jp_control_send(client, &m, NULL) == 1 &&
               harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_ENOTFOUND,
           "an app that is not there");
    jp_control_message_clear(&m);
    m.type = JP_CONTROL_EXEC;
    m.user = jp_strdup("12345:54");
    m.cwd = jp_strdup("/sub");
    if (jp_strv_add(&m.argv, "/bin/sh") < 0 || jp_strv_add(&m.argv, "-c") < 0 ||
        jp_strv_add(&m.argv, "pwd; echo $A $container") < 0 || jp_strv_add(&m.env, "A=b") < 0 ||
        jp_strv_add(&m.env, "container=x") < 0)
        abort();
    jp_buf_reset(&h.output);
    TAP_OK(mkdirat(h.dir_fd, "root/sub", 0755) == 0 && jp_control_send(client, &m, NULL) == 1 &&
               harness_await_number(&h, client, JP_CONTROL_EXITED) == 0,
           "with a user, a working directory and variables");
    TAP_OK(strstr(jp_buf_text(&h.output), "/sub\nb x\n"), "which it sees");
    close(client);
    end_idle(&h);
}

static void input(void)
{
    struct harness h;
    start_idle(&h);
    int client = harness_connect(&h);
    harness_exec(client, "cat; echo end", JP_CONTROL_F_STDIN);
    harness_input(client, "hello\n");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_TAKEN) == 0, "INPUT is taken");
    harness_input(client, "");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 0, "its end is seen");
    TAP_STR(jp_buf_text(&h.output), "hello\nend\n", "and it arrives");
    close(client);

    client = harness_connect(&h);
    harness_exec(client, "sleep 1000", JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "a program that does not read");
    JP_AUTO_FREE char *block = jp_calloc(1, JP_CONTROL_MAX_DATA);
    memset(block, 'x', JP_CONTROL_MAX_DATA - 1);
    int taken = 0;
    for (int i = 0; i < 2; i++) { /* a pipe holds 64 KiB: the third does not fit */
        harness_input(client, block);
        taken += harness_await_number(&h, client, JP_CONTROL_TAKEN) == 0;
    }
    harness_input(client, block);
    harness_send(client, JP_CONTROL_SIGNAL, SIGTERM);
    TAP_OK(taken == 2 && harness_await_number(&h, client, JP_CONTROL_EXITED) == SIGTERM,
           "SIGNAL is heard although INPUT waits");
    close(client);

    client = harness_connect(&h);
    harness_exec(client, "while [ ! -e go ]; do sleep 0.05; done; wc -c", JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "one that reads late");
    for (int i = 0; i < 4; i++) /* without waiting for TAKEN */
        harness_input(client, block);
    (void)mkdirat(h.dir_fd, "root/go", 0700);
    harness_input(client, "");
    jp_buf_reset(&h.output);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 0, "gets everything");
    JP_AUTO_FREE char *expected = jp_format("%d\n", 4 * (JP_CONTROL_MAX_DATA - 1));
    TAP_OK(strstr(jp_buf_text(&h.output), expected), "even of a client who does not wait: %s",
           jp_buf_text(&h.output));
    close(client);
    end_idle(&h);
}

static void terminal(void)
{
    struct harness h;
    start_idle(&h);
    int client = harness_connect(&h);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    m.type = JP_CONTROL_EXEC;
    m.flags = JP_CONTROL_F_TTY | JP_CONTROL_F_STDIN;
    m.number = 33 << 16 | 77;
    if (jp_strv_add(&m.argv, "/bin/sh") < 0 || jp_strv_add(&m.argv, "-c") < 0 ||
        jp_strv_add(&m.argv, "tty -s && stty size; trap 'stty size; exit 4' WINCH; echo ready; "
                             "while :; do sleep 0.05; done") < 0)
        abort();
    TAP_OK(jp_control_send(client, &m, NULL) == 1 &&
               harness_await_number(&h, client, JP_CONTROL_OK) == 0,
           "EXEC with a terminal");
    while (!strstr(jp_buf_text(&h.output), "ready"))
        (void)harness_await_number(&h, client, JP_CONTROL_OUTPUT);
    TAP_OK(strstr(jp_buf_text(&h.output), "33 77"), "which has the caller's size");
    harness_send(client, JP_CONTROL_RESIZE, 40 << 16 | 100);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 4 << 8 &&
               strstr(jp_buf_text(&h.output), "40 100"),
           "and follows it");
    close(client);

    client = harness_connect(&h);
    harness_exec(client, NULL, JP_CONTROL_F_CONSOLE | JP_CONTROL_F_TTY);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_ENOPROGRAM,
           "a console in an image without login or shell");
    TAP_OK(mkdirat(h.dir_fd, "root/bin", 0755) == 0 &&
               close(openat(h.dir_fd, "root/bin/sh", O_CREAT | O_WRONLY | O_CLOEXEC, 0755)) == 0,
           "with a shell");
    harness_exec(client, NULL, JP_CONTROL_F_CONSOLE | JP_CONTROL_F_TTY | JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "it starts");
    harness_input(client, "exit 6\n");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 6 << 8, "and is talked to");
    close(client);
    end_idle(&h);
}

static void main_terminal(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "tty -s && read line && echo got $line")->has_tty = true;
    harness_start(&h, JP_CONTROL_F_STDIN);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "run -t");
    harness_input(h.owner, "word\n");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0 &&
               strstr(jp_buf_text(&h.output), "got word\r\n"),
           "relays a terminal");
    harness_close(&h);
}

static void attaches(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "read a; echo one-$a; read b; echo bye")->has_stdin = true;
    harness_app(&h, "two", "while [ ! -e go ]; do sleep 0.05; done; echo from-two");
    harness_start(&h, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "a pod of two");
    int a = harness_connect(&h), b = harness_connect(&h);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    m.type = JP_CONTROL_ATTACH;
    m.flags = JP_CONTROL_F_STDIN;
    m.app = jp_strdup("one");
    TAP_OK(jp_control_send(a, &m, NULL) == 1 && harness_await_number(&h, a, JP_CONTROL_OK) == 0 &&
               jp_control_send(b, &m, NULL) == 1 && harness_await_number(&h, b, JP_CONTROL_OK) == 0,
           "two attach to the first");
    harness_input(a, "x\n");
    (void)mkdirat(h.dir_fd, "root/go", 0700);
    while (!strstr(jp_buf_text(&h.output), "one-x\n"))
        (void)harness_await_number(&h, b, JP_CONTROL_OUTPUT);
    TAP_OK(true, "one types, the other sees it");
    jp_buf_reset(&h.output);
    close(a);
    harness_input(b, "y\n");
    TAP_OK(harness_await_number(&h, b, JP_CONTROL_EXITED) == 0, "one leaves, the app goes on");
    TAP_STR(jp_buf_text(&h.output), "bye\n", "and nothing of the second app is seen");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "ended");
    close(b);
    harness_close(&h);
}

static long resident_kib(struct harness *h)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/statm", (long)h->supervisor);
    FILE *f = fopen(path, "re");
    long pages = 0;
    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Row 12: 10 MB of output while nobody reads: the app waits, the supervisor does not grow. */
static void back_pressure(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(
        &h, "one",
        "head -c 10485760 /dev/zero | tr '\\0' x | fold -w 100; touch done; echo; echo end");
    harness_app(&h, "two", "while [ ! -e ask ]; do sleep 0.05; done; echo asked");
    harness_start(&h, 0); /* attached to all, reads nothing */
    harness_await_file(&h, "pod/control");
    int client = harness_connect(&h);
    long before = resident_kib(&h);
    for (int i = 0; i < 50; i++) { /* the supervisor goes on serving others meanwhile */
        harness_send(client, JP_CONTROL_STATUS, 0);
        (void)harness_await_number(&h, client, JP_CONTROL_STATE);
        usleep(10000);
    }
    long after = resident_kib(&h);
    TAP_OK(faccessat(h.dir_fd, "root/done", F_OK, 0) < 0, "the app waits for its reader");
    TAP_OK(after - before < 4096, "the supervisor grew by %ld KiB", after - before);
    (void)mkdirat(h.dir_fd, "root/ask", 0700);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "the reader wakes up");
    size_t count = 0;
    for (size_t i = 0; i < h.output.len; i++)
        count += h.output.data[i] == 'x';
    TAP_OK(count == 10485760, "and gets every byte: %zu", count);
    size_t logged = 0;
    static const char *const logs[] = {"pod/logs/one.log", "pod/logs/one.log.1"};
    for (size_t i = 0; i < JP_LEN(logs); i++) {
        for (const char *p = harness_file(&h, logs[i]); *p; p++)
            logged += *p == 'x';
    }
    TAP_OK(logged == 10485760, "so did the log: %zu", logged);
    close(client);
    harness_close(&h);
}

/* Somebody asks for a stop while an attached client is asleep: the pod's end does not wait long. */
static void sleeping_client(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "yes; exit 0");
    harness_start(&h, 0);
    harness_await_file(&h, "pod/control");
    int client = harness_connect(&h);
    usleep(100000);
    harness_send(client, JP_CONTROL_STOP, -1);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == SIGTERM,
           "a client that sleeps does not keep the pod from being stopped");
    TAP_OK(harness_is_clean(&h), "nothing is left");
    close(client);
    harness_close(&h);
}

static void vanishing_client(void)
{
    struct harness h;
    start_idle(&h);
    int client = harness_connect(&h);
    harness_exec(client, "trap 'touch hup' HUP; touch ready; while :; do sleep 0.05; done", 0);
    harness_await_file(&h, "root/ready");
    close(client);
    harness_await_file(&h, "root/hup");
    TAP_OK(true, "the program of an exec whose client is gone gets SIGHUP");
    client = harness_connect(&h);
    harness_exec(client, "while ps -e -o args | grep -q '[t]ouch hup'; do sleep 0.1; done", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 0, "then SIGKILL");
    close(client);
    end_idle(&h);
}

/*
 * The last record could not be written, somebody else has the lock by now, and a client has not yet
 * heard everything: the record is another run's.
 */
static void late_record(void)
{
    struct harness h;
    harness_open(&h);
    harness_app(&h, "one", "while [ ! -e go ]; do sleep 0.05; done");
    harness_start(&h, -1);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_STARTED) == 0, "a pod runs");
    int client = harness_connect(&h);
    TAP_OK(unlinkat(h.pod_fd, "state", 0) == 0 && mkdirat(h.pod_fd, "state", 0700) == 0 &&
               mkdirat(h.pod_fd, "state/full", 0700) == 0,
           "whose record cannot be written");
    /* Each is answered until there is no room for an answer, and then no longer read. */
    struct jp_control_message odd = JP_CONTROL_MESSAGE_INIT;
    odd.type = JP_CONTROL_SIGNAL;
    TAP_OK(fcntl(h.owner, F_SETFL, O_NONBLOCK) == 0, "and whose owner reads nothing");
    for (int n = 0; n < 100;) {
        int sent = jp_control_send(h.owner, &odd, NULL);
        n = sent == 1 ? 0 : n + 1;
        if (sent != 1)
            usleep(10000);
    }
    TAP_OK(fcntl(h.owner, F_SETFL, 0) == 0, "not even when there is no room any more");
    (void)mkdirat(h.dir_fd, "root/go", 0700);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_ENDED) == 0, "ends");
    int lock = jp_lock_take(h.pod_fd, "lock", JP_LOCK_LIFE, false, NULL);
    TAP_OK(lock >= 0 && unlinkat(h.pod_fd, "state/full", AT_REMOVEDIR) == 0 &&
               unlinkat(h.pod_fd, "state", AT_REMOVEDIR) == 0 &&
               close(openat(h.pod_fd, "state", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0,
           "another run has begun");
    char byte;
    TAP_OK(shutdown(client, SHUT_WR) == 0 && recv(client, &byte, 1, 0) == 0,
           "the supervisor is busy with something else");
    close(client);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "its owner hears of it late");
    (void)harness_wait(&h);
    TAP_STR(harness_file(&h, "pod/state"), "", "and nothing is written over the other's record");
    jp_fd_close(&lock);
    harness_close(&h);
}

/* A pod of one app without it, running. */
static void start_without_apps(struct harness *h)
{
    harness_open(h);
    harness_app(h, "one", "touch ran");
    h->plan.without_apps = true;
    TAP_OK(close(openat(h->pod_fd, "state", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0,
           "a pod that ran before");
    harness_start(h, -1);
    TAP_OK(harness_await_number(h, h->owner, JP_CONTROL_STARTED) == 0, "without its apps");
    TAP_OK(strstr(harness_file(h, "pod/sessions"), "\"running\""), "has a record of its own");
}

/* Nothing of it is left, and not a trace in the record of the last run. */
static void end_without_apps(struct harness *h)
{
    struct stat st;
    TAP_OK(harness_is_clean(h) && faccessat(h->dir_fd, "root/ran", F_OK, 0) < 0 &&
               faccessat(h->pod_fd, "sessions", F_OK, 0) < 0 &&
               fstatat(h->pod_fd, "state", &st, 0) == 0 && st.st_size == 0,
           "it leaves nothing");
    harness_close(h);
}

static void without_apps(void)
{
    struct harness h;
    start_without_apps(&h);
    int client = harness_connect(&h);
    harness_exec(h.owner, "while [ ! -e go ]; do sleep 0.05; done; exit 2", 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_OK) == 0, "the owner executes");
    harness_exec(client, "mkdir go", 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_EXITED) == 0, "so does another");
    harness_send(client, JP_CONTROL_LEAVE, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "who may leave before the owner");
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_EXITED) == 2 << 8, "who goes on");
    harness_send(h.owner, JP_CONTROL_LEAVE, 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_ENDED) == 0, "it ends with the last one");
    close(client);
    end_without_apps(&h);
}

/* The one who started it is the first to end: by LEAVE, or because it was killed. */
static void without_owner(bool is_killed)
{
    struct harness h;
    start_without_apps(&h);
    harness_exec(h.owner, "sleep 1000", 0);
    TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_OK) == 0, "the owner executes");
    int clients[30];
    for (size_t i = 0; i < JP_LEN(clients); i++) {
        clients[i] = harness_connect(&h);
        harness_exec(clients[i], "while [ ! -e go ]; do sleep 0.2; done; exit 3", 0);
    }
    int started = 0, ended = 0;
    for (size_t i = 0; i < JP_LEN(clients); i++)
        started += harness_await_number(&h, clients[i], JP_CONTROL_OK) == 0;
    if (is_killed) {
        jp_fd_close(&h.owner);
    } else {
        harness_send(h.owner, JP_CONTROL_LEAVE, 0);
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_EXITED) == SIGKILL,
               "LEAVE kills what it executes");
        TAP_OK(harness_await_number(&h, h.owner, JP_CONTROL_OK) == 0, "it may leave");
    }
    harness_send(clients[0], JP_CONTROL_STATUS, 0);
    TAP_OK(harness_await_number(&h, clients[0], JP_CONTROL_STATE) == 0, "the others go on");
    (void)mkdirat(h.dir_fd, "root/go", 0700);
    for (size_t i = 0; i < JP_LEN(clients); i++) {
        ended += harness_await_number(&h, clients[i], JP_CONTROL_EXITED) == 3 << 8;
        if (i + 1 < JP_LEN(clients))
            close(clients[i]);
    }
    harness_send(clients[JP_LEN(clients) - 1], JP_CONTROL_LEAVE, 0);
    TAP_OK(started == 30 && ended == 30, "all of them to their end: %d of %d", ended, started);
    TAP_OK(harness_await_number(&h, clients[JP_LEN(clients) - 1], JP_CONTROL_ENDED) == 0,
           "the last of them ends it");
    close(clients[JP_LEN(clients) - 1]);
    end_without_apps(&h);
}

/* What is asked of an isolation on its way out is answered by ENDED, so that it is asked again. */
static void too_late(void)
{
    struct harness h;
    start_without_apps(&h);
    int client = harness_connect(&h);
    int stopped;
    TAP_OK(kill(h.supervisor, SIGSTOP) == 0 &&
               waitpid(h.supervisor, &stopped, WUNTRACED) == h.supervisor && WIFSTOPPED(stopped),
           "while the supervisor sleeps");
    close(h.owner);
    h.owner = -1;
    harness_send(client, JP_CONTROL_STOP, -1);
    harness_exec(client, "touch ran", 0);
    TAP_OK(kill(h.supervisor, SIGCONT) == 0, "its end is asked for, and then something of it");
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_OK) == 0, "STOP is answered");
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    TAP_OK(jp_control_receive(client, &m, NULL) == 1 && m.type == JP_CONTROL_ENDED,
           "EXEC by the end");
    close(client);
    end_without_apps(&h);

    start_without_apps(&h);
    client = harness_connect(&h);
    harness_send(client, JP_CONTROL_ROOT, 0);
    JP_AUTO(jp_control_message) root = JP_CONTROL_MESSAGE_INIT;
    TAP_OK(harness_await(&h, client, JP_CONTROL_OK, &root) && root.fd >= 0, "who has asked a root");
    jp_fd_close(&h.owner);
    harness_send(client, JP_CONTROL_STATUS, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_STATE) == 0, "keeps the isolation");
    close(client);
    (void)harness_wait(&h);
    TAP_OK(true, "as long as it is there");
    end_without_apps(&h);
}

static void odd_clients(void)
{
    struct harness h;
    start_idle(&h);
    int client = harness_connect(&h);
    harness_send(client, 200, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_EUNSUPPORTED,
           "an unknown request is answered");
    harness_send(client, JP_CONTROL_SIGNAL, 100000);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_EINVALID, "a wild signal too");
    harness_send(client, JP_CONTROL_EXEC, 0);
    TAP_OK(harness_await_number(&h, client, JP_CONTROL_FAILED) == JP_EINVALID, "EXEC of nothing");
    harness_send(client, JP_CONTROL_ROOT, 0);
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    struct stat a, b;
    TAP_OK(harness_await(&h, client, JP_CONTROL_OK, &m) && m.fd >= 0 && fstat(m.fd, &a) == 0 &&
               fstatat(h.dir_fd, "root", &b, 0) == 0 && a.st_ino == b.st_ino,
           "ROOT is answered with a descriptor of the app's root");
    TAP_OK(write(client, "junk", 4) == 4 && harness_await_number(&h, client, JP_CONTROL_OK) == -1,
           "who sends junk is disconnected");
    close(client);
    int clients[80];
    for (size_t i = 0; i < JP_LEN(clients); i++)
        clients[i] = i < 60 ? harness_connect(&h) : -1;
    harness_send(clients[59], JP_CONTROL_STATUS, 0);
    TAP_OK(harness_await_number(&h, clients[59], JP_CONTROL_STATE) == 0, "60 clients at a time");
    for (size_t i = 0; i < JP_LEN(clients); i++)
        close(clients[i]);
    end_idle(&h);
}

int main(void)
{
    executes();
    input();
    terminal();
    main_terminal();
    attaches();
    back_pressure();
    sleeping_client();
    vanishing_client();
    late_record();
    without_apps();
    without_owner(false);
    without_owner(true);
    too_late();
    odd_clients();
    return tap_done();
}
