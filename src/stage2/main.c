/*
 * Stage 2: the shim, the last of our code that runs before an application.
 *
 * It is static, reads nothing of the image, and gets everything from its orders (plan/orders.h) on
 * an inherited descriptor. It promises that the program runs with exactly the ids, groups,
 * capabilities, filter, environment and working directory of the orders and with no descriptor but
 * the three standard ones and the sockets that the orders name; when a step fails it says which one
 * and ends, it never goes on. Main processes, event handlers, `exec` and `console` all pass here.
 *
 * It is started already inside the app's root and, on Linux, not yet visible to the pod's
 * processes: it becomes visible (jp_shim_enter) when there is nothing left to steal from it.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "stage2/shim.h"

#define MAX_ORDERS   (64U << 20) /* more than any ARG_MAX */
#define EXIT_SHIM    125
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int report_fd = JP_SHIM_REPORT_FD;

static void report(enum jp_shim_step step, int sys, pid_t pid)
{
    struct jp_shim_report r = {.step = step, .sys = sys, .pid = pid};
    ssize_t n;
    do {
        n = write(report_fd, &r, sizeof(r));
    } while (n < 0 && errno == EINTR);
}

static JP_NORETURN void fail(enum jp_shim_step step)
{
    report(step, errno, 0);
    _exit(EXIT_SHIM);
}

static int read_orders(struct jp_orders *ret)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    char chunk[16384];
    for (;;) {
        ssize_t n = read(JP_SHIM_ORDERS_FD, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        jp_buf_add(&bytes, chunk, (size_t)n);
        if (bytes.len > MAX_ORDERS || jp_buf_failed(&bytes)) {
            errno = E2BIG;
            return -1;
        }
    }
    (void)close(JP_SHIM_ORDERS_FD);
    errno = EINVAL;
    return jp_orders_decode(bytes.data, bytes.len, ret, NULL);
}

/* What we were started with must not reach the program: signals, mask, descriptors. */
static void clean_slate(const struct jp_orders *orders)
{
    jp_shim_signals();
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask((mode_t)orders->umask);
}

static void enter_cwd(const struct jp_orders *orders)
{
    if (chdir(orders->cwd) < 0)
        fail(JP_SHIM_CWD);
    if (jp_shim_check_cwd() < 0)
        fail(JP_SHIM_OUTSIDE);
}

static void take_identity(const struct jp_orders *orders)
{
    if (jp_shim_label(orders) < 0)
        fail(JP_SHIM_LABEL);
    if (jp_shim_limit(orders) < 0)
        fail(JP_SHIM_CAPABILITIES);
    if (jp_shim_groups(orders) < 0)
        fail(JP_SHIM_GROUPS);
    if (jp_shim_ids(orders) < 0)
        fail(JP_SHIM_IDS);
    if (jp_shim_drop(orders) < 0)
        fail(JP_SHIM_CAPABILITIES);
}

static void own_session(const struct jp_orders *orders)
{
    if (setsid() < 0)
        fail(JP_SHIM_TERMINAL);
    if (orders->has_tty && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        fail(JP_SHIM_TERMINAL);
}

/* Stage 1 reads back from the kernel what we are now, and lets us go on, or kills us. */
static void wait_for_go(const struct jp_orders *orders)
{
    if (!orders->wait_for_check)
        return;
    char go;
    ssize_t n;
    do {
        n = read(report_fd, &go, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(EXIT_SHIM);
}

static void add_variable(struct jp_orders *orders, const char *name, const char *value)
{
    if (jp_strv_add_owned(&orders->env, jp_format("%s=%s", name, value)) < 0) {
        errno = ENOMEM;
        fail(JP_SHIM_SOCKETS);
    }
}

/* sd_listen_fds(3): LISTEN_PID is the process as it sees itself. */
static void announce_sockets(struct jp_orders *orders)
{
    JP_AUTO(jp_buf) names = JP_BUF_INIT;
    char number[16];
    for (size_t i = 0; i < orders->sockets.count; i++)
        jp_buf_printf(&names, "%s%s", i > 0 ? ":" : "", orders->sockets.items[i]);
    (void)snprintf(number, sizeof(number), "%ld", (long)getpid());
    add_variable(orders, "LISTEN_PID", number);
    (void)snprintf(number, sizeof(number), "%zu", orders->sockets.count);
    add_variable(orders, "LISTEN_FDS", number);
    add_variable(orders, "LISTEN_FDNAMES", jp_buf_text(&names));
}

/*
 * From where they are to 3 and up, where the program looks for them, blocking as new ones are: one
 * that ran before may have left them otherwise. What we report on moves out of their way.
 */
static void hand_on_sockets(struct jp_orders *orders)
{
    int count = (int)orders->sockets.count;
    if (count == 0)
        return;
    report_fd = fcntl(JP_SHIM_REPORT_FD, F_DUPFD_CLOEXEC, JP_SHIM_FIRST_FD + count);
    if (report_fd < 0) {
        report_fd = JP_SHIM_REPORT_FD;
        fail(JP_SHIM_SOCKETS);
    }
    for (int i = 0; i < count; i++) {
        int to = STDERR_FILENO + 1 + i;
        int flags = fcntl(JP_SHIM_FIRST_FD + i, F_GETFL);
        if (flags < 0 || fcntl(JP_SHIM_FIRST_FD + i, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
            dup2(JP_SHIM_FIRST_FD + i, to) < 0)
            fail(JP_SHIM_SOCKETS);
    }
    for (int fd = STDERR_FILENO + 1 + count; fd < JP_SHIM_FIRST_FD + count; fd++)
        (void)close(fd);
    announce_sockets(orders);
}

static const char *search_path(const struct jp_orders *orders)
{
    for (size_t i = 0; i < orders->env.count; i++) {
        if (strncmp(orders->env.items[i], "PATH=", 5) == 0)
            return orders->env.items[i] + 5;
    }
    return DEFAULT_PATH;
}

/*
 * Tries each directory of PATH as execvp(3) does, but never hands a file that the kernel does not
 * understand to a shell. Leaves the errno that describes the failure best: "permission denied"
 * somewhere beats "not found" elsewhere.
 */
static void exec_in_path(const char *path, char *const argv[], char *const env[])
{
    int best = ENOENT;
    char full[PATH_MAX];
    size_t name_len = strlen(argv[0]);
    for (const char *dir = path;; dir++) {
        size_t len = strcspn(dir, ":");
        if (len < sizeof(full) && name_len < sizeof(full) - len - 1) {
            size_t at = len;
            memcpy(full, dir, len);
            if (len > 0) /* an empty entry is the working directory */
                full[at++] = '/';
            memcpy(full + at, argv[0], name_len + 1);
            (void)execve(full, argv, env);
            if (errno == EACCES)
                best = errno;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        dir += len;
        if (*dir == '\0')
            break;
    }
    errno = best;
}

static JP_NORETURN void run_program(struct jp_orders *orders)
{
    static char *empty[] = {NULL};
    char **argv = orders->argv.items;
    char **env = orders->env.items ? orders->env.items : empty;
    if (argv[0][0] == '\0')
        errno = ENOENT;
    else if (strchr(argv[0], '/'))
        (void)execve(argv[0], argv, env);
    else
        exec_in_path(search_path(orders), argv, env);
    bool is_missing = errno == ENOENT || errno == ENOTDIR;
    report(is_missing ? JP_SHIM_NOT_FOUND : JP_SHIM_NOT_EXECUTABLE, errno, 0);
    _exit(is_missing ? 127 : 126);
}

int main(void)
{
    struct jp_orders orders = {0};
    if (jp_shim_protect() < 0)
        fail(JP_SHIM_CAPABILITIES);
    if (fcntl(JP_SHIM_REPORT_FD, F_SETFD, FD_CLOEXEC) < 0 || read_orders(&orders) < 0)
        fail(JP_SHIM_ORDERS);
    closefrom(JP_SHIM_FIRST_FD + (int)orders.sockets.count);
    clean_slate(&orders);
    enter_cwd(&orders);
    take_identity(&orders);
    pid_t pid = 0;
    if (jp_shim_enter(&pid) < 0)
        fail(JP_SHIM_FORK);
    if (pid != 0)
        report(JP_SHIM_STARTED, 0, pid);
    if (pid != 0 && pid != getpid())
        _exit(0);
    own_session(&orders);
    wait_for_go(&orders);
    hand_on_sockets(&orders);
    if (jp_shim_filter(&orders) < 0)
        fail(JP_SHIM_SECCOMP);
    run_program(&orders);
}
