/* Linux: a process of ours restricts its own system calls (seccomp). */
#ifndef JP_SYS_CALLFILTER_H
#define JP_SYS_CALLFILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A call that is allowed with some values of its first two arguments only (masked). */
struct jp_call_limit {
    unsigned call;
    struct {
        uint32_t mask;
        uint32_t values[2];
    } arguments[2];
};

/*
 * From now on only these calls can be made; others fail with EPERM, so that an update of a library
 * shows as an error and not as a death. Calls of another architecture kill. `limited` may be empty.
 * The caller has set PR_SET_NO_NEW_PRIVS. A kernel without filters is none of this call's errors.
 */
int jp_callfilter_apply(const unsigned *calls, size_t count, const struct jp_call_limit *limited,
                        size_t n_limited, struct jp_error *err);

#endif
