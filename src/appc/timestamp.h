/* Timestamps of the specification: RFC 3339 section 5.6, with the "T". */
#ifndef JP_APPC_TIMESTAMP_H
#define JP_APPC_TIMESTAMP_H

#include <stdint.h>

#include "base/error.h"

/*
 * "2014-10-27T19:32:27.67021798Z", any offset, any number of digits (nanoseconds are kept).
 * *ret_ns is nanoseconds since the epoch; a leap second counts as the last nanosecond before it.
 * Years that do not fit (before 1678, after 2261) give INT64_MIN and INT64_MAX: images made
 * reproducible are "created" in the year 1. JP_EINVALID for another form or a day that does not
 * exist.
 */
int jp_timestamp_parse(const char *text, int64_t *ret_ns, struct jp_error *err);

#endif
