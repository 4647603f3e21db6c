/* The supervisor's ear: what PID 1 has built so far, and its failures. */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"
#include "sys/path.h"

#define MAX_WARNINGS 1000 /* of a pod: one per mount of a reasonable plan */

static int repeat_failure(const struct jp_error *failure, struct jp_error *err)
{
    return jp_fail(err, failure->code, 0, "%s", jp_error_text(failure));
}

static void keep_failure(struct jp_error *failure, const struct jp_linux_message *m)
{
    enum jp_code code =
        m->code > JP_OK && m->code <= JP_ENOPROGRAM ? (enum jp_code)m->code : JP_ESYS;
    (void)jp_fail(failure, code, 0, "%s", m->text);
    failure->sys = m->sys;
}

/* Takes the descriptors that belong to a message; those that it should not have are closed. */
static void accept_message(struct jp_isolation *pod, const struct jp_linux_message *m, int fds[2],
                           size_t count)
{
    struct jp_linux_app *app = m->app < pod->plan->n_apps ? &pod->apps[m->app] : NULL;
    if (m->kind == JP_LINUX_ROOT && app && count == 1 && app->root_fd < 0) {
        app->root_fd = jp_fd_take(&fds[0]);
    } else if (m->kind == JP_LINUX_SEALED && app && count == 2 && app->ns_fd < 0) {
        app->ns_fd = jp_fd_take(&fds[0]);
        app->pts_fd = jp_fd_take(&fds[1]);
    } else if (m->kind == JP_LINUX_SMALL && count == 2 && !pod->is_small) {
        pod->proc_fd = jp_fd_take(&fds[0]);
        pod->shm_fd = jp_fd_take(&fds[1]);
        pod->is_small = true;
    } else if (m->kind == JP_LINUX_WARNING && pod->warnings.count < MAX_WARNINGS) {
        if (jp_strv_add(&pod->warnings, m->text) < 0)
            return; /* no memory for a warning: the work goes on */
    }
}

int jp_linux_hear(struct jp_isolation *pod, int socket, struct jp_error *failure,
                  struct jp_error *err)
{
    struct jp_linux_message m;
    int fds[2] = {-1, -1};
    size_t count = 0;
    if (failure->code != JP_OK)
        return repeat_failure(failure, err);
    memset(&m, 0, sizeof(m));
    ssize_t n = jp_fd_receive(socket, &m, sizeof(m) - 1, fds, 2, &count, 0);
    if (n < 0)
        return jp_fail_sys(err, "hear from PID 1");
    if ((size_t)n < offsetof(struct jp_linux_message, text))
        return jp_fail(err, JP_ECORRUPT, 0, "PID 1 of the pod has died");
    if (m.kind == JP_LINUX_FAILED)
        keep_failure(failure, &m);
    else
        accept_message(pod, &m, fds, count);
    for (size_t i = 0; i < count; i++)
        jp_fd_close(&fds[i]);
    if (failure->code != JP_OK)
        return repeat_failure(failure, err);
    return (int)m.kind;
}

static int receive(struct jp_isolation *pod, struct jp_error *err)
{
    return jp_linux_hear(pod, pod->socket, &pod->failure, err);
}

/* Volumes may be mounted from here on: whoever called has read the clean root. */
static int release(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    struct jp_linux_request request = {.kind = JP_LINUX_GO, .number = (int32_t)app};
    if (pod->apps[app].is_released || pod->plan->apps[app].n_mounts == 0)
        return 0;
    if (jp_fd_send(pod->socket, &request, sizeof(request), NULL, 0, 0) < 0)
        return jp_fail_sys(err, "speak to PID 1");
    pod->apps[app].is_released = true;
    return 0;
}

int jp_linux_collect_root(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    /* PID 1 builds one app after the other: it must not wait for an earlier one. */
    for (size_t i = 0; i < app; i++) {
        if (release(pod, i, err) < 0)
            return -1;
    }
    while (pod->apps[app].root_fd < 0) {
        if (receive(pod, err) < 0)
            return -1;
    }
    return 0;
}

int jp_linux_collect_seal(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    if (release(pod, app, err) < 0)
        return -1;
    while (pod->apps[app].ns_fd < 0) {
        if (receive(pod, err) < 0)
            return -1;
    }
    return 0;
}

int jp_linux_collect_small(struct jp_isolation *pod, struct jp_error *err)
{
    while (!pod->is_small) {
        if (receive(pod, err) < 0)
            return -1;
    }
    return 0;
}

int jp_linux_signal(struct jp_isolation *pod, int signal, struct jp_error *err)
{
    struct jp_linux_request request = {.kind = JP_LINUX_SIGNAL, .number = signal};
    if (jp_fd_send(pod->socket, &request, sizeof(request), NULL, 0, 0) < 0) {
        if (errno == EPIPE || errno == ECONNRESET)
            return 0; /* nobody is left */
        return jp_fail_sys(err, "signal the pod");
    }
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    int kind;
    do {
        kind = receive(pod, &why);
    } while (kind >= 0 && kind != JP_LINUX_SIGNALLED);
    return 0; /* PID 1 has died meanwhile: nobody is left either */
}

static int check_app(const struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    if (app >= pod->plan->n_apps)
        return jp_fail(err, JP_EINVALID, 0, "the plan has no app %zu", app);
    return 0;
}

static int root(struct jp_isolation *pod, size_t app, int *ret_root_fd, struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    int r = pod->apps[app].has_left ? jp_linux_renew(pod, app, err)
                                    : jp_linux_collect_root(pod, app, err);
    if (r < 0)
        return -1;
    int fd = fcntl(pod->apps[app].root_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return jp_fail_sys(err, "duplicate a descriptor");
    *ret_root_fd = fd;
    return 0;
}

/* PID 1 mounts every volume of the plan by itself; seal tells what went wrong. */
static int volume(struct jp_isolation *pod, size_t app, size_t mount, struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    if (mount >= pod->plan->apps[app].n_mounts)
        return jp_fail(err, JP_EINVALID, 0, "the app has no mount %zu", mount);
    return release(pod, app, err);
}

/* Not waited for here but in spawn; where nothing need be spawned, a copy wants the whole root. */
static int seal(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    if (check_app(pod, app, err) < 0)
        return -1;
    return pod->plan->without_apps ? jp_linux_collect_seal(pod, app, err) : release(pod, app, err);
}

static int terminal(struct jp_isolation *pod, size_t app, int *ret_master, int *ret_slave,
                    struct jp_error *err)
{
    if (check_app(pod, app, err) < 0 || jp_linux_collect_seal(pod, app, err) < 0)
        return -1;
    struct statfs fs;
    if (fstatfs(pod->apps[app].pts_fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
        return jp_fail_sys(err, "find the app's terminals");
    JP_AUTO_FD int master =
        openat(pod->apps[app].pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    int unlock = 0;
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return jp_fail_sys(err, "open a terminal");
    /* The other end through the master, not by a path that the pod could have changed. */
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return jp_fail_sys(err, "open the terminal's other end");
    *ret_master = jp_fd_take(&master);
    *ret_slave = slave;
    return 0;
}

#define PTS_MAJOR 136 /* terminals of devpts; up to 143 in very old kernels only */

/*
 * In the app's mount namespace. What is mounted is behind a descriptor that the kernel made, and
 * what it is mounted on is looked at first: a handler of the image may have been here
 * (CVE-2025-52565).
 */
static int bind_console(int ns_fd, int slave, struct jp_error *err)
{
    if (setns(ns_fd, CLONE_NEWNS) < 0)
        return jp_fail_sys(err, "enter the app's mounts");
    JP_AUTO_FD int dev = open("/dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st, end;
    if (dev >= 0 && fstatat(dev, "console", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
        major(st.st_rdev) == PTS_MAJOR && fchdir(dev) == 0)
        (void)umount2("console", MNT_DETACH | UMOUNT_NOFOLLOW); /* of the run before */
    JP_AUTO_FD int target = dev < 0 ? -1 : openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0 || fstat(target, &st) < 0 || fstat(slave, &end) < 0)
        return jp_fail_sys(err, "find '/dev/console'");
    bool is_ours = st.st_rdev == makedev(1, 3) || major(st.st_rdev) == PTS_MAJOR;
    if (!S_ISCHR(st.st_mode) || !is_ours || !S_ISCHR(end.st_mode) ||
        major(end.st_rdev) != PTS_MAJOR)
        return jp_fail(err, JP_ECORRUPT, 0, "'/dev/console' is not what it was");
    JP_AUTO_FD int node = jp_linux_clone_mount(slave, "", false, err);
    return node < 0 ? -1 : jp_linux_attach(node, target, "", err);
}

/* By a child: who has entered an app's mounts cannot come back. It tells errno by its status. */
static int by_child(struct jp_isolation *pod, size_t app,
                    int (*work)(int ns_fd, int fd, struct jp_error *err), int fd, const char *what,
                    struct jp_error *err)
{
    if (check_app(pod, app, err) < 0 || jp_linux_collect_seal(pod, app, err) < 0)
        return -1;
    pid_t pid = jp_linux_fork(0, 0, NULL);
    if (pid == 0) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        int r = work(pod->apps[app].ns_fd, fd, &why);
        _exit(r == 0 ? 0 : why.sys > 0 && why.sys < 256 ? why.sys : EINVAL);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    if (status != 0)
        return jp_fail(err, JP_ESYS, WIFEXITED(status) ? WEXITSTATUS(status) : EIO, "%s", what);
    return 0;
}

static int console(struct jp_isolation *pod, size_t app, int slave, struct jp_error *err)
{
    return by_child(pod, app, bind_console, slave, "put the terminal on '/dev/console'", err);
}

#define NOTIFY "notify" /* in /dev */

/*
 * In the app's mount namespace, and relative to its /dev, so that no link is followed. Every user
 * may write there; whoever made something of that name before loses it.
 */
static int bind_notify(int ns_fd, int fd, struct jp_error *err)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NOTIFY};
    if (setns(ns_fd, CLONE_NEWNS) < 0)
        return jp_fail_sys(err, "enter the app's mounts");
    JP_AUTO_FD int dev = open("/dev", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dev < 0 || fchdir(dev) < 0)
        return jp_fail_sys(err, "enter '/dev'");
    if (unlink(NOTIFY) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '/dev/" NOTIFY "'");
    umask(0111);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return jp_fail_sys(err, "bind '/dev/" NOTIFY "'");
    return 0;
}

static int notify(struct jp_isolation *pod, size_t app, int *ret_fd, char path[JP_NOTIFY_PATH_SIZE],
                  struct jp_error *err)
{
    JP_AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    if (by_child(pod, app, bind_notify, fd, "make '/dev/" NOTIFY "'", err) < 0)
        return -1;
    (void)snprintf(path, JP_NOTIFY_PATH_SIZE, "/dev/" NOTIFY);
    *ret_fd = jp_fd_take(&fd);
    return 0;
}

const struct jp_mount_ops jp_linux_mounts = {.root = root,
                                             .volume = volume,
                                             .seal = seal,
                                             .leave = jp_linux_leave,
                                             .is_left = jp_linux_is_left,
                                             .terminal = terminal,
                                             .console = console,
                                             .notify = notify};
