/*
 * Identifiers of the specification (types.md) and names that are made of them. All are checked
 * before any use as a path component or a key, so that "..", "%2f", a leading "-" or a control
 * character never leaves this room.
 */
#ifndef JP_APPC_NAME_H
#define JP_APPC_NAME_H

#include <stdbool.h>

#include "base/error.h"

#define JP_NAME_MAX 1024 /* bytes of an identifier; longer ones are refused */

/* types.md "AC Identifier Type": ^[a-z0-9]+([-._~/][a-z0-9]+)*$, at most JP_NAME_MAX bytes. */
bool jp_ac_identifier_valid(const char *text);

/* types.md "AC Name Type": ^[a-z0-9]+([-][a-z0-9]+)*$, at most JP_NAME_MAX bytes. */
bool jp_ac_name_valid(const char *text);

/* aci.md "environment": letters, digits, '_', and '.' and '-'; not empty, no digit first. */
bool jp_environment_name_valid(const char *text);

/* The same, with an error that says what is wrong (JP_EINVALID). */
int jp_ac_identifier_check(const char *text, struct jp_error *err);
int jp_ac_name_check(const char *text, struct jp_error *err);
int jp_environment_name_check(const char *text, struct jp_error *err);

/*
 * An AC Name made of any text, for an app that was not given one: the part after the last '/',
 * lower case, everything else turned into single hyphens. New memory; NULL without memory, "app"
 * when nothing usable is left.
 */
char *jp_ac_name_from(const char *text);

/* Foreign text made fit for a message: at most 60 bytes, control characters and quotes escaped. */
struct jp_shown {
    char text[80];
};
struct jp_shown jp_show(const char *text);

#endif
