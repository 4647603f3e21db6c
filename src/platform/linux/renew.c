/*
 * The root of an app that is started again.
 *
 * A mount namespace of its own, as at first, and made in the same way (builder.c), but by a child
 * of the supervisor: PID 1 has given up the right to. That child stays out of the pod's process
 * namespace, where a program with CAP_SYS_PTRACE could become what it is. Two file systems cannot
 * be made from there: proc, which shows the processes of whoever makes it, and the shared memory
 * that the pod has already. PID 1 keeps a mount of each (init.c), of which we make copies.
 *
 * The namespace of the root that was left is gone with the last process in it, and with it every
 * mount: there is nothing to unmount, here or on the host.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

/* ---- the child ---- */

/* Copies of what PID 1 keeps; only who is in its namespace can make them (before Linux 6.15). */
static int copy_kept(const struct jp_isolation *pod, struct jp_linux_builder *b, size_t app,
                     struct jp_error *err)
{
    if (setns(pod->init_fd, CLONE_NEWNS | CLONE_NEWIPC) < 0)
        return jp_fail_sys(err, "enter the pod");
    b->proc = jp_linux_clone_mount(pod->proc_fd, "", false, err);
    b->shm[app] = b->proc < 0 ? -1 : jp_linux_clone_mount(pod->shm_fd, "", false, err);
    return b->shm[app] < 0 ? -1 : 0;
}

/* In its own copy of the host's mounts, as PID 1 was when it built. */
static int enter_base(const struct jp_isolation *pod, struct jp_linux_builder *b, size_t app,
                      struct jp_error *err)
{
    struct jp_linux_builder host = *b;
    host.base_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    host.root_fd = host.base_fd < 0 ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host.root_fd < 0)
        return jp_fail_sys(err, "find the host's mounts");
    if (copy_kept(pod, b, app, err) < 0 || jp_linux_return_to_base(&host, err) < 0)
        return -1;
    if (pod->net_fd >= 0 && setns(pod->net_fd, CLONE_NEWNET) < 0)
        return jp_fail_sys(err, "join the network namespace");
    if (unshare(CLONE_NEWNS) < 0)
        return jp_fail_sys(err, "make a mount namespace");
    return jp_linux_build_base(b, err);
}

static JP_NORETURN void build(const struct jp_isolation *pod, size_t app, int socket)
{
    struct jp_error err = JP_ERROR_INIT;
    struct jp_linux_builder b = {.plan = pod->plan,
                                 .socket = socket,
                                 .base_fd = -1,
                                 .proc = -1,
                                 .has_net = true,
                                 .n_released = (uint32_t)pod->plan->n_apps, /* users are known */
                                 .is_renewal = true};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    umask(0);
    b.shm = jp_calloc(pod->plan->n_apps + 1, sizeof(*b.shm));
    int r = b.shm ? enter_base(pod, &b, app, &err) : jp_oom(&err);
    if (r < 0 || jp_linux_build_app(&b, app, &err) < 0)
        jp_linux_tell_failure(socket, &err);
    _exit(0);
}

/* ---- the supervisor ---- */

static void forget_root(struct jp_linux_app *app)
{
    jp_fd_close(&app->root_fd);
    jp_fd_close(&app->ns_fd);
    jp_fd_close(&app->pts_fd);
}

static int hear_all(struct jp_isolation *pod, struct jp_linux_app *app, int socket,
                    struct jp_error *err)
{
    JP_AUTO(jp_error) failure = JP_ERROR_INIT;
    while (app->root_fd < 0 || app->ns_fd < 0) {
        if (jp_linux_hear(pod, socket, &failure, err) < 0)
            return -1;
    }
    return 0;
}

int jp_linux_renew(struct jp_isolation *pod, size_t index, struct jp_error *err)
{
    struct jp_linux_app *app = &pod->apps[index];
    int ends[2];
    if (jp_linux_collect_small(pod, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int ours = ends[0];
    JP_AUTO_FD int theirs = ends[1];
    pid_t pid = jp_linux_fork(0, 0, NULL);
    if (pid == 0)
        build(pod, index, theirs);
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    jp_fd_close(&theirs);
    int r = hear_all(pod, app, ours, err);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    if (r < 0)
        forget_root(app);
    app->is_released = true;
    return r;
}

/* ---- roots that were left ---- */

static bool is_in(int proc_fd, const char *pid, const char *link)
{
    char path[NAME_MAX + 16], text[64];
    (void)snprintf(path, sizeof(path), "%s/ns/mnt", pid);
    ssize_t n = readlinkat(proc_fd, path, text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return strcmp(text, link) == 0;
}

/* False also when that cannot be told: nothing breaks, files vanish from somebody's sight. */
static bool has_processes(int ns_fd)
{
    struct stat st;
    char link[64];
    DIR *proc = fstat(ns_fd, &st) == 0 ? opendir("/proc") : NULL;
    if (!proc)
        return false;
    (void)snprintf(link, sizeof(link), "mnt:[%llu]", (unsigned long long)st.st_ino);
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(proc));)
        found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                is_in(dirfd(proc), entry->d_name, link);
    (void)closedir(proc);
    return found;
}

static int keep(struct jp_isolation *pod, int ns_fd)
{
    if (jp_grow(&pod->left, &pod->left_capacity, pod->n_left, sizeof(*pod->left)) < 0)
        return -1;
    pod->left[pod->n_left++] = (struct jp_linux_left){++pod->last_left, ns_fd};
    return 0;
}

void jp_linux_leave(struct jp_isolation *pod, size_t index, uint64_t *ret_number)
{
    struct jp_linux_app *app = &pod->apps[index];
    *ret_number = 0;
    if (app->ns_fd >= 0 && has_processes(app->ns_fd) && keep(pod, app->ns_fd) == 0) {
        *ret_number = pod->last_left;
        app->ns_fd = -1;
    }
    forget_root(app);
    app->has_left = true;
}

bool jp_linux_is_left(struct jp_isolation *pod, uint64_t number)
{
    for (size_t i = 0; i < pod->n_left; i++) {
        struct jp_linux_left *left = &pod->left[i];
        if (left->number != number)
            continue;
        if (has_processes(left->ns_fd))
            return true;
        jp_fd_close(&left->ns_fd);
        *left = pod->left[--pod->n_left];
        return false;
    }
    return false;
}
