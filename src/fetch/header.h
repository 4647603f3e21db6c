/*
 * What the headers of an answer say of its body: which bytes they are, and of what (RFC 9110, 8.8.3
 * and 14.4). For both sides: jetpack-fetch continues streams, the commands continue files (row 50).
 */
#ifndef JP_FETCH_HEADER_H
#define JP_FETCH_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"

/* Content-Range: the bytes from `first` to `last`, counted from 0, of `all`. */
struct jp_range {
    uint64_t first;
    uint64_t last;
    uint64_t all;
};

/* What is here of a body that has not come whole. */
struct jp_beginning {
    const char *etag; /* strong validator of the answer that it came with */
    uint64_t size;    /* bytes that are here */
    uint64_t all;     /* bytes that the whole has; 0: nobody said */
};

/*
 * "Name: value" as a line of a head has it, with or without its end, in new memory as "name:
 * value": the name in lower case, one blank, none at the end. NULL without memory or, with
 * *is_header false, when the line is none.
 */
char *jp_header_read(const char *line, size_t len, bool *is_header);

/* The value of the first header of that name (lower case) among "name: value", or NULL. */
const char *jp_header_value(const struct jp_strv *headers, const char *name);

/* A validator that vouches for every byte: an ETag that is not weak. NULL: none. */
const char *jp_header_strong_etag(const struct jp_strv *headers);

/*
 * Reads "bytes FIRST-LAST/ALL"; false, *ret untouched, when it is anything else: other units, what
 * does not lie within ALL, an ALL that is not known ("*").
 */
bool jp_header_range(const char *text, struct jp_range *ret);

/*
 * Is the body of an answer 206 with these headers what follows the beginning, to the end? Only with
 * the same strong validator, which such an answer must carry (RFC 9110, 15.3.7), a range that
 * begins where the beginning ends and goes to the end, the same size of the whole, and a
 * Content-Length, where there is one, that is the range's. *ret_all: the size of the whole, which
 * is for the caller to hold against what comes, as not every body says its length.
 */
bool jp_header_is_rest(const struct jp_strv *headers, const struct jp_beginning *beginning,
                       uint64_t *ret_all);

#endif
