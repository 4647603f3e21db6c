/*
 * jetpack-mds: the metadata service. Started by `jetpack` (plan/service.h), which has read the
 * configuration, bound the sockets and opened everything; it gives up root before it answers
 * anything. Called by hand, it executes `jetpack mds -serve` with its arguments, so that what
 * started the prototype's service starts this one.
 */
#include "config.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "mds/confine.h"
#include "mds/door.h"
#include "mds/http.h"
#include "plan/service.h"
#include "sys/cgroups.h"
#include "sys/detach.h"
#include "sys/fd.h"
#include "sys/self.h"

#define ROUND_MS 1000 /* between looks at what takes too long, and at whether there are pods */

struct service {
    struct jp_service_settings settings;
    int fds[JP_SERVICE_MAX_FDS];
    size_t n_fds;
    struct jp_registry *registry;
    struct jp_access_log log;
    struct jp_http *http;
    int64_t needed_ms; /* when there was last a pod */
};

static int wake_ends[2] = {-1, -1}; /* ends the wait that a signal came before */
static volatile sig_atomic_t was_asked_to_stop;

static void on_signal(JP_UNUSED int signal)
{
    int saved = errno;
    was_asked_to_stop = 1;
    (void)!write(wake_ends[1], "", 1);
    errno = saved;
}

static int catch_signals(struct jp_error *err)
{
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (pipe2(wake_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "make a pipe");
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGHUP, &ignore, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    return 0;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static int take_settings(struct service *s, struct jp_error *err)
{
    char bytes[JP_SERVICE_MAX_PACKET];
    ssize_t n =
        jp_fd_receive(STDIN_FILENO, bytes, sizeof(bytes), s->fds, JP_LEN(s->fds), &s->n_fds, 0);
    if (n < 0)
        return jp_fail_sys(err, "receive the settings");
    int r = jp_service_settings_decode(bytes, (size_t)n, &s->settings, err);
    explicit_bzero(bytes, sizeof(bytes));
    if (r == 0 && s->n_fds != JP_SERVICE_FD_SOCKETS + s->settings.listeners.count)
        r = jp_fail(err, JP_ECORRUPT, 0, "%zu descriptors do not fit the settings", s->n_fds);
    return r;
}

/* "ok PID", or the reason; then standard input is nothing any more. */
static void report(const struct jp_error *err)
{
    char text[1024];
    if (err)
        (void)snprintf(text, sizeof(text), "%s", jp_error_text(err));
    else
        (void)snprintf(text, sizeof(text), "ok %d", (int)getpid());
    (void)send(STDIN_FILENO, text, strlen(text), MSG_NOSIGNAL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)close(null);
    }
}

/* A child goes on; nobody waits for this process, which moves it out of the caller's groups. */
static int leave_caller_groups(struct jp_error *err)
{
    if (!jp_cgroups_are_foreign())
        return 0;
    pid_t pid = fork();
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    if (pid == 0)
        return 0;
    (void)setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    closefrom(STDERR_FILENO + 1);
    jp_cgroups_leave(pid);
    _exit(0);
}

/* Leaves the process that was started; its starter waits for that one alone. */
static int leave_caller(struct jp_error *err)
{
    pid_t pid = fork();
    if (pid < 0)
        return jp_fail_sys(err, "fork");
    if (pid > 0)
        _exit(0);
    return leave_caller_groups(err) < 0 ? -1 : jp_detach(err);
}

static int open_shop(struct service *s, struct jp_error *err)
{
    s->log.fd = s->settings.has_log ? s->fds[JP_SERVICE_FD_LOG] : -1;
    jp_door_allow();
    if (jp_confine_ids(&s->settings, err) < 0 ||
        jp_registry_new(s->fds[JP_SERVICE_FD_DIR], &s->registry, err) < 0 ||
        catch_signals(err) < 0 ||
        jp_http_new(&s->settings, &s->fds[JP_SERVICE_FD_SOCKETS], s->registry, &s->log, &s->http,
                    err) < 0)
        return -1;
    s->needed_ms = jp_time_monotonic_ms();
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

/*
 * A service on demand ends when it was without pods for a while. The lock keeps the next pod's
 * start waiting: it must not find a service that is about to go. Everything is given back before
 * the lock.
 */
static bool may_go(struct service *s, int *ret_lock)
{
    struct stat st;
    int64_t now = jp_time_monotonic_ms();
    bool is_removed = fstat(s->fds[JP_SERVICE_FD_DIR], &st) == 0 && st.st_nlink == 0;
    if (is_removed)
        return true;
    if (jp_registry_count(s->registry) > 0 || jp_http_is_busy(s->http))
        s->needed_ms = now;
    if (!s->settings.is_on_demand || now - s->needed_ms < s->settings.idle_ms)
        return false;
    JP_AUTO_FD int lock =
        openat(s->fds[JP_SERVICE_FD_DIR], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
        return false;
    if (jp_registry_count(s->registry) > 0)
        return false;
    *ret_lock = jp_fd_take(&lock);
    return true;
}

static int serve(struct service *s, int *ret_lock, struct jp_error *err)
{
    int64_t looked = 0;
    while (!was_asked_to_stop) {
        if (jp_http_serve(s->http, wake_ends[0], ROUND_MS, err) < 0)
            return -1;
        int64_t now = jp_time_monotonic_ms();
        if (now - looked < ROUND_MS)
            continue;
        looked = now;
        jp_http_reap(s->http);
        if (may_go(s, ret_lock))
            break;
    }
    return 0;
}

static void close_shop(struct service *s)
{
    jp_http_free(s->http);
    jp_access_log_clear(&s->log);
    jp_registry_free(s->registry);
    jp_service_settings_clear(&s->settings);
    jp_fd_close(&s->fds[JP_SERVICE_FD_LIFE]);
}

static int run(struct jp_error *err)
{
    struct service s = {.n_fds = 0};
    JP_AUTO_FD int lock = -1;
    bool is_open = take_settings(&s, err) == 0 &&
                   (!s.settings.is_on_demand || leave_caller(err) == 0) &&
                   open_shop(&s, err) == 0 && jp_confine_self(s.fds[JP_SERVICE_FD_DIR], err) == 0;
    int r = -1;
    if (is_open) {
        report(NULL);
        r = serve(&s, &lock, err);
    }
    close_shop(&s);
    return r;
}

/* ---- called by hand -------------------------------------------------------------------------- */

static bool was_started_by_jetpack(void)
{
    int type = 0;
    socklen_t len = sizeof(type);
    return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_SEQPACKET;
}

/* `jetpack ARGUMENT... mds -serve`: beside us, in the build tree, or where it is installed. */
static int become_jetpack(int argc, char **argv)
{
    static const char *const beside[] = {"../cli/jetpack", "../../bin/jetpack", "jetpack"};
    JP_AUTO_FREE char *self = jp_self_path(NULL);
    JP_AUTO_FREE char **words = jp_calloc((size_t)argc + 3, sizeof(*words));
    char *slash = self ? strrchr(self, '/') : NULL;
    if (!words || !slash)
        return 1;
    for (int i = 1; i < argc; i++)
        words[i] = argv[i];
    words[0] = (char *)(uintptr_t) "jetpack";
    words[argc] = (char *)(uintptr_t) "mds";
    words[argc + 1] = (char *)(uintptr_t) "-serve";
    *slash = '\0';
    for (size_t i = 0; i < JP_LEN(beside); i++) {
        JP_AUTO_FREE char *path = jp_format("%s/%s", self, beside[i]);
        if (path)
            (void)execv(path, words);
    }
    (void)execv(JP_PREFIX "/bin/jetpack", words);
    (void)fprintf(stderr, "jetpack-mds: cannot execute 'jetpack': %s\n", strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (!was_started_by_jetpack())
        return become_jetpack(argc, argv);
    if (run(&err) == 0)
        return 0;
    (void)fprintf(stderr, "jetpack-mds: %s\n", jp_error_text(&err));
    report(&err);
    return 1;
}
