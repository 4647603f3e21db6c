/*
 * The back end that only pretends: "kernel objects" are files in the directory $JETPACK_FAKE_DIR,
 * so the whole state machine, the command line and every fault on the way run without privileges on
 * any system.
 *
 *   calls              one line for each call, in order
 *   isolation/UUID     the pod's world: pids of its PID 1 and of what was spawned, a line each
 *   limits/UUID, links/UUID, mounts/UUID-APP...
 *   oom/UUID-APP       made by a test: the app is said to have run out of memory
 *   busy/UUID-APP      made by a test: some process is said to be in each root that the app left
 *
 * $JETPACK_FAKE_FAIL=N makes the N-th call fail, $JETPACK_FAKE_KILL=N kills this process before it
 * (both count from 1 in each process; calls that cannot fail are counted too). A call that has been
 * noted waits as long as there is a file `wait-CALL` beside `calls`. As long as there is the file
 * $JETPACK_FAKE_RESERVE, the disk has no room for what networks need of the host. Spawned programs
 * run as the caller's own user, with the directory of the app's root as their "/": they are the
 * host's programs, started in that directory. Nothing here confines anything.
 *
 * PID 1 is a child that waits until we are gone, as in a real pod, but does not kill anybody then:
 * that is what `clean` is tried with.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "platform/platform.h"
#include "platform/publish.h"
#include "sys/fd.h"

#define MAX_OBJECT (1U << 20) /* bytes of a file of pids */
#define MAX_OPEN   1024       /* descriptors that the pretended PID 1 closes */
#define WAIT_MS    10         /* between looks for wait-CALL */

struct jp_isolation {
    const struct jp_plan *plan;
    pid_t init;   /* 0: gone */
    int lifeline; /* closed: the world ends */
    int watch;    /* end of file: the world has ended */
    struct jp_strv warnings;
    bool has_warned;
};

static const char *base(void)
{
    const char *dir = getenv("JETPACK_FAKE_DIR");
    return dir ? dir : "/nonexistent";
}

static int open_base(struct jp_error *err)
{
    int fd = open(base(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? jp_fail_sys(err, "open '%s'", base()) : fd;
}

static bool is_turn_of(const char *variable, unsigned long n)
{
    uint64_t wanted = 0;
    const char *text = getenv(variable);
    return text && jp_parse_u64(text, 10, 1, ULONG_MAX, &wanted) && wanted == n;
}

/* Notes the call; -1 when it is this one's turn to fail. */
static int enter(const char *call, const char *uuid, const char *detail, struct jp_error *err)
{
    static unsigned long n;
    n++;
    if (is_turn_of("JETPACK_FAKE_KILL", n))
        (void)raise(SIGKILL);
    JP_AUTO_FD int dir = open_base(err);
    JP_AUTO_FD int fd = -1;
    if (dir >= 0)
        fd = openat(dir, "calls", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    JP_AUTO_FREE char *line = jp_format("%s %s %s\n", call, uuid, detail);
    if (fd >= 0 && line)
        (void)!write(fd, line, strlen(line));
    JP_AUTO_FREE char *wait = jp_format("wait-%s", call);
    while (dir >= 0 && wait && faccessat(dir, wait, F_OK, 0) == 0)
        (void)poll(NULL, 0, WAIT_MS);
    if (is_turn_of("JETPACK_FAKE_FAIL", n))
        return jp_fail(err, JP_ESYS, EIO, "%s", call);
    return dir < 0 ? -1 : 0;
}

/* Adds a line to the object KIND/NAME, which is made when it is not there. */
static int add_line(const char *kind, const char *name, const char *line, struct jp_error *err)
{
    JP_AUTO_FD int dir = open_base(err);
    if (dir < 0)
        return -1;
    JP_AUTO_FD int sub = jp_fd_make_dir(dir, kind, 0700, err);
    if (sub < 0)
        return -1;
    JP_AUTO_FD int fd = jp_fd_open(sub, name, O_WRONLY | O_APPEND | O_CREAT, 0600, err);
    if (fd < 0)
        return -1;
    return jp_fd_write_all(fd, line, strlen(line), name, err);
}

static void remove_object(const char *kind, const char *name)
{
    JP_AUTO_FREE char *path = jp_format("%s/%s/%s", base(), kind, name);
    if (path)
        (void)unlink(path);
}

static void app_object(const struct jp_isolation *pod, size_t app, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s-%s", pod->plan->uuid, pod->plan->apps[app].name);
}

/*
 * Sends a signal to everything that the object of the world names. Each spawned program leads a
 * session, so what it started is found as its process group.
 */
static void signal_all(const char *uuid, int signal, bool with_init)
{
    static const char mark[] = "init ";
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *path = jp_format("isolation/%s", uuid);
    JP_AUTO_FD int dir = open_base(NULL);
    JP_AUTO_FD int fd = dir >= 0 && path ? openat(dir, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || jp_fd_read_all(fd, MAX_OBJECT, path, &text, NULL) < 0 || !text.data)
        return;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        bool is_init = strncmp(line, mark, sizeof(mark) - 1) == 0;
        uint64_t pid;
        if ((!is_init || with_init) &&
            jp_parse_u64(is_init ? line + sizeof(mark) - 1 : line, 10, 2, INT32_MAX, &pid))
            (void)kill(-(pid_t)pid, signal);
    }
}

static JP_NORETURN void run_init(int lifeline, int watch)
{
    for (int fd = 0; fd < MAX_OPEN; fd++) {
        if (fd != lifeline && fd != watch)
            (void)close(fd);
    }
    char byte;
    while (read(lifeline, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static int make_world(struct jp_isolation *pod, struct jp_error *err)
{
    int life[2], watch[2];
    if (pipe2(life, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    if (pipe2(watch, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        run_init(life[0], watch[1]);
    }
    jp_fd_close(&life[0]);
    jp_fd_close(&watch[1]);
    pod->lifeline = life[1];
    pod->watch = watch[0];
    pod->init = pid > 0 ? pid : 0;
    char line[32];
    (void)snprintf(line, sizeof(line), "init %ld\n", (long)pid);
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    return add_line("isolation", pod->plan->uuid, line, err);
}

static void kill_world(struct jp_isolation *pod)
{
    signal_all(pod->plan->uuid, SIGKILL, /* with_init= */ false);
    jp_fd_close(&pod->lifeline);
    while (pod->init > 0 && waitpid(pod->init, NULL, 0) < 0 && errno == EINTR)
        ;
    pod->init = 0;
}

static void remove_mounts(const char *uuid)
{
    JP_AUTO_FREE char *path = jp_format("%s/mounts", base());
    DIR *dir = path ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, uuid, strlen(uuid)) == 0)
            remove_object("mounts", entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
}

static void release(struct jp_isolation *pod)
{
    kill_world(pod);
    jp_fd_close(&pod->watch);
    remove_mounts(pod->plan->uuid);
    remove_object("isolation", pod->plan->uuid);
    jp_strv_clear(&pod->warnings);
    free(pod);
}

static int isolation_create(const struct jp_plan *plan, JP_UNUSED int stage2_fd,
                            struct jp_isolation **ret, struct jp_error *err)
{
    if (enter("isolation.create", plan->uuid, "", err) < 0)
        return -1;
    struct jp_isolation *pod = jp_calloc(1, sizeof(*pod));
    if (!pod)
        return jp_oom(err);
    *pod = (struct jp_isolation){.plan = plan, .lifeline = -1, .watch = -1};
    if (make_world(pod, err) < 0) {
        release(pod);
        return -1;
    }
    *ret = pod;
    return 0;
}

/* ---- a program in the world ---- */

/* The host's program by that name, as execve(2) would say when it cannot. */
static void execute(const struct jp_orders *orders)
{
    const char *name = orders->argv.items[0];
    char *const *env = orders->env.items;
    static char *const nothing[] = {NULL};
    if (strchr(name, '/')) {
        (void)execve(name, orders->argv.items, env ? env : nothing);
        return;
    }
    static const char *const places[] = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"};
    for (size_t i = 0; i < JP_LEN(places); i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/%s", places[i], name);
        (void)execve(path, orders->argv.items, env ? env : nothing);
        if (errno != ENOENT)
            return;
    }
}

static const char *root_dir(const struct jp_plan_app *app)
{
    return app->root.kind == JP_ROOT_OVERLAY ? app->root.layers.items[0] : app->root.dir;
}

static JP_NORETURN void report(int fd, char step)
{
    int error = errno;
    char bytes[sizeof(error) + 1];
    memcpy(bytes, &error, sizeof(error));
    bytes[sizeof(error)] = step;
    (void)!write(fd, bytes, sizeof(bytes));
    _exit(127);
}

static JP_NORETURN void run_program(const struct jp_isolation *pod, const struct jp_spawn *spawn,
                                    int report_fd)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s%s", root_dir(&pod->plan->apps[spawn->app]),
                   spawn->orders->cwd);
    (void)setsid();
    for (int i = 0; i < 3; i++) {
        if (dup2(spawn->stdio[i], i) < 0)
            report(report_fd, 's');
    }
    if (spawn->orders->has_tty && ioctl(0, TIOCSCTTY, 0) < 0)
        report(report_fd, 't');
    if (chdir(path) < 0)
        report(report_fd, 'd');
    (void)umask((mode_t)spawn->orders->umask);
    execute(spawn->orders);
    report(report_fd, 'x');
}

static int describe(const char bytes[sizeof(int) + 1], const struct jp_orders *orders,
                    struct jp_error *err)
{
    int error;
    memcpy(&error, bytes, sizeof(error));
    switch (bytes[sizeof(error)]) {
    case 'd':
        return jp_fail(err, JP_ESYS, error, "working directory '%s'", orders->cwd);
    case 'x':
        return jp_fail(err, error == ENOENT ? JP_ENOPROGRAM : JP_ENOEXEC, error, "execute '%s'",
                       orders->argv.items[0]);
    default:
        return jp_fail(err, JP_ESYS, error, "standard streams");
    }
}

static int isolation_spawn(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                           struct jp_error *err)
{
    if (enter("isolation.spawn", pod->plan->uuid, spawn->orders->argv.items[0], err) < 0)
        return -1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    pid_t pid = fork();
    if (pid == 0)
        run_program(pod, spawn, ends[1]);
    jp_fd_close(&ends[1]);
    JP_AUTO_FD int report_fd = ends[0];
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    char line[32], bytes[sizeof(int) + 1];
    (void)snprintf(line, sizeof(line), "%ld\n", (long)pid);
    int r = add_line("isolation", pod->plan->uuid, line, err);
    ssize_t n;
    do {
        n = read(report_fd, bytes, sizeof(bytes));
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(bytes))
        r = describe(bytes, spawn->orders, err);
    if (r < 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return -1;
    }
    *ret_pid = pid;
    return 0;
}

/* The volumes, none of which is mounted. */
static struct jp_strv *isolation_warnings(struct jp_isolation *pod)
{
    (void)enter("isolation.warnings", pod->plan->uuid, "", NULL);
    for (size_t i = 0; i < pod->plan->n_apps && !pod->has_warned; i++) {
        const struct jp_plan_app *app = &pod->plan->apps[i];
        for (size_t m = 0; m < app->n_mounts; m++) {
            char *text = jp_format("app '%s': '%s' is mounted in pretence only", app->name,
                                   app->mounts[m].path);
            if (jp_strv_add_owned(&pod->warnings, text) < 0)
                return &pod->warnings;
        }
    }
    pod->has_warned = true;
    return &pod->warnings;
}

static int isolation_watch_fd(const struct jp_isolation *pod)
{
    return pod->watch;
}

static int isolation_signal(struct jp_isolation *pod, int signal, JP_UNUSED struct jp_error *err)
{
    (void)enter("isolation.signal", pod->plan->uuid, "", NULL);
    signal_all(pod->plan->uuid, signal, /* with_init= */ false);
    return 0;
}

static void isolation_kill(struct jp_isolation *pod)
{
    (void)enter("isolation.kill", pod->plan->uuid, "", NULL);
    kill_world(pod);
}

static void isolation_destroy(struct jp_isolation *pod)
{
    if (!pod)
        return;
    (void)enter("isolation.destroy", pod->plan->uuid, "", NULL);
    release(pod);
}

static int isolation_clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    if (enter("isolation.clean", uuid, "", err) < 0)
        return -1;
    signal_all(uuid, SIGKILL, /* with_init= */ true);
    remove_mounts(uuid);
    remove_object("isolation", uuid);
    return 0;
}

static void isolation_ahead(void)
{
}

static const struct jp_isolation_ops isolation = {
    .ahead = isolation_ahead,
    .create = isolation_create,
    .spawn = isolation_spawn,
    .warnings = isolation_warnings,
    .watch_fd = isolation_watch_fd,
    .signal = isolation_signal,
    .kill = isolation_kill,
    .destroy = isolation_destroy,
    .clean = isolation_clean,
};

/* ---- mounts ---- */

static int add_mount(const struct jp_isolation *pod, size_t app, const char *line,
                     struct jp_error *err)
{
    char name[PATH_MAX];
    app_object(pod, app, name);
    return add_line("mounts", name, line, err);
}

static int mounts_root(struct jp_isolation *pod, size_t app, int *ret_root_fd, struct jp_error *err)
{
    const struct jp_plan_app *plan = &pod->plan->apps[app];
    if (enter("mounts.root", pod->plan->uuid, plan->name, err) < 0 ||
        add_mount(pod, app, "root\n", err) < 0)
        return -1;
    int fd = open(root_dir(plan), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '%s'", root_dir(plan));
    *ret_root_fd = fd;
    return 0;
}

static int mounts_volume(struct jp_isolation *pod, size_t app, size_t mount, struct jp_error *err)
{
    const char *path = pod->plan->apps[app].mounts[mount].path;
    if (enter("mounts.volume", pod->plan->uuid, path, err) < 0)
        return -1;
    return add_mount(pod, app, "volume\n", err);
}

static int mounts_seal(struct jp_isolation *pod, size_t app, struct jp_error *err)
{
    if (enter("mounts.seal", pod->plan->uuid, pod->plan->apps[app].name, err) < 0)
        return -1;
    return add_mount(pod, app, "sealed\n", err);
}

/* The host's. */
static int mounts_terminal(struct jp_isolation *pod, size_t app, int *ret_master, int *ret_slave,
                           struct jp_error *err)
{
    if (enter("mounts.terminal", pod->plan->uuid, pod->plan->apps[app].name, err) < 0)
        return -1;
    JP_AUTO_FD int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return jp_fail_sys(err, "open a pseudo-terminal");
    const char *name = ptsname(master);
    int slave = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (slave < 0)
        return jp_fail_sys(err, "open a pseudo-terminal");
    *ret_master = jp_fd_take(&master);
    *ret_slave = slave;
    return 0;
}

static int mounts_console(struct jp_isolation *pod, size_t app, JP_UNUSED int slave,
                          struct jp_error *err)
{
    return enter("mounts.console", pod->plan->uuid, pod->plan->apps[app].name, err);
}

static bool is_busy(const struct jp_isolation *pod, size_t app)
{
    char name[PATH_MAX];
    app_object(pod, app, name);
    JP_AUTO_FREE char *path = jp_format("%s/busy/%s", base(), name);
    return path && access(path, F_OK) == 0;
}

/* The number tells the app. */
static void mounts_leave(struct jp_isolation *pod, size_t app, uint64_t *ret_number)
{
    char name[PATH_MAX];
    (void)enter("mounts.leave", pod->plan->uuid, pod->plan->apps[app].name, NULL);
    app_object(pod, app, name);
    remove_object("mounts", name);
    *ret_number = is_busy(pod, app) ? app + 1 : 0;
}

static bool mounts_is_left(struct jp_isolation *pod, uint64_t number)
{
    return is_busy(pod, number - 1);
}

/* In the directory of what is pretended, for apps and tests alike. */
static int mounts_notify(struct jp_isolation *pod, size_t app, int *ret_fd,
                         char path[JP_NOTIFY_PATH_SIZE], struct jp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (enter("mounts.notify", pod->plan->uuid, pod->plan->apps[app].name, err) < 0)
        return -1;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify-%zu", base(), app);
    (void)unlink(address.sun_path);
    JP_AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return jp_fail_sys(err, "bind '%s'", address.sun_path);
    (void)snprintf(path, JP_NOTIFY_PATH_SIZE, "%s", address.sun_path);
    *ret_fd = jp_fd_take(&fd);
    return 0;
}

static const struct jp_mount_ops mounts = {
    .leave = mounts_leave,
    .is_left = mounts_is_left,
    .root = mounts_root,
    .volume = mounts_volume,
    .seal = mounts_seal,
    .terminal = mounts_terminal,
    .console = mounts_console,
    .notify = mounts_notify,
};

/* ---- limits and links ---- */

static int limits_setup(struct jp_isolation *pod,
                        void (*say)(void *context, const struct jp_limit_report *), void *context,
                        struct jp_error *err)
{
    if (enter("limits.setup", pod->plan->uuid, "", err) < 0)
        return -1;
    struct jp_limit_report told = {.resource = "memory", .verdict = JP_VERDICT_IGNORED};
    (void)snprintf(told.reason, sizeof(told.reason), "the fake back end has \"no\" limits");
    if (pod->plan->limits.memory_bytes > 0)
        say(context, &told);
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        told.app = pod->plan->apps[i].name;
        if (pod->plan->apps[i].limits.memory_bytes > 0)
            say(context, &told);
    }
    return add_line("limits", pod->plan->uuid, "made\n", err);
}

static int limits_settle(struct jp_isolation *pod,
                         JP_UNUSED void (*say)(void *context, const struct jp_limit_report *),
                         JP_UNUSED void *context, struct jp_error *err)
{
    return enter("limits.settle", pod->plan->uuid, "", err);
}

static bool limits_was_out_of_memory(const struct jp_isolation *pod, size_t app)
{
    char name[PATH_MAX];
    app_object(pod, app, name);
    JP_AUTO_FREE char *path = jp_format("%s/oom/%s", base(), name);
    return path && access(path, F_OK) == 0;
}

static void limits_teardown(struct jp_isolation *pod)
{
    (void)enter("limits.teardown", pod->plan->uuid, "", NULL);
    remove_object("limits", pod->plan->uuid);
}

static int limits_clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    if (enter("limits.clean", uuid, "", err) < 0)
        return -1;
    remove_object("limits", uuid);
    return 0;
}

static const struct jp_limit_ops limits = {
    .setup = limits_setup,
    .settle = limits_settle,
    .was_out_of_memory = limits_was_out_of_memory,
    .teardown = limits_teardown,
    .clean = limits_clean,
};

static int links_setup(struct jp_isolation *pod, struct jp_error *err)
{
    if (enter("links.setup", pod->plan->uuid, "", err) < 0)
        return -1;
    return add_line("links", pod->plan->uuid, "made\n", err);
}

/* The program itself, in the host's network. */
static int links_publish(struct jp_isolation *pod, const struct jp_publish *publish, pid_t *ret_pid,
                         struct jp_error *err)
{
    if (enter("links.publish", pod->plan->uuid, publish->program, err) < 0)
        return -1;
    return jp_publish_spawn(publish, NULL, NULL, ret_pid, err);
}

static int links_listen(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                        struct jp_error *err)
{
    if (enter("links.listen", pod->plan->uuid, socket->name, err) < 0)
        return -1;
    *ret_fd = jp_fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    return *ret_fd < 0 ? -1 : 0;
}

static void links_teardown(struct jp_isolation *pod)
{
    (void)enter("links.teardown", pod->plan->uuid, "", NULL);
    remove_object("links", pod->plan->uuid);
}

static int links_clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    if (enter("links.clean", uuid, "", err) < 0)
        return -1;
    remove_object("links", uuid);
    return 0;
}

static int links_prepare(const struct jp_plan_network *network, struct jp_error *err)
{
    return enter("links.prepare", "-", network->bridge, err);
}

static int links_release(const struct jp_plan_host *host, struct jp_error *err)
{
    const char *reserve = getenv("JETPACK_FAKE_RESERVE");
    if (enter("links.release", "-", host->table ? host->table : "-", err) < 0)
        return -1;
    if (reserve && access(reserve, F_OK) == 0)
        return jp_fail(err, JP_ESYS, ENOSPC, "links.release");
    return 0;
}

static int links_inspect(const struct jp_plan_host *host, const struct jp_link_pod *pods,
                         size_t n_pods, bool repair, const struct jp_link_report *report,
                         struct jp_error *err)
{
    (void)host;
    (void)pods;
    (void)n_pods;
    (void)report;
    return enter("links.inspect", "-", repair ? "repair" : "look", err);
}

static void links_print_rules(const struct jp_plan_host *host, struct jp_buf *out)
{
    jp_buf_printf(out, "%s\n", host->table ? host->table : "-");
}

/* As on a system whose kernel can have none: a file says so. */
static bool links_has_stacks(void)
{
    JP_AUTO_FREE char *path = jp_format("%s/no-stacks", base());
    return !path || access(path, F_OK) < 0;
}

static const struct jp_link_ops links = {
    .prepare = links_prepare,
    .release = links_release,
    .inspect = links_inspect,
    .print_rules = links_print_rules,
    .kinds = 1U << JP_NET_BRIDGE | 1U << JP_NET_ROUTED | 1U << JP_NET_MACVLAN,
    .has_ipv6 = true,
    .has_alias = true,
    .has_stacks = links_has_stacks,
    .setup = links_setup,
    .publish = links_publish,
    .listen = links_listen,
    .teardown = links_teardown,
    .clean = links_clean,
};

/* ---- the host ---- */

/* PID 1 and what was spawned, as far as it is still there. */
static int host_processes(const char *uuid, JP_UNUSED pid_t supervisor,
                          int (*each)(void *context, const struct jp_pod_process *), void *context,
                          JP_UNUSED struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *path = jp_format("isolation/%s", uuid);
    JP_AUTO_FD int dir = open_base(NULL);
    JP_AUTO_FD int fd = dir >= 0 && path ? openat(dir, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || jp_fd_read_all(fd, MAX_OBJECT, path, &text, NULL) < 0 || !text.data)
        return 0;
    int r = 0;
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line && r == 0; line = strsep(&rest, "\n")) {
        uint64_t pid;
        if (!jp_parse_u64(line, 10, 2, INT32_MAX, &pid) || kill((pid_t)pid, 0) < 0)
            continue;
        struct jp_pod_process process = {.pid = (pid_t)pid, .state = 'S', .command = "pretended"};
        r = each(context, &process);
    }
    return r;
}

static void host_examine(void (*say)(void *context, const char *name, bool is_fine,
                                     const char *text, const char *remedy),
                         void *context)
{
    say(context, "isolation", false, "the fake back end isolates nothing",
        "use a build for this system");
}

static bool host_holder(JP_UNUSED bool is_udp, JP_UNUSED const union jp_address *address,
                        JP_UNUSED char *out, JP_UNUSED size_t size)
{
    return false;
}

static const struct jp_host_ops host = {
    .holder = host_holder,
    .processes = host_processes,
    .examine = host_examine,
};

const struct jp_platform jp_platform = {
    .name = "fake",
    .isolation = &isolation,
    .mounts = &mounts,
    .limits = &limits,
    .links = &links,
    .host = &host,
};
