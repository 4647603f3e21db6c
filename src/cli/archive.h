/* Importing an archive that may be encrypted. */
#ifndef JP_CLI_ARCHIVE_H
#define JP_CLI_ARCHIVE_H

#include "cli/command.h"
#include "image/image.h"

/*
 * jp_image_import() of what is in options->fd, decrypted on its way by the passphrase of
 * -passphrase-file when it is an OpenPGP message. A signature is one over the message: over the
 * bytes as they came. JP_EUNTRUSTED when it is encrypted and cannot be opened, or was changed.
 */
int jp_cli_import_archive(struct jp_cli *cli, const struct jp_image_import_options *options,
                          struct jp_image_imported *ret, struct jp_error *err);

#endif
