/*
 * Output of apps on our own standard streams: as it is, or cut into lines that begin with the name
 * of the app. And the size of our terminal.
 */
#ifndef JP_CLI_STREAM_H
#define JP_CLI_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* One app's half-finished line on one stream. */
struct jp_cli_line {
    char *app;
    int stream;
    struct jp_buf text;
};

struct jp_cli_stream {
    bool is_raw; /* no prefixes */
    struct jp_cli_line *lines;
    size_t count;
    size_t capacity;
};

/* For jp_pod_relay.output; the context is a struct jp_cli_stream. */
int jp_cli_stream_output(void *context, const char *app, int stream, const void *bytes, size_t len);

/* Writes lines that had no end, and releases. */
void jp_cli_stream_clear(struct jp_cli_stream *stream);

struct jp_cli_window {
    uint16_t rows;
    uint16_t columns;
    const char *term;
};

/* Of the terminal on standard input, else 24 by 80. */
struct jp_cli_window jp_cli_window(void);

#endif
