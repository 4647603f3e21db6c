/*
 * Orders: what stage 1 hands to stage 2, the shim, for one process of an app: main process, event
 * handler, `exec`, `console` alike, so that all of them are confined in the same way
 * (CVE-2019-10144 is what happens when they are not).
 */
#ifndef JP_PLAN_ORDERS_H
#define JP_PLAN_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/error.h"
#include "plan/label.h"

#define JP_ORDERS_MAX_GROUPS  65536 /* NGROUPS_MAX of Linux */
#define JP_ORDERS_MAX_SOCKETS 256

struct jp_orders {
    struct jp_strv argv; /* argv[0] is searched in PATH of env when it has no slash */
    struct jp_strv env;
    char *cwd; /* absolute inside the root; checked after chdir (CVE-2024-21626) */
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* the complete supplementary list, primary gid included */
    size_t n_groups;
    uint64_t capabilities;
    bool no_new_privileges;
    struct jp_plan_labels
        labels;             /* for the program, not for the shim; the back end fills them in */
    unsigned char *seccomp; /* sock_filter[], NULL: none */
    size_t seccomp_len;
    bool has_tty;        /* make standard input the controlling terminal */
    bool wait_for_check; /* stop before the seccomp filter until stage 1 has read back the rest */
    uint32_t umask;
    struct jp_strv sockets; /* names of those that the program finds open (sd_listen_fds(3)) */
};

/*
 * Descriptors that the shim finds beside its standard streams (its sockets are moved to 3 and up
 * before the program begins), and what it says on the first: one packet STARTED with the pid that
 * will become the program (the shim may have forked), then, on the go (one byte from stage 1),
 * either end of file because execve(2) closed it, or a failure.
 */
#define JP_SHIM_REPORT_FD 3 /* SOCK_SEQPACKET to stage 1 */
#define JP_SHIM_ORDERS_FD 4 /* the orders, from their beginning to the end of file */
#define JP_SHIM_FIRST_FD  5 /* the first of orders.sockets; no descriptor follows the last */

enum jp_shim_step {
    JP_SHIM_STARTED = 1, /* pid is valid; everything but the filter is applied */
    JP_SHIM_ORDERS,      /* the orders could not be read */
    JP_SHIM_CWD,         /* no such working directory */
    JP_SHIM_OUTSIDE,     /* the working directory is not inside the root (CVE-2024-21626) */
    JP_SHIM_GROUPS,
    JP_SHIM_IDS,
    JP_SHIM_CAPABILITIES,
    JP_SHIM_LABEL, /* a security module did not take its label */
    JP_SHIM_FORK,
    JP_SHIM_TERMINAL,
    JP_SHIM_SOCKETS, /* they could not be handed on */
    JP_SHIM_SECCOMP,
    JP_SHIM_NOT_FOUND,      /* exit status 127 */
    JP_SHIM_NOT_EXECUTABLE, /* exit status 126 */
};

struct jp_shim_report {
    uint32_t step; /* enum jp_shim_step */
    int32_t sys;   /* errno */
    int32_t pid;   /* STARTED: as the shim's parent sees it */
};

void jp_orders_code(struct jp_codec *c, struct jp_orders *orders);
int jp_orders_decode(const void *bytes, size_t len, struct jp_orders *ret, struct jp_error *err);
void jp_orders_clear(struct jp_orders *orders);

#endif
