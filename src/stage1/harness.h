/*
 * A pod on the fake back end for tests: plays stage 0. Everything lies in one temporary directory
 * (fake/ the pretended kernel, pod/ the pod's directory, root/ the root of every app), removed at
 * the end. A test that hangs is killed by alarm(2) after HARNESS_LIMIT_S.
 */
#ifndef JP_STAGE1_HARNESS_H
#define JP_STAGE1_HARNESS_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/buf.h"
#include "plan/control.h"
#include "plan/plan.h"

#define HARNESS_LIMIT_S 300 /* a hang, however slow the machine */
#define HARNESS_WAIT_MS 120000

struct harness {
    char dir[64];
    int dir_fd;
    int pod_fd;
    int owner; /* our end */
    pid_t supervisor;
    int exit_status; /* of the supervisor, when it was waited for */
    struct jp_plan plan;
    struct jp_buf output; /* what await() saw of OUTPUT, all apps and streams */
};

void harness_open(struct harness *h);
void harness_close(struct harness *h);

/* Adds an app whose main process is `sh -c script`; returns it for changes. At most 4. */
struct jp_plan_app *harness_app(struct harness *h, const char *name, const char *script);
/* For a real back end: a root with the shell and tools of a static /bin/busybox. */
void harness_busybox(struct harness *h);
void harness_handler(struct jp_plan_handler *handler, const char *script);

/*
 * What makes clean roots: a script that runs in the root, with the app's name as $1. It says
 * `answer` for the root that there is. Without it that is all it says.
 */
void harness_renew(struct harness *h, const char *script);

/* Starts the supervisor; `attach` with F_STDIN or so in `flags`, or no ATTACH when negative. */
void harness_start(struct harness *h, int attach_flags);

/* Receives until a message of this type comes; false at the end of stream. OUTPUT is collected. */
bool harness_await(struct harness *h, int socket, int type, struct jp_control_message *ret);
/* The same without looking at the message; its number is returned, -1 at the end of stream. */
long harness_await_number(struct harness *h, int socket, int type);
void harness_send(int socket, int type, long number);
void harness_input(int socket, const char *text);
/* A new connection that has said HELLO. */
int harness_connect(struct harness *h);
/* EXEC of `sh -c script` with flags. */
void harness_exec(int socket, const char *script, unsigned flags);

/* Waits for the supervisor's end; its wait status. */
int harness_wait(struct harness *h);
/* True when a member of the record has this text: "state", "error", "apps.0.state", ... */
bool harness_record_is(struct harness *h, const char *path, const char *text);
/* An integer of the record, or -1. */
long harness_record_number(struct harness *h, const char *path);
/* The text of a file below the directory, "" when there is none; valid until the next call. */
const char *harness_file(struct harness *h, const char *path);
/* Waits until the file exists. */
void harness_await_file(struct harness *h, const char *path);
/* True when the pretended kernel holds no object and nobody holds the pod's lock. */
bool harness_is_clean(struct harness *h);

#endif
