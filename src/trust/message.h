/*
 * What is said between us and jetpack-openpgp, over the socket that is its standard input.
 *
 * First struct jp_openpgp_head with descriptors: at JP_OPENPGP_DATA the file that is read, at
 * JP_OPENPGP_OUT where decrypted bytes go (which one are there depends on the task). The latter
 * stays open until the answer was given: who reads it to its end finds the answer waiting. Then
 * `len` bytes of a request. Back comes one answer, and the end. The program has given up its rights
 * when it reads the request; we believe nothing of the answer but what it can say: every length and
 * count is limited (fuzz/openpgp.c).
 */
#ifndef JP_TRUST_MESSAGE_H
#define JP_TRUST_MESSAGE_H

#include <sys/types.h>

#include "base/codec.h"
#include "trust/trust.h"

#define JP_OPENPGP_VERSION        1
#define JP_OPENPGP_MAX_REQUEST    (32U << 20)
#define JP_OPENPGP_MAX_ANSWER     (8U << 20)
#define JP_OPENPGP_MAX_KEYS       1024 /* stored keys that count for one image */
#define JP_OPENPGP_MAX_CERTS      1024 /* in one file, or in one listing */
#define JP_OPENPGP_MAX_SUBKEYS    256  /* of a certificate; the same for identities */
#define JP_OPENPGP_MAX_SIGNATURES 16   /* in one file */

enum jp_openpgp_task {
    JP_OPENPGP_CHECK = 1, /* keys, signature, data */
    JP_OPENPGP_INSPECT,   /* keys */
    JP_OPENPGP_SIGN,      /* keys, data, perhaps a passphrase */
    JP_OPENPGP_DECRYPT,   /* head, data, where to, a passphrase */
};

enum { JP_OPENPGP_DATA, JP_OPENPGP_OUT, JP_OPENPGP_MAX_FDS };

/* Fixed size, host's byte order: both ends are on one machine. */
struct jp_openpgp_head {
    uint32_t version;
    uint32_t is_signing; /* of our own: Botan makes RSA signatures with threads */
    uint32_t uid;
    uint32_t gid;
    uint32_t len;
    uint64_t data_bytes; /* of what will be read: how much time that may take */
};

struct jp_openpgp_key {
    char *fingerprint; /* of the primary key that must be in it; NULL: any */
    unsigned char *bytes;
    size_t len;
};

struct jp_openpgp_request {
    uint32_t task;
    int64_t now_s;
    bool wants_armored; /* INSPECT: the certificates as well, for storing them */
    struct jp_openpgp_key *keys;
    size_t n_keys;
    unsigned char *signature;
    size_t signature_len;
    uint64_t offset; /* of the data, and its size */
    uint64_t size;
    bool is_stream;      /* the data is read as it comes; `size` is the most that may come */
    unsigned char *head; /* of a stream, what was read of it already; counts in `size` */
    size_t head_len;
    char *passphrase; /* NULL: there is none. Last: no copy stays where a buffer grew */
};

struct jp_openpgp_answer {
    uint32_t task; /* that of the request */
    char *failure; /* why there is no more than this; NULL: it was done */
    uint32_t code; /* of the failure: enum jp_code */
    struct jp_trust_answer check;
    struct jp_trust_certs certs;
    bool needs_passphrase;
    unsigned char *output; /* SIGN: the signature, armoured */
    size_t output_len;
    struct jp_trust_decrypted decrypted;
};

/* Both ways, by is_writing. */
void jp_openpgp_request_walk(struct jp_codec *c, struct jp_openpgp_request *request);
void jp_openpgp_request_clear(struct jp_openpgp_request *request);

/* JP_ECORRUPT when the bytes are no answer to that task. */
int jp_openpgp_answer_decode(const void *bytes, size_t len, enum jp_openpgp_task task,
                             struct jp_openpgp_answer *ret, struct jp_error *err);
int jp_openpgp_answer_encode(struct jp_openpgp_answer *answer, struct jp_buf *out,
                             struct jp_error *err);
void jp_openpgp_answer_clear(struct jp_openpgp_answer *answer);

/* A question that was put, and whose answer is still to come. */
struct jp_openpgp_talk {
    pid_t pid;  /* 0: none, or it has ended */
    int socket; /* -1 */
};

#define JP_OPENPGP_TALK_INIT                                                                       \
    {                                                                                              \
        .pid = 0, .socket = -1                                                                     \
    }

/* Starts the program and puts the question; `fds` as many as the task needs. */
int jp_openpgp_begin(const struct jp_trust *trust, struct jp_openpgp_request *request,
                     const int *fds, size_t n_fds, struct jp_openpgp_talk *talk,
                     struct jp_error *err);

/* Waits for the answer and the program's end; *ret to be cleared. */
int jp_openpgp_end(struct jp_openpgp_talk *talk, enum jp_openpgp_task task,
                   struct jp_openpgp_answer *ret, struct jp_error *err);

/* Ends the program, whatever it was about to say. */
void jp_openpgp_give_up(struct jp_openpgp_talk *talk);

/* Both, one after the other. */
int jp_openpgp_ask(const struct jp_trust *trust, struct jp_openpgp_request *request, const int *fds,
                   size_t n_fds, struct jp_openpgp_answer *ret, struct jp_error *err);

#endif
