/* What jetpack-openpgp does with a request. */
#ifndef JP_OPENPGP_WORK_H
#define JP_OPENPGP_WORK_H

#include "openpgp/keyring.h"
#include "trust/message.h"

/* Judges the signature of what is in data_fd; answer->check. The ring has its time, and no keys. */
int jp_openpgp_check(struct jp_keyring *ring, const struct jp_openpgp_request *request, int data_fd,
                     struct jp_openpgp_answer *answer, struct jp_error *err);

/* Signs what is in data_fd; answer->output, or answer->needs_passphrase. */
int jp_openpgp_sign(struct jp_keyring *ring, const struct jp_openpgp_request *request, int data_fd,
                    struct jp_openpgp_answer *answer, struct jp_error *err);

/*
 * Decrypts what is in the file at JP_OPENPGP_DATA to the one at JP_OPENPGP_OUT; answer->decrypted.
 * JP_EUNTRUSTED with the reason when nothing of it counts.
 */
int jp_openpgp_decrypt(struct jp_keyring *ring, const struct jp_openpgp_request *request,
                       const int fds[JP_OPENPGP_MAX_FDS], struct jp_openpgp_answer *answer,
                       struct jp_error *err);

/* Lists the certificates of the keys; answer->certs. */
int jp_openpgp_inspect(struct jp_keyring *ring, const struct jp_openpgp_request *request,
                       struct jp_openpgp_answer *answer, struct jp_error *err);

#endif
