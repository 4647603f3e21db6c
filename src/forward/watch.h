/*
 * Waiting for descriptors: epoll(7) on Linux, kqueue(2) on FreeBSD, both told once and reporting
 * changes only (edges). Who is called tries until nothing is left to do, or comes back by itself.
 */
#ifndef JP_FORWARD_WATCH_H
#define JP_FORWARD_WATCH_H

#include "base/error.h"

#define JP_READY_READ  1u
#define JP_READY_WRITE 2u

struct jp_watch {
    /* `ready`: JP_READY_*; an error or the other side's end is told as both. */
    void (*on)(struct jp_watch *watch, unsigned ready);
};

/* A new queue, close-on-exec. */
int jp_watch_open(struct jp_error *err);
/* Watches a non-blocking descriptor until it is closed; -1 with errno. */
int jp_watch_add(int queue, int fd, struct jp_watch *watch);
/* Waits at most timeout_ms (-1: for ever) and calls `on` for what happened. */
void jp_watch_wait(int queue, int timeout_ms);

#endif
