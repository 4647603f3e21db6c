/* Starting a forwarder: what the back ends have in common. */
#ifndef JP_PLATFORM_PUBLISH_H
#define JP_PLATFORM_PUBLISH_H

#include "platform/platform.h"

/*
 * Forks and executes the program. `enter` (NULL: nothing) runs in the child first: 0, 1 when
 * clients' addresses cannot be kept there (the program is told), -1 when it must not run at all.
 * Failures of the child show as the end of its life.
 */
int jp_publish_spawn(const struct jp_publish *publish, int (*enter)(void *context), void *context,
                     pid_t *ret_pid, struct jp_error *err);

#endif
