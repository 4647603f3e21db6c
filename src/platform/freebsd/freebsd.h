/*
 * The inside of the FreeBSD back end: what its files share.
 *
 * A pod is one jail. Its root is the directory "world" of the pod, which only holds mount points:
 * world/N is the N-th app's root (world/N.1 once it was started again), a nullfs mount of what the
 * storage driver made, with devfs and the rest mounted in it; a program enters the jail and then
 * its app's root (spawn.c). FreeBSD has neither namespaces of mounts nor a PID 1 of a jail, so
 * nothing goes away by itself: a small process, the keeper (keeper.c), waits for the supervisor to
 * die and then takes everything down, and `clean` does the same when the keeper was killed as well
 * (sweep.c). All of it is found by the pod's UUID and directory alone.
 */
#ifndef JP_PLATFORM_FREEBSD_FREEBSD_H
#define JP_PLATFORM_FREEBSD_FREEBSD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "platform/platform.h"

#define JP_FREEBSD_WORLD "world" /* below the pod's directory: the jail's root */
#define JP_FREEBSD_PLACE 24      /* bytes of the name of an app's root in it */
#define JP_FREEBSD_GROUP 16      /* bytes of the name of a group of devices, IFNAMSIZ */

struct jp_freebsd_app {
    int root_fd;                  /* its mounted root; -1 */
    unsigned renewals;            /* how often it got another */
    char place[JP_FREEBSD_PLACE]; /* where it is mounted, below the world */
    char login_class[24];         /* what its limits are bound to; "": it has none */
};

/* A root that its app has left, while some process is in it. */
struct jp_freebsd_left {
    uint64_t number;
    char place[JP_FREEBSD_PLACE];
};

struct jp_isolation {
    const struct jp_plan *plan; /* the caller's */
    int stage2_fd;              /* the caller's */
    int jid;                    /* of the live jail; -1 */
    int keeper_fd;              /* closed without a word: the keeper takes everything down */
    int keeper_process_fd;      /* becomes readable when the keeper is gone */
    char *world;                /* absolute path of the jail's root */
    int world_fd;
    struct jp_freebsd_app *apps;
    struct jp_freebsd_left *left;
    size_t n_left;
    size_t left_capacity;
    uint64_t last_left; /* the number that was given last */
    struct jp_strv warnings;
    int net_lock_fd; /* as long as it is held, what networks need of the host stays; -1 */
};

/* ---- jails (jail.c) ---- */

/* Makes the pod's jail; it stays until it is removed. *ret_jid. */
int jp_freebsd_jail_create(const struct jp_plan *plan, const char *world, struct jp_strv *warnings,
                           int *ret_jid, struct jp_error *err);
/* Calls `each` for every live or dying jail whose name ends in the UUID. */
void jp_freebsd_jail_find(const char *uuid, void (*each)(void *context, int jid, bool is_dying),
                          void *context);
/*
 * Removes the jail, which kills what is in it, and what survives (FreeBSD-SA-21:04: whoever was in
 * the middle of a fork); returns when no process of it is left. No such jail is fine.
 */
int jp_freebsd_jail_end(int jid, struct jp_error *err);
/* Sends a signal to every process in the jail. */
int jp_freebsd_jail_signal(int jid, int signal, struct jp_error *err);

/* ---- mounts (mount.c) ---- */

/* What is mounted and how. */
struct jp_freebsd_mount {
    const char *type;    /* "nullfs", "devfs", ... */
    const char *source;  /* nullfs: absolute path of the directory that is to be seen; else NULL */
    const char *options; /* "name=value name2", as nmount(2) takes them; NULL */
    int flags;           /* MNT_* */
};

/* Mounts on the very directory that target_fd is, whatever its name means meanwhile. */
int jp_freebsd_mount(const struct jp_freebsd_mount *mount, int target_fd, struct jp_error *err);
/* 0 when mounted_fd is the root of a nullfs mount of the directory source_fd, else JP_EINVALID. */
int jp_freebsd_check_mounted(int mounted_fd, int source_fd, struct jp_error *err);
/* Unmounts everything at or below a directory of ours, the newest first. 0 when nothing is left. */
int jp_freebsd_unmount_below(const char *dir, struct jp_error *err);
/* Is something mounted below an absolute path without links? nullfs does not show it. */
bool jp_freebsd_has_mount_below(const char *path);
/*
 * Refuses a volume that another pod has as well, unless both only read: a directory that is moved
 * while a process of the other pod stands in it leads that process out of its jail. Asked after the
 * mount was made, so that of two pods that start at once at least one sees the other's.
 * `dir`: the pod's own directory, whose mounts do not count.
 */
int jp_freebsd_check_sharing(const char *dir, const char *source, int source_fd, bool is_read_only,
                             struct jp_error *err);

/* ---- networks ---- */

/*
 * The address of a pod without a network stack of its own, on an interface of the host (alias.c).
 * A further loopback is made (lo1); JP_ENOTFOUND: there is no other. Removing what was not made is
 * fine; `dir`: the pod's directory.
 */
int jp_freebsd_alias_add(const struct jp_plan *plan, struct jp_error *err);
int jp_freebsd_alias_remove(const char *dir, struct jp_error *err);
/* jp_link_ops.listen (listen.c). */
int jp_freebsd_listen(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                      struct jp_error *err);
/*
 * The group (ifconfig(8)) of a bridge and the pods' devices on it, where a network's own packets
 * are seen: pf sees them on either. It must not end in a digit.
 */
void jp_freebsd_group_of(const char *bridge, char out[JP_FREEBSD_GROUP]);

/* ---- work in a child (child.c) ---- */

/* Runs `work` in a forked child and brings its failure home. */
int jp_freebsd_in_child(int (*work)(void *context, struct jp_error *err), void *context,
                        struct jp_error *err);
/* Rules of pf that send on what comes to the pod's published ports (redirect.c); their end. */
int jp_freebsd_redirect(const struct jp_plan *plan, struct jp_error *err);
int jp_freebsd_redirect_end(const char *uuid, const char *dir, struct jp_error *err);

/* The same inside a jail. */
int jp_freebsd_in_jail(int jid, int (*work)(void *context, struct jp_error *err), void *context,
                       struct jp_error *err);

/* ---- the rest ---- */

/* Whether the kernel has VIMAGE: network stacks of jails' own. */
bool jp_freebsd_has_stacks(void);

/* jp_mount_ops.leave and is_left (leave.c). */
void jp_freebsd_leave(struct jp_isolation *pod, size_t app, uint64_t *ret_number);
bool jp_freebsd_is_left(struct jp_isolation *pod, uint64_t number);
/* Unmounts a root of the world and removes its directory; what is still used stays. */
void jp_freebsd_remove_place(const struct jp_isolation *pod, const char *place);

int jp_freebsd_spawn(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                     struct jp_error *err);
/* The n-th app's part of the root that is no file of the image (seal.c). */
int jp_freebsd_seal(struct jp_isolation *pod, size_t app, struct jp_error *err);
/* Makes the directories that it will mount on, in a root that will be read-only. */
int jp_freebsd_make_tops(const struct jp_plan_app *app, int root_fd, struct jp_error *err);
int jp_freebsd_keeper_start(struct jp_isolation *pod, struct jp_error *err);
/* Tells the keeper that there is nothing left to do, and waits for its end. */
void jp_freebsd_keeper_dismiss(struct jp_isolation *pod);
/* Waits for the keeper of a dead supervisor to finish. */
int jp_freebsd_keeper_await(const char *uuid, struct jp_error *err);
/*
 * Ends a live jail of the pod: its processes, its network devices, then the jail itself. In that
 * order: the kernel takes the network stack of a removed jail down in a thread of its own, and
 * panics when a device of it is destroyed from outside meanwhile (FreeBSD 12.1, if_down). No jail
 * (jid <= 0) is fine.
 */
int jp_freebsd_end(int jid, const char *uuid, const char *dir, struct jp_error *err);
/* Takes down all that a pod may have left: jail, mounts, links, limits. */
int jp_freebsd_sweep(const char *uuid, const char *dir, struct jp_error *err);
void jp_freebsd_warn(struct jp_isolation *pod, const char *fmt, ...) JP_PRINTF(2, 3);

extern const struct jp_isolation_ops jp_freebsd_isolation;
extern const struct jp_mount_ops jp_freebsd_mounts;
extern const struct jp_limit_ops jp_freebsd_limits;
extern const struct jp_link_ops jp_freebsd_links;
extern const struct jp_host_ops jp_freebsd_host;

#endif
