#include <sys/epoll.h>

#include <stddef.h>

#include "forward/watch.h"

#define AT_ONCE 256 /* events taken at a time */

int jp_watch_open(struct jp_error *err)
{
    int queue = epoll_create1(EPOLL_CLOEXEC);
    return queue < 0 ? jp_fail_sys(err, "make an event queue") : queue;
}

int jp_watch_add(int queue, int fd, struct jp_watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = watch};
    return epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
}

void jp_watch_wait(int queue, int timeout_ms)
{
    static struct epoll_event events[AT_ONCE];
    int n = epoll_wait(queue, events, AT_ONCE, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct jp_watch *watch = events[i].data.ptr;
        unsigned ready = 0;
        if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
            ready |= JP_READY_READ;
        if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            ready |= JP_READY_WRITE;
        watch->on(watch, ready);
    }
}
