/*
 * Short work in a forked child: what changes the root or the jail of a process for good is done in
 * one that ends afterwards. The failure comes back through a pipe as it was.
 */
#include <sys/param.h>
#include <sys/jail.h>
#include <sys/procctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/freebsd/freebsd.h"
#include "sys/fd.h"

struct failure {
    int32_t code;
    int32_t sys;
    char text[504];
};

static JP_NORETURN void run(int (*work)(void *context, struct jp_error *err), void *context,
                            int pipe_fd)
{
    struct jp_error why = JP_ERROR_INIT;
    if (work(context, &why) == 0)
        _exit(0);
    struct failure f = {.code = (int32_t)why.code, .sys = why.sys};
    (void)snprintf(f.text, sizeof(f.text), "%s", why.msg ? why.msg : "failed");
    (void)!write(pipe_fd, &f, sizeof(f));
    _exit(1);
}

int jp_freebsd_in_child(int (*work)(void *context, struct jp_error *err), void *context,
                        struct jp_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    sigset_t all, before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run(work, context, ends[1]);
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    jp_fd_close(&ends[1]);
    struct failure f;
    ssize_t n = -1;
    int status = 0;
    do {
        n = pid < 0 ? -1 : read(ends[0], &f, sizeof(f));
    } while (n < 0 && pid > 0 && errno == EINTR);
    jp_fd_close(&ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return jp_fail(err, JP_ESYS, saved, "fork");
    if (n == (ssize_t)sizeof(f))
        return jp_fail(err, (enum jp_code)f.code, 0, "%.503s", f.text);
    if (status != 0)
        return jp_fail(err, JP_ESYS, 0, "a helper process died");
    return 0;
}

struct inside {
    int jid;
    int (*work)(void *context, struct jp_error *err);
    void *context;
};

static int enter(void *context, struct jp_error *err)
{
    struct inside *in = context;
    int disable = PROC_TRACE_CTL_DISABLE;
    /* Before a process of the jail can see us (FreeBSD-SA-21:05). */
    if (procctl(P_PID, getpid(), PROC_TRACE_CTL, &disable) < 0)
        return jp_fail_sys(err, "forbid tracing");
    if (jail_attach(in->jid) < 0 || chdir("/") < 0)
        return jp_fail_sys(err, "enter the jail");
    return in->work(in->context, err);
}

int jp_freebsd_in_jail(int jid, int (*work)(void *context, struct jp_error *err), void *context,
                       struct jp_error *err)
{
    struct inside in = {jid, work, context};
    return jp_freebsd_in_child(enter, &in, err);
}
