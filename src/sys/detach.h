/* Becoming a process that belongs to nobody. */
#ifndef JP_SYS_DETACH_H
#define JP_SYS_DETACH_H

#include "base/error.h"

/*
 * For a service that some command happened to start: gives up, before privileges are, what it
 * inherited from that command: session and terminal, working directory, umask, environment, limits,
 * priorities and processors, keyring, the score of the out-of-memory killer. Descriptors are the
 * caller's business, and so are control groups (sys/cgroups.h), which take longer. What this host
 * does not let go is left as it is.
 */
int jp_detach(struct jp_error *err);

#endif
