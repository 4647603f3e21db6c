/*
 * Looking at pods: states, logs, processes, what was written; and copying files in and out.
 */
#ifndef JP_POD_INSPECT_H
#define JP_POD_INSPECT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "plan/plan.h"
#include "platform/platform.h"
#include "pod/pod.h"
#include "store/driver/driver.h"

/* ---- states ------------------------------------------------------------------------------------
 */

enum jp_pod_state {
    JP_POD_PREPARING, /* a command is making it */
    JP_POD_PREPARED,  /* ready, never run */
    JP_POD_STARTING,
    JP_POD_RUNNING,
    JP_POD_STOPPING,
    JP_POD_EXITED,  /* its apps ended, whatever their status */
    JP_POD_FAILED,  /* could not be started, or its supervisor died */
    JP_POD_GARBAGE, /* half removed: gc or destroy finishes it */
};

const char *jp_pod_state_name(enum jp_pod_state state);

/* Counts as alive: starting, running, stopping. */
bool jp_pod_state_is_alive(enum jp_pod_state state);

struct jp_pod_app_status {
    char *name;
    char *image_id;
    char *image_name; /* NULL when the manifest does not say */
    char *state;      /* as the supervisor records it: "prepared" before the first run */
    pid_t pid;        /* main process, host's view; 0 when none */
    bool has_status;
    int status; /* wait status of the main process, as of waitpid(2) */
    bool out_of_memory;
    int64_t started_ns; /* 0: never */
    int64_t ended_ns;
    uint32_t restarts;
    char *error;                    /* why it, or a handler of it, failed; NULL */
    struct jp_plan_socket *sockets; /* that it finds open, as long as the pod is alive */
    size_t n_sockets;
};

/* What became of an isolator (ace.md: the executor MUST tell). */
struct jp_pod_isolator_status {
    char *app; /* NULL: the pod's */
    char *name;
    enum jp_verdict verdict;
    char *reason; /* for MODIFIED and IGNORED */
};

struct jp_pod_status {
    struct jp_store_pod pod;
    enum jp_pod_state state;
    char *reason;     /* why it failed; NULL */
    char *address6;   /* beside the leased one; NULL: none */
    pid_t supervisor; /* 0 when none */
    int64_t started_ns;
    int64_t ended_ns;
    bool has_status;
    int status;                     /* of the pod */
    struct jp_pod_app_status *apps; /* manifest order */
    size_t n_apps;
    struct jp_plan_ports ports;               /* published now */
    struct jp_pod_isolator_status *isolators; /* only with_details */
    size_t n_isolators;
    struct jp_strv warnings; /* only with_details: what was told at the last start */
    char *manifest;          /* only with_details: the reified manifest */
    char *hostname;          /* only with_details */
    char *net;               /* only with_details: "pod", "none", "host" */
};

struct jp_pod_statuses {
    struct jp_pod_status *items;
    size_t count;
};

/* with_details: also what `show` tells. Never fails for a damaged pod: it is `garbage`. */
int jp_pod_status(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  bool with_details, struct jp_pod_status *ret, struct jp_error *err);
void jp_pod_status_clear(struct jp_pod_status *status);

/* Adds the names of the apps' images, from the manifest, to a status without details. A pod whose
 * manifest cannot be read has none; that is no error. */
int jp_pod_status_name_images(const struct jp_pod_context *ctx, struct jp_pod_status *status,
                              struct jp_error *err);

/* All pods, newest last. No details: a thousand pods take less than 100 ms. */
int jp_pod_list(const struct jp_pod_context *ctx, struct jp_pod_statuses *ret,
                struct jp_error *err);
void jp_pod_statuses_clear(struct jp_pod_statuses *statuses);

/* ---- logs --------------------------------------------------------------------------------------
 */

struct jp_pod_log_line {
    const char *app;
    int stream; /* 1 or 2 */
    int64_t time_ns;
    bool is_complete; /* false: the line goes on in the next entry of this app and stream */
    const char *text; /* without newline; may hold any bytes */
    size_t len;
};

struct jp_pod_logs {
    const char *app;  /* NULL: all, merged by time */
    int64_t tail;     /* only the last so many lines; -1: all */
    int64_t since_ns; /* only from then on; 0: all */
    bool follow;      /* goes on until the pod is over or ctx->interrupted */
    /* Non-zero stops; that is not an error. */
    int (*line)(void *context, const struct jp_pod_log_line *line);
    void *context;
};

/* Reads rotated files too. JP_ENOTFOUND: no such app. */
int jp_pod_logs(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                const struct jp_pod_logs *options, struct jp_error *err);

/* ---- processes ---------------------------------------------------------------------------------
 */

/* Calls `each` for every process of the pod; JP_EBUSY "not running". Stops at non-zero. */
int jp_pod_processes(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                     int (*each)(void *context, const struct jp_pod_process *process),
                     void *context, struct jp_error *err);

/* killall(1): sends a signal to every process of the pod with that name. *ret_count of them. */
int jp_pod_killall(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   const char *name, int signal, unsigned *ret_count, struct jp_error *err);

/* ---- files -------------------------------------------------------------------------------------
 */

/*
 * Copies files as cp -a would: recursive, owner, mode, times, links as links. `from` (at least one)
 * and `to` are POD:APP:PATH, POD::PATH (the only app), POD:@VOLUME:PATH, or a path of the host:
 * absolute, "." or beginning with "./" or "../". Exactly one side is a pod or both are. Paths are
 * resolved inside the pod's root, whatever the pod does meanwhile (CVE-2018-15664). With several
 * sources `to` must be a directory.
 */
int jp_pod_copy(const struct jp_pod_context *ctx, const char *const *from, size_t n_from,
                const char *to, struct jp_error *err);

/* ---- what was written --------------------------------------------------------------------------
 */

/*
 * The root file system of an app: of a run that was kept, or of the one that goes on (then it may
 * change while it is looked at). A pod that does not run is kept from being started as long as the
 * tree is open.
 */
struct jp_pod_tree {
    struct jp_store_clone clone;
    int lock_fd; /* -1: somebody is at work in the pod */
};

/* JP_ENOTFOUND: the pod does not run, and nothing of its last run was kept. */
int jp_pod_tree_open(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                     const char *app, struct jp_pod_tree *ret, struct jp_error *err);
void jp_pod_tree_clear(struct jp_pod_tree *tree);

/*
 * Tells what differs between the app's root and its image, without what Jetpack itself puts there:
 * /etc/resolv.conf, and where the image has none /etc/hosts, /dev, /proc and /sys. With
 * changes->all those that the image has are told as unchanged.
 */
int jp_pod_tree_changes(const struct jp_pod_context *ctx, const struct jp_pod_tree *tree,
                        const struct jp_driver_changes *changes, struct jp_error *err);

/* When all was read: JP_EBUSY when the root was removed or replaced meanwhile. */
int jp_pod_tree_check(const struct jp_pod_tree *tree, struct jp_error *err);

#endif
