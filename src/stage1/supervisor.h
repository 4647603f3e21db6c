/*
 * The supervisor of one pod: what its files share. Private to this room.
 *
 * One process, one thread, one poll(2) loop. What it keeps per app, per child and per client stands
 * below; nothing grows with what an app writes or a client asks: output is read only when it can be
 * handed on, requests only when their answers can be (row 12 of SECURITY.md).
 */
#ifndef JP_STAGE1_SUPERVISOR_H
#define JP_STAGE1_SUPERVISOR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "plan/control.h"
#include "plan/orders.h"
#include "plan/plan.h"
#include "platform/platform.h"
#include "stage1/log.h"

#define JP_MAX_CLIENTS        64    /* connections at a time; more wait in the socket's queue */
#define JP_MAX_WARNINGS       64    /* kept of a start; nobody reads more */
#define JP_READ_BYTES         16384 /* of a child's output at a time */
#define JP_HANGUP_MS          3000 /* between SIGHUP and SIGKILL for the child of an exec that was left */
#define JP_PATIENCE_MS        5000 /* for clients that do not read, once the pod is being stopped */
#define JP_FAREWELL_MS        60000 /* for clients to part before the pod is removed (at_end) */
#define JP_HANDLER_MS         5000 /* at least, for a post-stop handler while the pod is being stopped */
#define JP_RESTART_FIRST_MS   100   /* pause before an app is started again, doubled each time */
#define JP_RESTART_LONGEST_MS 60000 /* ... up to this */
#define JP_RESTART_CALM_MS    10000 /* an app that ran so long begins with the first pause again */

/* Ids, as resolved in an app's root. */
struct jp_identity {
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* sorted, the primary one included */
    size_t n_groups;
    char *name; /* NULL: the uid has no entry */
    char *home;
    char *shell;
};

enum jp_app_state {
    JP_APP_WAITING,
    JP_APP_STARTING, /* its root is made anew, or the pre-start handler runs */
    JP_APP_RUNNING,
    JP_APP_STOPPING,   /* the post-stop handler runs */
    JP_APP_RESTARTING, /* it ended and is due again at restart_at_ms */
    JP_APP_EXITED,
    JP_APP_FAILED,
};

struct jp_app {
    struct jp_plan_app *plan;
    enum jp_app_state state;
    int root_fd; /* -1 also when it could not be made anew */
    int dir_fd;  /* holds what lies below the root, once it is to be left; -1 */
    struct jp_identity identity;
    struct jp_child *child; /* the main process or handler that runs now */
    int notify_fd;   /* what it says by sd_notify(3) arrives there; -1: it was offered nothing */
    bool is_awaited; /* it is to say that it is ready, and has not */
    int64_t ready_at_ms; /* is_awaited: by when, monotonic; 0: no limit */
    bool was_late;       /* it did not, and is being ended */
    int *sockets;        /* plan->n_sockets of them, while they are open; NULL */
    struct jp_strv socket_names;
    struct jp_log log;
    bool has_status;
    int status; /* wait status of the main process when it ended last */
    bool was_out_of_memory;
    int64_t started_ns;
    int64_t ended_ns;
    uint32_t restarts;
    bool will_restart;     /* once the post-stop handler has ended, too */
    bool is_ordered;       /* ... because somebody asked for it: at once */
    uint32_t retries;      /* restarts by policy since somebody asked for one */
    int64_t pause_ms;      /* the last one; 0: none yet */
    int64_t began_ms;      /* when it was started, monotonic */
    int64_t restart_at_ms; /* JP_APP_RESTARTING: monotonic */
    bool input_is_over;    /* its client said so: the next one has none either */
    char *error;
};

enum jp_role {
    JP_ROLE_MAIN,
    JP_ROLE_PRE_START,
    JP_ROLE_POST_STOP,
    JP_ROLE_EXEC,
};

/* A process that we started, until it has ended and its output has been handed on. */
struct jp_child {
    struct jp_child *next;
    enum jp_role role;
    size_t app;
    pid_t pid;
    bool has_ended;   /* reaped: pid means nothing any more */
    bool is_drained;  /* ... and what it had written has been read */
    bool is_followed; /* a main process whose app is started again: its end is not the app's */
    int status;
    bool has_tty;
    int out[2];            /* ends of its output to read, -1: closed; [1] is -1 with a terminal */
    int in;                /* end of its input to write, -1: none */
    struct jp_buf pending; /* input that it did not take yet */
    size_t pending_done;   /* bytes of it that it took */
    bool closes_input;     /* after `pending` */
    struct jp_client *session; /* JP_ROLE_EXEC: for whom; NULL when gone */
    int64_t kill_at_ms;        /* SIGKILL is due then; 0: not */
};

/* A message that a client's socket had no room for. */
struct jp_packet {
    struct jp_packet *next;
    struct jp_buf bytes;
    int fd;
};

struct jp_client {
    struct jp_client *next;
    int fd;
    bool is_gone; /* freed at the end of the round */
    bool is_deaf; /* hears nothing more; what it has said is still to be read */
    bool is_owner;
    bool is_needing; /* a pod without apps is there for it, also when it executes nothing */
    bool is_leaving; /* it said LEAVE and was not answered yet */
    bool has_greeted;
    bool is_attached;
    size_t attached_app; /* SIZE_MAX: all */
    struct jp_child *session;
    struct jp_child *feeds; /* its last INPUT waits there: TAKEN is due */
    bool is_early;          /* it did not wait for TAKEN: not listened to */
    bool awaits_start;      /* it said RESTART: is answered when this app runs */
    size_t awaited_app;
    struct jp_packet *queue;
    int64_t stalled_since_ms;
};

/* The program that makes a clean root (plan/renewal.h), as long as it runs. */
struct jp_renewal {
    struct jp_renewal *next;
    size_t app; /* JP_RENEW_TIDY: none, it removes what nobody holds */
    pid_t pid;  /* 0: reaped */
    int socket; /* -1: all was heard */
    struct jp_buf came;
};

#define JP_RENEW_TIDY SIZE_MAX

/* A root that an app has left, and somebody has not. */
struct jp_left_root {
    struct jp_left_root *next;
    uint64_t number; /* jp_mount_ops.is_left */
    int dir_fd;      /* holds what lies below it */
};

enum jp_phase {
    JP_PHASE_STARTING,
    JP_PHASE_RUNNING,
    JP_PHASE_STOPPING,
    JP_PHASE_UNDOING,  /* the world is taken down */
    JP_PHASE_DRAINING, /* nothing runs; the rest of the output is handed on */
    JP_PHASE_OVER,     /* the record is final; clients are told */
};

struct jp_supervisor {
    struct jp_plan plan;
    int pod_fd;
    int lock_fd;
    int owner_fd;
    int stage2_fd;
    int mailbox_fd;     /* of the forwarder, or of sockets that are given to apps; -1 */
    int forwarder_life; /* the forwarder lives as long as this is open; -1: there is none */
    pid_t forwarder;    /* 0: none */
    int listen_fd;
    int logs_fd;
    int registration_fd; /* locked while the metadata service may know the pod */
    struct jp_isolation *isolation;
    size_t steps_done;   /* how far the world is built (steps.c) */
    struct jp_app *apps; /* plan.n_apps of them */
    struct jp_child *children;
    struct jp_renewal *renewals;
    struct jp_left_root *left;
    int64_t look_at_ms; /* when they are looked at, monotonic; 0: never */
    int64_t look_pause_ms;
    struct jp_client *clients;
    size_t n_clients;
    enum jp_phase phase;
    bool has_started; /* every app ran: STARTED was told */
    bool is_let_go;   /* the owner said DETACH: the pod goes on without it */
    bool has_failed;  /* the final state is "failed", because of: */
    struct jp_error error;
    bool skips_handlers; /* no post-stop: killed, or the world has died */
    bool is_hurried;     /* somebody asked for the end */
    bool world_died;
    int64_t stop_at_ms; /* SIGKILL for all is due then; 0: not */
    uint32_t grace_ms;
    uint32_t window; /* of the owner's terminal: rows << 16 | columns */
    int64_t started_ns;
    int64_t running_ns;
    int64_t ended_ns;
    uint64_t start_ticks;    /* our own, as struct jp_process */
    struct jp_buf reports;   /* what became of limits: JSON objects with commas between */
    struct jp_strv warnings; /* of the back end; JP_MAX_WARNINGS at most */
    bool record_is_stale;
};

/* users.c: ids of an app and of "USER[:GROUP]", and the variables that follow from them. */
int jp_identity_of_app(const struct jp_plan_app *app, int root_fd, struct jp_identity *ret,
                       struct jp_error *err);
int jp_identity_of_text(const char *text, int root_fd, struct jp_identity *ret,
                        struct jp_error *err);
/* HOME, USER, LOGNAME, SHELL: added where missing, or all replaced. */
int jp_identity_add_env(const struct jp_identity *identity, bool replaces, struct jp_strv *env,
                        struct jp_error *err);
/* Puts NAME=VALUE into a list in the place of another value of NAME. */
int jp_env_set(struct jp_strv *env, const char *assignment);
void jp_identity_clear(struct jp_identity *identity);

/* steps.c: the pod's world, built step by step and taken down backward. */
int jp_world_build(struct jp_supervisor *s, struct jp_error *err);
void jp_world_undo(struct jp_supervisor *s);
/* Mounts the app's part of it anew, in the root that its plan names now; it has left the old one.
 */
int jp_world_renew(struct jp_supervisor *s, size_t app, struct jp_error *err);

/* forward.c: the forwarder of published ports (plan/forward.h), if the plan names one. */
/* Starts it; it prepares itself beside what comes next. */
int jp_forward_begin(struct jp_supervisor *s, struct jp_error *err);
/* Waits until it is ready, or told why not. */
int jp_forward_await(struct jp_supervisor *s, struct jp_error *err);
/* Looks whether it has ended by itself: then its ports refuse, and a warning says so. */
void jp_forward_reap(struct jp_supervisor *s);
/* Tells it the limit of the plan's network bandwidth as it is now. */
void jp_forward_limit(const struct jp_supervisor *s);
/* Ends it: its ports refuse when this returns. */
void jp_forward_end(struct jp_supervisor *s);

/* sockets.c: ports that apps find listened on. */
int jp_sockets_open(struct jp_supervisor *s, struct jp_error *err);
/* From now on they refuse. */
void jp_sockets_close(struct jp_supervisor *s);

/* ready.c: apps that say when they are ready. */
/* Before anything of an app is started: offers NOTIFY_SOCKET, when the plan says so. */
int jp_ready_begin(struct jp_supervisor *s, struct jp_app *app, struct jp_error *err);
/* Takes what was said; true when that is the READY that was waited for. */
bool jp_ready_hear(struct jp_app *app);
/* Nothing is offered or waited for any more. */
void jp_ready_end(struct jp_app *app);
/* Its main process runs: from now on it is waited for. */
void jp_ready_count(struct jp_app *app);
/* Ends the waiting for those who are late; when the next will be, 0: never. */
void jp_ready_tick(struct jp_supervisor *s, int64_t now_ms);
int64_t jp_ready_next_ms(const struct jp_supervisor *s);

/* child.c */
struct jp_launch {
    enum jp_role role;
    size_t app;
    struct jp_orders *orders; /* borrowed */
    const int *sockets;       /* as many as orders->sockets; borrowed */
    bool has_tty;
    bool has_stdin;
    uint32_t window; /* rows << 16 | columns; 0: unknown */
};

int jp_child_launch(struct jp_supervisor *s, const struct jp_launch *launch, struct jp_child **ret,
                    struct jp_error *err);
/* Orders of an app, its lists and strings borrowed from it; nothing to clear. */
struct jp_orders jp_child_orders(const struct jp_app *app);
/* redraws: who is in the foreground is told also when the size was the same before. */
void jp_child_resize(const struct jp_child *child, uint32_t window, bool redraws);
/* Hands input on, keeps what is not taken; len 0: end of file. Returns false when all is taken. */
bool jp_child_feed(struct jp_child *child, const void *bytes, size_t len);
/* Writes pending input. True when nothing is pending any more. */
bool jp_child_push(struct jp_child *child);
void jp_child_read(struct jp_supervisor *s, struct jp_child *child, unsigned index);
/* False while a client that gets this child's output has not taken the last of it. */
bool jp_child_may_read(const struct jp_supervisor *s, const struct jp_child *child);
void jp_child_signal(const struct jp_child *child, int signal);
/* Asks for the status of every child; told to app.c when there is one. */
void jp_children_reap(struct jp_supervisor *s, bool waits);
/* Frees those that are over, tells EXITED. */
void jp_children_sweep(struct jp_supervisor *s);
void jp_children_clear(struct jp_supervisor *s);

/* app.c: the life of an app and of the pod. */
void jp_apps_begin(struct jp_supervisor *s);
/* Starts one app: handler first. What fails in a restart is an end of the app, else the pod's. */
void jp_app_begin(struct jp_supervisor *s, struct jp_app *app);
/* The way to another start: its root is clean, or (error) could not be made so. */
void jp_app_has_root(struct jp_supervisor *s, struct jp_app *app, struct jp_error *error);
/* The app says that it is ready: it counts as started. */
void jp_app_ready(struct jp_supervisor *s, struct jp_app *app);
/* It has not said so in time: on its first way that is the pod's failure, later an end of it. */
void jp_app_late(struct jp_supervisor *s, struct jp_app *app);
void jp_app_child_ended(struct jp_supervisor *s, struct jp_child *child);
bool jp_apps_are_over(const struct jp_supervisor *s);
/* The pod could not be started, or its world broke: moves the error in and stops what runs. */
void jp_apps_fail(struct jp_supervisor *s, struct jp_error *error);
/* grace_ms -1: the plan's. */
void jp_apps_stop(struct jp_supervisor *s, int64_t grace_ms);
void jp_apps_kill(struct jp_supervisor *s);
/* Wait status of the pod, or what stands for it when it failed. */
int jp_apps_status(const struct jp_supervisor *s);
/* Deadlines. */
void jp_apps_tick(struct jp_supervisor *s, int64_t now_ms);
int64_t jp_apps_next_deadline(const struct jp_supervisor *s);

/* restart.c */
/* True when the app, whose main process has ended with app->status, is to be started again. */
bool jp_restart_is_wanted(const struct jp_supervisor *s, const struct jp_app *app);
/* Its main process gets the stop signal, and SIGKILL after the grace (-1: the plan's). */
void jp_restart_end_main(struct jp_supervisor *s, struct jp_app *app, int64_t grace_ms);
/* The app is at its end: it will be started again after a pause. */
void jp_restart_pause(struct jp_supervisor *s, struct jp_app *app);
/* Starts what is due; when the next is, 0: never. */
void jp_restart_tick(struct jp_supervisor *s, int64_t now_ms);
int64_t jp_restart_next_ms(const struct jp_supervisor *s);
/* Nothing is started again: the pod is being stopped. */
void jp_restart_cancel(struct jp_supervisor *s);
/* An app that was asked for runs, or (error) could not be started. */
void jp_restart_tell(struct jp_supervisor *s, size_t app, const struct jp_error *error);
/*
 * Carries out RESTART; on success the client is answered by jp_restart_tell. grace_ms -1: the
 * plan's.
 */
int jp_restart_order(struct jp_supervisor *s, struct jp_client *client, size_t app,
                     int64_t grace_ms, struct jp_error *err);

/* renew.c: clean roots for apps that are started again. */
/* Begins to make one; told to jp_app_has_root. */
void jp_renew_begin(struct jp_supervisor *s, size_t app);
/* Something can be read from the program. */
void jp_renew_hear(struct jp_supervisor *s, struct jp_renewal *renewal);
/* Looks after left roots: when it is time; soon, for somebody may have gone. */
void jp_renew_tick(struct jp_supervisor *s, int64_t now_ms);
void jp_renew_look_soon(struct jp_supervisor *s);
/* Ends those that make a root. */
void jp_renew_kill(struct jp_supervisor *s);
void jp_renew_reap(struct jp_supervisor *s);
void jp_renew_sweep(struct jp_supervisor *s);
/* Ends all, and waits for those that only tidy. */
void jp_renew_end(struct jp_supervisor *s);
/* Nothing is mounted any more: what was held is given up and removed. */
void jp_renew_finish(struct jp_supervisor *s);

/* client.c */
int jp_client_adopt(struct jp_supervisor *s, int fd, bool is_owner, struct jp_error *err);
/*
 * Closes a connection so that what was sent on it arrives: the kernel throws it away (ECONNRESET)
 * when something that the peer said is still unread.
 */
void jp_client_part(int *fd);
void jp_client_accept(struct jp_supervisor *s);
/* The input that it sent last has gone where it could: it may send more. */
void jp_client_taken(struct jp_client *client);
/* Sends, or queues when the socket is full. */
void jp_client_post(struct jp_client *client, const struct jp_control_message *message);
void jp_client_flush(struct jp_client *client);
/* Receives and carries out requests until there is none, or the client must be waited for. */
void jp_client_serve(struct jp_supervisor *s, struct jp_client *client);
/* The peer is gone: what it said before (DETACH) still counts, what it would be told does not. */
void jp_client_hung_up(struct jp_supervisor *s, struct jp_client *client);
bool jp_client_is_heard(const struct jp_client *client);
void jp_client_drop(struct jp_supervisor *s, struct jp_client *client);
bool jp_client_gets(const struct jp_client *client, const struct jp_child *child);
void jp_clients_tell(struct jp_supervisor *s, const struct jp_control_message *message,
                     const struct jp_child *about);
void jp_clients_sweep(struct jp_supervisor *s);
/* The pod goes on: tells those who said LEAVE and whose program is gone. */
void jp_clients_let_leave(struct jp_supervisor *s);
void jp_clients_clear(struct jp_supervisor *s);

/* request.c: answers FAILED, or OK without an error; carries out one request. */
void jp_request_answer(struct jp_client *client, const struct jp_error *error);
void jp_request(struct jp_supervisor *s, struct jp_client *client,
                struct jp_control_message *message);

/* change.c: gives an app (SIZE_MAX: the pod) the limits of a SET message. */
int jp_limits_change(struct jp_supervisor *s, size_t app, const struct jp_control_message *message,
                     struct jp_error *err);

/* control.c: the socket in the pod's directory. */
int jp_control_listen(struct jp_supervisor *s, struct jp_error *err);
void jp_control_close(struct jp_supervisor *s);

/* record.c: the file `state`, or `sessions` of a pod without its apps (plan/state.h). */
int jp_record_text(const struct jp_supervisor *s, struct jp_buf *out, struct jp_error *err);
/* Does nothing when the pod's lock is given up: the record may be that of another run by then. */
int jp_record_write(struct jp_supervisor *s, struct jp_error *err);
/* The last time: says how the pod ended; of a pod without its apps nothing is left. */
void jp_record_finish(struct jp_supervisor *s);
void jp_record_add_report(void *supervisor, const struct jp_limit_report *report);
/* Keeps a text that is not there yet, for the record and the owner. */
void jp_record_add_warning(struct jp_supervisor *s, const char *text);
/* The same with all that the back end has to tell. */
void jp_record_take_warnings(struct jp_supervisor *s);

/* loop.c */
int jp_loop_arm(struct jp_error *err);
/* Waits for something to happen (at most timeout_ms, -1: for ever) and carries it out. */
void jp_loop_round(struct jp_supervisor *s, int timeout_ms);
/* A signal asked us to stop. */
bool jp_loop_was_asked_to_stop(void);

/* supervisor.c: from the descriptors to the end of the pod; 0, or 1 when nobody could be told. */
int jp_supervise(struct jp_supervisor *s);

#endif
