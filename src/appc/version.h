/*
 * Versions: of the specification (SemVer 2.0.0, with the rule which manifests we can read), and of
 * images (any text), ordered so that "newest wins" does what a person expects.
 */
#ifndef JP_APPC_VERSION_H
#define JP_APPC_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define JP_APPC_SPEC_VERSION "0.8.11" /* what Jetpack implements and writes into acVersion */

/* True for text in the form of SemVer 2.0.0 (major.minor.patch[-pre][+build]). */
bool jp_semver_valid(const char *text);

/* SemVer precedence: <0, 0, >0. Both must be valid; build metadata does not count. */
int jp_semver_compare(const char *a, const char *b);

/*
 * types.md "AC Version Type": SemVer, of our major series, and not 0.0.0. JP_EINVALID for another
 * form, JP_EUNSUPPORTED for another series.
 */
int jp_ac_version_check(const char *text, struct jp_error *err);

/*
 * Order of image versions, <0, 0, >0. Texts are cut into runs of digits, compared by value, and
 * of everything else, compared by bytes; "~" and SemVer's pre-release sort before the release
 * ("1.0-rc1" < "1.0" < "1.0.1"), "latest" and NULL before everything with a number. Total order:
 * 0 only for equal text.
 */
int jp_version_compare(const char *a, const char *b);

#endif
