/* What the walks over tables of fields share (fields.c, print.c, list.c). Private to them. */
#ifndef JP_APPC_WALK_H
#define JP_APPC_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "appc/json.h"
#include "base/error.h"

/* What every list structure of this room looks like. */
struct jp_list {
    char *items;
    size_t count;
    size_t capacity;
};

/* Where we are, from the inside out; printed only when something is wrong. */
struct jp_place {
    const struct jp_place *up;
    const char *name; /* NULL: an index */
    size_t index;
};

/* "PLACE: text". Returns -1. */
int jp_place_fail(const struct jp_place *place, enum jp_code code, const char *text,
                  struct jp_error *err);

/*
 * Records the error of a check function with its place before it, and clears it; `is_below`: its
 * text begins with a place too ("value.limit: ..."). Returns -1.
 */
int jp_place_move(const struct jp_place *place, bool is_below, struct jp_error *why,
                  struct jp_error *err);

static inline void *jp_member(void *object, size_t offset)
{
    return (char *)object + offset;
}

static inline const void *jp_const_member(const void *object, size_t offset)
{
    return (const char *)object + offset;
}

/* True unless the field's bool says that it was not given. */
static inline bool jp_field_is_given(const struct jp_json_field *f, const void *object)
{
    return f->has == 0 || *(const bool *)jp_const_member(object, f->has - 1);
}

#endif
