/*
 * What a process has from whoever started it, and a pod or a service must not have: limits,
 * priorities, processors, protection, the class and the name of a login. On FreeBSD; for Linux see
 * platform/linux/caller.c. (Descriptors, signals, umask, groups and environment are given up
 * elsewhere.)
 */
#ifndef JP_SYS_CALLER_H
#define JP_SYS_CALLER_H

/*
 * Gives it up for this process and its children to come. The ordinary value is the kernel's, or
 * that of the host's PID 1: whoever could change that may. `kept` (NULL: nobody) is called, with
 * errno, for what this process has no right to change. The name of a login is the session's: it
 * goes only when we lead that. Tracing by ktrace(1) -i goes on: that is what it is asked for.
 */
void jp_caller_forget(void (*kept)(void *context, const char *what), void *context);

#endif
