#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

#include <fcntl.h>
#include <stddef.h>

#include "forward/watch.h"

#define AT_ONCE 256 /* events taken at a time */

int jp_watch_open(struct jp_error *err)
{
    int queue = kqueue();
    if (queue < 0 || fcntl(queue, F_SETFD, FD_CLOEXEC) < 0)
        return jp_fail_sys(err, "make an event queue");
    return queue;
}

int jp_watch_add(int queue, int fd, struct jp_watch *watch)
{
    struct kevent changes[2];
    EV_SET(&changes[0], fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, watch);
    EV_SET(&changes[1], fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, watch);
    return kevent(queue, changes, 2, NULL, 0, NULL);
}

void jp_watch_wait(int queue, int timeout_ms)
{
    static struct kevent events[AT_ONCE];
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    int n = kevent(queue, NULL, 0, events, AT_ONCE, timeout_ms < 0 ? NULL : &timeout);
    for (int i = 0; i < n; i++) {
        struct jp_watch *watch = events[i].udata;
        unsigned ready = events[i].filter == EVFILT_WRITE ? JP_READY_WRITE : JP_READY_READ;
        if (events[i].flags & (EV_EOF | EV_ERROR))
            ready = JP_READY_READ | JP_READY_WRITE;
        watch->on(watch, ready);
    }
}
