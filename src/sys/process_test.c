#include <sys/wait.h>

#include <poll.h>
#include <signal.h>

#include "sys/fd.h"
#include "sys/process.h"
#include "sys/scratch_test.h"
#include "tap.h"

static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;)
            (void)pause();
    }
    return pid;
}

/* `with_fd` false: as on a system without pidfds. */
static void try_handle(bool with_fd)
{
    const char *how = with_fd ? "pidfd" : "start time";
    struct jp_process p = JP_PROCESS_INIT, same = JP_PROCESS_INIT;
    pid_t pid = sleeper();
    TAP_OK(jp_process_open(pid, &p, NULL) == 0 && p.pid == pid && p.start > 0, "%s: open", how);
    TAP_OK(jp_process_open_same(pid, p.start, &same, NULL) == 0, "%s: the same one", how);
    jp_process_clear(&same);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_process_open_same(pid, p.start + 1, &same, &err) < 0 && err.code == JP_ENOTFOUND,
           "%s: another start time is another process", how);
    if (!with_fd)
        jp_fd_close(&p.fd);
    TAP_OK(jp_process_wait_gone(&p, 0, NULL) == 0, "%s: is there", how);
    TAP_OK(jp_process_wait_gone(&p, 30, NULL) == 0, "%s: is there after a while", how);
    TAP_OK(!jp_process_is_stopped(&p), "%s: is not stopped", how);
    (void)kill(pid, SIGSTOP);
    (void)waitpid(pid, NULL, WUNTRACED);
    TAP_OK(jp_process_is_stopped(&p) && jp_process_wait_gone(&p, 0, NULL) == 0,
           "%s: is stopped, and there", how);
    JP_AUTO_FD int watch = jp_process_watch(&p);
    struct pollfd end = {.fd = watch, .events = POLLIN};
    if (watch >= 0)
        TAP_OK(poll(&end, 1, 0) == 0, "%s: nothing tells of an end", how);
    TAP_OK(jp_process_signal(&p, SIGKILL, NULL) == 0, "%s: signal", how);
    if (watch >= 0)
        TAP_OK(poll(&end, 1, 60000) == 1, "%s: ... until it is gone", how);
    TAP_OK(jp_process_wait_gone(&p, 10000, NULL) == 1, "%s: gone, as a zombie already", how);
    JP_AUTO(jp_error) gone = JP_ERROR_INIT;
    TAP_OK(jp_process_open(pid, &same, &gone) < 0 && gone.code == JP_ENOTFOUND,
           "%s: a zombie cannot be opened", how);
    (void)waitpid(pid, NULL, 0);
    TAP_OK(jp_process_signal(&p, SIGKILL, NULL) == 0, "%s: a signal to what has ended is fine",
           how);
    TAP_OK(jp_process_wait_gone(&p, -1, NULL) == 1, "%s: gone", how);
    jp_process_clear(&p);
}

/* A handle with a wrong start time stands for a pid that was given to somebody else. */
static void try_stranger(void)
{
    pid_t pid = sleeper();
    struct jp_process p = JP_PROCESS_INIT;
    (void)jp_process_open(pid, &p, NULL);
    struct jp_process old = {.pid = pid, .start = p.start - 1, .fd = -1};
    TAP_OK(jp_process_signal(&old, SIGKILL, NULL) == 0, "the signal to an old handle is dropped");
    TAP_OK(jp_process_wait_gone(&old, 0, NULL) == 1, "the old one counts as gone");
    TAP_OK(jp_process_wait_gone(&p, 50, NULL) == 0, "the stranger lives");
    tap_kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    jp_process_clear(&p);
}

static void try_names(void)
{
    static const pid_t none[] = {0, -1, 2147483647};
    for (size_t i = 0; i < JP_LEN(none); i++) {
        struct jp_process p = JP_PROCESS_INIT;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        TAP_OK(jp_process_open(none[i], &p, &err) < 0 && err.code == JP_ENOTFOUND && p.fd < 0,
               "no process %d", (int)none[i]);
    }
    /* The name of a program may hold anything. */
    pid_t pid = fork();
    if (pid == 0) {
        JP_AUTO_FD int comm = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
        (void)!write(comm, "x) Z 1 1 (y", 11);
        for (;;)
            (void)pause();
    }
    (void)usleep(50000);
    struct jp_process p = JP_PROCESS_INIT;
    TAP_OK(jp_process_open(pid, &p, NULL) == 0 && p.start > 1, "a name with parentheses");
    tap_kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    jp_process_clear(&p);
}

/* execve(2) promises not to write to the words; C cannot say so. */
static int run(const char *const argv[], const int stdio[3], int *ret_status, struct jp_error *err)
{
    return jp_process_run((char *const *)(uintptr_t)argv, stdio, ret_status, err);
}

static void try_run(void)
{
    const char *const yes[] = {"true", NULL}, *const no[] = {"false", NULL};
    const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    const char *const missing[] = {"no-such-program-at-all", NULL};
    const char *const missing_path[] = {"/nowhere/program", NULL};
    const char *const not_executable[] = {"/etc/passwd", NULL};
    const int quiet[3] = {-1, -1, -1};
    int status = -1;
    TAP_OK(run(yes, quiet, &status, NULL) == 0 && status == 0, "true");
    TAP_OK(run(no, quiet, &status, NULL) == 0 && WEXITSTATUS(status) == 1, "false");
    TAP_OK(run(killed, quiet, &status, NULL) == 0 && WIFSIGNALED(status) &&
               WTERMSIG(status) == SIGKILL,
           "killed by a signal");
    const char *const *const bad[] = {missing, missing_path, not_executable};
    static const enum jp_code codes[] = {JP_ENOPROGRAM, JP_ENOPROGRAM, JP_ENOEXEC};
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        status = 77;
        int r = run(bad[i], quiet, &status, &err);
        TAP_OK(r < 0 && err.code == codes[i] && status == 77, "%s: %s", bad[i][0],
               jp_error_text(&err));
    }
}

/* What the program sees: its streams, nothing else, signals as after boot. */
static void try_surroundings(void)
{
    int out[2];
    if (pipe(out) < 0)
        scratch_bail("pipe");
    for (int i = 0; i < 20; i++)
        (void)!dup(out[0]); /* without close-on-exec, on purpose */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
#ifdef __linux__
    static const char script[] =
        "cat; ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status";
    static const char expected[] = "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
#else
    static const char script[] =
        "cat; for i in 3 4 5 6 7 8 9; do (exec 2>&$i) 2>/dev/null && echo left $i; done; "
        "for s in TERM PIPE USR1; do sh -c \"kill -$s \\$\\$; echo not $s\"; done; true";
    static const char expected[] = "";
#endif
    const char *const look[] = {"sh", "-c", script, NULL};
    const int stdio[3] = {-1, out[1], -1};
    int status = -1;
    TAP_OK(run(look, stdio, &status, NULL) == 0 && status == 0, "run with a pipe");
    char text[512] = "";
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    ssize_t n = read(out[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    TAP_STR(text, expected, "three streams (and ls's own directory), no signal blocked or ignored");
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    /* Streams that are exchanged: 1 becomes 0 and so on. */
    JP_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int crossed[3] = {2, null, 0};
    const char *const yes[] = {"true", NULL};
    TAP_OK(run(yes, crossed, &status, NULL) == 0 && status == 0, "crossed streams");
}

static void try_signals(void)
{
    static const struct {
        const char *text;
        int number;
    } list[] = {
        {"TERM", SIGTERM}, {"SIGTERM", SIGTERM},
        {"15", 15},        {"KILL", SIGKILL},
        {"9", 9},          {"SIGHUP", SIGHUP},
        {"USR1", SIGUSR1}, {"0", 0},
        {"", 0},           {"SIG", 0},
        {"term", 0},       {"-9", 0},
        {"1000", 0},       {" 9", 0},
        {"9 ", 0},         {"SIGSIGTERM", 0},
        {"BOGUS", 0},      {"CLD", SIGCHLD},
        {"4294967305", 0}, {"RTMIN+999", 0},
    };
    for (size_t i = 0; i < JP_LEN(list); i++)
        TAP_OK(jp_signal_number(list[i].text) == list[i].number, "signal '%s' is %d", list[i].text,
               list[i].number);
    TAP_OK(jp_signal_number("SIGRTMIN+3") == SIGRTMIN + 3, "SIGRTMIN+3");
    TAP_OK(jp_signal_number("RTMAX-1") == SIGRTMAX - 1, "RTMAX-1");
    TAP_STR(jp_signal_name(SIGTERM), "TERM", "name of SIGTERM");
    TAP_STR(jp_signal_name(SIGCHLD), "CHLD", "name of SIGCHLD is not CLD");
    TAP_STR(jp_signal_name(SIGRTMIN + 2), "RTMIN+2", "name of a real-time signal");
    TAP_STR(jp_signal_name(100000), "unknown", "name of no signal");
    unsigned wrong = 0;
    for (int i = 1; i <= 31; i++)
        wrong += jp_signal_number(jp_signal_name(i)) != i;
    TAP_OK(wrong == 0, "names and numbers of 1 to 31 agree");
}

int main(void)
{
    try_handle(true);
    try_handle(false);
    try_stranger();
    try_names();
    try_run();
    try_surroundings();
    try_signals();
    return tap_done();
}
