#include "platform/hostwide.h"

#include <sys/file.h>

#include "sys/fd.h"
#include "sys/lock.h"

#define LOCK_FILE "lock"

int jp_hostwide_hold(const struct jp_plan_host *host, int *ret_lock, int *ret_state_fd,
                     struct jp_error *err)
{
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, err);
    if (state_fd < 0)
        return -1;
    int lock = jp_lock_take(state_fd, LOCK_FILE, JP_LOCK_SHARED, true, err);
    if (lock < 0)
        return -1;
    *ret_lock = lock;
    *ret_state_fd = jp_fd_take(&state_fd);
    return 0;
}

/* Who comes meanwhile waits for the lock and makes it anew. */
void jp_hostwide_leave(const struct jp_plan_host *host, int *lock, jp_hostwide_end *end)
{
    if (*lock < 0)
        return;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, NULL);
    if (state_fd >= 0 && flock(*lock, LOCK_EX | LOCK_NB) == 0)
        (void)end(host, state_fd, NULL);
    jp_fd_close(lock);
}

int jp_hostwide_release(const struct jp_plan_host *host, jp_hostwide_end *end, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, NULL);
    if (state_fd < 0)
        return 0;
    JP_AUTO_FD int lock = jp_lock_take(state_fd, LOCK_FILE, JP_LOCK_EXCLUSIVE, false, &why);
    if (lock >= 0)
        return end(host, state_fd, err);
    if (why.code == JP_EBUSY)
        return 0;
    jp_error_move(err, &why);
    return -1;
}
