/*
 * The plan: everything that stage 1 must know to run a pod, as plain data.
 *
 * pod/ makes it from the reified manifest (stage 0), stage 1 and the platform back ends carry it
 * out. It holds no decision: names are resolved to ids of images, layers to directories, isolators
 * to numbers and programs. What must be derived from the pod's own root (users, groups) is resolved
 * by stage 1 and is not in here. The plan travels as a sealed memfd (or an unlinked file) in the
 * codec's format and carries a version: a newer Jetpack manages pods of an older stage 1, never
 * the other way round.
 */
#ifndef JP_PLAN_PLAN_H
#define JP_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/error.h"
#include "plan/label.h"
#include "plan/port.h"

#define JP_PLAN_VERSION 8

/* Limits of what a plan may hold; pod/ refuses manifests beyond them with JP_ELIMIT. */
#define JP_PLAN_MAX_APPS    256
#define JP_PLAN_MAX_MOUNTS  4096  /* per app */
#define JP_PLAN_MAX_VOLUMES 4096  /* per pod */
#define JP_PLAN_MAX_LAYERS  500   /* overlayfs stacks at most 500 layers */
#define JP_PLAN_MAX_STRINGS 65536 /* argv, env, groups */
#define JP_PLAN_MAX_NAME    200   /* bytes of an app name: it becomes a file name */
#define JP_PLAN_MAX_SOCKETS 256   /* that an app finds open: JP_ORDERS_MAX_SOCKETS */

/* How an app's root file system is made from what the storage driver left on disk. */
enum jp_root_kind {
    JP_ROOT_DIRECTORY, /* dir is a complete, private copy: bind it */
    JP_ROOT_OVERLAY,   /* lower layers, upper and work directory */
    JP_ROOT_DATASET,   /* a ZFS dataset mounted at dir */
};

struct jp_plan_root {
    uint8_t kind;          /* enum jp_root_kind */
    char *dir;             /* JP_ROOT_DIRECTORY, JP_ROOT_DATASET: absolute host path */
    struct jp_strv layers; /* JP_ROOT_OVERLAY: absolute host paths, topmost first */
    char *upper;           /* JP_ROOT_OVERLAY: absolute host path */
    char *work;            /* JP_ROOT_OVERLAY: absolute host path */
    bool is_volatile;      /* thrown away after the run: no sync needed */
    bool is_read_only;     /* readOnlyRootFS */
};

void jp_plan_root_clear(struct jp_plan_root *root);
/* Puts another root in its place; what is asked of it (volatile, read-only) stays. Empties `from`.
 */
void jp_plan_root_take(struct jp_plan_root *root, struct jp_plan_root *from);
/* Walks its fields, as jp_plan_code does. */
void jp_plan_root_code(struct jp_codec *c, struct jp_plan_root *root);
/* It has all that its kind asks for, and paths are absolute. */
bool jp_plan_root_is_sound(const struct jp_plan_root *root);

/* A volume of the pod, ready on the host. */
struct jp_plan_volume {
    char *name;       /* AC Name */
    char *source;     /* absolute host path: host kind as given, empty kind below the pod */
    bool is_host;     /* source must be opened without following symbolic links (ace.md) */
    bool allow_links; /* ... unless the pod allows it */
    bool is_read_only;
    bool is_recursive;
};

struct jp_plan_mount {
    uint32_t volume; /* index into jp_plan.volumes */
    char *path;      /* absolute, inside the app's root */
    bool is_read_only;
};

/* A small file that we provide inside the app's root, when the image has none (or always). */
struct jp_plan_file {
    char *path; /* absolute, inside the app's root */
    char *content;
    bool only_if_missing; /* true: an image's own file wins (OS-SPEC.md, /etc/hosts) */
};

/* Ceilings; 0 means none was asked for. Only uint64_t: back ends walk them by table. */
struct jp_plan_limits {
    uint64_t memory_bytes;
    uint64_t memory_request_bytes;
    uint64_t cpu_milli;         /* thousandths of a core */
    uint64_t cpu_request_milli; /* thousandths of a core */
    uint64_t processes;
    uint64_t cpu_shares;       /* weight beside others, 2 to 262144 */
    uint64_t block_bytes;      /* a second, read and written, of each block device */
    uint64_t block_operations; /* a second, likewise */
    uint64_t network_bytes;    /* a second, received and sent; of the whole pod only */
};

/*
 * The limit that is called so in reports (platform.h): "memory", "cpu" (thousandths of a core),
 * "processes", "os/linux/cpu-shares", "block-bandwidth", "block-iops", "network-bandwidth". NULL:
 * there is none of that name.
 */
uint64_t *jp_plan_limit(struct jp_plan_limits *limits, const char *resource);

/* What the Linux kernel restricts for one app; of it FreeBSD takes no_new_privileges. */
struct jp_plan_confine {
    uint64_t capabilities; /* bit n = capability n: bounding, permitted and effective set */
    bool no_new_privileges;
    struct jp_plan_labels labels;
    bool has_oom_score;
    int32_t oom_score;      /* /proc/PID/oom_score_adj, -1000 to 1000 */
    unsigned char *seccomp; /* struct sock_filter[] as libseccomp exports it; NULL: none */
    size_t seccomp_len;     /* bytes */
};

struct jp_plan_handler {
    struct jp_strv argv; /* empty: no such handler */
};

/* A port that an app finds listened on when its main process begins (aci.md "socketActivated"). */
struct jp_plan_socket {
    char *name; /* AC Name of the port; those of a range have the same */
    bool is_udp;
    uint32_t port;
    bool is_given; /* it comes through the mailbox: who manages services has bound it */
};

void jp_plan_sockets_clear(struct jp_plan_socket **sockets, size_t *count);

struct jp_plan_app {
    char *name; /* AC Name, unique in the pod */
    struct jp_plan_root root;
    struct jp_strv argv; /* empty: image without app */
    struct jp_strv env;  /* NAME=VALUE, complete but for HOME, USER, LOGNAME, SHELL */
    char *cwd;           /* absolute, inside the root */
    char *user;          /* as in the manifest: name, number or /path */
    char *group;
    uint32_t *supplementary_gids; /* supplementaryGIDs of the manifest */
    size_t n_supplementary_gids;
    struct jp_plan_mount *mounts; /* ordered: a parent directory before what lies below it */
    size_t n_mounts;
    struct jp_plan_file *files;
    size_t n_files;
    struct jp_plan_socket *sockets; /* in the order in which the app finds them */
    size_t n_sockets;
    struct jp_plan_handler pre_start;
    struct jp_plan_handler post_stop;
    struct jp_plan_limits limits;
    struct jp_plan_confine confine;
    int32_t stop_signal;    /* number on this system */
    bool has_tty;           /* main process gets a pseudo-terminal */
    bool has_stdin;         /* main process gets a pipe for input, else /dev/null */
    bool notifies;          /* says by sd_notify(3) when it is ready */
    uint32_t ready_ms;      /* ... after so long at most; 0: there is no limit */
    bool is_linux;          /* image label os=linux: OS-SPEC.md's file systems and devices */
    uint32_t devfs_ruleset; /* FreeBSD: what of /dev the app sees */
};

enum jp_net_mode {
    JP_NET_POD,   /* own stack with loopback, and a leased address on the bridge */
    JP_NET_NONE,  /* own stack with loopback only */
    JP_NET_HOST,  /* the host's stack */
    JP_NET_ALIAS, /* FreeBSD: the host's stack, held to a leased address on an interface of it */
};

/* How a network is joined to the outside. */
enum jp_net_kind {
    JP_NET_BRIDGE,  /* a bridge of its own, behind the host's address */
    JP_NET_ROUTED,  /* likewise, with addresses that the outside knows */
    JP_NET_MACVLAN, /* each pod on a device of the host, as if it were plugged in beside it */
};

#define JP_PLAN_MAX_NETWORKS 64

/* A network of this installation, as far as the host must know it. */
struct jp_plan_network {
    uint8_t kind; /* enum jp_net_kind */
    bool is_isolated;
    char *bridge;
    char *subnet;  /* "172.23.0.0/16" */
    char *subnet6; /* NULL: none */
};

/* What networks need of the host; the same for every pod of an installation. */
struct jp_plan_host {
    char *state; /* directory for locks and for what was found, absolute; NULL: no networks */
    char *table; /* what our rules of the firewall are called; NULL: we make none */
    struct jp_plan_network *networks;
    size_t n_networks;
};

void jp_plan_host_clear(struct jp_plan_host *host);

struct jp_plan_net {
    uint8_t mode;     /* enum jp_net_mode */
    uint8_t kind;     /* JP_NET_POD: enum jp_net_kind */
    bool is_isolated; /* JP_NET_POD: kept from reaching other pods of the network */
    char *bridge;     /* JP_NET_POD: "jetpack0"; JP_NET_MACVLAN: the device of the host */
    char *interface;  /* JP_NET_ALIAS: what the address is an alias on */
    char *address;    /* of the pod, dotted quad */
    char *gateway;    /* the host's address on the bridge */
    uint32_t prefix_len;
    char *address6; /* of the pod; NULL: it has none */
    char *gateway6;
    uint32_t prefix_len6;
    char *names; /* directory of the network's names (platform/names.h); NULL: not entered */
    struct jp_plan_host host;
};

/* When an app whose main process has ended is started again. */
enum jp_restart {
    JP_RESTART_NO,
    JP_RESTART_ON_FAILURE, /* it ended with another status than 0, or by a signal */
    JP_RESTART_ALWAYS,
};

struct jp_plan {
    uint32_t version; /* JP_PLAN_VERSION */
    char *uuid;
    char *name; /* human name */
    char *hostname;
    char *dir;         /* the pod's directory, absolute host path */
    char *jail_prefix; /* FreeBSD: jail.namePrefix; elsewhere the name of our cgroup directory */
    struct jp_strv jail_parameters; /* FreeBSD: NAME=VALUE, the last one of a name counts */
    bool may_share_volumes;         /* FreeBSD: writable volumes that other pods have too */
    struct jp_plan_net net;
    struct jp_plan_ports ports;   /* published; for the record, the forwarder has its own copy */
    char *forwarder;              /* its program; NULL: there is none to be started */
    bool redirects_ports;         /* net.publish = nat: the kernel sends on what it can */
    struct jp_plan_limits limits; /* of the whole pod */
    struct jp_plan_labels labels; /* of apps that have none of their own */
    struct jp_strv sysctls;       /* KEY=VALUE; which of them a pod may set is the back end's */
    struct jp_plan_volume *volumes;
    size_t n_volumes;
    struct jp_plan_app *apps;
    size_t n_apps;
    uint32_t stop_grace_ms; /* between the stop signal and SIGKILL */
    uint8_t restart;        /* enum jp_restart, for each app */
    uint32_t restart_limit; /* so often at most for an app, 0: without a limit */
    uint64_t log_max_bytes; /* a log file is rotated beyond this */
    uint32_t log_files;     /* rotated files kept, the current one included */
    bool is_strict;         /* do not start when a limit is ignored */
    char *registration;     /* file to be removed when the pod is over; NULL: none */
    bool without_apps;      /* build the isolation and wait for `exec` */
    bool will_destroy;      /* once it has ended, what is left of the pod is garbage */
    struct jp_strv at_end;  /* program and arguments that the supervisor becomes when the pod is */
                            /* over and its owner is not there to see to it; empty: none */
    struct jp_strv renew; /* program and arguments that make a clean root for the app whose name */
                          /* is added (plan/renewal.h); empty: no app is started again */
};

#define JP_PLAN_INIT                                                                               \
    {                                                                                              \
        .version = JP_PLAN_VERSION                                                                 \
    }

/* Walks every field in order: writes or reads as the codec says. */
void jp_plan_code(struct jp_codec *c, struct jp_plan *plan);

/* Reads and checks a plan: 0, or -1 with JP_ECORRUPT (broken) or JP_EUNSUPPORTED (version). */
int jp_plan_decode(const void *bytes, size_t len, struct jp_plan *ret, struct jp_error *err);

/* Writes a plan; *ret is appended to. -1 with JP_ENOMEM or JP_ELIMIT. */
int jp_plan_encode(struct jp_plan *plan, struct jp_buf *ret, struct jp_error *err);

/* How many sockets of apps come through the mailbox. */
size_t jp_plan_count_given(const struct jp_plan *plan);

void jp_plan_clear(struct jp_plan *plan);

#endif
