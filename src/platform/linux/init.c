/*
 * PID 1 of a pod: a fork of the supervisor that first builds the apps' roots, then becomes as
 * small as it can: root directory an empty read-only file system, no path to what it keeps for
 * roots to come, no descriptor but its socket and its signals, no capability but CAP_KILL (signals
 * go to processes of every user of the pod), not dumpable. Only then may the first program of the
 * pod run: with CAP_SYS_PTRACE it could become what PID 1 was before. From then on it reaps orphans
 * and forwards the signals that it gets.
 *
 * It ends when the supervisor ends, however that ends: by PR_SET_PDEATHSIG, and because the socket
 * closes. With it the kernel ends every process of the pod, and with the last of them namespaces,
 * mounts and network devices are gone.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"
#include "sys/memory.h"

static int receive_request(int socket, struct jp_linux_request *request, int *ret_fd)
{
    size_t count = 0;
    ssize_t n = jp_fd_receive(socket, request, sizeof(*request), ret_fd, 1, &count, 0);
    if (count == 0)
        *ret_fd = -1;
    if (n == 0)
        _exit(0); /* the supervisor is gone */
    return n == sizeof(*request) ? 0 : -1;
}

static int handle_request(struct jp_linux_builder *b, const struct jp_linux_request *request,
                          int fd, struct jp_error *err)
{
    switch (request->kind) {
    case JP_LINUX_NET:
        if (setns(fd, CLONE_NEWNET) < 0)
            return jp_fail_sys(err, "join the network namespace");
        b->has_net = true;
        break;
    case JP_LINUX_GO:
        b->n_released = (uint32_t)request->number + 1;
        break;
    case JP_LINUX_SIGNAL:
        (void)kill(-1, request->number);
        (void)jp_linux_tell(b->socket, JP_LINUX_SIGNALLED, 0, NULL, 0);
        break;
    default:
        break;
    }
    return 0;
}

static int serve(struct jp_linux_builder *b, struct jp_error *err)
{
    struct jp_linux_request request;
    JP_AUTO_FD int fd = -1;
    if (receive_request(b->socket, &request, &fd) < 0)
        return jp_fail_sys(err, "hear from the supervisor");
    return handle_request(b, &request, fd, err);
}

int jp_linux_await_net(struct jp_linux_builder *b, struct jp_error *err)
{
    while (!b->has_net) {
        if (serve(b, err) < 0)
            return -1;
    }
    return 0;
}

int jp_linux_await_go(struct jp_linux_builder *b, size_t app, struct jp_error *err)
{
    while (b->n_released <= app) {
        if (serve(b, err) < 0)
            return -1;
    }
    return 0;
}

/* Whatever happens to PID 1 now, it has nothing to give. */
static int drop_capabilities(struct jp_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    data[0].permitted = data[0].effective = 1U << CAP_KILL;
    if (syscall(SYS_capset, &header, data) < 0)
        return jp_fail_sys(err, "drop capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return jp_fail_sys(err, "set no_new_privs");
    return 0;
}

/*
 * What a root to come cannot be given from outside (renew.c) stays mounted in our namespace: over
 * our root directory, and covered by an empty one, so that no path leads there, not even one that
 * begins at /proc/1/root. The supervisor has descriptors.
 */
static int keep_for_renewals(const struct jp_linux_builder *b, int empty, struct jp_error *err)
{
    JP_AUTO_FD int cover = jp_linux_clone_mount(empty, "", false, err);
    if (cover < 0 || jp_linux_attach(b->proc, AT_FDCWD, "/", err) < 0 ||
        jp_linux_attach(b->shm[b->plan->n_apps], AT_FDCWD, "/", err) < 0)
        return -1;
    return jp_linux_attach(cover, AT_FDCWD, "/", err);
}

static int become_small(const struct jp_linux_builder *b, struct jp_error *err)
{
    static const char *const options[] = {"mode", "0555", "size", "4k", NULL};
    uint64_t attributes =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
    JP_AUTO_FD int empty = jp_linux_new_mount("tmpfs", options, attributes, err);
    if (empty < 0 || jp_linux_attach(empty, AT_FDCWD, "/proc", err) < 0 ||
        jp_linux_switch_root(empty, b->base_fd, err) < 0)
        return jp_wrap(err, "leave the host's files");
    if (keep_for_renewals(b, empty, err) < 0)
        return jp_wrap(err, "keep mounts for later");
    return 0;
}

static void close_all_but(int keep)
{
    if (keep > 0)
        (void)close_range(0, (unsigned)keep - 1, 0);
    (void)close_range((unsigned)keep + 1, ~0U, 0);
}

static void handle_signal(int signals)
{
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD) {
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        return;
    }
    (void)kill(-1, (int)info.ssi_signo);
}

#define IDLE_MS 1000 /* without anything to do: memory is given back */

static JP_NORETURN void reap_for_ever(struct jp_linux_builder *b)
{
    sigset_t all;
    sigfillset(&all);
    int signals = signalfd(-1, &all, SFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = b->socket, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int timeout_ms = IDLE_MS;
    for (;;) {
        int n = poll(fds, JP_LEN(fds), timeout_ms);
        if (n < 0 && errno != EINTR)
            _exit(1);
        if (n == 0)
            jp_memory_trim();
        timeout_ms = n == 0 ? -1 : IDLE_MS;
        if (fds[1].revents & POLLIN)
            handle_signal(signals);
        if (fds[0].revents & POLLIN)
            (void)serve(b, NULL);
        else if (fds[0].revents)
            _exit(0);
    }
}

static int prepare(const struct jp_plan *plan, struct jp_error *err)
{
    if (getpid() != 1) /* we signal "everybody", which must be everybody of the pod */
        return jp_fail(err, JP_EUNSUPPORTED, 0, "no process namespace was made");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return jp_fail_sys(err, "prepare PID 1");
    char name[16]; /* what clean finds us by */
    (void)snprintf(name, sizeof(name), "jp-%s", plan->uuid);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
    if (setsid() < 0 && errno != EPERM)
        return jp_fail_sys(err, "make a session");
    umask(0);
    if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
        return jp_fail_sys(err, "set the host name");
    return 0;
}

static int build(struct jp_linux_builder *b, struct jp_error *err)
{
    if (jp_linux_build_base(b, err) < 0)
        return -1;
    for (size_t i = 0; i < b->plan->n_apps; i++) {
        if (jp_linux_build_app(b, i, err) < 0)
            return -1;
    }
    return 0;
}

JP_NORETURN void jp_linux_init(const struct jp_plan *plan, int socket)
{
    struct jp_linux_builder b = {.plan = plan,
                                 .socket = socket,
                                 .base_fd = -1,
                                 .proc = -1,
                                 .has_net = plan->net.mode == JP_NET_HOST};
    struct jp_error err = JP_ERROR_INIT;
    /* First its name: the pod's lock must not be free while nobody could find what is left of it.
     */
    int r = prepare(plan, &err);
    close_all_but(socket);
    if (r < 0 || build(&b, &err) < 0 || jp_linux_await_net(&b, &err) < 0 ||
        become_small(&b, &err) < 0 || drop_capabilities(&err) < 0)
        jp_linux_tell_failure(socket, &err);
    else
        (void)jp_linux_tell(socket, JP_LINUX_SMALL, 0, (int[]){b.proc, b.shm[plan->n_apps]}, 2);
    if (getpid() != 1)
        _exit(1); /* what follows passes signals on to "everybody" */
    close_all_but(socket);
    reap_for_ever(&b);
}
