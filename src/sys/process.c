/*
 * Handles on processes: see process.h.
 *
 * A pid alone may belong to a stranger a moment later. On Linux a pidfd pins the process, and its
 * start time (field 22 of /proc/PID/stat) makes a pid that was written down recognisable again. The
 * order matters: the pidfd first, then the start time, then a look whether the pidfd's process is
 * still there, so that both speak of the same one. Without pidfds (FreeBSD, Linux before 5.3,
 * filters) the start time is compared directly before each signal; the window that is left is the
 * time between two system calls.
 */
#include "sys/process.h"

#include <sys/types.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#else
#include <sys/event.h>
#include <sys/procctl.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#endif
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "sys/fd.h"

#define POLL_MS       20    /* between two looks where there is no pidfd to wait for */
#define MAX_ARGUMENTS 65536 /* bytes that are looked at */

enum presence { PRESENCE_ERROR = -1, PRESENCE_NONE = 0, PRESENCE_RUNNING = 1, PRESENCE_STOPPED };

static enum presence still_there(const struct jp_process *process);

#ifdef __linux__

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int signal_pidfd(int fd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

int jp_process_watch(const struct jp_process *process)
{
    return process->fd < 0 ? -1 : fcntl(process->fd, F_DUPFD_CLOEXEC, 0);
}

/*
 * State and start time, from "PID (NAME) STATE ...". The name may hold anything, also ") Z 1", so
 * the last parenthesis counts: nothing after it is text.
 */
static bool parse_stat(char *text, char *ret_state, uint64_t *ret_start)
{
    char *p = strrchr(text, ')');
    if (!p || p[1] != ' ' || p[2] == '\0')
        return false;
    *ret_state = p[2];
    p += 2;
    for (int field = 3; field < 22; field++) {
        p = strchr(p, ' ');
        if (!p)
            return false;
        p++;
    }
    p[strcspn(p, " \n")] = '\0';
    return jp_parse_u64(p, 10, 0, UINT64_MAX, ret_start);
}

/* Zombies count as gone, as they do for a pidfd. */
static enum presence look_up(pid_t pid, uint64_t *ret_start)
{
    char path[64], text[2048];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? PRESENCE_NONE : PRESENCE_ERROR;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return errno == ESRCH ? PRESENCE_NONE : PRESENCE_ERROR;
    text[n] = '\0';
    char state;
    if (!parse_stat(text, &state, ret_start)) {
        errno = EPROTO;
        return PRESENCE_ERROR;
    }
    if (state == 'Z' || state == 'X')
        return PRESENCE_NONE;
    return state == 'T' ? PRESENCE_STOPPED : PRESENCE_RUNNING;
}

/* Its arguments, each with its NUL. */
static ssize_t read_arguments(pid_t pid, char *bytes, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : read(fd, bytes, size);
}

#else

static int open_pidfd(pid_t pid)
{
    (void)pid;
    errno = ENOSYS;
    return -1;
}

static int signal_pidfd(int fd, int signal)
{
    (void)fd, (void)signal;
    errno = ENOSYS;
    return -1;
}

/* A queue with one event in it: that stays readable until somebody takes it. */
int jp_process_watch(const struct jp_process *process)
{
    struct kevent end;
    JP_AUTO_FD int queue = kqueue();
    EV_SET(&end, process->pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    if (queue < 0 || fcntl(queue, F_SETFD, FD_CLOEXEC) < 0 ||
        kevent(queue, &end, 1, NULL, 0, NULL) < 0 || still_there(process) <= PRESENCE_NONE)
        return -1;
    return jp_fd_take(&queue);
}

static enum presence look_up(pid_t pid, uint64_t *ret_start)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    struct kinfo_proc info;
    size_t size = sizeof(info);
    if (sysctl(name, 4, &info, &size, NULL, 0) < 0)
        return errno == ESRCH ? PRESENCE_NONE : PRESENCE_ERROR;
    if (size != sizeof(info) || info.ki_pid != pid || info.ki_stat == SZOMB)
        return PRESENCE_NONE;
    *ret_start = (uint64_t)info.ki_start.tv_sec * 1000000U + (uint64_t)info.ki_start.tv_usec;
    return info.ki_stat == SSTOP ? PRESENCE_STOPPED : PRESENCE_RUNNING;
}

static ssize_t read_arguments(pid_t pid, char *bytes, size_t size)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_ARGS, pid};
    return sysctl(name, 4, bytes, &size, NULL, 0) < 0 ? -1 : (ssize_t)size;
}

#endif

int jp_process_open(pid_t pid, struct jp_process *ret, struct jp_error *err)
{
    if (pid <= 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "no process %d", (int)pid);
    JP_AUTO_FD int fd = open_pidfd(pid);
    /* EINVAL: the number of a thread. */
    if (fd < 0 && (errno == ESRCH || errno == EINVAL))
        return jp_fail(err, JP_ENOTFOUND, 0, "no process %d", (int)pid);
    if (fd < 0 && errno != ENOSYS && errno != EPERM)
        return jp_fail_sys(err, "open process %d", (int)pid);
    uint64_t start = 0;
    enum presence presence = look_up(pid, &start);
    if (presence == PRESENCE_ERROR)
        return jp_fail_sys(err, "look up process %d", (int)pid);
    bool is_pinned = fd >= 0 && signal_pidfd(fd, 0) == 0;
    /* It is there and procfs does not show it: procfs is missing, "not found" would be a lie. */
    if (presence == PRESENCE_NONE && is_pinned && access("/proc/self/stat", F_OK) < 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "/proc is not mounted");
    if (presence == PRESENCE_NONE || (fd >= 0 && !is_pinned && errno == ESRCH))
        return jp_fail(err, JP_ENOTFOUND, 0, "no process %d", (int)pid);
    *ret = (struct jp_process){.pid = pid, .start = start, .fd = jp_fd_take(&fd)};
    return 0;
}

int jp_process_open_same(pid_t pid, uint64_t start, struct jp_process *ret, struct jp_error *err)
{
    struct jp_process found = JP_PROCESS_INIT;
    if (jp_process_open(pid, &found, err) < 0)
        return -1;
    if (found.start != start) {
        jp_process_clear(&found);
        return jp_fail(err, JP_ENOTFOUND, 0, "process %d is another one now", (int)pid);
    }
    *ret = found;
    return 0;
}

/* Is it still the process of the handle? */
static enum presence still_there(const struct jp_process *process)
{
    uint64_t start = 0;
    enum presence presence = look_up(process->pid, &start);
    if (presence > PRESENCE_NONE && start != process->start)
        return PRESENCE_NONE;
    return presence;
}

bool jp_process_is_stopped(const struct jp_process *process)
{
    return still_there(process) == PRESENCE_STOPPED;
}

int jp_process_signal(const struct jp_process *process, int signal, struct jp_error *err)
{
    int r;
    if (process->pid <= 0)
        return jp_fail(err, JP_EINVALID, 0, "no process to signal");
    if (process->fd >= 0) {
        r = signal_pidfd(process->fd, signal);
    } else {
        enum presence presence = still_there(process);
        if (presence == PRESENCE_NONE)
            return 0;
        r = presence == PRESENCE_ERROR ? -1 : kill(process->pid, signal);
    }
    if (r < 0 && errno != ESRCH)
        return jp_fail_sys(err, "send signal %d to process %d", signal, (int)process->pid);
    return 0;
}

/* One wait of at most timeout_ms (-1: a while): 1 gone, 0 not yet, -1 error. */
static int wait_some(const struct jp_process *process, int timeout_ms)
{
    if (process->fd >= 0) {
        struct pollfd waiting = {.fd = process->fd, .events = POLLIN};
        int r = poll(&waiting, 1, timeout_ms);
        return r < 0 && errno == EINTR ? 0 : r;
    }
    enum presence presence = still_there(process);
    if (presence <= PRESENCE_NONE)
        return presence == PRESENCE_NONE ? 1 : -1;
    int pause_ms = timeout_ms >= 0 && timeout_ms < POLL_MS ? timeout_ms : POLL_MS;
    (void)nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = pause_ms * 1000000L}, NULL);
    return 0;
}

int jp_process_wait_gone(const struct jp_process *process, int timeout_ms, struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + timeout_ms;
    int left = timeout_ms;
    for (;;) {
        int r = wait_some(process, left);
        if (r < 0)
            return jp_fail_sys(err, "wait for process %d", (int)process->pid);
        if (r > 0)
            return 1;
        if (timeout_ms < 0)
            continue;
        int64_t rest = end - jp_time_monotonic_ms();
        /* One last look when the time is over. */
        if (rest <= 0 && left == 0)
            return 0;
        left = rest > 0 ? (int)rest : 0;
    }
}

static bool has_argument(const char *bytes, size_t size, const char *argument)
{
    size_t len = strlen(argument) + 1;
    for (size_t at = 0; at + len <= size; at += strnlen(bytes + at, size - at) + 1) {
        if (memcmp(bytes + at, argument, len) == 0)
            return true;
    }
    return false;
}

bool jp_process_has_arguments(const struct jp_process *process, char *const arguments[])
{
    JP_AUTO_FREE char *bytes = jp_alloc(MAX_ARGUMENTS);
    ssize_t n = bytes ? read_arguments(process->pid, bytes, MAX_ARGUMENTS) : -1;
    /* Read first: what is still there now is what was read. */
    if (n <= 0 || still_there(process) != PRESENCE_RUNNING)
        return false;
    for (size_t i = 0; arguments[i]; i++) {
        if (!has_argument(bytes, (size_t)n, arguments[i]))
            return false;
    }
    return true;
}

void jp_process_clear(struct jp_process *process)
{
    jp_fd_close(&process->fd);
    *process = (struct jp_process)JP_PROCESS_INIT;
}

void jp_process_end_with_parent(void)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#else
    int death = SIGKILL;
    (void)procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &death);
#endif
}
