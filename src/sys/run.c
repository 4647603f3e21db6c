/*
 * Running another program: jp_process_run(). No shell, no inherited descriptors, no inherited
 * signal settings. Between fork and exec the child makes only calls that are safe there
 * (signal-safety(7)): the program is searched before, failures come back as a number over a pipe
 * that closes on exec.
 */
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <sys/wait.h>

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/process.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define REPORT_FD    3        /* the child's end of the pipe; everything above is closed */
#define MAX_FD       1048576L /* highest descriptor that is closed one by one on old kernels */
#define LAST_SIGNAL  128 /* no system of ours has more; sigaction(2) refuses what is not there */

extern char **environ;

/* The program's path: as given when it has a slash, else the first executable file along PATH. */
static char *find_program(const char *name)
{
    if (strchr(name, '/'))
        return jp_strdup(name);
    const char *dirs = getenv("PATH");
    if (!dirs || !*dirs)
        dirs = DEFAULT_PATH;
    errno = ENOENT;
    for (const char *p = dirs; *p;) {
        size_t len = strcspn(p, ":");
        struct stat st;
        /* Relative entries (and empty ones, the current directory) are not for root. */
        char *path = *p == '/' ? jp_format("%.*s/%s", (int)len, p, name) : NULL;
        if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return path;
        free(path);
        p += len + (p[len] == ':');
    }
    errno = ENOENT;
    return NULL;
}

static void close_from(int first)
{
#ifdef __linux__
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
    long last = sysconf(_SC_OPEN_MAX);
    if (last < 0 || last > MAX_FD)
        last = MAX_FD;
    for (int fd = first; fd < last; fd++)
        (void)close(fd);
#else
    closefrom(first);
#endif
}

/* Puts the three streams and the pipe at their places. All are moved up first: they may be 0 to 3.
 */
static int place_fds(const int stdio[3], int report)
{
    int moved[REPORT_FD + 1];
    for (int i = 0; i <= REPORT_FD; i++) {
        int from = i == REPORT_FD ? report : stdio[i];
        if (from < 0)
            from = open("/dev/null", O_RDWR | O_CLOEXEC);
        moved[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, REPORT_FD + 1);
        if (moved[i] < 0)
            return -1;
    }
    for (int i = 0; i <= REPORT_FD; i++) {
        if (dup2(moved[i], i) < 0)
            return -1;
    }
    if (fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    close_from(REPORT_FD + 1);
    return 0;
}

/* To the default, or -1 where there is no such signal. */
static int reset_signal(int number)
{
#ifdef __linux__
    /*
     * Past libc, which keeps two signals (32 and 33) to itself: a parent that used posix_spawn(3)
     * of some glibc versions leaves them ignored, and sigaction(2) of libc refuses them.
     */
    static const unsigned long standard[8]; /* more than any struct sigaction of the kernel */
    return (int)syscall(SYS_rt_sigaction, number, standard, NULL, sizeof(unsigned long));
#else
    struct sigaction standard = {.sa_handler = SIG_DFL};
    return sigaction(number, &standard, NULL);
#endif
}

static void reset_signals(void)
{
    for (int i = 1; i <= LAST_SIGNAL; i++)
        (void)reset_signal(i);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

struct command {
    const char *path;
    char *const *argv;
    char *const *environment;
    const int *stdio; /* three */
};

JP_NORETURN static void become(const struct command *command, int report)
{
    reset_signals();
    if (place_fds(command->stdio, report) == 0) {
        report = REPORT_FD;
        (void)execve(command->path, command->argv, command->environment);
    }
    int failure = errno;
    (void)!write(report, &failure, sizeof(failure));
    _exit(127);
}

/* Runs while signals are blocked in between, so that no handler of ours runs in the child. */
static pid_t start(const struct command *command, int report)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(command, report);
    int saved = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

static int reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return 0;
}

static int fail_program(struct jp_error *err, int failure, const char *name)
{
    enum jp_code code = JP_ESYS;
    if (failure == ENOENT)
        code = JP_ENOPROGRAM;
    else if (failure == EACCES || failure == ENOEXEC)
        code = JP_ENOEXEC;
    return jp_fail(err, code, failure, "run '%s'", name);
}

int jp_process_run(char *const argv[], const int stdio[3], int *ret_status, struct jp_error *err)
{
    return jp_process_run_in(argv, environ, stdio, ret_status, err);
}

/* 0 when it runs: the pipe was closed by execve(2). */
static int begin(char *const argv[], char *const environment[], const int stdio[3], pid_t *ret_pid,
                 struct jp_error *err)
{
    JP_AUTO_FREE char *path = find_program(argv[0]);
    if (!path)
        return errno == ENOMEM ? jp_oom(err) : fail_program(err, errno, argv[0]);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    JP_AUTO_FD int reader = ends[0];
    JP_AUTO_FD int writer = ends[1];
    const struct command command = {path, argv, environment, stdio};
    pid_t pid = start(&command, writer);
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    jp_fd_close(&writer);
    int failure = 0, status = 0;
    ssize_t n;
    do {
        n = read(reader, &failure, sizeof(failure));
    } while (n < 0 && errno == EINTR);
    *ret_pid = pid;
    if (n <= 0)
        return 0;
    (void)reap(pid, &status);
    return fail_program(err, n == sizeof(failure) ? failure : EIO, argv[0]);
}

int jp_process_run_in(char *const argv[], char *const environment[], const int stdio[3],
                      int *ret_status, struct jp_error *err)
{
    pid_t pid;
    int status = 0;
    if (begin(argv, environment, stdio, &pid, err) < 0)
        return -1;
    if (reap(pid, &status) < 0)
        return jp_fail_sys(err, "wait for '%s'", argv[0]);
    *ret_status = status;
    return 0;
}

int jp_process_start(char *const argv[], const int stdio[3], pid_t *ret_pid, struct jp_error *err)
{
    return begin(argv, environ, stdio, ret_pid, err);
}
