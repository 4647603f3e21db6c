#include "platform/names.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define ENDING        "ending" /* the pid of one that was told to */
#define MAX_PID       32
#define END_MS        5000 /* after SIGKILL; it has nothing to write */
#define LOCK_TRIES    200
#define LOCK_PAUSE_MS 10

char *jp_names_mark(const char *dir)
{
    return jp_format("--pid-file=%s/" JP_NAMES_PID, dir);
}

static bool read_pid(int dir_fd, const char *file, pid_t *ret)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    uint64_t pid = 0;
    if (jp_file_read(dir_fd, file, MAX_PID, &text, NULL) < 0 || text.len == 0)
        return false;
    JP_AUTO_FREE char *digits = jp_memdup0(text.data, strcspn(jp_buf_text(&text), "\n"));
    if (!digits || !jp_parse_u64(digits, 10, 1, INT32_MAX, &pid))
        return false;
    *ret = (pid_t)pid;
    return true;
}

static bool is_resolver(const struct jp_process *process, const char *dir)
{
    JP_AUTO_FREE char *mark = jp_names_mark(dir);
    char *const marks[] = {mark, NULL};
    return mark && jp_process_has_arguments(process, marks);
}

int jp_names_find(int dir_fd, const char *dir, struct jp_process *ret)
{
    pid_t pid = 0;
    struct jp_process process = JP_PROCESS_INIT;
    if (!read_pid(dir_fd, JP_NAMES_PID, &pid) || jp_process_open(pid, &process, NULL) < 0)
        return 0;
    if (is_resolver(&process, dir)) {
        *ret = process;
        return 1;
    }
    jp_process_clear(&process);
    return 0;
}

/* First it is not to be found any more, for it may take its time. */
static void tell_to_end(int dir_fd, const char *dir)
{
    struct jp_process process = JP_PROCESS_INIT;
    bool is_there = jp_names_find(dir_fd, dir, &process) == 1;
    (void)jp_sys.renameat(dir_fd, JP_NAMES_PID, dir_fd, ENDING);
    if (is_there)
        (void)jp_process_signal(&process, SIGKILL, NULL);
    jp_process_clear(&process);
}

/* A process that ends gives up its memory first, and with it its arguments; its sockets last. */
static bool is_half_gone(const struct jp_process *process)
{
    static char *const any[] = {NULL};
    return !jp_process_has_arguments(process, any);
}

static void await_end(int dir_fd, const char *dir)
{
    pid_t pid = 0;
    struct jp_process process = JP_PROCESS_INIT;
    bool is_there = read_pid(dir_fd, ENDING, &pid) && jp_process_open(pid, &process, NULL) == 0;
    /* Once more, for who told it may have been killed before. */
    if (is_there && is_resolver(&process, dir))
        (void)jp_process_signal(&process, SIGKILL, NULL);
    else
        is_there = is_there && is_half_gone(&process);
    if (is_there)
        (void)jp_process_wait_gone(&process, END_MS, NULL);
    jp_process_clear(&process);
    (void)jp_sys.unlinkat(dir_fd, ENDING, 0);
}

void jp_names_end(int dir_fd, const char *dir)
{
    await_end(dir_fd, dir);
    tell_to_end(dir_fd, dir);
    await_end(dir_fd, dir);
}

static int lock(int dir_fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        int fd = jp_lock_take(dir_fd, JP_NAMES_LOCK, JP_LOCK_EXCLUSIVE, false, &why);
        if (fd >= 0 || why.code != JP_EBUSY)
            return fd;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return -1;
}

void jp_names_leave(const char *dir, const char *uuid)
{
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(AT_FDCWD, dir, NULL);
    JP_AUTO_FD int hosts = dir_fd < 0 ? -1 : jp_fd_open_dir(dir_fd, JP_NAMES_HOSTS, NULL);
    if (hosts < 0 || (uuid && jp_sys.unlinkat(hosts, uuid, 0) < 0 && errno == ENOENT))
        return;
    if (!jp_fd_is_empty_dir(hosts))
        return;
    JP_AUTO_FD int held = lock(dir_fd);
    if (held >= 0 && jp_fd_is_empty_dir(hosts))
        tell_to_end(dir_fd, dir);
}
