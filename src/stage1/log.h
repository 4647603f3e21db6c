/*
 * The log of one app: what it writes to its standard output and error, in lines of the CRI format
 * "RFC3339nano stdout|stderr P|F TEXT". P marks a line that goes on in the next entry of the same
 * stream: lines longer than JP_LOG_LINE are cut, and a last line without a newline ends with P, so
 * that a reader can give back the very bytes.
 *
 * Memory is bounded: an unfinished line is kept up to JP_LOG_LINE bytes, and only while there is
 * one. A disk that is full costs log lines (counted), never the app's life: files are cut back to
 * the last whole entry.
 */
#ifndef JP_STAGE1_LOG_H
#define JP_STAGE1_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JP_LOG_LINE      8192 /* bytes of text in one entry */
#define JP_LOG_MAX_FILES 1000 /* rotated files; more are not useful */

struct jp_log_tail {
    char *data; /* NULL, or JP_LOG_LINE bytes */
    size_t len;
};

struct jp_log {
    int dir_fd;       /* logs/, the caller's */
    const char *name; /* of the app, the caller's */
    int fd;           /* -1: closed */
    uint64_t size;    /* of the current file */
    uint64_t max_bytes;
    uint32_t max_files; /* the current one included */
    uint64_t lost;      /* bytes that could not be written */
    struct jp_log_tail tails[2];
};

#define JP_LOG_INIT                                                                                \
    {                                                                                              \
        .dir_fd = -1, .fd = -1                                                                     \
    }

/*
 * Opens NAME.log in dir_fd for appending (made 0600). A file is rotated to NAME.log.1 and so on
 * before an entry would make it longer than max_bytes (0: never); max_files counts the current one.
 */
int jp_log_open(struct jp_log *log, int dir_fd, const char *name, struct jp_error *err);

/* Takes in what came from stream 1 or 2. Never fails: see `lost`. */
void jp_log_write(struct jp_log *log, unsigned stream, const void *bytes, size_t len);

/* The stream is at its end: writes what is left of an unfinished line. */
void jp_log_finish(struct jp_log *log, unsigned stream);

void jp_log_clear(struct jp_log *log);

#endif
