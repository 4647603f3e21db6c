/* Waiting for bytes without losing a signal that comes just before. */
#ifndef JP_SYS_READABLE_H
#define JP_SYS_READABLE_H

#include <signal.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Waits until something can be read, or the other end is closed: 1, or 0 after timeout_ms (-1:
 * never). `cancel` is what a handler of this thread sets (NULL: nothing): -1 with JP_EINTERRUPTED,
 * however shortly before the signal came; between a look and a poll(2), or a read(2), it would be
 * lost. JP_ESYS.
 */
int jp_wait_readable(int fd, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
                     struct jp_error *err);

#endif
