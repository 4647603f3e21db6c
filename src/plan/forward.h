/*
 * How a pod's forwarder (jetpack-forward) is started: what stage 0, stage 1 and the program itself
 * must agree on (doc/decisions/0008-published-ports.md).
 *
 * Stage 0 binds every socket, so that a port in use is told by the command, and writes the settings
 * and the sockets into one end of a SOCK_SEQPACKET pair, the mailbox: one packet of settings, then
 * packets of one byte with up to JP_FORWARD_CHUNK sockets each, in the order of the listeners. It
 * closes that end; the other one travels through stage 1, who looks at nothing of it, to the
 * forwarder's standard input.
 *
 * The forwarder's standard output is a SOCK_SEQPACKET whose other end only stage 1 holds. On it the
 * forwarder answers once, "ok" or why not; when it ends, the forwarder ends. Stage 1 may send 8
 * bytes on it, in its own byte order: bytes_per_second from now on.
 */
#ifndef JP_PLAN_FORWARD_H
#define JP_PLAN_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "plan/port.h"

#define JP_FORWARD_PROGRAM     "jetpack-forward"
#define JP_FORWARD_VERSION     1
#define JP_FORWARD_MAX_SOCKETS 1024  /* of a pod */
#define JP_FORWARD_MAX_PACKET  65536 /* bytes of settings */
#define JP_FORWARD_CHUNK       16    /* sockets in a packet */
#define JP_FORWARD_MAX_ANSWER  1024  /* bytes of the answer */

/* The one argument: clients' addresses cannot be kept there, whatever the settings say. */
#define JP_FORWARD_PLAIN "plain"

#define JP_FORWARD_FD_MAILBOX 0
#define JP_FORWARD_FD_LIFE    1

/*
 * Linux: packets that the forwarder sends in the name of a client carry this mark (SO_MARK) within
 * the pod's own network namespace, where a rule keeps the answers there (platform/linux/forward.c).
 */
#define JP_FORWARD_MARK 0x6a706677U

/* What one of the sockets serves: a port of the settings, and how far into its range. */
struct jp_forward_listener {
    uint32_t port;
    uint32_t offset;
};

struct jp_forward_settings {
    uint32_t version;
    uint32_t uid; /* whom the forwarder becomes; as it was started when that is not root */
    uint32_t gid;
    bool keeps_address; /* the pod shall see the clients' addresses where the kernel can do it */
    char *address;      /* of the pod, IPv4; NULL: none */
    char *address6;     /* of the pod, IPv6; NULL: none */
    char *gateway;      /* the host as the pod sees it: stands for clients on loopback; NULL */
    char *gateway6;
    uint64_t bytes_per_second; /* of all ports, each way; 0: no limit */
    struct jp_plan_ports ports;
    struct jp_forward_listener *listeners;
    size_t n_listeners;
};

#define JP_FORWARD_SETTINGS_INIT                                                                   \
    {                                                                                              \
        .version = JP_FORWARD_VERSION                                                              \
    }

/* Writes settings and sockets (as many as listeners) into a mailbox; they stay the caller's. */
int jp_forward_post(int mailbox, struct jp_forward_settings *settings, const int *sockets,
                    struct jp_error *err);

/*
 * Reads them out of it. *ret_sockets: as many descriptors as ret->n_listeners, close-on-exec, the
 * caller's; release the array with free(3). JP_ECORRUPT when they do not fit together.
 */
int jp_forward_fetch(int mailbox, struct jp_forward_settings *ret, int **ret_sockets,
                     struct jp_error *err);

void jp_forward_settings_clear(struct jp_forward_settings *settings);

#endif
