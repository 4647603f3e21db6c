/* What commands share that trust keys: the store of keys, and the question. */
#ifndef JP_CLI_TRUST_H
#define JP_CLI_TRUST_H

#include "cli/command.h"
#include "trust/trust.h"

/*
 * The store of keys and its program, by the configuration (mds.user is who the program becomes).
 * What it points to lives as long as `cli`. JP_EUNSUPPORTED in a build without OpenPGP.
 */
int jp_cli_trust(struct jp_cli *cli, struct jp_trust *ret, struct jp_error *err);

/* The program alone, without a store: for signing, which needs no root. */
int jp_cli_signer(struct jp_cli *cli, struct jp_trust *ret, struct jp_error *err);

/* A file with keys that somebody may want to trust. */
struct jp_cli_offer {
    const char *prefix; /* for which images: a prefix, or JP_TRUST_EVERY */
    const char *source; /* where it came from, as it is to be shown */
    const void *bytes;
    size_t len;
    /* The key that is to be trusted, in full, without a question. NULL: asked for each. */
    const char *fingerprint;
};

/*
 * Shows each key of the file whole (fingerprints, identities, what is wrong with it), and stores it
 * when the answer is yes: typed on a terminal, or given before as the fingerprint. Without either
 * nothing is ever stored. *ret_stored counts; -1 with JP_EUNTRUSTED when that is 0.
 */
int jp_cli_offer_keys(struct jp_cli *cli, const struct jp_cli_offer *offer, size_t *ret_stored,
                      struct jp_error *err);

#endif
