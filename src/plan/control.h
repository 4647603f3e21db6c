/*
 * The control protocol of a pod's supervisor: SOCK_SEQPACKET at pods/UUID/control (0600, root), one
 * message a packet, in the codec's format, file descriptors by SCM_RIGHTS where said.
 *
 * A connection starts with HELLO both ways (versions). A client that wants output says ATTACH or
 * EXEC; whoever says neither may ask STATUS, SIGNAL, STOP, ROOT at any time. The first connection
 * is made by stage 0 itself (a socketpair inherited by stage 1): it receives STARTED or FAILED, and
 * in a foreground run it is the owner: when it goes away, the pod is stopped.
 *
 * Peers are checked by SO_PEERCRED / getpeereid(3): uid 0 only.
 */
#ifndef JP_PLAN_CONTROL_H
#define JP_PLAN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/error.h"

#define JP_CONTROL_VERSION 1
#define JP_CONTROL_MAX_PACKET 65536 /* bytes of one message */
#define JP_CONTROL_MAX_DATA 32768   /* bytes of stream data in one message */

enum jp_control_type {
    JP_CONTROL_HELLO = 1, /* both ways: number = JP_CONTROL_VERSION */
    /* client to supervisor */
    JP_CONTROL_ATTACH,  /* app (NULL: all); flags: JP_CONTROL_F_*; replay nothing, stream from now */
    JP_CONTROL_EXEC,    /* app, argv, env, user (NULL: the app's), cwd (NULL: the app's), flags */
    JP_CONTROL_INPUT,   /* data for the attached app or the exec; empty data: end of file */
    JP_CONTROL_RESIZE,  /* number = rows << 16 | columns */
    JP_CONTROL_SIGNAL,  /* app (NULL: all main processes; in an EXEC session its process), number */
    JP_CONTROL_STOP,    /* number = grace in ms, -1: the plan's; stop the whole pod */
    JP_CONTROL_KILL,    /* SIGKILL everything at once */
    JP_CONTROL_STATUS,  /* asks for a STATE message */
    JP_CONTROL_ROOT,    /* app: answered by OK with one descriptor: O_PATH of the app's root */
    /* supervisor to client */
    JP_CONTROL_OK,      /* the request was carried out */
    JP_CONTROL_FAILED,  /* data = text of the error, number = enum jp_code */
    JP_CONTROL_STARTED, /* every app runs (or has already ended) */
    JP_CONTROL_OUTPUT,  /* app, stream (1 or 2), data */
    JP_CONTROL_EXITED,  /* app (NULL in an EXEC session), number = wait status as waitpid gives it */
    JP_CONTROL_ENDED,   /* the pod is over; number = wait status of the pod (first non-zero) */
    JP_CONTROL_STATE,   /* data = the record, JSON text */
};

#define JP_CONTROL_F_STDIN 1U  /* the client will send INPUT */
#define JP_CONTROL_F_TTY 2U    /* allocate a pseudo-terminal; number = rows << 16 | columns */
#define JP_CONTROL_F_CONSOLE 4U /* EXEC with empty argv: login, the user's shell or /bin/sh */

struct jp_control_message {
    uint8_t type; /* enum jp_control_type */
    uint32_t flags;
    int64_t number;
    uint8_t stream;
    char *app;
    char *user;
    char *cwd;
    struct jp_strv argv;
    struct jp_strv env;
    unsigned char *data;
    size_t data_len;
    int fd; /* a descriptor that travels along, or -1; owned by the message */
};

#define JP_CONTROL_MESSAGE_INIT {.fd = -1}

/*
 * Sends one message. Returns 1 when sent, 0 when a non-blocking socket is full (try later), -1
 * with JP_ESYS. The message keeps what it owns.
 */
int jp_control_send(int socket, struct jp_control_message *message, struct jp_error *err);

/*
 * Receives one message into *ret (cleared first). Returns 1, 0 at end of stream, -1 with JP_ESYS
 * (EAGAIN included) or JP_ECORRUPT.
 */
int jp_control_receive(int socket, struct jp_control_message *ret, struct jp_error *err);

void jp_control_message_clear(struct jp_control_message *message);

#endif
