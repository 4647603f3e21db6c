/*
 * Talking to a running pod: its output, its terminals, programs run inside.
 *
 * Everything is relayed by the supervisor over the control socket; no descriptor of the caller
 * enters the pod (TIOCSTI: CVE-2017-5226). A session is one connection.
 */
#ifndef JP_POD_SESSION_H
#define JP_POD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "pod/pod.h"

struct jp_pod_session;

/* Closes the connection. NULL is fine. The owner's session ends the pod, unless detached. */
void jp_pod_session_free(struct jp_pod_session *session);
JP_DEFINE_AUTO_PTR(jp_pod_session);

struct jp_pod_exec {
    const char *app;     /* NULL: the only one */
    struct jp_strv argv; /* empty: login, the user's shell or /bin/sh (console) */
    struct jp_strv env;  /* NAME=VALUE, over those of the app */
    const char *user;    /* USER[:GROUP]; NULL: the app's (console: root) */
    const char *cwd;     /* NULL: the app's */
    bool has_stdin;
    bool has_tty;
    uint16_t rows;
    uint16_t columns;
    const char *term; /* TERM, with has_tty; may be NULL */
};

/*
 * Starts a program in an app's world, confined like the app itself. A pod that does not run gets
 * its isolation without apps for as long as the session lasts.
 * JP_ENOPROGRAM, JP_ENOEXEC: the program.
 */
int jp_pod_exec(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                const struct jp_pod_exec *exec, struct jp_pod_session **ret, struct jp_error *err);

struct jp_pod_join {
    const char *app;  /* NULL: all */
    bool has_stdin;   /* also its input */
    uint16_t rows;    /* of our terminal: the app's takes that size, and the app draws again. 0: */
    uint16_t columns; /* none of that */
};

/* Joins the output of a running app. JP_EBUSY: it does not run. */
int jp_pod_attach(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  const struct jp_pod_join *join, struct jp_pod_session **ret,
                  struct jp_error *err);

/* How a session is carried on. */
struct jp_pod_relay {
    int input;    /* read from here and sent; -1: none */
    int terminal; /* put into raw mode meanwhile, its size followed; -1: none */
    int signals;  /* jp_pod_signals.fd, or -1 */
    /*
     * Stop signals: in an owner's session INT and TERM stop the pod in order, a second one kills
     * it; in an exec session they are sent to the program; in an attached one they end the session.
     */
    const char *detach_keys; /* bytes that end the session without ending anything; NULL: none */
    /* Output of an app: stream 1 or 2. Non-zero ends the session with JP_EINTERRUPTED. */
    int (*output)(void *context, const char *app, int stream, const void *bytes, size_t len);
    /* In an owner's session: every app has started. May be NULL. */
    void (*started)(void *context);
    /* An app (NULL: the program of an exec) ended. May be NULL. */
    void (*exited)(void *context, const char *app, int status);
    void *context;
};

enum jp_pod_end {
    JP_POD_END_EXITED,   /* the pod, or the program of an exec, is over; status is valid */
    JP_POD_END_DETACHED, /* the user left by the detach keys, or an attached session was ended */
};

/*
 * Carries the session on until it is over. *ret_status is a wait status (waitpid(2)): of the
 * program of an exec, or of the pod: the first non-zero one in manifest order. JP_ESYS with
 * ECONNRESET when the supervisor died.
 */
int jp_pod_session_relay(struct jp_pod_session *session, const struct jp_pod_relay *relay,
                         enum jp_pod_end *ret_end, int *ret_status, struct jp_error *err);

/* Exit status for a shell: the status itself, or 128 + signal. */
int jp_pod_exit_code(int status);

#endif
