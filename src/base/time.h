/* Clocks and the two spellings of RFC 3339 that Jetpack writes. All times are UTC. */
#ifndef JP_BASE_TIME_H
#define JP_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define JP_TIME_SIZE 40 /* bytes for a formatted time with its NUL */

/* Nanoseconds since the epoch, for display and records; and since boot, for time-outs. */
int64_t jp_time_now_ns(void);
int64_t jp_time_monotonic_ms(void);

/* "2026-01-02T03:04:05Z" (digits = 0) or with `digits` (1 to 9) of the fraction. */
void jp_time_format(int64_t time_ns, int digits, char out[JP_TIME_SIZE]);

#endif
