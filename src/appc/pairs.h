/*
 * Ordered lists of names with values: labels, annotations, environment, user annotations, user
 * labels, sysctls. The order of the manifest is kept; names are unique within a list.
 */
#ifndef JP_APPC_PAIRS_H
#define JP_APPC_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct json_t;

struct jp_pair {
    char *name;
    char *value;
    struct json_t *extra; /* unknown fields of the object, kept; NULL mostly */
};

struct jp_pairs {
    struct jp_pair *items;
    size_t count;
    size_t capacity;
};

#define JP_PAIRS_INIT                                                                              \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* The value of the first pair of that name, NULL when there is none; the list's. */
const char *jp_pairs_get(const struct jp_pairs *pairs, const char *name);

/* Replaces the value, or appends a pair. Nothing is checked. -1 with JP_ENOMEM. */
int jp_pairs_set(struct jp_pairs *pairs, const char *name, const char *value, struct jp_error *err);

/* Takes a pair out; true when there was one. */
bool jp_pairs_unset(struct jp_pairs *pairs, const char *name);

/* Replaces what `to` holds by a deep copy. -1 with JP_ENOMEM. */
int jp_pairs_copy(struct jp_pairs *to, const struct jp_pairs *from, struct jp_error *err);

/* Sets every pair of `from` in `to`: `from` wins (image annotations under those of the pod). */
int jp_pairs_merge(struct jp_pairs *to, const struct jp_pairs *from, struct jp_error *err);

void jp_pairs_clear(struct jp_pairs *pairs);

/* True when `have` holds every pair of `want` with the same value. */
bool jp_labels_match(const struct jp_pairs *have, const struct jp_pairs *want);

/*
 * aci.md "labels": AC Identifiers, unique, none called "name", os and arch one of the valid
 * combinations. JP_EINVALID names the place as "[2].name: ...".
 */
int jp_labels_check(const struct jp_pairs *labels, struct jp_error *err);

/* True for a combination that the specification (with freebsd/aarch64) knows. arch may be NULL. */
bool jp_os_arch_valid(const char *os, const char *arch);

/*
 * The specification's word for a machine as uname(3) spells it: ("linux", "x86_64") -> "amd64".
 * NULL for what it has no word for.
 */
const char *jp_arch_from_machine(const char *os, const char *machine);

#endif
