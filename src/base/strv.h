/* A list of strings that owns them; `items` is NULL-terminated, ready for execve(2). */
#ifndef JP_BASE_STRV_H
#define JP_BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

struct jp_strv {
    char **items; /* NULL while empty */
    size_t count;
    size_t capacity;
};

#define JP_STRV_INIT                                                                               \
    {                                                                                              \
        .items = NULL                                                                              \
    }

/* Appends a copy, or takes over `text` (released when that fails). 0, or -1 without memory. */
int jp_strv_add(struct jp_strv *v, const char *text) JP_MUST_USE;
int jp_strv_add_owned(struct jp_strv *v, char *text) JP_MUST_USE;
/* Appends a copy of each of the `count` strings. */
int jp_strv_extend(struct jp_strv *v, char *const *items, size_t count) JP_MUST_USE;

bool jp_strv_contains(const struct jp_strv *v, const char *text);
void jp_strv_sort(struct jp_strv *v);
void jp_strv_clear(struct jp_strv *v);

#endif
