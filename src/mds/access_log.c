#include "mds/access_log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH   32768 /* bytes that are written without waiting for a pause */
#define MAX_TEXT 1024  /* bytes of a path that are logged */

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What a request sent, so that a line stays a line and a terminal a terminal. */
static void add_foreign(struct jp_buf *to, const char *text)
{
    size_t len = strnlen(text, MAX_TEXT);
    for (size_t at = 0; at < len;) {
        size_t run = 0;
        while (at + run < len && is_plain(text[at + run]))
            run++;
        jp_buf_add(to, text + at, run);
        at += run;
        if (at < len)
            jp_buf_printf(to, "\\x%02x", (unsigned char)text[at++]);
    }
}

/* The time as text, which is the same for a second. */
static const char *now_text(void)
{
    static time_t then;
    static char text[40];
    time_t now = time(NULL);
    struct tm utc;
    if (text[0] != '\0' && now == then)
        return text;
    then = now;
    if (!gmtime_r(&now, &utc) || strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &utc) == 0)
        (void)snprintf(text, sizeof(text), "-");
    return text;
}

void jp_access_log_add(struct jp_access_log *log, const struct jp_access_log_entry *entry)
{
    if (log->fd < 0)
        return;
    jp_buf_printf(&log->lines, "%s - %s [%s] \"", entry->address, entry->uuid ? entry->uuid : "-",
                  now_text());
    add_foreign(&log->lines, entry->method);
    jp_buf_putc(&log->lines, ' ');
    add_foreign(&log->lines, entry->path ? entry->path : "-");
    jp_buf_printf(&log->lines, "\" %u %zu\n", entry->status, entry->len);
    if (log->lines.len >= ENOUGH)
        jp_access_log_flush(log);
}

/* A log that cannot be written (disk full, reader gone) must not stop the service. */
void jp_access_log_flush(struct jp_access_log *log)
{
    for (size_t at = 0; log->fd >= 0 && at < log->lines.len;) {
        ssize_t n = write(log->fd, log->lines.data + at, log->lines.len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (log->lines.failed)
        jp_buf_clear(&log->lines);
    jp_buf_reset(&log->lines);
}

void jp_access_log_clear(struct jp_access_log *log)
{
    jp_access_log_flush(log);
    jp_buf_clear(&log->lines);
}
