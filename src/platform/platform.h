/*
 * What Jetpack asks of an operating system, in verbs that FreeBSD and Linux share.
 *
 * A back end carries out a plan (plan/plan.h). It decides nothing, prints nothing and keeps what it
 * must remember in `struct jp_isolation`. Stage 1 calls these functions as a list of steps and
 * walks the list backward to undo; every undo is idempotent and fine with nothing to undo. What is
 * left after a supervisor was killed is found from the pod's UUID alone (clean), never from memory.
 *
 * Order of a start: create, then links.setup, limits.settle, then for each app mounts.root,
 * mounts.volume..., mounts.seal, then spawn. Limits are made before anything runs. Order of an end:
 * kill, then links.teardown, limits.teardown, destroy. "None" is a real table.
 *
 * Meson picks the files of one back end: linux/, freebsd/ or fake/ (which records its calls in a
 * directory, fails the n-th on demand and runs without privileges).
 */
#ifndef JP_PLATFORM_PLATFORM_H
#define JP_PLATFORM_PLATFORM_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "plan/orders.h"
#include "plan/plan.h"
#include "sys/address.h"

/* A live pod as the back end knows it; made by create, released by destroy. Stage 1 only. */
struct jp_isolation;

/* Where a new process runs and what its standard streams are. */
struct jp_spawn {
    size_t app; /* index into plan.apps */
    const struct jp_orders *orders;
    int stdio[3];       /* descriptors to become 0, 1, 2; stay the caller's; all >= 0 */
    const int *sockets; /* as many as orders->sockets; stay the caller's */
    /*
     * NULL, or where the caller keeps those three: spawn may close them and set them to -1 once the
     * process has its own, before its program begins. FreeBSD throws away what is unread of a
     * terminal when a session's leader ends while anybody else has it open.
     */
    int *release;
};

struct jp_isolation_ops {
    /*
     * May be called once before there is a pod, when one is to be expected that has a network of
     * its own: makes for the next `create` what takes long and depends on no plan. Nothing of it is
     * left when this process ends, or when the pod has no use for it. Failures are `create`'s.
     */
    void (*ahead)(void);
    /*
     * Makes the pod's own world, without apps: namespaces with a PID 1 of ours that reaps, or a
     * jail. `stage2_fd` is the shim's executable, already safe from being overwritten
     * (CVE-2019-5736). The world ends when this process ends, however it ends.
     */
    int (*create)(const struct jp_plan *plan, int stage2_fd, struct jp_isolation **ret,
                  struct jp_error *err);
    /*
     * Starts one process of an app inside its root, confined as the orders say. It is a child of
     * the caller. Returns only when the program runs or failed to: JP_ENOPROGRAM, JP_ENOEXEC, or
     * what went wrong (unknown working directory, ...). *ret_pid is the caller's view of the pid.
     */
    int (*spawn)(struct jp_isolation *pod, const struct jp_spawn *spawn, pid_t *ret_pid,
                 struct jp_error *err);
    /*
     * What the user should be told though nothing failed: a file of the image that a volume
     * replaced or covers (ace.md), a mask that this kernel has no use for. Never NULL; it stays the
     * pod's, and whoever has told it clears it.
     */
    struct jp_strv *(*warnings)(struct jp_isolation *pod);
    /* A descriptor that becomes readable when the world has died (PID 1 gone), or -1. */
    int (*watch_fd)(const struct jp_isolation *pod);
    /* Sends a signal to every process of the pod but our own PID 1. Nobody there is fine. */
    int (*signal)(struct jp_isolation *pod, int signal, struct jp_error *err);
    /*
     * Ends the pod's world: kills whatever runs in it and waits until nothing does. After that only
     * the teardowns and destroy may be called. What spawn returned has been reaped by the caller
     * before (on Linux PID 1 cannot end as long as a zombie of its namespace is left).
     */
    void (*kill)(struct jp_isolation *pod);
    /* Does what kill does, if need be, and releases. NULL is fine. */
    void (*destroy)(struct jp_isolation *pod);
    /*
     * Removes what a killed supervisor of this pod left. 0 when nothing is left. `dir` is the pod's
     * directory: no mount outside of it is touched.
     */
    int (*clean)(const char *uuid, const char *dir, struct jp_error *err);
};

#define JP_NOTIFY_PATH_SIZE 108 /* bytes of a socket's path */

struct jp_mount_ops {
    /*
     * The three calls of a start may be made again for an app that has left its root, with another
     * root in the plan: while the rest of the pod runs on.
     */
    /*
     * Mounts the app's clean root where the pod can see it. *ret_root_fd: an O_PATH descriptor of
     * it for reading /etc/passwd and for `cp`; the caller's.
     */
    int (*root)(struct jp_isolation *pod, size_t app, int *ret_root_fd, struct jp_error *err);
    /* Puts mount number `mount` of the app in place; makes the target as ace.md says. */
    int (*volume)(struct jp_isolation *pod, size_t app, size_t mount, struct jp_error *err);
    /*
     * Adds the file systems, devices and files of the plan, masks what must not be seen, makes it
     * read-only where asked, and turns it into the root that spawn enters.
     */
    int (*seal)(struct jp_isolation *pod, size_t app, struct jp_error *err);
    /*
     * The app leaves its root, also one that is mounted in part: nothing new is started in it, and
     * it is unmounted unless some process is in it, which keeps it. Then *ret_number says how
     * is_left asks for it, else it is 0. What is left when the pod ends is unmounted then.
     */
    void (*leave)(struct jp_isolation *pod, size_t app, uint64_t *ret_number);
    /* False once no process is in that root; it is unmounted then, and its number void. */
    bool (*is_left)(struct jp_isolation *pod, uint64_t number);
    /*
     * Opens a new pseudo-terminal of the app's own /dev/pts. Both descriptors are the caller's.
     */
    int (*terminal)(struct jp_isolation *pod, size_t app, int *ret_master, int *ret_slave,
                    struct jp_error *err);
    /*
     * Makes a terminal (the slave's end) the app's /dev/console, which is a null device until
     * then. Nothing to do where a root has no devices of its own.
     */
    int (*console)(struct jp_isolation *pod, size_t app, int slave, struct jp_error *err);
    /*
     * Makes a socket for datagrams (sd_notify(3)) that every process of the app finds at `path`, in
     * the place of an earlier one. *ret_fd: where they arrive, the caller's; -1: not on this
     * system.
     */
    int (*notify)(struct jp_isolation *pod, size_t app, int *ret_fd, char path[JP_NOTIFY_PATH_SIZE],
                  struct jp_error *err);
};

/* What became of a limit: told to the user by `show`. */
enum jp_verdict {
    JP_VERDICT_ENFORCED,
    JP_VERDICT_MODIFIED,
    JP_VERDICT_IGNORED,
};

struct jp_limit_report {
    const char *resource; /* of resource/NAME its NAME, of other isolators all of it */
    const char *app;      /* NULL: the pod */
    enum jp_verdict verdict;
    char reason[160]; /* for MODIFIED and IGNORED */
};

struct jp_limit_ops {
    /*
     * Makes the control groups (or rctl rules) that the plan needs, none when it needs none.
     * `report` is called once per limit asked for. Called after create, before the first spawn; and
     * again, with settle, whenever the plan's limits have changed: processes that run are moved
     * under limits that are new.
     */
    int (*setup)(struct jp_isolation *pod,
                 void (*report)(void *context, const struct jp_limit_report *), void *context,
                 struct jp_error *err);
    /*
     * What can be set only when the network is there: bandwidth of the pod's devices, kernel
     * parameters (sysctls) of its namespaces. Reports likewise. Called once, after links.setup;
     * what it sets ends with the pod's world.
     */
    int (*settle)(struct jp_isolation *pod,
                  void (*report)(void *context, const struct jp_limit_report *), void *context,
                  struct jp_error *err);
    /* True when the app was killed because of its memory limit since it started. */
    bool (*was_out_of_memory)(const struct jp_isolation *pod, size_t app);
    /* Removes them; called after every process is gone. */
    void (*teardown)(struct jp_isolation *pod);
    int (*clean)(const char *uuid, const char *dir, struct jp_error *err);
};

/* A forwarder to be started; descriptors stay the caller's. */
struct jp_publish {
    const char *program; /* absolute path */
    int mailbox;
    int life;
};

/* A running pod on a bridge of ours. */
struct jp_link_pod {
    const char *uuid;
    const struct jp_plan_network *network;
    char *dir; /* absolute */
    const char *address;
    const char *address6;              /* NULL: none */
    const struct jp_plan_ports *ports; /* published */
};

/* What is wrong with the host's side of networks, told as it is found. */
struct jp_link_report {
    /* what: "bridge jetpack0"; problem: "is gone"; remedy: what mends it, NULL: it was mended */
    void (*say)(void *context, const char *what, const char *problem, const char *remedy);
    void *context;
};

struct jp_link_ops {
    uint32_t kinds; /* bit n: networks of enum jp_net_kind n */
    bool has_ipv6;  /* pods may have an IPv6 address */
    bool has_alias; /* net.mode = alias: pods may share the host's stack, each held to an address */
    /* Whether this kernel gives pods network stacks of their own. */
    bool (*has_stacks)(void);
    bool has_names; /* pods may be known by name (platform/names.h) */
    /* Makes the host's side of a network before its first pod comes; what is there stays. */
    int (*prepare)(const struct jp_plan_network *network, struct jp_error *err);
    /* Joins the pod to its network as the plan says; makes the bridge when it is not there. */
    int (*setup)(struct jp_isolation *pod, struct jp_error *err);
    /*
     * Starts the pod's forwarder (plan/forward.h) where it reaches the pod: with its mailbox and
     * life as standard input and output, and no other descriptor. It is a child of the caller, who
     * ends it. After setup.
     */
    int (*publish)(struct jp_isolation *pod, const struct jp_publish *publish, pid_t *ret_pid,
                   struct jp_error *err);
    /*
     * A socket of the pod's network that an app will find: bound to its port on every address, of
     * TCP listening. *ret_fd is the caller's. After setup.
     */
    int (*listen)(struct jp_isolation *pod, const struct jp_plan_socket *socket, int *ret_fd,
                  struct jp_error *err);
    void (*teardown)(struct jp_isolation *pod);
    int (*clean)(const char *uuid, const char *dir, struct jp_error *err);
    /*
     * Takes from the host what was made for all pods (rules of the firewall, forwarding), unless a
     * pod still needs it. What a last pod that was killed left is found here.
     */
    int (*release)(const struct jp_plan_host *host, struct jp_error *err);
    /*
     * Compares what these pods need of the host with what is there; with `repair` mends it while
     * they run. 0 also when there is something wrong.
     */
    int (*inspect)(const struct jp_plan_host *host, const struct jp_link_pod *pods, size_t n_pods,
                   bool repair, const struct jp_link_report *report, struct jp_error *err);
    /* The rules of the firewall as its own tool takes them, for who makes them by hand. */
    void (*print_rules)(const struct jp_plan_host *host, struct jp_buf *out);
};

/* One process of a pod, for ps, top and killall. */
struct jp_pod_process {
    pid_t pid;     /* host's view */
    pid_t pod_pid; /* view from inside, 0 where there is no such thing */
    uint32_t uid;
    int64_t start_ns; /* since the epoch */
    uint64_t cpu_ns;  /* user and system time used */
    uint64_t resident_bytes;
    char state;        /* R, S, D, T, Z */
    char command[256]; /* arguments joined by blanks, unprintable bytes as '?' */
};

struct jp_host_ops {
    /*
     * Calls `each` for every process of the pod whose supervisor has the given pid (checked by its
     * caller to be ours: it holds the pod's lock). Stops when `each` returns non-zero and returns
     * that; 0 at the end.
     */
    int (*processes)(const char *uuid, pid_t supervisor,
                     int (*each)(void *context, const struct jp_pod_process *), void *context,
                     struct jp_error *err);
    /*
     * Who listens at an address of the host and its port, be it at every address: "nginx (process
     * 123)". An address of zeros: at any. False when nobody does, or it cannot be told.
     */
    bool (*holder)(bool is_udp, const union jp_address *address, char *out, size_t size);
    /* What this host lacks or has, a line each, for `doctor` and `info`. */
    void (*examine)(void (*say)(void *context, const char *name, bool is_fine, const char *text,
                                const char *remedy),
                    void *context);
};

/* An isolator of another system that nothing here stands for. */
struct jp_absent {
    const char *isolator;
    const char *reason; /* as `show` says it behind "ignored, because" */
};

struct jp_platform {
    const char *name;               /* "linux", "freebsd", "fake" */
    const struct jp_absent *absent; /* ends with a NULL isolator; NULL: there is none */
    const struct jp_isolation_ops *isolation;
    const struct jp_mount_ops *mounts;
    const struct jp_limit_ops *limits;
    const struct jp_link_ops *links;
    const struct jp_host_ops *host;
};

/* The back end of this build. */
extern const struct jp_platform jp_platform;

#endif
