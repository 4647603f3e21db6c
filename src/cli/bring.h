/*
 * Fetching on the way: `run`, `prepare` and `build` of an image that is not here. The work is
 * jetpack-image's (the internal command `bring`), so that a start pays for it only then.
 */
#ifndef JP_CLI_BRING_H
#define JP_CLI_BRING_H

#include "cli/command.h"

struct jp_cli_bring {
    const struct jp_cli *cli;
    bool allows_unsigned;
    const struct jp_strv *http_hosts; /* as -allow-http of fetch */
    const char *passphrase;           /* of encrypted images; NULL */
};

/*
 * Has a location fetched, with what it depends on; of the id of an image that is here, what that
 * depends on. *ret is the image's id, the caller's. JP_EUNTRUSTED when allow.autodiscovery is off;
 * else the errors of fetch. Progress and questions go to the terminal.
 */
int jp_cli_bring(const struct jp_cli_bring *bring, const char *word, char **ret,
                 struct jp_error *err);

/*
 * The command's pods may be made of images that are not here, when allow.autodiscovery is on
 * *bring stays as long as the command.
 */
int jp_cli_bring_absent(struct jp_cli *cli, struct jp_cli_bring *bring, struct jp_error *err);

/* A word that is a place and no name of an image becomes the id of what lies there; the caller's.
 */
int jp_cli_bring_place(const struct jp_cli_bring *bring, char **word, struct jp_error *err);

#endif
