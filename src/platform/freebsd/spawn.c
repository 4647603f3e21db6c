/*
 * Starts one process of an app: the only way in, for main processes, handlers, exec and console.
 *
 * A child of the supervisor forbids tracing, keeps what the shim is to have and no directory
 * (jail_attach(2) and chroot(2) would leave a way out with one), enters the jail, then the app's
 * root in it, and executes the shim. The shim becomes what the orders say and waits; we read back
 * from the kernel what it is and in which jail, and give the go.
 */
#include <sys/param.h>
#include <sys/jail.h>
#include <sys/procctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "platform/handover.h"
#include "platform/report.h"
#include "sys/fd.h"
#include "sys/self.h"

/* Allocates nothing: it is used between fork and exec. */
struct launch {
    const struct jp_isolation *pod;
    const char *login_class;
    char root[JP_FREEBSD_PLACE + 1]; /* the app's, in the jail */
    struct jp_handover handover;
};

static int write_orders(const struct jp_orders *orders, struct jp_error *err)
{
    struct jp_orders copy = *orders;
    copy.wait_for_check = true;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_codec codec = jp_codec_writer(&bytes);
    jp_orders_code(&codec, &copy);
    if (!jp_codec_done(&codec))
        return jp_fail(err, JP_ELIMIT, 0, "the orders are too large");
    return jp_self_seal_bytes("orders", bytes.data, bytes.len, err);
}

/* From outside to inside; the class has no counterpart in a jail. The shim is not to be traced
 * either. */
static int join(const struct launch *launch)
{
    int disable = PROC_TRACE_CTL_DISABLE_EXEC;
    if (procctl(P_PID, getpid(), PROC_TRACE_CTL, &disable) < 0)
        return -1;
    if (launch->login_class[0] != '\0' && setloginclass(launch->login_class) < 0)
        return -1;
    if (jail_attach(launch->pod->jid) < 0 || chdir(launch->root) < 0 || chroot(".") < 0)
        return -1;
    return chdir("/");
}

static JP_NORETURN void launch_shim(const struct launch *launch)
{
    static char name[] = "jetpack-stage2";
    static char *const argv[] = {name, NULL};
    static char *const env[] = {NULL};
    struct jp_shim_report r = {.step = 0};
    int report_fd = launch->handover.report_fd;
    int program_fd = jp_handover_arrange(&launch->handover);
    if (program_fd >= 0) {
        report_fd = JP_SHIM_REPORT_FD;
        if (join(launch) == 0)
            (void)fexecve(program_fd, argv, env);
    }
    r.sys = errno;
    (void)!write(report_fd, &r, sizeof(r));
    _exit(125);
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The kernel keeps the primary group first and the rest sorted, each once. */
static bool groups_match(pid_t pid, const struct jp_orders *orders)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_GROUPS, pid};
    size_t room = (size_t)NGROUPS_MAX + 2;
    JP_AUTO_FREE uint32_t *has = jp_calloc(room, sizeof(*has));
    JP_AUTO_FREE uint32_t *wanted = jp_calloc(orders->n_groups + 1, sizeof(*wanted));
    size_t len = room * sizeof(*has);
    if (!has || !wanted || sysctl(name, JP_LEN(name), has, &len, NULL, 0) < 0)
        return false;
    size_t n_has = len / sizeof(*has);
    wanted[0] = orders->gid;
    for (size_t i = 0; i < orders->n_groups; i++)
        wanted[i + 1] = orders->groups[i];
    qsort(wanted, orders->n_groups + 1, sizeof(*wanted), by_number);
    qsort(has, n_has, sizeof(*has), by_number);
    size_t i = 0, j = 0;
    while (i < n_has && j <= orders->n_groups) {
        if (has[i] != wanted[j])
            return false;
        uint32_t group = has[i];
        while (i < n_has && has[i] == group)
            i++;
        while (j <= orders->n_groups && wanted[j] == group)
            j++;
    }
    return i == n_has && j == orders->n_groups + 1;
}

static const char *difference(const struct jp_isolation *pod, const struct jp_orders *orders,
                              pid_t pid, const struct kinfo_proc *p)
{
    if (p->ki_jid != pod->jid)
        return "jail";
    if (p->ki_uid != orders->uid || p->ki_ruid != orders->uid || p->ki_svuid != orders->uid)
        return "user";
    if (p->ki_rgid != orders->gid || p->ki_svgid != orders->gid)
        return "group";
    return groups_match(pid, orders) ? NULL : "supplementary groups";
}

static int check_process(const struct jp_isolation *pod, const struct jp_orders *orders, pid_t pid,
                         struct jp_error *err)
{
    struct kinfo_proc p;
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    size_t len = sizeof(p);
    if (sysctl(name, JP_LEN(name), &p, &len, NULL, 0) < 0 || len != sizeof(p))
        return jp_fail_sys(err, "look at process %d", (int)pid);
    const char *what = difference(pod, orders, pid, &p);
    if (what)
        return jp_fail(err, JP_ECORRUPT, 0, "the kernel did not apply the orders (%s)", what);
    return 0;
}

/* Talks to the shim that the child became: 0 when the program runs. */
static int supervise(const struct jp_isolation *pod, const struct jp_orders *orders, pid_t pid,
                     int fd, struct jp_error *err)
{
    struct jp_shim_report r = {0};
    int n = jp_report_hear(fd, &r, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return jp_fail(err, JP_ESYS, 0, "the shim died");
    if (r.step != JP_SHIM_STARTED)
        return jp_report_failure(orders, &r, err);
    if (r.pid != pid)
        return jp_fail(err, JP_ECORRUPT, 0, "the shim said something strange");
    if (check_process(pod, orders, pid, err) < 0)
        return -1;
    if (send(fd, "g", 1, MSG_NOSIGNAL) != 1)
        return jp_fail_sys(err, "give the go");
    n = jp_report_hear(fd, &r, err);
    return n <= 0 ? n : jp_report_failure(orders, &r, err);
}

int jp_freebsd_spawn(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                     struct jp_error *err)
{
    const struct jp_orders *orders = spawn->orders;
    if (spawn->app >= pod->plan->n_apps || orders->argv.count == 0 || !orders->cwd || pod->jid <= 0)
        return jp_fail(err, JP_EINVALID, 0, "bad orders");
    JP_AUTO_FD int orders_fd = write_orders(orders, err);
    if (orders_fd < 0)
        return -1;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    struct launch launch = {.pod = pod,
                            .login_class = pod->apps[spawn->app].login_class,
                            .handover = {.spawn = spawn,
                                         .report_fd = ends[1],
                                         .orders_fd = orders_fd,
                                         .program_fd = pod->stage2_fd}};
    (void)snprintf(launch.root, sizeof(launch.root), "/%s", pod->apps[spawn->app].place);
    pid_t pid = fork();
    if (pid == 0)
        launch_shim(&launch);
    int saved = errno;
    jp_fd_close(&ends[1]);
    for (size_t i = 0; spawn->release && i < JP_LEN(spawn->stdio); i++)
        jp_fd_close(&spawn->release[i]);
    int r =
        pid < 0 ? jp_fail(err, JP_ESYS, saved, "fork") : supervise(pod, orders, pid, ends[0], err);
    jp_fd_close(&ends[0]);
    if (r < 0 && pid > 0) {
        (void)kill(pid, SIGKILL); /* our child and not reaped: nobody else can have this pid */
        reap(pid);
    }
    if (r == 0)
        *ret_pid = pid;
    return r;
}
