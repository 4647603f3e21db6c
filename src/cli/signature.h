/*
 * The signature of an archive that a command is about to import: found, judged, and made into what
 * the image room wants to know (jp_image_import_options.signature).
 */
#ifndef JP_CLI_SIGNATURE_H
#define JP_CLI_SIGNATURE_H

#include "cli/command.h"
#include "image/image.h"
#include "trust/trust.h"

struct jp_cli_signature {
    struct jp_trust trust;
    struct jp_trust_answer answer;
    char *record;
    struct jp_image_signature image; /* points into this */
};

/*
 * Judges the signature of what is in question->fd, which must be a regular file (else it is copied
 * to one first: jp_cli_spool()). Without a name in the question, jp_trust_confirm() with the
 * manifest's is still to come (jp_image_import_options.accept). The question's signature and *ret
 * must stay until the import is over; *ret is to be cleared in all cases. -1 with JP_EUNTRUSTED:
 * ret->answer.verdict tells why.
 */
int jp_cli_signature_judge(struct jp_cli *cli, const struct jp_trust_question *question,
                           struct jp_cli_signature *ret, struct jp_error *err);

/*
 * The same where an image may do without and nobody named this signature: 1 it counts; 0 its key is
 * one that nobody trusts (or this build reads none), which a warning tells: as good as none. One
 * that does not fit is refused as ever.
 */
int jp_cli_signature_judge_found(struct jp_cli *cli, const struct jp_trust_question *question,
                                 struct jp_cli_signature *ret, struct jp_error *err);

/* For those who have asked themselves: who signed, as it is kept beside the image; the caller's. */
char *jp_cli_signature_record(const struct jp_trust_answer *answer);

/* ret points into answer, signature and record. */
struct jp_image_signature jp_cli_signature_image(const struct jp_trust_answer *answer,
                                                 const void *bytes, size_t len, const char *record);

void jp_cli_signature_clear(struct jp_cli_signature *signature);

/*
 * Makes of *fd, which may be a pipe, a file of our own that nobody else can open or change, when it
 * is not a regular file already. At most images.max-size bytes.
 */
int jp_cli_spool(struct jp_cli *cli, int *fd, const char *what, struct jp_error *err);

#endif
