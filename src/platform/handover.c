#include "platform/handover.h"

#include <fcntl.h>
#include <unistd.h>

#define MAX_FDS (JP_SHIM_FIRST_FD + JP_ORDERS_MAX_SOCKETS + 1)

static int wanted(const struct jp_handover *handover, size_t number)
{
    if (number < JP_SHIM_REPORT_FD)
        return handover->spawn->stdio[number];
    if (number == JP_SHIM_REPORT_FD)
        return handover->report_fd;
    if (number == JP_SHIM_ORDERS_FD)
        return handover->orders_fd;
    number -= JP_SHIM_FIRST_FD;
    return number < handover->spawn->orders->sockets.count ? handover->spawn->sockets[number]
                                                           : handover->program_fd;
}

int jp_handover_arrange(const struct jp_handover *handover)
{
    static int spare[MAX_FDS]; /* first out of each other's way */
    size_t count = JP_SHIM_FIRST_FD + handover->spawn->orders->sockets.count + 1;
    if (count > MAX_FDS)
        return -1;
    for (size_t i = 0; i < count; i++) {
        spare[i] = fcntl(wanted(handover, i), F_DUPFD, (int)count);
        if (spare[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (dup2(spare[i], (int)i) < 0)
            return -1;
    }
    closefrom((int)count);
    int program_fd = (int)count - 1;
    return fcntl(program_fd, F_SETFD, FD_CLOEXEC) < 0 ? -1 : program_fd;
}
