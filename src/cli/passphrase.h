/* Passphrases that a file holds (-passphrase-file). */
#ifndef JP_CLI_PASSPHRASE_H
#define JP_CLI_PASSPHRASE_H

#include "cli/command.h"

/*
 * The first line of a location (a path, /dev/fd/N, `-`), without its end: what GnuPG takes as well.
 * A regular file must be nobody's but ours or root's (JP_EUNTRUSTED). *ret is the caller's, for
 * jp_cli_passphrase_free().
 */
int jp_cli_passphrase_read(const char *location, char **ret, struct jp_error *err);

/* Overwrites and frees; *passphrase may be NULL. */
void jp_cli_passphrase_free(char **passphrase);

/* That of the command's -passphrase-file, read once; NULL when there is none. It stays cli's. */
int jp_cli_passphrase(struct jp_cli *cli, const char **ret, struct jp_error *err);

#endif
