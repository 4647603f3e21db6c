/*
 * Locks by flock(2): see lock.h.
 *
 * A lock file that was removed or replaced while we waited would leave two holders of "the" lock,
 * so after taking it the name must still lead to the inode that is locked. Nobody here removes lock
 * files of living things; this answers those who do (and `destroy` racing `run`).
 */
#include "sys/lock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <time.h>

#include "sys/fd.h"

#define MAX_REPLACED   1000   /* times that the file may be replaced under us before we give up */
#define PROBE_PAUSE_NS 500000 /* a probe of jp_lock_is_held() holds the lock for microseconds, */
#define PROBE_TRIES    120000 /* or a minute, when its process does not get a processor */

/* 1 when `name` still leads to the locked file, 0 when not, -1 on error. */
static int is_current(int dir_fd, const char *name, int fd, struct jp_error *err)
{
    struct stat held, named;
    if (fstat(fd, &held) < 0)
        return jp_fail_sys(err, "stat lock '%s'", name);
    if (!S_ISREG(held.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "lock '%s' is not a regular file", name);
    if (held.st_nlink == 0)
        return 0;
    if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "stat lock '%s'", name);
    return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* True when nobody but probes keeps us from the lock: they hold it shared, its owner does not. */
static bool is_probed(int fd)
{
    if (errno != EWOULDBLOCK || flock(fd, LOCK_SH | LOCK_NB) < 0)
        return false;
    (void)flock(fd, LOCK_UN);
    return true;
}

static int take(int fd, enum jp_lock_mode mode, bool wait)
{
    int operation = (mode == JP_LOCK_SHARED ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
    for (int i = 0; flock(fd, operation) < 0; i++) {
        if (mode != JP_LOCK_LIFE || i >= PROBE_TRIES || !is_probed(fd))
            return -1;
        (void)nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = PROBE_PAUSE_NS}, NULL);
    }
    return 0;
}

static int fail_take(struct jp_error *err, const char *name)
{
    if (errno == EWOULDBLOCK)
        return jp_fail(err, JP_EBUSY, 0, "'%s' is locked by another process", name);
    return jp_fail(err, errno == EINTR ? JP_EINTERRUPTED : JP_ESYS, errno, "lock '%s'", name);
}

int jp_lock_take(int dir_fd, const char *name, enum jp_lock_mode mode, bool wait,
                 struct jp_error *err)
{
    for (int i = 0; i < MAX_REPLACED; i++) {
        JP_AUTO_FD int fd = jp_fd_open(dir_fd, name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, err);
        if (fd < 0)
            return -1;
        if (take(fd, mode, wait) < 0)
            return fail_take(err, name);
        int r = is_current(dir_fd, name, fd, err);
        if (r != 0)
            return r < 0 ? -1 : jp_fd_take(&fd);
    }
    return jp_fail(err, JP_EBUSY, 0, "lock '%s' is replaced again and again", name);
}

int jp_lock_fd_is_held(int fd, struct jp_error *err)
{
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 1 : jp_fail_sys(err, "look whether a lock is held");
    return flock(fd, LOCK_UN) < 0 ? jp_fail_sys(err, "let go of a lock") : 0;
}

int jp_lock_is_held(int dir_fd, const char *name, struct jp_error *err)
{
    JP_AUTO_FD int fd =
        openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? 0 : jp_fail_sys(err, "open lock '%s'", name);
    int held = jp_lock_fd_is_held(fd, err);
    return held < 0 ? jp_wrap(err, "'%s'", name) : held;
}
