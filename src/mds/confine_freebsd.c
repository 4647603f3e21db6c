/* FreeBSD: capability mode. Files are reached below dir_fd by openat(2), sockets are open already.
 */
#include "config.h"

#include <sys/capsicum.h>

#include <errno.h>

#include "mds/confine.h"

int jp_confine_self(int dir_fd, struct jp_error *err)
{
    (void)dir_fd;
    /* ENOSYS: a kernel without it. */
    if (!JP_SANITIZED && cap_enter() < 0 && errno != ENOSYS)
        return jp_fail_sys(err, "enter capability mode");
    return 0;
}
