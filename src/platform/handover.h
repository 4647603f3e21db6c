/* The descriptors with which a shim is started (plan/orders.h): for every system. */
#ifndef JP_PLATFORM_HANDOVER_H
#define JP_PLATFORM_HANDOVER_H

#include "platform/platform.h"

struct jp_handover {
    const struct jp_spawn *spawn;
    int report_fd;
    int orders_fd;
    int program_fd; /* the shim's executable */
};

/*
 * Puts them where the shim expects them and closes every other; the executable comes behind them,
 * close-on-exec. Returns its new number, or -1 with errno. For a process between fork and exec:
 * allocates nothing.
 */
int jp_handover_arrange(const struct jp_handover *handover);

#endif
