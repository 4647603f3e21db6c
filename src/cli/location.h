/*
 * Where something is that a command reads: one place for all of them. Today a path, a file:// URL,
 * or `-` for standard input.
 */
#ifndef JP_CLI_LOCATION_H
#define JP_CLI_LOCATION_H

#include "base/buf.h"
#include "cli/command.h"

/* Is the word a URL, a path with a slash in front, or `-`, and so no name of an image? */
bool jp_cli_location_is_place(const char *word);

/* Opens it for reading; a descriptor. JP_EUNSUPPORTED for other URLs. */
int jp_cli_location_open(const char *location, struct jp_error *err);

/* Reads it whole, at most `max` bytes. */
int jp_cli_location_read(const char *location, size_t max, struct jp_buf *ret,
                         struct jp_error *err);

/*
 * The same of what lies beside it, under its name and `suffix` more. 1 read; 0 when there is no
 * such thing, or nothing can be beside it (standard input); -1.
 */
int jp_cli_location_read_beside(const char *location, const char *suffix, size_t max,
                                struct jp_buf *ret, struct jp_error *err);

#endif
