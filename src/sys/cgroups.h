/*
 * The control groups that a process was born in (Linux; elsewhere there are none). What ends the
 * group of whoever typed a command, a login or a unit, must not end a service that it started.
 */
#ifndef JP_SYS_CGROUPS_H
#define JP_SYS_CGROUPS_H

#include <sys/types.h>

#include <stdbool.h>

/* Whether this process is in a group of somebody's: in any hierarchy not at the top. */
bool jp_cgroups_are_foreign(void);

/*
 * Moves a process to the top of every hierarchy in which it is not there, as far as this host lets
 * it. Each move takes the kernel milliseconds (it waits for a grace period): for a process that
 * nobody waits for. The pid must not come to be another's meanwhile.
 */
void jp_cgroups_leave(pid_t pid);

#endif
