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

#define MAX_PID       32
#define END_MS        5000 /* after SIGKILL; it has nothing to write */
#define LOCK_TRIES    200
#define LOCK_PAUSE_MS 10

char *jp_names_mark(const char *dir)
{
    return jp_format("--pid-file=%s/" JP_NAMES_PID, dir);
}

static bool read_pid(int dir_fd, pid_t *ret)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    uint64_t pid = 0;
    if (jp_file_read(dir_fd, JP_NAMES_PID, MAX_PID, &text, NULL) < 0 || text.len == 0)
        return false;
    JP_AUTO_FREE char *digits = jp_memdup0(text.data, strcspn(jp_buf_text(&text), "\n"));
    if (!digits || !jp_parse_u64(digits, 10, 1, INT32_MAX, &pid))
        return false;
    *ret = (pid_t)pid;
    return true;
}

int jp_names_find(int dir_fd, const char *dir, struct jp_process *ret)
{
    pid_t pid = 0;
    struct jp_process process = JP_PROCESS_INIT;
    JP_AUTO_FREE char *mark = jp_names_mark(dir);
    if (!mark || !read_pid(dir_fd, &pid) || jp_process_open(pid, &process, NULL) < 0)
        return 0;
    char *const marks[] = {mark, NULL};
    if (jp_process_has_arguments(&process, marks)) {
        *ret = process;
        return 1;
    }
    jp_process_clear(&process);
    return 0;
}

void jp_names_end(int dir_fd, const char *dir)
{
    struct jp_process process = JP_PROCESS_INIT;
    if (jp_names_find(dir_fd, dir, &process) == 1 &&
        jp_process_signal(&process, SIGKILL, NULL) == 0)
        (void)jp_process_wait_gone(&process, END_MS, NULL);
    jp_process_clear(&process);
    (void)jp_sys.unlinkat(dir_fd, JP_NAMES_PID, 0);
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
        jp_names_end(dir_fd, dir);
}
