/*
 * How `jetpack` starts the metadata service, and what both sides know of the directory that they
 * share.
 *
 *   ROOT/mds/            0750 root, the service's group; whoever enters or removes registrations,
 *                        starts the service, or ends it, holds an flock on the directory
 *     UUID               a registration (plan/registration.h), 0640
 *     service            0600; flocked by the service as long as it lives; text about it
 *     token.key          0600, JP_SERVICE_KEY_SIZE random bytes: tokens of pods; only root reads it
 *     signing.key        0600, the same for signatures of pods; handed to the service when it
 * starts
 *
 * The service is started with a SOCK_SEQPACKET as its standard input. One packet brings the
 * settings and, by SCM_RIGHTS, the directory, the lock that is held for it, where to log, and one
 * listening socket for each address: bound by root, so that what listens there can only be ours.
 * Nothing of it stands on a command line. The answer is one packet: "ok PID", or the reason why
 * not.
 */
#ifndef JP_PLAN_SERVICE_H
#define JP_PLAN_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_SERVICE_PROGRAM  "jetpack-mds"
#define JP_SERVICE_DIR      "mds"
#define JP_SERVICE_LIFE     "service"
#define JP_SERVICE_TOKENS   "token.key"
#define JP_SERVICE_SIGNING  "signing.key"
#define JP_SERVICE_KEY_SIZE 64   /* bytes of a key that we make: a block of the hash */
#define JP_SERVICE_KEY_MAX  4096 /* bytes of a key that somebody configured */

#define JP_SERVICE_VERSION       1
#define JP_SERVICE_MAX_LISTENERS 17 /* one for each of the 16 networks, and the loopback */
#define JP_SERVICE_MAX_PACKET    16384

/* Descriptors that travel with the settings; the listening sockets follow. */
enum jp_service_fd {
    JP_SERVICE_FD_DIR,
    JP_SERVICE_FD_LIFE,
    JP_SERVICE_FD_LOG,
    JP_SERVICE_FD_SOCKETS,
};

#define JP_SERVICE_MAX_FDS (JP_SERVICE_FD_SOCKETS + JP_SERVICE_MAX_LISTENERS)

struct jp_service_settings {
    uint32_t version;
    uint32_t uid;
    uint32_t gid;
    bool keeps_uid;              /* mds.keep-uid */
    bool is_on_demand;           /* leaves its caller, ends when it is not needed */
    bool has_log;                /* false: the descriptor is no log */
    uint32_t idle_ms;            /* how long it stays without pods */
    unsigned char *key;          /* of signatures */
    size_t key_len;              /* at least 1 */
    unsigned char *owner_digest; /* SHA-512 of the token of `jetpack mds` */
    size_t owner_digest_len;
    struct jp_strv listeners; /* "172.23.0.1:1104", in the order of the sockets */
};

#define JP_SERVICE_SETTINGS_INIT                                                                   \
    {                                                                                              \
        .version = JP_SERVICE_VERSION                                                              \
    }

/* Appends the packet to *ret. */
int jp_service_settings_encode(struct jp_service_settings *settings, struct jp_buf *ret,
                               struct jp_error *err);
int jp_service_settings_decode(const void *bytes, size_t len, struct jp_service_settings *ret,
                               struct jp_error *err);
void jp_service_settings_clear(struct jp_service_settings *settings);

#endif
