#include "stage1/log.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_NAME 256
#define BATCH    16384 /* entries are written together up to this; longer than any one entry */

/* Entries on their way into the file of one log; shared, empty between two calls. */
static char batch[BATCH];
static size_t batch_len;

static void file_name(const struct jp_log *log, uint32_t number, char out[MAX_NAME])
{
    if (number == 0)
        (void)snprintf(out, MAX_NAME, "%s.log", log->name);
    else
        (void)snprintf(out, MAX_NAME, "%s.log.%u", log->name, number);
}

static int open_file(struct jp_log *log, struct jp_error *err)
{
    char name[MAX_NAME];
    file_name(log, 0, name);
    JP_AUTO_FD int fd = jp_fd_open(log->dir_fd, name, O_WRONLY | O_APPEND | O_CREAT, 0600, err);
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "look at '%s'", name);
    if (!S_ISREG(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "log '%s' is not a file", name);
    log->fd = jp_fd_take(&fd);
    log->size = (uint64_t)st.st_size;
    return 0;
}

int jp_log_open(struct jp_log *log, int dir_fd, const char *name, struct jp_error *err)
{
    log->dir_fd = dir_fd;
    log->name = name;
    if (log->max_files > JP_LOG_MAX_FILES)
        log->max_files = JP_LOG_MAX_FILES;
    return open_file(log, err);
}

/* The oldest is replaced by its successor, and so on; a file that cannot be moved stays in use. */
static void rotate(struct jp_log *log)
{
    char from[MAX_NAME], to[MAX_NAME];
    for (uint32_t i = log->max_files > 1 ? log->max_files - 1 : 0; i > 0; i--) {
        file_name(log, i - 1, from);
        file_name(log, i, to);
        (void)jp_sys.renameat(log->dir_fd, from, log->dir_fd, to);
    }
    if (log->max_files <= 1) {
        file_name(log, 0, from);
        (void)jp_sys.unlinkat(log->dir_fd, from, 0);
    }
    int old = log->fd;
    if (open_file(log, NULL) == 0)
        jp_fd_close(&old);
    else
        log->fd = old;
}

/* Writes the batch whole, or cuts the file back and counts what is lost. */
static void flush(struct jp_log *log)
{
    size_t done = 0;
    while (done < batch_len) {
        ssize_t n = jp_sys.write(log->fd, batch + done, batch_len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done == batch_len) {
        log->size += done;
    } else {
        log->lost += batch_len;
        (void)jp_sys.ftruncate(log->fd, (off_t)log->size);
    }
    batch_len = 0;
}

static void emit(struct jp_log *log, unsigned stream, char tag, const char *text, size_t len)
{
    char time[JP_TIME_SIZE], head[JP_TIME_SIZE + 16];
    jp_time_format(jp_time_now_ns(), 9, time);
    int n = snprintf(head, sizeof(head), "%s %s %c ", time, stream == 2 ? "stderr" : "stdout", tag);
    size_t head_len = n > 0 ? (size_t)n : 0;
    size_t entry = head_len + len + 1;
    if (batch_len + entry > BATCH)
        flush(log);
    if (log->max_bytes > 0 && log->size + batch_len > 0 &&
        log->size + batch_len + entry > log->max_bytes) {
        flush(log);
        rotate(log);
    }
    memcpy(batch + batch_len, head, head_len);
    memcpy(batch + batch_len + head_len, text, len);
    batch[batch_len + entry - 1] = '\n';
    batch_len += entry;
}

static void release(struct jp_log_tail *tail)
{
    free(tail->data);
    *tail = (struct jp_log_tail){0};
}

/* Adds to the unfinished line and writes it out in parts when it is longer than an entry. */
static void keep(struct jp_log *log, unsigned stream, const char *text, size_t len)
{
    struct jp_log_tail *tail = &log->tails[stream - 1];
    while (len > 0) {
        if (!tail->data)
            tail->data = jp_alloc(JP_LOG_LINE);
        size_t room = JP_LOG_LINE - tail->len;
        size_t n = len < room ? len : room;
        if (!tail->data) { /* no memory: the line is split where it happens to be */
            emit(log, stream, 'P', text, n);
        } else {
            memcpy(tail->data + tail->len, text, n);
            tail->len += n;
        }
        text += n;
        len -= n;
        if (tail->len == JP_LOG_LINE && len > 0) {
            emit(log, stream, 'P', tail->data, tail->len);
            tail->len = 0;
        }
    }
}

void jp_log_write(struct jp_log *log, unsigned stream, const void *bytes, size_t len)
{
    if (log->fd < 0)
        return;
    struct jp_log_tail *tail = &log->tails[stream - 1];
    const char *at = bytes, *end = at + len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        if (newline && tail->len == 0 && n <= JP_LOG_LINE) {
            emit(log, stream, 'F', at, n);
        } else {
            keep(log, stream, at, n);
            if (newline) {
                emit(log, stream, 'F', tail->data ? tail->data : "", tail->len);
                tail->len = 0;
            }
        }
        at += n + (newline ? 1 : 0);
    }
    flush(log);
    if (tail->len == 0)
        release(tail);
}

void jp_log_finish(struct jp_log *log, unsigned stream)
{
    struct jp_log_tail *tail = &log->tails[stream - 1];
    if (tail->len > 0 && log->fd >= 0) {
        emit(log, stream, 'P', tail->data, tail->len);
        flush(log);
    }
    release(tail);
}

void jp_log_clear(struct jp_log *log)
{
    jp_fd_close(&log->fd);
    release(&log->tails[0]);
    release(&log->tails[1]);
}
