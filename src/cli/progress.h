/* A progress bar on standard error, when that is a terminal; nothing otherwise. */
#ifndef JP_CLI_PROGRESS_H
#define JP_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

struct jp_progress {
    const char *what;
    bool is_shown;
    bool has_line;     /* something stands on the current line */
    uint64_t expected; /* the total where the source does not tell one; 0: unknown */
    int64_t started_ms;
    int64_t drawn_ms;
};

struct jp_progress jp_progress_new(const char *what, bool is_quiet);
/* Callbacks of jp_image_watch; the context is the progress. */
struct jp_image_watch jp_progress_watch(struct jp_progress *progress,
                                        const volatile sig_atomic_t *cancel);
/* Wipes the bar. */
void jp_progress_end(struct jp_progress *progress);

#endif
