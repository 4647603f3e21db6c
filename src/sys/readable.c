#include "sys/readable.h"

#include <errno.h>
#include <poll.h>

#include "base/time.h"

int jp_wait_readable(int fd, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
                     struct jp_error *err)
{
    int64_t end_ms = jp_time_monotonic_ms() + timeout_ms;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    sigset_t all, before;
    int r, n = -1;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    do {
        int64_t left = timeout_ms < 0 ? 0 : end_ms - jp_time_monotonic_ms();
        left = left < 0 ? 0 : left;
        struct timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        r = cancel && *cancel ? jp_fail(err, JP_EINTERRUPTED, 0, "interrupted") : 0;
        if (r == 0)
            n = ppoll(&p, 1, timeout_ms < 0 ? NULL : &limit, &before);
    } while (r == 0 && n < 0 && errno == EINTR);
    int saved = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    if (r == 0 && n < 0)
        return jp_fail_sys(err, "wait for something to read");
    return r < 0 ? -1 : n;
}
