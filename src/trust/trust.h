/*
 * Trust: whose signatures count for which images.
 *
 * Keys are files ROOT/keys/PREFIX/FINGERPRINT, armoured, one certificate each. PREFIX is what the
 * names of images begin with, by component: a key for example.com/foo counts for example.com/foo
 * and example.com/foo/x, and not for example.com/foobar (row 41). Its '/' are written ','; the key
 * of every image is in the directory '@'.
 *
 * Nothing here parses OpenPGP. jetpack-openpgp does, a program of its own with no rights
 * (openpgp/confine.h): each call below that needs it starts it with descriptors, asks once
 * (trust/message.h) and decodes one answer with limits. A program that dies, runs out of memory or
 * answers half a sentence has said nothing, and nothing is a refusal.
 *
 * Whether a signature counts: it is a detached signature of the file's bytes (armoured or not),
 * made by a key that is stored for the image's name, with SHA-256 or better, neither expired nor
 * from the future; and the key that signed and its primary key are now valid: bound, fit for
 * signing, made with 2048 bits of RSA or a curve, not expired, not revoked, not from the future.
 * Of several signatures those of keys that are not stored are passed over; of the others every one
 * must count, and there must be one.
 */
#ifndef JP_TRUST_TRUST_H
#define JP_TRUST_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_TRUST_DIR    "keys"
#define JP_TRUST_EVERY  "@"    /* the prefix of keys for every image; no name can be that */
#define JP_TRUST_SUFFIX ".asc" /* of the signature that lies beside a file */
#define JP_TRUST_SIGNATURE_MAX                                                                     \
    (64U << 10)                         /* of a signature file: a signature has some 100 bytes     \
                                         */
#define JP_TRUST_KEY_MAX     (1U << 20) /* of a file with keys: photos and all */
#define JP_TRUST_DIGEST_SIZE 64         /* SHA-512 */

/* Where and by what. Filled by the caller, whose everything stays. */
struct jp_trust {
    int root_fd;         /* the root directory */
    const char *program; /* path of jetpack-openpgp */
    uint32_t uid;        /* what it becomes when we are root: not 0 */
    uint32_t gid;
    int64_t now_s; /* the time that everything is judged at, seconds since 1970; 0: the clock's */
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* Whether a key for `prefix` (JP_TRUST_EVERY included) counts for images called `name`. */
bool jp_trust_covers(const char *prefix, const char *name);

/* An AC Identifier, or JP_TRUST_EVERY; JP_EINVALID, JP_ELIMIT. */
int jp_trust_prefix_check(const char *prefix, struct jp_error *err);

/*
 * A fingerprint as somebody writes it (blanks and colons anywhere, either case, 0x before): 40 or
 * 64 lower-case digits in new memory. JP_EINVALID: a short key id is none.
 */
int jp_trust_fingerprint(const char *text, char **ret, struct jp_error *err);

struct jp_trust_key {
    char *prefix;
    char *fingerprint;
};

struct jp_trust_keys {
    struct jp_trust_key *items;
    size_t count;
    size_t capacity;
};

void jp_trust_keys_clear(struct jp_trust_keys *keys);

/*
 * The keys that are stored, by prefix and fingerprint: those that count for `name`; NULL: all. What
 * is no key's file by its name is passed over.
 */
int jp_trust_list(const struct jp_trust *trust, const char *name, struct jp_trust_keys *ret,
                  struct jp_error *err);

/* Adds the content of a stored key's file to `ret`. */
int jp_trust_read(const struct jp_trust *trust, const struct jp_trust_key *key, struct jp_buf *ret,
                  struct jp_error *err);

/*
 * Stores a key (armoured: jp_trust_cert.armored) for a prefix, durably; one that is there is
 * replaced. *ret_was_there may be NULL.
 */
int jp_trust_add(const struct jp_trust *trust, const struct jp_trust_key *key, const char *armored,
                 bool *ret_was_there, struct jp_error *err);

/* Removes a stored key. JP_ENOTFOUND. */
int jp_trust_remove(const struct jp_trust *trust, const struct jp_trust_key *key,
                    struct jp_error *err);

/* ---- what is in a file of keys --------------------------------------------------------------- */

struct jp_trust_subkey {
    char *fingerprint;
    bool is_signing; /* its signatures would count now */
};

struct jp_trust_cert {
    char *fingerprint; /* of the primary key, lower-case digits, in full */
    char *algorithm;   /* "RSA 3072", "EDDSA 255" */
    char *problem;     /* why no signature of it counts now; NULL: nothing */
    char *armored; /* the certificate alone, without secret parts: what is to be stored. Not NULL */
    int64_t created_s;
    int64_t expires_s;         /* 0: never */
    bool has_secret;           /* the file has secret parts, which are nobody else's business */
    struct jp_strv identities; /* bytes from strangers: escape before printing */
    struct jp_trust_subkey *subkeys;
    size_t n_subkeys;
};

struct jp_trust_certs {
    struct jp_trust_cert *items;
    size_t count;
};

void jp_trust_certs_clear(struct jp_trust_certs *certs);

/* The certificates in a file. JP_EINVALID when there is none, JP_ELIMIT. */
int jp_trust_inspect(const struct jp_trust *trust, const void *bytes, size_t len,
                     struct jp_trust_certs *ret, struct jp_error *err);

/*
 * The same of keys that are stored, without `armored`. What cannot be read of them is left out.
 */
int jp_trust_describe(const struct jp_trust *trust, const struct jp_trust_keys *keys,
                      struct jp_trust_certs *ret, struct jp_error *err);

/* ---- signatures ------------------------------------------------------------------------------ */

/* Zero, and whatever is not GOOD, is a refusal. */
enum jp_trust_verdict {
    JP_TRUST_NOTHING = 0,  /* it was not found out */
    JP_TRUST_NO_SIGNATURE, /* what was given as a signature has none in it */
    JP_TRUST_MALFORMED,    /* it is no detached signature */
    JP_TRUST_UNKNOWN,      /* made by a key that does not count for this name */
    JP_TRUST_BAD,          /* made for other bytes, or of a kind that does not count */
    JP_TRUST_WEAK,         /* a broken hash, or a key that is too short */
    JP_TRUST_EXPIRED,      /* the signature itself */
    JP_TRUST_FUTURE,       /* made later than now */
    JP_TRUST_KEY_UNFIT,    /* not bound, or not for signing */
    JP_TRUST_KEY_EXPIRED,
    JP_TRUST_KEY_REVOKED,
    JP_TRUST_KEY_FUTURE,
    /* By a stored key, in answer to a question without a name: jp_trust_confirm() is next. */
    JP_TRUST_SIGNED = 0x7369676e,
    JP_TRUST_GOOD = 0x676f6f64,
};

/* "expired", "made by an unknown key", ... for messages. */
const char *jp_trust_verdict_text(enum jp_trust_verdict verdict);

struct jp_trust_question {
    /* The image. NULL: not known before it is unpacked; any stored key will do for now. */
    const char *name;
    /*
     * A regular file: its bytes from the current offset to its end are what was signed. The offset
     * stays. Other kinds are refused: they could not be read a second time.
     */
    int fd;
    const char *what; /* what errors call it */
    const void *signature;
    size_t signature_len;
};

struct jp_trust_signer {
    char *fingerprint; /* of the primary key; of an unknown one what the signature says, or NULL */
    char *identity;    /* bytes from strangers; NULL: none */
    int64_t created_s; /* of the signature */
    enum jp_trust_verdict verdict;
};

struct jp_trust_answer {
    enum jp_trust_verdict verdict;
    struct jp_trust_signer *signers; /* one for each signature */
    size_t n_signers;
    /*
     * What was read of fd. Whoever reads it again compares: the file may be somebody's who writes
     * to it (row 42).
     */
    uint64_t size_bytes;
    unsigned char digest[JP_TRUST_DIGEST_SIZE]; /* SHA-512 */
};

void jp_trust_answer_clear(struct jp_trust_answer *answer);

/*
 * Judges a signature. 0: the verdict is GOOD, or, without a name, SIGNED. -1 with JP_EUNTRUSTED:
 * ret->verdict tells, and the text says what to do; any other error: nothing was found out
 * (ret->verdict is NOTHING). *ret must be cleared by the caller in all cases.
 */
int jp_trust_check(const struct jp_trust *trust, const struct jp_trust_question *question,
                   struct jp_trust_answer *ret, struct jp_error *err);

/*
 * Makes SIGNED GOOD, now that the name is known: one of those who signed must be stored for it.
 * JP_EUNTRUSTED.
 */
int jp_trust_confirm(const struct jp_trust *trust, const char *name, struct jp_trust_answer *answer,
                     struct jp_error *err);

/* ---- encrypted archives ---------------------------------------------------------------------- */

#define JP_TRUST_ENVELOPE_HEAD 64 /* bytes that tell whether something is encrypted */

/*
 * Whether a file with this beginning is an OpenPGP message, armoured or not, that a passphrase or a
 * secret key opens. No archive begins so.
 */
bool jp_trust_is_encrypted(const void *head, size_t len);

struct jp_trust_envelope {
    int fd;             /* any kind; read to its end from the current offset */
    const char *what;   /* what errors call it */
    const void *head;   /* what was read of fd before */
    size_t head_len;    /* 0: nothing */
    uint64_t max_bytes; /* JP_ELIMIT when there are more */
    const char *passphrase;
};

/* What was read of fd, `head` included. Whoever had it checked before compares (row 42). */
struct jp_trust_decrypted {
    enum jp_trust_verdict verdict; /* JP_TRUST_GOOD or it was not decrypted */
    uint64_t size_bytes;
    unsigned char digest[JP_TRUST_DIGEST_SIZE]; /* SHA-512 */
};

struct jp_trust_decryption;

/*
 * Begins to decrypt. *ret_fd, the caller's, is a pipe with what is in the message, to be read to
 * its end. Nothing of it counts before jp_trust_decrypt_end() has returned 0: that it is whole and
 * unchanged is known at the end.
 */
int jp_trust_decrypt_begin(const struct jp_trust *trust, const struct jp_trust_envelope *envelope,
                           struct jp_trust_decryption **ret, int *ret_fd, struct jp_error *err);

/*
 * After the end of the pipe. JP_EUNTRUSTED: the passphrase is wrong, there is no protection against
 * changes, or something was changed, is missing or too much.
 */
int jp_trust_decrypt_end(struct jp_trust_decryption *decryption, struct jp_trust_decrypted *ret,
                         struct jp_error *err);

/*
 * When the reader of the pipe has failed: true with the reason in *err, when it is the
 * decryption's. Ends that in any case.
 */
bool jp_trust_decrypt_has_failed(struct jp_trust_decryption *decryption, struct jp_error *err);

/* NULL-safe; ends it where it goes on. */
void jp_trust_decryption_free(struct jp_trust_decryption *decryption);

/* ---- signing --------------------------------------------------------------------------------- */

struct jp_trust_signing {
    int fd; /* as of a question */
    const char *what;
    const void *key; /* a file with a secret key, which goes to the program and nowhere else */
    size_t key_len;
    const char *passphrase; /* NULL: none is known */
};

/*
 * Adds an armoured detached signature, by the newest key of the file whose signatures count. 1 when
 * the key is locked and there is no passphrase. JP_EINVALID: no such key, a wrong passphrase.
 */
int jp_trust_sign(const struct jp_trust *trust, const struct jp_trust_signing *signing,
                  struct jp_buf *ret, struct jp_error *err);

#endif
