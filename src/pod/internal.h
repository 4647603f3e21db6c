/*
 * What the files of this room share and nobody else includes.
 *
 * The way of a request: request.c records it, apply.c writes options into a manifest, reify.c
 * resolves everything (struct jp_pod_draft), prepare.c makes it a pod; start.c asks planning.c for
 * a plan and hands it to a supervisor; session.c and client.c talk to that supervisor.
 */
#ifndef JP_POD_INTERNAL_H
#define JP_POD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/image_manifest.h"
#include "appc/pod_manifest.h"
#include "base/error.h"
#include "base/strv.h"
#include "plan/control.h"
#include "plan/plan.h"
#include "plan/registration.h"
#include "pod/inspect.h"
#include "pod/network.h"
#include "pod/pod.h"
#include "pod/request.h"
#include "pod/session.h"
#include "sys/inherited.h"
#include "sys/process.h"

#define JP_POD_LOCK_FILE   "lock"
#define JP_POD_VOLUMES_DIR "volumes"
#define JP_POD_KEPT_FILE   "kept" /* the plan of a run whose root file systems were kept */
#define JP_POD_KEPT_MAX    (16U << 20)

/* Pod annotations that are ours. */
#define JP_NOTE_NAME          "jetpack/name"
#define JP_NOTE_HOSTNAME      "jetpack/hostname"
#define JP_NOTE_NET           "jetpack/net"
#define JP_NOTE_IP            "jetpack/ip" /* the address that was asked for */
#define JP_NOTE_DNS           "jetpack/dns"
#define JP_NOTE_RESTART       "jetpack/restart" /* no, on-failure[:N], always */
#define JP_NOTE_STRICT        "jetpack/strict"
#define JP_NOTE_VOLUME_LINKS  "jetpack/volume-symlinks"
#define JP_NOTE_STOP_GRACE    "jetpack/stop-grace"  /* seconds */
#define JP_NOTE_STOP_SIGNAL   "jetpack/stop-signal" /* of an app, or the pod for all */
#define JP_NOTE_READY_LIMIT   "jetpack/ready-limit" /* seconds; likewise, and of an image */
#define JP_NOTE_ADDRESS       "ip-address"
#define JP_NOTE_DEVFS_RULESET "jetpack/devfs-ruleset"
#define JP_NOTE_PORT_FROM     "jetpack/port-from/" /* and a port: networks, separated by blanks */
#define JP_NOTE_PUBLISH       "jetpack/publish"    /* proxy, nat: as net.publish, for the pod */
#define JP_NOTE_PORT_IP       "jetpack/port-ip/"   /* and a port: an address of the host, as IPv6 */
#define JP_NOTE_SHARE_VOLUMES "jetpack/share-volumes"

/* ---- messages, interruption (context.c) --------------------------------------------------------
 */

void jp_pod_say(const struct jp_pod_context *ctx, enum jp_pod_tell kind, const char *fmt, ...)
    JP_PRINTF(3, 4);
/* -1 with JP_EINTERRUPTED once a signal has come. */
int jp_pod_check_interrupt(const struct jp_pod_context *ctx, struct jp_error *err);
bool jp_pod_is_on(const char *text); /* "true", "on", "yes", "1" */

/* ---- images (image.c) --------------------------------------------------------------------------
 */

int jp_pod_load_image(const struct jp_pod_context *ctx, const char *id,
                      struct jp_image_manifest *ret, struct jp_error *err);
/*
 * The image that a dependency means (aci.md "Dependency Matching"): by its id, which name and
 * labels must then fit, or the newest with that name and those labels. A size, where one is given,
 * is that of the uncompressed archive and must be equal. With `pins` only these images count.
 * JP_ENOTFOUND, JP_EINVALID, JP_EAMBIGUOUS.
 */
int jp_pod_find_dependency(const struct jp_pod_context *ctx, const struct jp_dependency *dep,
                           const struct jp_strv *pins, struct jp_store_images *ret,
                           struct jp_error *err);
/* By name and labels as a manifest writes them; with an id, that one, checked against them. */
int jp_pod_find_runtime_image(const struct jp_pod_context *ctx,
                              const struct jp_runtime_image *image, struct jp_store_images *ret,
                              struct jp_error *err);

/* ---- options (apply.c) -------------------------------------------------------------------------
 */

int jp_pod_apply_to_pod(struct jp_pod_manifest *m, const struct jp_pod_setting *setting,
                        struct jp_error *err);
int jp_pod_apply_to_app(struct jp_runtime_app *app, const struct jp_pod_setting *setting,
                        struct jp_error *err);
/* True when the option changes the app object, which is then copied from the image first. */
bool jp_pod_option_is_of_app_object(enum jp_pod_option option);
/* Takes the isolators of a kind out. */
void jp_pod_drop_isolators(struct jp_isolators *list, enum jp_isolator_kind kind);

/* ---- reification (reify.c) ---------------------------------------------------------------------
 */

struct jp_pod_draft {
    struct jp_pod_manifest manifest;
    struct jp_image_manifest *images; /* one per app */
    size_t n_images;
    char *name; /* human name asked for; NULL */
};

#define JP_POD_DRAFT_INIT                                                                          \
    {                                                                                              \
        .name = NULL                                                                               \
    }

int jp_pod_draft_make(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                      struct jp_pod_draft *ret, struct jp_error *err);
void jp_pod_draft_clear(struct jp_pod_draft *draft);

/* Rules for human names: they are host names too, and never like a UUID. JP_EINVALID. */
int jp_pod_name_check(const char *name, struct jp_error *err);
/* A new readable name; the caller's. */
char *jp_pod_name_make_up(struct jp_error *err);

/* ---- rules of a reified manifest (rules.c) -----------------------------------------------------
 */

/* Mount targets, known handlers, ports, capabilities, number of things. */
int jp_pod_rules_check(const struct jp_pod_manifest *m, const struct jp_image_manifest *images,
                       struct jp_error *err);
/* Ports of an app (NULL: none) that it is to find open, each number of a range counted. */
size_t jp_pod_count_sockets(const struct jp_app *app);
/* Every host volume is there and, unless allowed, no symbolic link leads to it. */
int jp_pod_volumes_check(const struct jp_pod_manifest *m, struct jp_error *err);
/* Makes the empty volumes that are not there yet below the pod's directory. */
int jp_pod_volumes_make(struct jp_store *store, int pod_fd, const struct jp_pod_manifest *m,
                        struct jp_error *err);
/* Writes the path without repeated and trailing slashes; JP_EINVALID for "..", "." parts. */
int jp_pod_clean_path(const char *path, char **ret, struct jp_error *err);

/* ---- confinement (confine.c, seccomp*.c) -------------------------------------------------------
 */

/* Number of a Linux capability by name ("CAP_CHOWN"), -1 when unknown. Table on every system. */
int jp_pod_capability_number(const char *name);

/* Receives what becomes of each isolator. */
typedef int jp_pod_verdict_fn(void *context, const char *app, const char *isolator,
                              enum jp_verdict verdict, const char *reason, struct jp_error *err);

struct jp_pod_verdicts {
    jp_pod_verdict_fn *each; /* NULL: nobody asks */
    void *context;
};

int jp_pod_confine_app(const struct jp_app *app, const char *app_name,
                       struct jp_plan_confine *confine, struct jp_plan_limits *limits,
                       const struct jp_pod_verdicts *verdicts, struct jp_error *err);
/* Fills limits and sysctls of the plan. */
int jp_pod_confine_pod(const struct jp_isolators *isolators, struct jp_plan *plan,
                       const struct jp_pod_verdicts *verdicts, struct jp_error *err);

/* The filter of apps that ask for none; points to constant memory. *ret_len 0: this system has
 * none. */
const unsigned char *jp_pod_seccomp_default(size_t *ret_len);

/*
 * Compiles the filter of a seccomp isolator. *ret NULL: nothing is filtered. `note` tells what
 * could not be followed to the letter ("" when everything was). JP_EUNSUPPORTED without seccomp.
 */
int jp_pod_seccomp_compile(const struct jp_isolator *isolator, unsigned char **ret, size_t *ret_len,
                           char note[160], struct jp_error *err);

/* ---- plans (planning.c, files.c) ---------------------------------------------------------------
 */

struct jp_pod_plan_request {
    const struct jp_store_pod *pod;
    const struct jp_pod_manifest *manifest;
    const struct jp_image_manifest *images; /* one per app of the manifest */
    const struct jp_pod_start *start;
    struct jp_plan_root *roots; /* one per app that is planned; moved into the plan */
    const char *pod_path;       /* absolute path of pods/UUID */
    bool is_strict;             /* refuse what this host ignores */
    bool is_kept;               /* the roots are those of a kept run */
    const struct jp_pod_identity *identity;
    const char *names; /* directory where the pod's names were entered; NULL: nowhere */
};

struct jp_pod_identity;
int jp_pod_plan_make(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                     const struct jp_pod_verdicts *verdicts, struct jp_plan *ret,
                     struct jp_error *err);
/* A readable form for tests and `debug`. */
char *jp_pod_plan_print(const struct jp_plan *plan);
/* Is this app of the manifest part of the run? */
bool jp_pod_start_includes(const struct jp_pod_start *start, const char *app);
const char *jp_pod_hostname(const struct jp_store_pod *pod, const struct jp_pod_manifest *m);
/* Jail parameters, and what a pod says of its volumes (jail.c). */
int jp_pod_plan_jail(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                     const struct jp_image_manifest *images, struct jp_plan *plan,
                     struct jp_error *err);
int jp_pod_devfs_ruleset(const struct jp_pod_manifest *m, uint32_t *ret, struct jp_error *err);
int jp_pod_net_mode(const struct jp_pod_manifest *m, uint8_t *ret, struct jp_error *err);

/*
 * restart.c: "no", "always", "on-failure" or "on-failure:N" as enum jp_restart and the limit (0:
 * none). False when it is none of them.
 */
bool jp_pod_restart_parse(const char *text, uint8_t *ret, uint32_t *ret_limit);
/* What the annotation says; "no" without one. JP_EINVALID names it. */
int jp_pod_restart_policy(const struct jp_pod_manifest *m, uint8_t *ret, uint32_t *ret_limit,
                          struct jp_error *err);

/* ---- published ports (publish.c) ---- */

/* The image's (or the manifest's own) port behind a published one; NULL: no app has it. */
const struct jp_port *jp_pod_port_behind(const struct jp_pod_manifest *m,
                                         const struct jp_image_manifest *images,
                                         const struct jp_exposed_port *exposed);
/* The address of the host it is published at; NULL: every one. */
const char *jp_pod_port_ip(const struct jp_pod_manifest *m, const struct jp_exposed_port *port);
/* Annotations about published ports. */
int jp_pod_port_notes_check(const struct jp_pod_manifest *m, struct jp_error *err);
/* What the annotation says, or else the configuration. JP_EINVALID names it. */
int jp_pod_publish_way(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                       bool *ret_redirects, struct jp_error *err);
/* plan->ports and plan->forwarder; plan->net must be there. */
int jp_pod_plan_ports(const struct jp_pod_context *ctx, const struct jp_pod_plan_request *request,
                      struct jp_plan *plan, struct jp_error *err);
/*
 * Binds the sockets of the plan's ports. *ret_mailbox: the forwarder's mailbox, the caller's;
 * untouched when the plan has no forwarder. JP_EBUSY names the port and who has it. Of a pod in the
 * host's network: the sockets that were handed over become those of its apps, in plan and mailbox.
 */
int jp_pod_publish(const struct jp_pod_context *ctx, struct jp_plan *plan, int *ret_mailbox,
                   struct jp_error *err);

/* ---- sockets that a service manager has bound (given.c) ----------------------------------------
 */

struct jp_pod_given {
    struct jp_inherited items[JP_INHERITED_MAX];
    size_t count;
    bool is_taken[JP_INHERITED_MAX];
};

void jp_pod_given_find(struct jp_pod_given *ret);
/* Of those that nobody takes: their clients would wait for ever. `why` ends the sentence. */
void jp_pod_given_warn(const struct jp_pod_context *ctx, const struct jp_pod_given *given,
                       const char *why);
/*
 * Each socket of an app for whose port some were given is those, whatever their addresses.
 * *ret_mailbox: with their descriptors, for stage 1; untouched when there are none. JP_ELIMIT.
 */
int jp_pod_given_to_apps(struct jp_pod_given *given, struct jp_plan *plan, int *ret_mailbox,
                         struct jp_error *err);

/* ---- names (files.c, resolver.c) ---------------------------------------------------------------
 */

/*
 * Who answers for names at the host's address in a network, be it at every address: as
 * jp_host_ops.holder. A resolver of ours that runs there is one. False without a gateway (NULL).
 */
bool jp_pod_names_holder(const char *gateway, char *out, size_t size);

/* What pods have in common as a domain: ICANN has set .internal apart for such use. */
#define JP_RESOLVER_DOMAIN "jetpack.internal"
#define JP_RESOLVER_PODS   "pods." JP_RESOLVER_DOMAIN
#define JP_RESOLVER_APPS   "apps." JP_RESOLVER_DOMAIN
#define JP_RESOLVER_SEARCH JP_RESOLVER_PODS " " JP_RESOLVER_APPS

/* Adds the addresses in a text, separated by blanks or commas. JP_EINVALID names what is none. */
int jp_pod_dns_parse(const char *text, struct jp_strv *ret, struct jp_error *err);
/*
 * Content of /etc/resolv.conf for a pod with this network: NULL with 0 when there is nothing to
 * say. The caller's.
 */
int jp_pod_resolv_conf(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                       const struct jp_plan_net *net, char **ret, struct jp_error *err);
/* The same when nobody asked for others than the host's. */
char *jp_pod_resolv_conf_host(const struct jp_pod_context *ctx, const struct jp_plan_net *net);
/*
 * From the text of the host's file, without servers on a loopback unless with_loopback; a server
 * instead of all of them (our resolver), or NULL. NULL when no server is left.
 */
char *jp_pod_resolv_conf_from(const char *text, bool with_loopback, const char *server);

/*
 * Enters a pod that is about to start with the names of its network, and makes sure that their
 * resolver runs. *ret_dir (the caller's): where (jp_plan_net.names); NULL: there are no names here,
 * which is told when something kept us from it. -1 only when interrupted, or for lack of memory.
 */
int jp_pod_names_enter(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                       const struct jp_pod_manifest *m, char **ret_dir, struct jp_error *err);
/* Takes it out again; the pod's lock is held by the caller. */
void jp_pod_names_leave(const struct jp_pod_context *ctx, const char *uuid);
/* The pod, if it runs, is called by its new name from now on. */
int jp_pod_names_rename(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                        struct jp_error *err);
/* Takes out pods that do not run, and ends resolvers that nobody needs. */
void jp_pod_names_sweep(const struct jp_pod_context *ctx, const struct jp_pod_gc *options);
/* Says which networks with running pods have no resolver; with `repair` starts it. */
int jp_pod_names_inspect(const struct jp_pod_context *ctx, bool repair,
                         const struct jp_link_report *report, struct jp_error *err);

/* ---- registrations (registration.c) and the service that reads them (service.c) ----------------
 */

/* What one start of a pod is known by to the metadata service. */
struct jp_pod_identity {
    char *url;     /* AC_METADATA_URL; NULL: there is no service */
    char *file;    /* absolute path of the registration; NULL: the pod has no network */
    char *address; /* where its requests come from */
    unsigned char digest[JP_TOKEN_DIGEST_SIZE]; /* of the token in the URL */
};

#define JP_POD_IDENTITY_INIT                                                                       \
    {                                                                                              \
        .url = NULL                                                                                \
    }

/* A new token for this start, and the URL with it. Registers nothing. */
int jp_pod_identity_make(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                         const struct jp_pod_manifest *m, struct jp_pod_identity *ret,
                         struct jp_error *err);
void jp_pod_identity_clear(struct jp_pod_identity *identity);

/*
 * Writes the registration and makes sure that a service answers, in this order, under the lock of
 * the directory. The pod's lock is held by the caller. Does nothing when there is nothing to do.
 */
int jp_pod_register(const struct jp_pod_context *ctx, const struct jp_pod_identity *identity,
                    const struct jp_store_pod *pod, const struct jp_pod_manifest *m,
                    const struct jp_image_manifest *images, struct jp_error *err);
/* Its token is worth nothing from now on. The pod's lock is held by the caller. */
void jp_pod_unregister(const struct jp_pod_context *ctx, const char *uuid);
/* Removes registrations of pods that do not run, and drafts. */
int jp_pod_registrations_sweep(const struct jp_pod_context *ctx, const struct jp_pod_gc *options,
                               struct jp_error *err);

/* Whether a file called after a pod's UUID is that of one that does not run, or a draft. */
bool jp_pod_entry_is_stale(const struct jp_pod_context *ctx, const char *name);

/* ROOT/mds, for root and the service's group; the descriptor. */
int jp_pod_service_dir(const struct jp_pod_context *ctx, struct jp_error *err);
/* The lock of that directory (plan/service.h); waits some seconds. */
int jp_pod_service_lock(int dir_fd, struct jp_error *err);
/*
 * A key: the configured digits when there are any, else the file, which is made when it is missing
 * (takes the lock of the directory for that, unless has_lock).
 */
int jp_pod_service_key(int dir_fd, bool has_lock, const char *file, const char *digits,
                       struct jp_buf *ret, struct jp_error *err);
/* Starts the service when none runs. The lock of the directory is held by the caller. */
int jp_pod_service_ensure(const struct jp_pod_context *ctx, int dir_fd, struct jp_error *err);
/* Does the service of this installation listen at an address of the host? 1, 0, or -1. */
int jp_pod_service_is_at(const struct jp_pod_context *ctx, const char *address,
                         struct jp_error *err);
/*
 * The network that a pod joins; NULL when it has the host's or none. JP_ENOTFOUND when it is not
 * configured, JP_EUNSUPPORTED when this system has no such networks.
 */
int jp_pod_network(const struct jp_pod_context *ctx, const struct jp_pod_manifest *m,
                   const struct jp_network **ret, struct jp_error *err);

/* ---- pods on disk (record.c) -------------------------------------------------------------------
 */

int jp_pod_load_manifest(const struct jp_pod_context *ctx, const char *uuid,
                         struct jp_pod_manifest *ret, struct jp_error *err);
char *jp_pod_path(const struct jp_pod_context *ctx, const char *uuid);

/* The supervisor's record (plan/state.h), read with nothing trusted. */
struct jp_pod_record {
    bool is_there;
    bool is_of_sessions; /* of a pod without its apps: no run */
    char *state;
    char *error;
    bool is_undoing;   /* its supervisor takes it down and hears nobody any more */
    bool will_destroy; /* its end makes garbage of the pod */
    struct jp_strv warnings;
    struct jp_plan_ports ports; /* published now */
    pid_t supervisor;
    uint64_t supervisor_start;
    int64_t started_ns;
    int64_t ended_ns;
    bool has_status;
    int status;
    struct jp_pod_app_status *apps;
    size_t n_apps;
    struct jp_pod_isolator_status *isolators;
    size_t n_isolators;
};

/* Of the last run; the pod may not run any more. */
int jp_pod_record_read(int pod_fd, struct jp_pod_record *ret, struct jp_error *err);
/* Of whatever is or was there last: sessions in a pod that does not run, or a run. */
int jp_pod_record_now(int pod_fd, struct jp_pod_record *ret, struct jp_error *err);
int jp_pod_record_parse(const char *json, size_t len, struct jp_pod_record *ret,
                        struct jp_error *err);
void jp_pod_record_clear(struct jp_pod_record *record);
/* Says that the supervisor died: state "failed" with the reason, keeping the rest. */
int jp_pod_record_fail(int pod_fd, const char *uuid, const char *reason, struct jp_error *err);
bool jp_pod_record_is_alive(const struct jp_pod_record *record);

/*
 * The end of a command on a pod that was there when it began: with success also when somebody else
 * has removed the pod meanwhile (`destroy`, the `run -destroy` that it ended). `why` is moved to
 * `err` otherwise.
 */
int jp_pod_unless_gone(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int result,
                       struct jp_error *why, struct jp_error *err);

/*
 * Takes the pod's lock without waiting: the descriptor, or -1 JP_EBUSY with a text that tells
 * what the pod is doing.
 */
int jp_pod_lock(const struct jp_store_pod *pod, int pod_fd, struct jp_error *err);
/*
 * The same, but waits ten seconds for another command that looks after a pod which does not run
 * (gc, the end of a run): JP_EBUSY at once only when the pod does.
 */
int jp_pod_lock_calm(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                     struct jp_error *err);
/* Waits for the lock: at most timeout_ms. JP_EBUSY afterwards. */
int jp_pod_lock_wait(const struct jp_pod_context *ctx, int pod_fd, int64_t timeout_ms,
                     struct jp_error *err);
/*
 * With the lock held: when the record says that the pod lives, its supervisor was killed. What it
 * left in the system is removed and the record says "failed". *ret_mended (may be NULL) tells.
 */
int jp_pod_mend(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                bool *ret_mended, struct jp_error *err);
/*
 * With the lock held: removes the roots of a run that ended, unless it was kept.
 * *ret_shed (may be NULL) tells whether there were any.
 */
int jp_pod_shed(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                bool *ret_shed, struct jp_error *err);
/* Cleans what a supervisor that died left in the system. The lock is held by the caller. */
int jp_pod_clean_system(const struct jp_pod_context *ctx, const char *uuid, struct jp_error *err);

/* ---- the supervisor (supervisor.c, client.c) ---------------------------------------------------
 */

struct jp_pod_session {
    int socket;
    int pod_fd; /* the pod's directory, by which the end of the socket is understood; -1: unknown */
    const struct jp_pod_context *ctx; /* of an owner: warnings are told there; outlives us */
    bool is_owner;
    bool is_exec;
    bool is_attached;
    bool has_input;
    bool has_tty;   /* of the main process, or the exec */
    bool has_ended; /* EXITED of the exec or ENDED was seen */
    int status;
    pid_t child;                  /* the supervisor when it is our child; 0 */
    struct jp_process supervisor; /* of one that is attached; none otherwise */
    bool is_without_apps; /* the pod does not run: its isolation is there for sessions like this */
};

/* Starts stage 1. *ret_socket: our end; messages in `first` are already written to it. */
struct jp_pod_spawn {
    const struct jp_plan *plan;
    int pod_fd;
    int lock_fd;
    int mailbox_fd; /* of the forwarder, or of sockets that are given to apps; -1: none */
    bool wants_output;
    bool has_stdin;
    const char *input_app; /* app for ATTACH with input; NULL: all */
    int64_t window;        /* of the terminal: rows << 16 | columns; 0: not known */
};
int jp_pod_supervisor_spawn(const struct jp_pod_context *ctx, const struct jp_pod_spawn *spawn,
                            struct jp_pod_session **ret, struct jp_error *err);

/* Connects to pods/UUID/control and exchanges HELLO. JP_EBUSY "not running", JP_EINTERRUPTED. */
int jp_pod_connect(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int pod_fd,
                   struct jp_error *err);
/*
 * Connects also to a supervisor that has only just been started or is about to end: as long as the
 * lock is held there is something to wait for. *ret_flags: of its HELLO. JP_EBUSY: nothing runs.
 * JP_ELIMIT: time-out (timeout_ms -1: none).
 */
int jp_pod_connect_patiently(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                             int pod_fd, int64_t timeout_ms, uint32_t *ret_flags,
                             struct jp_error *err);
/*
 * Reads the record of what is or was there last, and opens the supervisor that it names:
 * JP_ENOTFOUND when that is gone. *record is the caller's to clear in any case.
 */
int jp_pod_supervisor_open(int pod_fd, struct jp_pod_record *record, struct jp_process *ret,
                           struct jp_error *err);
/* Waits for a message other than OUTPUT. FAILED becomes an error. Returns 1, 0 at the end. */
int jp_pod_await(int socket, struct jp_control_message *ret, struct jp_error *err);
/* Sends and waits for OK. */
int jp_pod_ask(int socket, const struct jp_control_message *message, struct jp_control_message *ret,
               struct jp_error *err);
int jp_pod_failed_message(const struct jp_control_message *message, struct jp_error *err);
/* Passes a WARNING of the supervisor on to the user. */
void jp_pod_tell_warning(const struct jp_pod_context *ctx,
                         const struct jp_control_message *message);

/* A session on this socket, which is the session's then. NULL without memory. */
struct jp_pod_session *jp_pod_session_new(int socket);
/*
 * Goes into a pod, running or not, with the first request of the session, which must be answered by
 * OK: `ask` sends it. A pod that does not run gets its isolation without apps, or shares the one
 * that somebody else has got it; both end with the last session. `ask` is called again
 * when such a one ended just before it.
 */
int jp_pod_enter(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 int (*ask)(void *context, int socket, struct jp_error *err), void *context,
                 struct jp_pod_session **ret, struct jp_error *err);
/*
 * In a pod without its apps: what the session still runs is killed, and if nobody else needs the
 * isolation, its end is waited for (some seconds). Nothing else.
 */
void jp_pod_session_leave(struct jp_pod_session *session);

/*
 * Starts the isolation without apps; the session needs it. lock_fd: the pod's lock, which is the
 * callee's from now on.
 */
int jp_pod_start_without_apps(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                              int lock_fd, struct jp_pod_session **ret, struct jp_error *err);

#endif
