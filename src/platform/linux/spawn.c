/*
 * Starts one process of an app: the only way in, for main processes, handlers, exec and console.
 *
 * A child of the supervisor joins the pod's namespaces but not yet its PID namespace, keeps
 * what the shim is to have and executes the shim. The shim drops what the program must not have and
 * only then forks into the PID namespace, a child of ours (CLONE_PARENT). That one waits; we move
 * it into the app's control groups, read back from the kernel what it is (CVE-2019-16884: never
 * believe that a write worked), compare it with the orders, and give the go. One thing only the
 * shim itself can read: the AppArmor profile that its execve(2) will bring.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/handover.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "platform/linux/settle.h"
#include "platform/report.h"
#include "sys/fd.h"

#define MAX_STATUS (2U << 20) /* /proc/PID/status with 65,536 groups of up to 11 bytes */
#define PRUNE_AT   64         /* children remembered before we look who is gone */

/* Closes nothing and allocates nothing: it runs between fork and exec. */
struct launch {
    const struct jp_isolation *pod;
    const struct jp_linux_app *app;
    struct jp_handover handover;
};

static int write_orders(const struct jp_isolation *pod, const struct jp_spawn *spawn,
                        struct jp_error *err)
{
    struct jp_orders copy = *spawn->orders;
    copy.wait_for_check = true;
    copy.labels = jp_linux_labels_of(pod->plan, spawn->app);
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    struct jp_codec codec = jp_codec_writer(&bytes);
    jp_orders_code(&codec, &copy);
    if (!jp_codec_done(&codec))
        return jp_fail(err, JP_ELIMIT, 0, "the orders are too large");
    JP_AUTO_FD int fd = memfd_create("orders", MFD_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "make a file for the orders");
    if (jp_fd_write_all(fd, bytes.data, bytes.len, "orders", err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind the orders");
    return jp_fd_take(&fd);
}

static int join(const struct launch *launch)
{
    const struct jp_isolation *pod = launch->pod;
    int world = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (setns(pod->init_fd, world | CLONE_NEWCGROUP) < 0 &&
        (errno != EINVAL || setns(pod->init_fd, world) < 0))
        return -1;
    if (launch->app->view_fd >= 0 && setns(launch->app->view_fd, CLONE_NEWCGROUP) < 0)
        return -1;
    if (pod->net_fd >= 0 && setns(pod->net_fd, CLONE_NEWNET) < 0)
        return -1;
    return setns(launch->app->ns_fd, CLONE_NEWNS);
}

static JP_NORETURN void launch_shim(const struct launch *launch)
{
    static char name[] = "jetpack-stage2";
    static char *const argv[] = {name, NULL};
    static char *const env[] = {NULL};
    struct jp_shim_report r = {.step = 0};
    int report_fd = launch->handover.report_fd;
    jp_linux_limit_program();
    int program_fd = join(launch) < 0 ? -1 : jp_handover_arrange(&launch->handover);
    if (program_fd >= 0) {
        report_fd = JP_SHIM_REPORT_FD;
        (void)execveat(program_fd, "", argv, env, AT_EMPTY_PATH);
    }
    r.sys = errno;
    (void)!write(report_fd, &r, sizeof(r));
    _exit(125);
}

static void prune_children(struct jp_isolation *pod)
{
    size_t kept = 0;
    for (size_t i = 0; i < pod->n_children; i++) {
        siginfo_t info;
        int r = waitid(P_PID, (id_t)pod->children[i], &info, WEXITED | WNOHANG | WNOWAIT);
        if (r == 0)
            pod->children[kept++] = pod->children[i];
    }
    pod->n_children = kept;
}

static int remember_child(struct jp_isolation *pod, pid_t pid)
{
    if (pod->n_children >= PRUNE_AT)
        prune_children(pod);
    if (jp_grow(&pod->children, &pod->children_capacity, pod->n_children, sizeof(*pod->children)) <
        0)
        return -1;
    pod->children[pod->n_children++] = pid;
    return 0;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

void jp_linux_reap_children(struct jp_isolation *pod)
{
    /* ECHILD for those that the caller has reaped itself. */
    for (size_t i = 0; i < pod->n_children; i++)
        reap(pod->children[i]);
    pod->n_children = 0;
}

/* The numbers of one line of /proc/PID/status, compared as text: "Uid:\t0\t0\t0\t0\n". */
static bool has_line(const char *status, const char *line)
{
    const char *at = strstr(status, line);
    return at && (at == status || at[-1] == '\n');
}

static uint64_t mask_of(const char *status, const char *label)
{
    unsigned long long value = ~0ULL; /* absent: certainly wrong */
    const char *at = strstr(status, label);
    if (!at || sscanf(at + strlen(label), "%llx", &value) != 1)
        return ~0ULL;
    return value;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The kernel lists groups sorted; repeated ones as often as they were given. */
static bool groups_match(const char *status, const struct jp_orders *orders)
{
    const char *at = strstr(status, "\nGroups:\t");
    size_t size = orders->n_groups * sizeof(*orders->groups);
    JP_AUTO_FREE uint32_t *sorted = jp_calloc(orders->n_groups + 1, sizeof(*sorted));
    if (!at || !sorted)
        return false;
    if (size > 0)
        memcpy(sorted, orders->groups, size);
    qsort(sorted, orders->n_groups, sizeof(*sorted), by_number);
    at += strlen("\nGroups:\t");
    for (size_t i = 0; i < orders->n_groups; i++) {
        char *end;
        if (*at < '0' || *at > '9' || strtoul(at, &end, 10) != sorted[i])
            return false;
        at = end + strspn(end, " ");
    }
    at += strspn(at, " ");
    return *at == '\n';
}

static const char *difference(const struct jp_isolation *pod, const struct jp_orders *orders,
                              const char *status)
{
    char line[128];
    uint64_t bound = orders->capabilities & pod->capabilities;
    uint64_t held = orders->uid == 0 ? bound : 0;
    if (orders->seccomp_len > 0 && !orders->no_new_privileges)
        held |= 1ULL << CAP_SYS_ADMIN; /* until the filter is set; execve takes it away */
    (void)snprintf(line, sizeof(line), "Uid:\t%u\t%u\t%u\t%u\n", orders->uid, orders->uid,
                   orders->uid, orders->uid);
    if (!has_line(status, line))
        return "user";
    (void)snprintf(line, sizeof(line), "Gid:\t%u\t%u\t%u\t%u\n", orders->gid, orders->gid,
                   orders->gid, orders->gid);
    if (!has_line(status, line))
        return "group";
    if (!groups_match(status, orders))
        return "supplementary groups";
    if (mask_of(status, "\nCapBnd:\t") != bound || mask_of(status, "\nCapInh:\t") != 0 ||
        mask_of(status, "\nCapAmb:\t") != 0 || (mask_of(status, "\nCapPrm:\t") & ~held) != 0 ||
        (mask_of(status, "\nCapEff:\t") & ~held) != 0)
        return "capabilities";
    if (orders->no_new_privileges && !has_line(status, "NoNewPrivs:\t1\n"))
        return "no_new_privs";
    return NULL;
}

/* Lowering it is a right that programs do not have: done from here. Ignored was reported before. */
static int set_oom_score(const struct jp_isolation *pod, size_t app, int proc_fd,
                         struct jp_error *err)
{
    const struct jp_plan_confine *confine = &pod->plan->apps[app].confine;
    char text[16];
    JP_AUTO(jp_buf) now = JP_BUF_INIT;
    if (!confine->has_oom_score || !jp_linux_may_score(pod, app))
        return 0;
    (void)snprintf(text, sizeof(text), "%d\n", (int)confine->oom_score);
    JP_AUTO_FD int fd = openat(proc_fd, "oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return jp_fail_sys(err, "set the out-of-memory score");
    if (jp_file_read(proc_fd, "oom_score_adj", sizeof(text), &now, err) < 0)
        return -1;
    if (strcmp(jp_buf_text(&now), text) != 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the kernel did not set the out-of-memory score");
    return 0;
}

static int check_process(const struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t pid,
                         struct jp_error *err)
{
    const struct jp_orders *orders = spawn->orders;
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    struct statfs fs;
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, path, err);
    JP_AUTO(jp_buf) status = JP_BUF_INIT;
    if (dir < 0)
        return -1;
    if (fstatfs(dir, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "/proc is not the kernel's");
    if (jp_file_read(dir, "status", MAX_STATUS, &status, err) < 0)
        return -1;
    const char *what = difference(pod, orders, jp_buf_text(&status));
    if (what)
        return jp_fail(err, JP_ECORRUPT, 0, "the kernel did not apply the orders (%s)", what);
    return set_oom_score(pod, spawn->app, dir, err);
}

/*
 * Moves the waiting process itself, not the shim that forked it: a limit of one process must leave
 * room for the program.
 */
static int join_groups(const struct jp_linux_groups *groups, pid_t pid, struct jp_error *err)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    for (size_t i = 0; i < groups->count; i++) {
        if (write(groups->procs_fd[i], text, strlen(text)) < 0)
            return jp_fail_sys(err, "join a control group");
    }
    return 0;
}

/* From STARTED to the program: 0 when it runs. */
static int release(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t pid, int fd,
                   struct jp_error *err)
{
    const struct jp_orders *orders = spawn->orders;
    if (join_groups(&pod->apps[spawn->app].groups, pid, err) < 0 ||
        check_process(pod, spawn, pid, err) < 0 || jp_linux_collect_small(pod, err) < 0)
        return -1;
    if (send(fd, "g", 1, MSG_NOSIGNAL) != 1)
        return jp_fail_sys(err, "give the go");
    struct jp_shim_report r;
    int n = jp_report_hear(fd, &r, err);
    return n <= 0 ? n : jp_report_failure(orders, &r, err);
}

/* Talks to the shim that `shim_pid` became; *ret_pid is the program's. */
static int supervise(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t shim_pid, int fd,
                     pid_t *ret_pid, struct jp_error *err)
{
    struct jp_shim_report r = {0};
    int n = jp_report_hear(fd, &r, err);
    reap(shim_pid);
    if (n < 0)
        return -1;
    if (n == 0)
        return jp_fail(err, JP_ESYS, 0, "the shim died");
    if (r.step != JP_SHIM_STARTED)
        return jp_report_failure(spawn->orders, &r, err);
    if (r.pid <= 1)
        return jp_fail(err, JP_ECORRUPT, 0, "the shim said something strange");
    int result = release(pod, spawn, r.pid, fd, err);
    if (result == 0 && remember_child(pod, r.pid) < 0)
        result = jp_oom(err);
    if (result < 0) {
        (void)kill(r.pid, SIGKILL); /* our child and not reaped: nobody else can have this pid */
        reap(r.pid);
        return -1;
    }
    *ret_pid = r.pid;
    return 0;
}

int jp_linux_spawn(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                   struct jp_error *err)
{
    if (spawn->app >= pod->plan->n_apps || spawn->orders->argv.count == 0 || !spawn->orders->cwd)
        return jp_fail(err, JP_EINVALID, 0, "bad orders");
    if (jp_linux_collect_seal(pod, spawn->app, err) < 0)
        return -1;
    JP_AUTO_FD int orders_fd = write_orders(pod, spawn, err);
    if (orders_fd < 0)
        return -1;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    struct launch launch = {.pod = pod,
                            .app = &pod->apps[spawn->app],
                            .handover = {.spawn = spawn,
                                         .report_fd = ends[1],
                                         .orders_fd = orders_fd,
                                         .program_fd = pod->stage2_fd}};
    pid_t shim_pid = jp_linux_fork(0, SIGCHLD, NULL);
    if (shim_pid == 0)
        launch_shim(&launch);
    int saved = errno;
    jp_fd_close(&ends[1]);
    int r = shim_pid < 0 ? jp_fail(err, JP_ESYS, saved, "fork")
                         : supervise(pod, spawn, shim_pid, ends[0], ret_pid, err);
    jp_fd_close(&ends[0]);
    return r;
}
