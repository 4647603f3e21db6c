/*
 * A growing byte buffer, always NUL-terminated when read through jp_buf_text().
 *
 * Appending never returns an error: a failed allocation is remembered, and jp_buf_failed() is asked
 * once at the end. This keeps code that prints readable.
 */
#ifndef JP_BASE_BUF_H
#define JP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

struct jp_buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t capacity;
    bool failed;
};

#define JP_BUF_INIT                                                                                \
    {                                                                                              \
        .data = NULL                                                                               \
    }

void jp_buf_add(struct jp_buf *buf, const void *bytes, size_t len);
void jp_buf_puts(struct jp_buf *buf, const char *text);
void jp_buf_putc(struct jp_buf *buf, char c);
void jp_buf_printf(struct jp_buf *buf, const char *fmt, ...) JP_PRINTF(2, 3);

/* True when any append ran out of memory; the content is then incomplete. */
bool jp_buf_failed(const struct jp_buf *buf);

/* The content as a string, "" while empty; valid until the next append. */
const char *jp_buf_text(const struct jp_buf *buf);

/* Hands the content over (NULL when an append failed); the buffer is empty afterwards. */
char *jp_buf_steal(struct jp_buf *buf);

/* Empties without releasing. */
void jp_buf_reset(struct jp_buf *buf);
void jp_buf_clear(struct jp_buf *buf);

#endif
