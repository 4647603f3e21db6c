/*
 * Locks: flock(2) on files made for it, held by a descriptor for as long as the thing is in use.
 * They survive fork and exec with the descriptor and vanish with the last copy of it, whatever
 * kills the holder. Never a pid in a file.
 */
#ifndef JP_SYS_LOCK_H
#define JP_SYS_LOCK_H

#include <stdbool.h>

#include "base/error.h"

enum jp_lock_mode {
    JP_LOCK_SHARED,
    JP_LOCK_EXCLUSIVE,
    JP_LOCK_LIFE, /* exclusive, where others at most ask jp_lock_is_held(): that is waited for */
};

/*
 * Takes the lock file `name` in dir_fd (made 0600 when missing). Waits for it when `wait`, else
 * fails at once with JP_EBUSY. Returns the descriptor that holds it; closing releases. Notices
 * when the file was replaced or removed while waiting and tries again.
 */
int jp_lock_take(int dir_fd, const char *name, enum jp_lock_mode mode, bool wait,
                 struct jp_error *err);

/*
 * 1 when somebody holds it exclusively, 0 when not (or no such file), -1 on error. For a moment it
 * takes the lock shared: who must not fail for that takes it as JP_LOCK_LIFE.
 */
int jp_lock_is_held(int dir_fd, const char *name, struct jp_error *err);

/* The same of a lock file that is open already, on a descriptor of the caller's that holds nothing.
 */
int jp_lock_fd_is_held(int fd, struct jp_error *err);

#endif
