/*
 * Names of pods on their networks: what who starts a pod and its supervisor must agree on.
 *
 *   ROOT/names/NETWORK/   02750 root, the resolver's group
 *     lock                flock'ed by who starts or ends the resolver, and who enters a pod
 *     hosts/UUID          0640: what a pod is called, as hosts(5); there while the pod runs
 *     pid                 written by the resolver
 *     ending              its pid once it was told to end
 *     errors              what it said when it was started last
 *
 * The resolver is a program of the host (dnsmasq) that reads hosts/ and sees each change of it. It
 * is known by its pid together with an argument that no other process has, never by a number alone.
 * It runs as long as an entry is there: whoever removes the last one ends it.
 */
#ifndef JP_PLATFORM_NAMES_H
#define JP_PLATFORM_NAMES_H

#include "base/error.h"
#include "sys/process.h"

#define JP_NAMES_DIR   "names"
#define JP_NAMES_HOSTS "hosts"
#define JP_NAMES_LOCK  "lock"
#define JP_NAMES_PID   "pid"

/* The argument that a network's resolver is known by; `dir` is its absolute path. The caller's. */
char *jp_names_mark(const char *dir);

/* 1: *ret is the network's resolver, to be cleared; 0: none runs. */
int jp_names_find(int dir_fd, const char *dir, struct jp_process *ret);

/* Ends the resolver, if one runs, and waits for it and for one that ends. The lock must be held. */
void jp_names_end(int dir_fd, const char *dir);

/*
 * Removes a pod's entry (NULL: none) and, when no other is left, tells the resolver to end. That
 * takes some 7 ms, and only who starts another one waits. Fine with nothing to do. A lock that
 * cannot be had for a while belongs to somebody who sees to it.
 */
void jp_names_leave(const char *dir, const char *uuid);

#endif
