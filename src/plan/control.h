/*
 * The control protocol of a pod's supervisor: SOCK_SEQPACKET at pods/UUID/control (0600, root), one
 * message a packet, in the codec's format, file descriptors by SCM_RIGHTS where said.
 *
 * A client says HELLO first and is answered with HELLO (versions). Then it may ask STATUS, SIGNAL,
 * STOP, KILL, ROOT or SET at any time; each is answered by OK, FAILED or STATE, in order. A client
 * that wants output says ATTACH (as many as like), or EXEC: one process for the life of the
 * connection, which gets SIGHUP, then SIGKILL when the client goes away.
 *
 * The first connection is made by stage 0 itself: a socketpair whose other end stage 1 inherits.
 * It is the owner. Stage 0 writes HELLO, and ATTACH when it wants the output from the first byte,
 * before it execs stage 1. It receives STARTED or FAILED (no answer to HELLO must be awaited
 * first). When the owner goes away without DETACH, the pod is stopped. Every client is told EXITED
 * of what it is attached to, and ENDED at last; the pod's lock is free and its record final by
 * then. When the supervisor is to see to the pod's removal, it waits for clients to part (a minute
 * at most): whoever was told ENDED can still read the record while it holds its connection.
 *
 * A pod without its apps is there for its clients: for its owner, for whoever executes something
 * and for whoever has asked for a root. It ends when each of them is gone or has said LEAVE.
 * Whoever asks too late (EXEC, ROOT) is not answered but told ENDED, and may start another.
 *
 * Back-pressure: a client that does not read stops the processes that it is attached to, nobody
 * else. A client sends one INPUT at a time and the next when the last was answered by TAKEN, so
 * that SIGNAL and RESIZE are heard although nobody reads the input; whoever sends more is not
 * listened to until it has gone.
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

#define JP_CONTROL_VERSION    1
#define JP_CONTROL_MAX_PACKET 65536 /* bytes of one message */
#define JP_CONTROL_MAX_DATA   32768 /* bytes of stream data in one message */

enum jp_control_type {
    JP_CONTROL_HELLO = 1, /* both ways: number = JP_CONTROL_VERSION; flags of a supervisor: */
                          /* F_WITHOUT_APPS */
    /* client to supervisor */
    JP_CONTROL_ATTACH, /* app (NULL: all); flags: F_STDIN; nothing is replayed; answered by OK; */
                       /* number: as RESIZE, 0: no terminal. Carried out before the answer, and */
                       /* an app whose terminal has that size already is told to draw again */
    JP_CONTROL_EXEC,   /* app (NULL: the first), argv, env (added to the app's), flags, number, */
                       /* user: "USER[:GROUP]" (NULL: the app's), cwd (NULL: the app's); OK, then */
                       /* OUTPUT and EXITED; FAILED with JP_ENOPROGRAM or JP_ENOEXEC: 127, 126 */
    JP_CONTROL_INPUT,  /* data for the attached app or the exec; empty data: end of file */
    JP_CONTROL_RESIZE, /* number = rows << 16 | columns, of the exec's or attached app's terminal;
                        */
                       /* from the owner also before the app has one: it is made so. Not answered */
    JP_CONTROL_SIGNAL, /* app (NULL: all main processes; in an EXEC session its process), number */
    JP_CONTROL_STOP,   /* number = grace in ms, -1: the plan's; stop the whole pod */
    JP_CONTROL_KILL,   /* SIGKILL everything at once */
    JP_CONTROL_STATUS, /* asks for a STATE message */
    JP_CONTROL_ROOT,   /* app: answered by OK with one descriptor: O_PATH of the app's root */
    JP_CONTROL_DETACH, /* from the owner: it may leave, the pod goes on; not answered */
    /* supervisor to client */
    JP_CONTROL_OK,      /* the request was carried out */
    JP_CONTROL_FAILED,  /* data = text of the error, number = enum jp_code */
    JP_CONTROL_STARTED, /* every app runs (or has already ended) */
    JP_CONTROL_OUTPUT,  /* app, stream (1 or 2), data */
    JP_CONTROL_EXITED, /* app (NULL in an EXEC session), number = wait status as waitpid gives it */
    JP_CONTROL_ENDED,  /* the pod is over; number = wait status of the pod (first non-zero) */
    JP_CONTROL_STATE,  /* data = the record, JSON text (plan/state.h) */
    JP_CONTROL_TAKEN,  /* the last INPUT was passed on */
    JP_CONTROL_WARNING, /* to the owner, before STARTED: data = a text for the user */
    /* client to supervisor again: the numbers of those above are known to pods that run */
    JP_CONTROL_SET, /* app (NULL: the pod), argv: LIMIT=NUMBER (jp_plan_limit); all or none of */
                    /* them; OK when the kernel took them */
    JP_CONTROL_RESTART, /* app, number = grace in ms, -1: the plan's: ends its main process if one
                         */
                        /* runs and starts it again; OK when it runs, FAILED when it could not be */
    JP_CONTROL_LEAVE, /* it needs the pod no more: what its EXEC runs is killed. OK when that is */
                      /* gone; of a pod without apps that is there for nobody else: ENDED instead */
    JP_CONTROL_TYPES, /* not a message: one more than the last */
};

#define JP_CONTROL_F_STDIN        1U /* the client will send INPUT */
#define JP_CONTROL_F_TTY          2U /* EXEC: a pseudo-terminal; number = rows << 16 | columns, or 0 */
#define JP_CONTROL_F_CONSOLE      4U /* EXEC with empty argv: login, the user's shell or /bin/sh */
#define JP_CONTROL_F_WITHOUT_APPS 8U /* HELLO: the pod does not run, its isolation is there */

struct jp_control_message {
    uint8_t type;   /* enum jp_control_type */
    uint32_t flags; /* JP_CONTROL_F_* */
    int64_t number;
    uint8_t stream; /* 1 or 2 */
    char *app;
    char *user;
    char *cwd;
    struct jp_strv argv;
    struct jp_strv env;
    unsigned char *data;
    size_t data_len;
    int fd; /* a descriptor that travels along, or -1; owned by the message */
};

#define JP_CONTROL_MESSAGE_INIT                                                                    \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/*
 * Writes a message to *ret (appended), without its descriptor, for whoever must send it later.
 * -1 with JP_ENOMEM, or JP_ELIMIT beyond JP_CONTROL_MAX_PACKET.
 */
int jp_control_encode(const struct jp_control_message *message, struct jp_buf *ret,
                      struct jp_error *err);

/* Reads one packet's bytes; *ret is cleared first. -1 with JP_ECORRUPT. No descriptor is set. */
int jp_control_decode(const void *bytes, size_t len, struct jp_control_message *ret,
                      struct jp_error *err);

/*
 * Sends one message. Returns 1 when sent, 0 when a non-blocking socket is full (try later), -1
 * with JP_ESYS (EPIPE: the peer is gone; no signal is raised) or JP_ELIMIT. The message keeps what
 * it owns.
 */
int jp_control_send(int socket, const struct jp_control_message *message, struct jp_error *err);

/*
 * Receives one message into *ret (cleared first). Returns 1, 0 at end of stream, -1 with JP_ESYS
 * (EAGAIN included) or JP_ECORRUPT.
 */
int jp_control_receive(int socket, struct jp_control_message *ret, struct jp_error *err);

/* Releases what the message owns, its descriptor included. */
void jp_control_message_clear(struct jp_control_message *message);

#endif
