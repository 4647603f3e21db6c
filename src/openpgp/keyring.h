/*
 * librnp set up as we judge: the time that we are given, the hashes that count, the keys that we
 * were handed. Its own defaults are dated exceptions for SHA-1 and MD5; ours have none.
 */
#ifndef JP_OPENPGP_KEYRING_H
#define JP_OPENPGP_KEYRING_H

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include "trust/message.h"

struct jp_keyring {
    rnp_ffi_t ffi;
    int64_t now_s;
};

/*
 * Starts librnp, which opens the source of random numbers: before the right to open anything is
 * given up.
 */
int jp_keyring_open(struct jp_keyring *ring, struct jp_error *err);

/* The time that all is judged at, before the first key. JP_EINVALID: OpenPGP cannot say it. */
int jp_keyring_set_time(struct jp_keyring *ring, int64_t now_s, struct jp_error *err);
void jp_keyring_clear(struct jp_keyring *ring);

/*
 * Adds the keys of a file. `is_lenient` passes over what librnp cannot read in it: for looking at a
 * file, not for judging by it. JP_EINVALID, also when the primary key that must be in it is not.
 */
int jp_keyring_add(struct jp_keyring *ring, const struct jp_openpgp_key *key, bool is_lenient,
                   struct jp_error *err);

/* The error of a call of librnp; -1. */
int jp_keyring_fail(struct jp_error *err, rnp_result_t result, const char *what);

/* A copy in lower case of a text of librnp, which is released; NULL: NULL, or no memory. */
char *jp_keyring_lower(char *text);

/*
 * What keeps signatures of a key from counting now: JP_TRUST_GOOD when nothing does. `primary` is
 * NULL for a primary key itself. A key that only certifies is JP_TRUST_KEY_UNFIT.
 */
enum jp_trust_verdict jp_keyring_judge_key(const struct jp_keyring *ring, rnp_key_handle_t key,
                                           rnp_key_handle_t primary);

/* The same without asking whether it signs: what keeps a primary key from vouching for subkeys. */
enum jp_trust_verdict jp_keyring_judge_primary(const struct jp_keyring *ring, rnp_key_handle_t key);

#endif
