#include "cli/stream.h"

#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

#define MAX_LINE 65536 /* a longer line is cut, so that an app cannot make us grow */

static int write_to(int stream, const void *bytes, size_t len)
{
    return jp_fd_write_all(stream == 2 ? STDERR_FILENO : STDOUT_FILENO, bytes, len, "output", NULL);
}

/* The line in the making of an app on a stream; NULL without memory. */
static struct jp_cli_line *find(struct jp_cli_stream *s, const char *app, int stream)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->lines[i].stream == stream && strcmp(s->lines[i].app, app) == 0)
            return &s->lines[i];
    char *name = jp_strdup(app);
    if (!name || jp_grow(&s->lines, &s->capacity, s->count, sizeof(*s->lines)) < 0) {
        free(name);
        return NULL;
    }
    s->lines[s->count] = (struct jp_cli_line){name, stream, JP_BUF_INIT};
    return &s->lines[s->count++];
}

int jp_cli_stream_output(void *context, const char *app, int stream, const void *bytes, size_t len)
{
    struct jp_cli_stream *s = context;
    if (s->is_raw)
        return write_to(stream, bytes, len);
    struct jp_cli_line *line = find(s, app ? app : "", stream);
    if (!line)
        return -1;
    struct jp_buf out = JP_BUF_INIT;
    const char *at = bytes;
    const char *end = at + len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        jp_buf_add(&line->text, at, (size_t)(stop - at));
        if (newline || line->text.len >= MAX_LINE) {
            jp_buf_printf(&out, "%s| ", line->app);
            jp_buf_add(&out, line->text.data, line->text.len);
            jp_buf_putc(&out, '\n');
            jp_buf_reset(&line->text);
        }
        at = newline ? newline + 1 : end;
    }
    int r = jp_buf_failed(&out) || jp_buf_failed(&line->text) ? -1 : 0;
    if (r == 0 && out.len > 0)
        r = write_to(stream, out.data, out.len);
    jp_buf_clear(&out);
    return r;
}

void jp_cli_stream_clear(struct jp_cli_stream *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->lines[i].text.len > 0)
            (void)jp_cli_stream_output(s, s->lines[i].app, s->lines[i].stream, "\n", 1);
        free(s->lines[i].app);
        jp_buf_clear(&s->lines[i].text);
    }
    free(s->lines);
    *s = (struct jp_cli_stream){.is_raw = s->is_raw};
}

struct jp_cli_window jp_cli_window(void)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return (struct jp_cli_window){size.ws_row, size.ws_col, getenv("TERM")};
}
