/*
 * The keeper: a process that does nothing but wait for the supervisor's end.
 *
 * It holds one end of a socket pair; the supervisor's end closes with the supervisor, however that
 * died. Told "done" before, the keeper just goes; otherwise it takes down the jail and all that
 * belongs to it. It is made by pdfork(2), so that no wait of the supervisor takes it away, and is
 * known on the host by its title, "jp-UUID": `clean` waits for it before it looks for leftovers, so
 * that the two never meet and a late keeper never takes down a new start of the same pod.
 */
#include <sys/param.h>
#include <sys/procctl.h>
#include <sys/procdesc.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "sys/fd.h"

#define AWAIT_MS  30000 /* a keeper takes milliseconds; then it is ended and its work done here */
#define PAUSE_MS  5
#define DONE      'd'
#define MAX_TITLE 256

static JP_NORETURN void keep(const struct jp_plan *plan, int lifeline)
{
    int disable = PROC_TRACE_CTL_DISABLE;
    (void)procctl(P_PID, getpid(), PROC_TRACE_CTL, &disable);
    (void)setsid();
    setproctitle("-jp-%s", plan->uuid);
    (void)dup2(lifeline, 3);
    closefrom(4);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; null >= 0 && i < 3; i++)
        (void)dup2(null, i);
    jp_fd_close(&null);
    char said = 0;
    ssize_t n;
    do {
        n = read(3, &said, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1 && said == DONE)
        _exit(0);
    _exit(jp_freebsd_sweep(plan->uuid, plan->dir, NULL) < 0);
}

int jp_freebsd_keeper_start(struct jp_isolation *pod, struct jp_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    sigset_t all, before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    int process_fd = -1;
    pid_t pid = pdfork(&process_fd, PD_DAEMON | PD_CLOEXEC);
    if (pid == 0)
        keep(pod->plan, ends[1]);
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    jp_fd_close(&ends[1]);
    if (pid < 0) {
        jp_fd_close(&ends[0]);
        return jp_fail(err, JP_ESYS, saved, "start the keeper");
    }
    pod->keeper_fd = ends[0];
    pod->keeper_process_fd = process_fd;
    return 0;
}

void jp_freebsd_keeper_dismiss(struct jp_isolation *pod)
{
    if (pod->keeper_fd < 0)
        return;
    const char done = DONE;
    (void)send(pod->keeper_fd, &done, 1, MSG_NOSIGNAL);
    jp_fd_close(&pod->keeper_fd);
    struct pollfd p = {.fd = pod->keeper_process_fd, .events = POLLIN};
    (void)poll(&p, 1, AWAIT_MS);
    jp_fd_close(&pod->keeper_process_fd);
}

/* 1 when the process is a keeper of this pod: root's, of the host, with the title we gave it. */
static bool is_keeper(const struct kinfo_proc *p, const char *title)
{
    char text[MAX_TITLE] = "";
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_ARGS, p->ki_pid};
    size_t len = sizeof(text) - 1;
    if (p->ki_jid != 0 || p->ki_uid != 0 || p->ki_stat == SZOMB || p->ki_pid == getpid())
        return false;
    return sysctl(name, JP_LEN(name), text, &len, NULL, 0) == 0 && strcmp(text, title) == 0;
}

/* The pid of a keeper of this pod, 0 when there is none. */
static pid_t find_keeper(const char *title)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
    size_t len = 0;
    if (sysctl(name, JP_LEN(name), NULL, &len, NULL, 0) < 0)
        return 0;
    len += len / 4;
    JP_AUTO_FREE struct kinfo_proc *all = malloc(len);
    if (!all || sysctl(name, JP_LEN(name), all, &len, NULL, 0) < 0)
        return 0;
    for (size_t i = 0; i < len / sizeof(*all); i++) {
        if (is_keeper(&all[i], title))
            return all[i].ki_pid;
    }
    return 0;
}

int jp_freebsd_keeper_await(const char *uuid, struct jp_error *err)
{
    char title[64];
    (void)snprintf(title, sizeof(title), "jp-%s", uuid);
    pid_t pid = 0;
    for (int waited = 0; (pid = find_keeper(title)) > 0; waited += PAUSE_MS) {
        if (waited >= 2 * AWAIT_MS)
            return jp_fail(err, JP_EBUSY, 0, "process %d of the pod does not end", (int)pid);
        if (waited >= AWAIT_MS)
            (void)kill(pid, SIGKILL);
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return 0;
}
