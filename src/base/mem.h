/*
 * Memory. Every allocation of ours goes through here, so that a test can make the n-th one fail.
 * All return NULL when memory runs out (callers answer with jp_oom()); none aborts. What they
 * return is released with free(3).
 */
#ifndef JP_BASE_MEM_H
#define JP_BASE_MEM_H

#include <stddef.h>

#include "base/macros.h"

/* size bytes, not zeroed; a size of 0 gives a valid pointer. */
void *jp_alloc(size_t size) JP_MUST_USE;

/* count * size bytes, zeroed; NULL when the product overflows. */
void *jp_calloc(size_t count, size_t size) JP_MUST_USE;

/* Resizes to count * size bytes; on failure `old` is still valid and NULL is returned. */
void *jp_realloc_array(void *old, size_t count, size_t size) JP_MUST_USE;

/* A copy of text; NULL text gives NULL. */
char *jp_strdup(const char *text) JP_MUST_USE;

/* A copy of len bytes with a NUL after them. */
char *jp_memdup0(const void *bytes, size_t len) JP_MUST_USE;

/* Formats into new memory; NULL when memory runs out. */
char *jp_format(const char *fmt, ...) JP_PRINTF(1, 2) JP_MUST_USE;

/*
 * Makes room for one more element in a growing array: doubles `*capacity` as needed. `*array` may
 * be NULL. Returns 0, or -1 when memory runs out (the array is unchanged).
 */
int jp_grow(void *array, size_t *capacity, size_t count, size_t size) JP_MUST_USE;

/* Test seam: the n-th allocation from now fails (1 = the next), 0 = none. Not thread-safe. */
void jp_mem_fail_after(unsigned long n);

/* How many allocations there are up to that one; 0 when it has failed, or none is to fail. */
unsigned long jp_mem_fail_left(void);

#endif
