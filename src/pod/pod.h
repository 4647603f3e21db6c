/*
 * Stage 0: pods from the first word of a request to the last trace of a destroyed one.
 *
 * The room turns a request (options, images, JSON) into a reified pod manifest, the manifest into a
 * plan, hands the plan to a supervisor (stage 1) and is the client of that supervisor afterwards.
 * It derives every state from what is there (the pod's lock and the supervisor's record), never
 * from what an earlier command hoped. It prints nothing: messages go to the context's `tell`,
 * output of apps to the session's `output`. What it does to disk is undone when a step fails or the
 * user interrupts; what a killed command leaves, jp_pod_gc() finds.
 *
 * Headers: pod/pod.h (this: context, images, preparing, life of a pod), pod/request.h (what the
 * user asks for), pod/session.h (talking to a running pod), pod/inspect.h (states, logs, processes,
 * files).
 *
 * Not thread-safe; one context may be used for any number of pods, one after the other.
 */
#ifndef JP_POD_POD_H
#define JP_POD_POD_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "store/store.h"
#include "store/views.h"

enum jp_pod_tell {
    JP_POD_INFO,    /* what was decided for the user: "app 'db': volume 'data' is made empty" */
    JP_POD_WARNING, /* what the user should know: an ignored isolator, a masked directory */
};

struct jp_networks; /* pod/network.h */

/* The metadata service, as configured (mds.*). */
struct jp_pod_metadata {
    uint16_t port;           /* mds.port */
    const char *user;        /* mds.user */
    bool keeps_uid;          /* mds.keep-uid */
    const char *token_key;   /* mds.token-key, hexadecimal; NULL: the one that we made */
    const char *signing_key; /* mds.signing-key, likewise */
    const char *log;         /* mds.logfile; NULL */
    const char *pid_file;    /* mds.pidfile; NULL */
    uint32_t idle_ms;        /* mds.idle: how long a service on demand outlives the last pod */
};

/* What every operation needs. All strings stay the caller's and must outlive the use. */
struct jp_pod_context {
    struct jp_store *store;
    const char *libexec;     /* path.libexec; NULL: beside the running binary, then the built-in */
    const char *dns_servers; /* ace.dns-servers, separated by blanks; NULL: those of the host */
    bool redirects_ports;    /* net.publish = nat */
    bool has_names;          /* net.names: pods are entered with the resolver of their network */
    const struct jp_networks *networks;    /* net.*; NULL: "pod" as when nothing is configured */
    const char *jail_prefix;               /* jail.namePrefix; NULL: "jetpack/" */
    const struct jp_strv *jail_parameters; /* ace.jailConf.*: NAME=VALUE; NULL: none */
    uint32_t stop_grace_ms;                /* 0: 10000 */
    uint32_t ready_limit_ms;               /* 0: apps may take as long as they like */
    uint64_t log_max_bytes;                /* 0: 10 MiB */
    uint32_t log_files;                    /* 0: 5 */
    bool is_strict; /* refuse to run a pod one of whose isolators is ignored */
    const struct jp_pod_metadata *metadata; /* NULL: pods have no metadata service */
    /* Messages for the user, one line without newline; NULL: dropped. */
    void (*tell)(void *tell_context, enum jp_pod_tell kind, const char *text);
    void *tell_context;
    /*
     * Called when an image is not here, with the word of the user; 0 when it may be here now (it is
     * looked up once more), -1 with the reason. NULL: the lookup fails with JP_ENOTFOUND.
     */
    int (*fetch)(void *fetch_context, const char *word, struct jp_error *err);
    void *fetch_context;
    /* Non-zero once a signal asked to stop (jp_pod_signals); checked between steps. May be NULL. */
    const volatile sig_atomic_t *interrupted;
    struct jp_pod_ahead *ahead; /* jp_pod_start_ahead; NULL */
};

/*
 * Loads a supervisor's program on the side, for the next pod that is started with this context: a
 * command that will start one saves the time. It holds nothing of any pod until then. What the
 * request (NULL: not known) says about the network is a hint to it.
 * jp_pod_ahead_free ends it if no pod came (and waits for that); NULL is fine.
 */
struct jp_pod_request; /* pod/request.h */
int jp_pod_start_ahead(struct jp_pod_context *ctx, const struct jp_pod_request *request,
                       struct jp_error *err);
void jp_pod_ahead_free(struct jp_pod_ahead *ahead);

/* ---- signals -----------------------------------------------------------------------------------
 */

/*
 * Catches INT, TERM, HUP, QUIT and WINCH for a command that must not leave anything half-made:
 * `interrupted` becomes the number of the first signal other than WINCH, and each one's number can
 * be read as a byte from `fd` (non-blocking). PIPE is ignored. One at a time in a process.
 */
struct jp_pod_signals {
    int fd;                                   /* to poll and read; a session does it */
    const volatile sig_atomic_t *interrupted; /* for jp_pod_context.interrupted */
};

int jp_pod_signals_catch(struct jp_pod_signals *ret, struct jp_error *err);
/* Puts the earlier handlers back. */
void jp_pod_signals_release(struct jp_pod_signals *signals);

/* ---- programs ----------------------------------------------------------------------------------
 */

/*
 * Opens one of our own programs ("jetpack-stage1", "jetpack-stage2", "jetpack-image"): in the
 * folder ctx->libexec; else beside the running binary or in the directories of its build tree; else
 * in the libexec folder of the installation. *ret_path (may be NULL) is the caller's. Returns a
 * descriptor, close-on-exec, or -1 with JP_ENOTFOUND that names the places.
 */
int jp_pod_program(const struct jp_pod_context *ctx, const char *name, char **ret_path,
                   struct jp_error *err);

/* ---- images ------------------------------------------------------------------------------------
 */

/* The appc names of this host: "linux", "amd64". Constant strings. */
const char *jp_pod_host_os(void);
const char *jp_pod_host_arch(void);

/*
 * Every image here that a word fits, whatever its system and processor, ordered as
 * jp_store_image_list() says; none is no error. JP_EUSAGE: not a word for images.
 */
int jp_pod_list_images(struct jp_store *store, const char *word, struct jp_store_images *ret,
                       struct jp_error *err);

/*
 * The one image that a word means (appc/imagename.h, or "sha512-" and digits): exact id, unique
 * prefix, or the newest version (then the newest image) with that name, labels and tags for this
 * host's os and arch where the word says nothing about them. On success ret->count is 1.
 * JP_ENOTFOUND: not here, or here only for another os or arch (the text tells and says what to do);
 * JP_EAMBIGUOUS: several fit equally, listed; JP_EUSAGE: not a word for images.
 */
int jp_pod_find_image(const struct jp_pod_context *ctx, const char *word,
                      struct jp_store_images *ret, struct jp_error *err);

/* As above, without looking at os and arch: for show-image, export, verify, destroy-image. */
int jp_pod_find_any_image(const struct jp_pod_context *ctx, const char *word,
                          struct jp_store_images *ret, struct jp_error *err);

/*
 * What an image's root file system is made of, as ace.md "Filesystem Setup" orders it, topmost
 * first: the image itself, then its dependencies, later ones over earlier ones, each seen through
 * its own pathWhitelist and those of the images that depend on it. What the specification's order
 * extracts several times is listed where it comes last, which covers all before. With `pins` a
 * dependency means one of these images, else any that is here. *ret is appended to. JP_ENOTFOUND
 * names a dependency that is not here, JP_EINVALID a circle or what does not fit, JP_ELIMIT too
 * many or too deep.
 */
int jp_pod_image_stack(const struct jp_pod_context *ctx, const char *image_id,
                       const struct jp_strv *pins, struct jp_store_stack *ret,
                       struct jp_error *err);

/* The same name and labels, versions apart: one may be newer than the other. */
bool jp_pod_image_is_sibling(const struct jp_store_image *a, const struct jp_store_image *b);

/* images[i] of a list of the store has a newer sibling in it. */
bool jp_pod_image_is_outdated(const struct jp_store_images *images, size_t i);

/* Which images may go. */
struct jp_pod_unused {
    bool tagged;                   /* also those that have tags */
    int64_t older_than_ms;         /* only those that were imported at least so long ago */
    size_t keep;                   /* of each kind of sibling the newest so many stay */
    const struct jp_strv *without; /* UUIDs of pods that do not count; may be NULL */
};

/*
 * Finds the images that no pod needs and no image that stays: numbers in `images` (all of the
 * store, as it lists them), in an order in which they can be destroyed. *ret is the caller's.
 */
int jp_pod_unused_images(const struct jp_pod_context *ctx, const struct jp_pod_unused *policy,
                         const struct jp_store_images *images, size_t **ret, size_t *ret_count,
                         struct jp_error *err);

/* ---- preparing ---------------------------------------------------------------------------------
 */

struct jp_pod_request; /* pod/request.h */

/*
 * The reified manifest (indented JSON, newline at the end) that the request would give; creates
 * nothing (`prepare -n`). It has no ip-address. *ret is the caller's.
 */
int jp_pod_reify(const struct jp_pod_context *ctx, const struct jp_pod_request *request, char **ret,
                 struct jp_error *err);

/*
 * Makes a pod: images are found, the manifest reified and checked, an address leased, empty volumes
 * made. Nothing runs, nothing is mounted. Undone when it fails or is interrupted.
 */
int jp_pod_prepare(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                   struct jp_store_pod *ret, struct jp_error *err);

/* The same for `run -destroy`: nothing of the pod is made durable. */
int jp_pod_prepare_volatile(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                            struct jp_store_pod *ret, struct jp_error *err);

/*
 * A pod that its maker needs only as long as it lives (`build`): once *ret_owner, which is the
 * caller's, is closed by whatever end, gc removes the pod.
 */
int jp_pod_prepare_owned(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                         struct jp_store_pod *ret, int *ret_owner, struct jp_error *err);
/* Lets it stay: closes *owner. */
int jp_pod_disown(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int *owner,
                  struct jp_error *err);

/* ---- finding -----------------------------------------------------------------------------------
 */

/* By UUID, a unique prefix of one, or name. JP_ENOTFOUND, JP_EAMBIGUOUS. */
int jp_pod_find(const struct jp_pod_context *ctx, const char *word, struct jp_store_pod *ret,
                struct jp_error *err);

/*
 * POD[:APP]. *ret_app (caller's) is the name of an app of that pod; without :APP the only one:
 * JP_EAMBIGUOUS, listing them, in a pod of several.
 */
int jp_pod_find_app(const struct jp_pod_context *ctx, const char *word, struct jp_store_pod *ret,
                    char **ret_app, struct jp_error *err);

/*
 * For `run WORD`: 1 when the word is a full UUID or exactly a pod's name, and no image
 * has that name; 0 when it is none; -1 JP_EAMBIGUOUS when both a pod and an image have it.
 */
int jp_pod_find_for_run(const struct jp_pod_context *ctx, const char *word,
                        struct jp_store_pod *ret, struct jp_error *err);

/* The reified manifest as it is stored; *ret is the caller's. */
int jp_pod_manifest(const struct jp_pod_context *ctx, const char *uuid, char **ret,
                    struct jp_error *err);

/* ---- life --------------------------------------------------------------------------------------
 */

struct jp_pod_session; /* pod/session.h */

struct jp_pod_start {
    bool is_detached;  /* `run -d`: the session only waited for the start */
    bool keep;         /* the roots of this run stay afterwards */
    bool will_destroy; /* the pod is destroyed after the run: nothing needs to be durable */
    /* with will_destroy: program and arguments that the supervisor becomes when the run is over and
       this process is not there to destroy the pod; they end in jp_pod_end_run(). NULL: none */
    const struct jp_strv *at_end;
    /* program and arguments that make an app's root anew; they end in jp_pod_renew_root() */
    const struct jp_strv *renew;
    /*
     * Called with the tree of the only app (of an overlay the upper directory) when it is clean and
     * nothing runs in it yet, to put something there; NULL. Returns 0, or -1.
     */
    int (*furnish)(void *context, int tree_fd, struct jp_error *err);
    void *furnish_context;
    bool without_apps;     /* isolation only; set by exec, console and cp themselves */
    const char *tty_app;   /* this app gets a pseudo-terminal; "" : the only one; NULL: none */
    const char *stdin_app; /* this app gets standard input; likewise */
    const char *only_app;  /* `run -app A`: the others are not started; NULL: all */
    uint16_t rows;         /* of the terminal, with tty_app */
    uint16_t columns;
    const char *term; /* TERM of the caller, with tty_app; may be NULL */
};

/*
 * Starts a prepared or ended pod from a clean copy: checks its volumes again, clones, plans, and
 * hands over to a supervisor. Detached, it returns when every app runs; else as soon as the
 * supervisor lives: jp_pod_session_relay() then tells of a start that failed, with the same errors.
 * The session is the owner's: closing it stops the pod, unless is_detached. JP_EBUSY: it is
 * running, or another command is at work on it. JP_ENOPROGRAM, JP_ENOEXEC: an app's program. On
 * failure nothing of the start is left and the pod is as before or `failed`.
 */
int jp_pod_start(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                 const struct jp_pod_start *options, struct jp_pod_session **ret,
                 struct jp_error *err);

/*
 * Asks the apps to end (stop signal), kills them after the grace (-1: the pod's own), and waits
 * until the pod is over. A pod that does not run is fine, and one that somebody else has removed.
 */
int jp_pod_stop(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, int64_t grace_ms,
                struct jp_error *err);

/* SIGKILL for everything at once, the supervisor too when it does not answer; waits. As stop. */
int jp_pod_kill(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                struct jp_error *err);

/*
 * Ends the main process of an app of a running pod, if one runs (its stop signal, SIGKILL after the
 * grace, -1: the pod's), and starts it again in the same run, from a clean copy of its image.
 * Returns when it runs. JP_EBUSY when the pod does not run, and what kept the app from being
 * started.
 */
int jp_pod_restart_app(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                       const char *app, int64_t grace_ms, struct jp_error *err);

/*
 * Changes limits of a running pod, or of one of its apps: LIMIT=NUMBER as jp_plan_limit() names
 * them. All of them or none. They last until the pod ends: its manifest stays as it is. JP_EBUSY
 * when not running, JP_EUNSUPPORTED when the host does not enforce one.
 */
int jp_pod_set_limits(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                      const char *app, const struct jp_strv *limits, struct jp_error *err);

/* Sends a signal to the main process of an app (NULL: of every app). JP_EBUSY when not running. */
int jp_pod_signal(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, const char *app,
                  int signal, struct jp_error *err);

/*
 * Waits until the pod has ended; at once when it does not run. *ret_status: wait status as of
 * waitpid(2), of `app`, or of the pod (first non-zero in manifest order). timeout_ms -1: for ever.
 * JP_ENOTFOUND when it never ran; JP_ELIMIT at the time-out.
 */
int jp_pod_wait(const struct jp_pod_context *ctx, const struct jp_store_pod *pod, const char *app,
                int64_t timeout_ms, int *ret_status, struct jp_error *err);

/*
 * Removes what a run that ended left on disk: its root file systems, unless they were kept
 * and what a dead supervisor left in the system. A pod in use is left alone.
 */
int jp_pod_tidy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                struct jp_error *err);

/*
 * Kills it if it runs and removes all of it. Works on half-made and half-removed pods,
 * and on one that somebody else has removed meanwhile.
 */
int jp_pod_destroy(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   struct jp_error *err);

/*
 * For the supervisor of a running pod, which starts an app again: makes a clean root for it and
 * appends what the supervisor must know (plan/renewal.h).
 */
int jp_pod_renew_root(const struct jp_pod_context *ctx, const char *uuid, const char *app,
                      struct jp_buf *ret, struct jp_error *err);

/*
 * What the supervisor of a run with will_destroy becomes in the end (the calling process has its
 * pid): destroys the pod, unless it is gone or was started again meanwhile.
 */
int jp_pod_end_run(const struct jp_pod_context *ctx, const char *uuid, struct jp_error *err);

/* Gives a new human name; also while it runs. JP_EEXISTS when taken. */
int jp_pod_rename(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  const char *name, struct jp_error *err);

/* ---- the metadata service ----------------------------------------------------------------------
 */

struct jp_pod_service {
    bool is_running;
    int pid;
    char *listeners; /* "172.23.0.1:1104 127.0.0.1:1104" */
    char *version;   /* of the Jetpack that started it */
    char *token;     /* for its page "/_info": whoever reads this is root */
};

/* The service that runs now, if one does. Starts none. */
int jp_pod_service_find(const struct jp_pod_context *ctx, struct jp_pod_service *ret,
                        struct jp_error *err);
void jp_pod_service_clear(struct jp_pod_service *service);

/*
 * Becomes the service: binds its sockets, makes missing keys, and executes it in this process's
 * place, in the foreground, to stay until it is asked to end. Waits as long as another one runs
 * (it tells so once). Returns only when it fails.
 */
int jp_pod_service_become(const struct jp_pod_context *ctx, struct jp_error *err);

/* For `init`: makes the user when there is none, the directory, and missing keys. */
int jp_pod_service_prepare(const struct jp_pod_context *ctx, struct jp_error *err);

/* ---- upkeep ------------------------------------------------------------------------------------
 */

struct jp_pod_gc {
    bool exited;           /* also destroy pods that have ended */
    int64_t older_than_ms; /* ... and ended at least so long ago */
    bool is_dry;           /* only say what would be done to pods */
    /* kind: "pod", "image", ...; what: its id; done: "cleaned", "removed", "would be removed" */
    void (*say)(void *say_context, const char *kind, const char *what, const char *done);
    void *say_context;
};

/* Mends what killed supervisors and interrupted commands left. Second time: nothing to do. */
int jp_pod_gc(const struct jp_pod_context *ctx, const struct jp_pod_gc *options,
              struct jp_error *err);

#endif
