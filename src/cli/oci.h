/* Locations of OCI and Docker images: oci:, docker-archive:, docker://. */
#ifndef JP_CLI_OCI_H
#define JP_CLI_OCI_H

#include <stdbool.h>

#include "cli/command.h"
#include "image/image.h"

/* Does the location begin with a word of ours? */
bool jp_cli_oci_is_location(const char *location);

/*
 * Imports such a location; options of the command that count: -name, -platform, -quiet. *ret
 * describes the image that carries the name.
 */
int jp_cli_oci_import(struct jp_cli *cli, const char *location, struct jp_image_imported *ret,
                      struct jp_error *err);

/* export -oci: a layout, as a directory or a tar ("-": standard output). */
int jp_cli_oci_export(struct jp_cli *cli, const char *id, const char *path, struct jp_error *err);

/* The registry of a docker:// location, open for writing. */
struct jp_cli_remote;
struct jp_oci_registry;
int jp_cli_remote_open(struct jp_cli *cli, const char *location, struct jp_cli_remote **ret,
                       struct jp_error *err);
void jp_cli_remote_free(struct jp_cli_remote *remote);
struct jp_oci_registry *jp_cli_remote_registry(struct jp_cli_remote *remote);

#endif
