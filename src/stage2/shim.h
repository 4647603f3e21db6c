/*
 * Inside the shim: what differs between systems. Each call returns 0, or -1 with errno.
 */
#ifndef JP_STAGE2_SHIM_H
#define JP_STAGE2_SHIM_H

#include "plan/orders.h"

/* Before anything else: nobody may trace us or look at our descriptors (CVE-2016-9962). */
int jp_shim_protect(void);

/* Every signal has its default action again, also those that the C library keeps for itself. */
void jp_shim_signals(void);

/* 0 when the working directory lies inside the root (CVE-2024-21626), else -1 with errno. */
int jp_shim_check_cwd(void);

/*
 * Before anything is given up: has the program labelled as the orders say, and reads back what the
 * kernel made of it (EPROTO: something else).
 */
int jp_shim_label(const struct jp_orders *orders);

/* Before the ids change: cuts what no later exec may regain. */
int jp_shim_limit(const struct jp_orders *orders);

/* The complete supplementary list: what the caller had is gone. */
int jp_shim_groups(const struct jp_orders *orders);

/* Takes on user and group ids, the real, effective and saved ones. */
int jp_shim_ids(const struct jp_orders *orders);

/* After the ids changed: drops what the program must not have. */
int jp_shim_drop(const struct jp_orders *orders);

/*
 * Becomes a process that the pod can see. *ret_pid is that process's pid. Where it must be another
 * one, this returns twice, with 0 in the new one; the caller has only to report the pid then.
 */
int jp_shim_enter(pid_t *ret_pid);

/* The last thing before execve(2). */
int jp_shim_filter(const struct jp_orders *orders);

#endif
