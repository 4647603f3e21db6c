/* The line of a progress bar. */
#ifndef JP_CLI_BAR_H
#define JP_CLI_BAR_H

#include <stddef.h>
#include <stdint.h>

struct jp_bar {
    const char *what;
    uint64_t done;
    uint64_t total; /* 0: unknown */
    uint64_t per_second;
};

#define JP_BAR_LINE 512

/*
 * At most `width` columns (less than JP_BAR_LINE): of what is too long the end, no bar where there
 * is no room for one.
 */
void jp_bar_format(const struct jp_bar *bar, size_t width, char out[JP_BAR_LINE]);

#endif
