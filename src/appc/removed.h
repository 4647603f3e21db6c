/*
 * What an image takes away from those below it: the annotation `jetpack/removed`.
 *
 * The specification can only say which paths are left, all of them (`pathWhitelist`). This list
 * says which are gone: before the image is laid over what it stands on, the paths in it are removed
 * from there. Its own files never are. Nothing is followed: a path below a symbolic link, or below
 * nothing, removes nothing, as does one that is not there.
 *
 * The value is absolute paths, a space between them: "/etc/motd" with everything in it, "/srv/"
 * everything in it but not itself ("/": everything). Bytes that are no visible ASCII, and "%", are
 * "%" and two hexadecimal digits, so that every name can be said in JSON.
 * doc/decisions/0013-whiteouts.md.
 */
#ifndef JP_APPC_REMOVED_H
#define JP_APPC_REMOVED_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

#define JP_REMOVED_ANNOTATION "jetpack/removed"

/*
 * Reads the value of the annotation. *ret gets relative paths ("etc/motd", "srv/", "/" for the
 * root's content), in the order of jp_filter_compare() and each once; it must be empty. JP_EINVALID
 * for anything but normal paths: no empty component, no "." and "..", no NUL, at most as long as a
 * path of an archive may be.
 */
int jp_removed_parse(const char *value, struct jp_strv *ret, struct jp_error *err);

/* Is it one? JP_EINVALID. */
int jp_removed_check(const char *value, struct jp_error *err);

/* Sorts such a list and drops what comes twice; of "a" and "a/" the first is left. */
void jp_removed_sort(struct jp_strv *list);

/* The value of the annotation, for a sorted list; the caller's. NULL without memory. */
char *jp_removed_format(const struct jp_strv *list);

/* Is the path (relative, no "/" at its end) among what a list takes away? */
bool jp_removed_has(const struct jp_strv *list, const char *path);

#endif
