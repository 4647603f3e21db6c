/*
 * Which paths of an image a root file system gets: the `pathWhitelist` of aci.md.
 *
 * A whitelist is a complete and absolute set: a listed path is that file or that directory, not
 * what is in the directory; the directories above a listed path are there, too. Where several
 * whitelists apply (an image's own and those of the images that depend on it), a path must be in
 * all of them. The result is kept in one canonical form: equal filters are equal lists.
 */
#ifndef JP_APPC_FILTER_H
#define JP_APPC_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

/* Bytes of all paths of a filter: far more than what a manifest of ordinary depth can list. */
#define JP_FILTER_MAX (16U << 20)

struct jp_filter {
    bool is_set; /* false: everything passes */
    /*
     * Relative paths, a directory before what is in it: "usr/bin/sh" passes whatever it is, "usr/"
     * passes when it is a directory. The root itself always passes and is not listed.
     */
    struct jp_strv paths;
};

#define JP_FILTER_INIT                                                                             \
    {                                                                                              \
        .is_set = false                                                                            \
    }

/*
 * Lets pass only what also passes the whitelist (absolute paths as in a manifest; "." and ".." are
 * resolved by text). An empty whitelist changes nothing. JP_ELIMIT.
 */
int jp_filter_restrict(struct jp_filter *filter, const struct jp_strv *whitelist,
                       struct jp_error *err);

/*
 * The order of a filter's paths: by bytes, but "/" before everything else, so that a directory
 * comes right before what is in it. A "/" behind a path does not count.
 */
int jp_filter_compare(const char *a, const char *b);

/*
 * Relative paths in that order, with the directories above them, these with a "/" behind. A path
 * may come more than once. Appended to *ret. JP_ELIMIT (JP_FILTER_MAX).
 */
int jp_filter_expand(const struct jp_strv *sorted, struct jp_strv *ret, struct jp_error *err);

bool jp_filter_equal(const struct jp_filter *a, const struct jp_filter *b);
/* *ret is overwritten. */
int jp_filter_copy(const struct jp_filter *filter, struct jp_filter *ret, struct jp_error *err);
void jp_filter_clear(struct jp_filter *filter);

#endif
