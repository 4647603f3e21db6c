/*
 * The inside of the Linux back end: what its files share.
 *
 * create (isolation.c) forks PID 1 of the pod. It inherits the plan by the fork, and while the
 * supervisor goes on with the network, it builds every app's root at once, in the order of the
 * plan, each in a mount namespace of its own (builder.c, seal.c), and sends what it made: the root
 * as soon as it can be read, the namespace when it is sealed. The functions of jp_mount_ops
 * therefore only collect (collect.c); an error of a later step is told by whichever call needs it.
 * The root of an app that is started again is built by another child of the supervisor (renew.c).
 */
#ifndef JP_PLATFORM_LINUX_LINUX_H
#define JP_PLATFORM_LINUX_LINUX_H

#include <sys/types.h>

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "platform/platform.h"

#define JP_LINUX_MAX_CGROUPS                                                                       \
    4 /* directories of one group: memory, cpu, pids, blkio; or one of v2 */

/* Where processes of an app are put before they run; count 0: they stay where the supervisor is. */
struct jp_linux_groups {
    int procs_fd[JP_LINUX_MAX_CGROUPS]; /* cgroup.procs, open for writing */
    size_t count;
};

struct jp_linux_app {
    int root_fd;      /* O_PATH; -1 until PID 1 sent it */
    int ns_fd;        /* mount namespace; -1 until sealed */
    int pts_fd;       /* the app's own devpts, O_PATH */
    bool is_released; /* GO was sent */
    bool has_left;    /* its root is not PID 1's work any more */
    struct jp_linux_groups groups;
    int view_fd; /* cgroup namespace in which `groups` are "/"; -1: the pod's */
};

/* The mount namespace of a root that its app has left, while some process is in it. */
struct jp_linux_left {
    uint64_t number;
    int ns_fd;
};

struct jp_linux_limits; /* cgroup.c */

struct jp_isolation {
    const struct jp_plan *plan; /* the caller's */
    int stage2_fd;              /* the caller's */
    int socket;                 /* to PID 1 */
    int init_fd;                /* pidfd of PID 1 */
    pid_t init_pid;
    int host_net_fd; /* network namespaces; -1 with the host's stack */
    int net_fd;
    bool passes_marks;     /* the network namespace does (jp_linux_net_settle()) */
    bool is_small;         /* PID 1 has nothing left that a program of the pod could take */
    int net_lock_fd;       /* as long as it is held, what networks need of the host stays; -1 */
    int netlink_fd;        /* of the pod's network namespace, until the links are set up */
    uint64_t capabilities; /* what the supervisor itself may pass on */
    struct jp_linux_app *apps;
    int proc_fd; /* mounts in PID 1's namespace, for roots to come: /proc of the pod's processes, */
    int shm_fd;  /* its shared memory */
    struct jp_linux_left *left;
    size_t n_left;
    size_t left_capacity;
    uint64_t last_left;      /* the number that was given last */
    struct jp_error failure; /* what PID 1 failed at; stays */
    struct jp_strv warnings;
    pid_t *children; /* spawned and perhaps not reaped by the caller */
    size_t n_children;
    size_t children_capacity;
    struct jp_linux_limits *limits; /* NULL: none */
    bool has_home;                  /* the supervisor is in control groups of the pod (home.c) */
};

struct jp_cgroup_hierarchy;

/* The directory of all our pods in a hierarchy, from a prefix for names of jails. (limit.c) */
void jp_linux_group_prefix(const char *prefix, char out[NAME_MAX + 1]);
/* Makes or finds a group below another: its descriptor, or -1 with errno. */
int jp_linux_group_make(int parent, const char *name);
/* Removes a pod's groups in a hierarchy; nothing there is fine. */
int jp_linux_group_remove(const struct jp_cgroup_hierarchy *h, const char *prefix,
                          const char *uuid);

/* A cgroup namespace as seen from these groups, or -1 where the kernel has none. (view.c) */
int jp_linux_group_view(const struct jp_linux_groups *groups);

/*
 * Takes the supervisor out of the control groups of the caller's systemd unit, where it is in one,
 * into groups of the pod. What cannot be done is added to the pod's warnings. (home.c)
 */
int jp_linux_home_enter(struct jp_isolation *pod, struct jp_error *err);
/* To the top of the hierarchies; removes the groups. Nothing of the pod may run any more. */
void jp_linux_home_leave(struct jp_isolation *pod);

/*
 * Gives up what this process and its children to come inherited from whoever started it (caller.c).
 * What cannot be given up is added to *warnings; -1 where that would be a leak.
 */
int jp_linux_forget_caller(struct jp_strv *warnings, struct jp_error *err);
/* In a child that will be a program of the pod: takes back what only the supervisor needs. */
void jp_linux_limit_program(void);

/*
 * In the network namespace that the caller is in: the device takes no routes and addresses from
 * whoever calls itself a router, as any pod of a bridge could (CVE-2020-10749). Nothing to do
 * without IPv6. (bridge.c)
 */
void jp_linux_distrust_routers(const char *device);
/*
 * The caller's network namespace is a new one, of a pod: no device to come trusts routers, as
 * above, and marks of packets are passed on (forward.c): false when the kernel does not.
 * (parameters.c)
 */
bool jp_linux_net_settle(void);

/* What PID 1 sends; one packet each. */
enum jp_linux_message_kind {
    JP_LINUX_ROOT = 1, /* app; descriptor of its root */
    JP_LINUX_SEALED,   /* app; descriptors of its mount namespace and devpts */
    JP_LINUX_WARNING,  /* text */
    JP_LINUX_FAILED,   /* code, sys, text: PID 1 waits for its end now */
    JP_LINUX_SMALL,    /* PID 1 has left the host's files and dropped its rights; descriptors of */
                       /* the mounts that it keeps for roots to come: proc, shared memory */
    JP_LINUX_SIGNALLED,
};

struct jp_linux_message {
    uint32_t kind;
    uint32_t app;
    int32_t code;
    int32_t sys;
    char text[1008]; /* NUL-terminated */
};

/* What PID 1 is sent. */
enum jp_linux_request_kind {
    JP_LINUX_NET = 1, /* with the network namespace; never when it is the host's */
    JP_LINUX_GO,      /* number: app; its clean root has been read, volumes may cover it */
    JP_LINUX_SIGNAL,  /* number: to every process of the pod; answered by SIGNALLED */
};

struct jp_linux_request {
    uint32_t kind;
    int32_t number;
};

/* PID 1's life (init.c): builds, becomes small, reaps until the socket closes. */
JP_NORETURN void jp_linux_init(const struct jp_plan *plan, int socket);

/* PID 1 as a builder (builder.c). */
struct jp_linux_builder {
    const struct jp_plan *plan;
    int socket;
    int base_fd;         /* the mount namespace that apps' namespaces are copied from */
    int root_fd;         /* "/" in it */
    uint32_t n_released; /* apps whose volumes may be mounted */
    bool has_net;        /* the network namespace was joined, or is the host's */
    int *shm; /* for each app not sealed yet, and one more, a mount of the pod's shared memory */
    int proc; /* a mount of the pod's proc: to be used (renew.c), or made for roots to come */
    bool is_renewal; /* of one app, in a pod that runs */
};

/* What all apps' roots are made from: a private copy of the host's mounts. */
int jp_linux_build_base(struct jp_linux_builder *b, struct jp_error *err);
int jp_linux_build_app(struct jp_linux_builder *b, size_t app, struct jp_error *err);
/* Goes back to where apps' namespaces are copied from. */
int jp_linux_return_to_base(const struct jp_linux_builder *b, struct jp_error *err);
int jp_linux_seal(struct jp_linux_builder *b, size_t app, int root_fd, int *ret_pts_fd,
                  struct jp_error *err);
/* Makes a mounted directory the root of this mount namespace and lets go of the old one. */
int jp_linux_switch_root(int root_fd, int ns_fd, struct jp_error *err);
/* Wait until the supervisor has sent the network namespace, and joins it; until GO came. */
int jp_linux_await_net(struct jp_linux_builder *b, struct jp_error *err);
int jp_linux_await_go(struct jp_linux_builder *b, size_t app, struct jp_error *err);
void jp_linux_warn(const struct jp_linux_builder *b, const char *fmt, ...) JP_PRINTF(2, 3);
int jp_linux_tell(int socket, uint32_t kind, size_t app, const int *fds, size_t n_fds);
void jp_linux_tell_failure(int socket, const struct jp_error *err);

/*
 * Builds the root of an app that has left its own, as PID 1 did at first (renew.c): the app has
 * root and namespace then, or neither.
 */
int jp_linux_renew(struct jp_isolation *pod, size_t app, struct jp_error *err);
/* jp_mount_ops.leave and is_left. */
void jp_linux_leave(struct jp_isolation *pod, size_t app, uint64_t *ret_number);
bool jp_linux_is_left(struct jp_isolation *pod, uint64_t number);

/*
 * Receives one message of PID 1, or of who builds for it: its kind, or -1 after FAILED (the reason
 * goes to *failure as well, which stays) or when that one has died. (collect.c)
 */
int jp_linux_hear(struct jp_isolation *pod, int socket, struct jp_error *failure,
                  struct jp_error *err);

/* Waits until PID 1 has got that far with an app, or failed (collect.c). */
int jp_linux_collect_root(struct jp_isolation *pod, size_t app, struct jp_error *err);
int jp_linux_collect_seal(struct jp_isolation *pod, size_t app, struct jp_error *err);
/* Waits until PID 1 is small; every app must have been released by then (jp_mount_ops.seal). */
int jp_linux_collect_small(struct jp_isolation *pod, struct jp_error *err);
int jp_linux_signal(struct jp_isolation *pod, int signal, struct jp_error *err);

int jp_linux_spawn(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                   struct jp_error *err);
void jp_linux_reap_children(struct jp_isolation *pod);

#define JP_LINUX_POD_DEVICE "eth0"

/* The name of the host's end of the pod's device, IFNAMSIZ bytes: "jp" and 48 random bits of the
 * UUID, found again without any record. JP_EINVALID. */
int jp_linux_host_end(const char *uuid, char out[IFNAMSIZ], struct jp_error *err);

/* jp_link_ops.inspect (inspect.c). */
int jp_linux_inspect(const struct jp_plan_host *host, const struct jp_link_pod *pods, size_t n_pods,
                     bool repair, const struct jp_link_report *report, struct jp_error *err);

/* jp_link_ops.publish: in the pod's network namespace (forward.c). */
int jp_linux_publish(struct jp_isolation *pod, const struct jp_publish *publish, pid_t *ret_pid,
                     struct jp_error *err);

/* jp_link_ops.listen (listen.c) */
int jp_linux_listen(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                    struct jp_error *err);

/* jp_host_ops.holder (holder.c). */
bool jp_linux_holder(bool is_udp, const union jp_address *address, char *out, size_t size);

extern const struct jp_isolation_ops jp_linux_isolation;
extern const struct jp_mount_ops jp_linux_mounts;
extern const struct jp_limit_ops jp_linux_limit;
extern const struct jp_link_ops jp_linux_links;
extern const struct jp_host_ops jp_linux_host;

#endif
