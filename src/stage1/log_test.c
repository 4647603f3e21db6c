/* Logs of apps: lines, parts of lines, rotation, a full disk. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "stage1/log.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"

static char dir[64];
static int dir_fd = -1;

static void open_log(struct jp_log *log, uint64_t max_bytes, uint32_t max_files)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/jetpack-log-XXXXXX");
    if (!mkdtemp(dir) || (dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        abort();
    *log = (struct jp_log)JP_LOG_INIT;
    log->max_bytes = max_bytes;
    log->max_files = max_files;
    if (jp_log_open(log, dir_fd, "app", NULL) < 0)
        abort();
}

static void close_log(struct jp_log *log)
{
    jp_log_clear(log);
    close(dir_fd);
    JP_AUTO_FD int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_tree_remove(tmp, dir + strlen("/tmp/"), NULL) < 0)
        abort();
}

static char *content(const char *name)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(dir_fd, name, 64 << 20, &text, NULL) < 0)
        return NULL;
    return jp_strdup(jp_buf_text(&text));
}

/* The entries without their times, which are checked for their form. */
static char *entries(const char *name)
{
    JP_AUTO_FREE char *text = content(name);
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n")) {
        bool is_time = strlen(line) > 31 && line[10] == 'T' && line[19] == '.' && line[29] == 'Z' &&
                       line[30] == ' ';
        jp_buf_printf(&out, "%s\n", is_time ? line + 31 : "broken time");
    }
    return jp_strdup(jp_buf_text(&out));
}

static void put(struct jp_log *log, unsigned stream, const char *text)
{
    jp_log_write(log, stream, text, strlen(text));
}

static void lines(void)
{
    struct jp_log log;
    open_log(&log, 0, 5);
    put(&log, 1, "one\ntwo\n\nthr");
    put(&log, 2, "error\n");
    put(&log, 1, "ee\nunfin");
    put(&log, 1, "ished");
    jp_log_finish(&log, 1);
    jp_log_finish(&log, 2);
    JP_AUTO_FREE char *got = entries("app.log");
    TAP_STR(got,
            "stdout F one\nstdout F two\nstdout F \nstderr F error\nstdout F three\n"
            "stdout P unfinished\n",
            "lines come out whole, the last one as a part");
    jp_log_clear(&log);
    log = (struct jp_log)JP_LOG_INIT;
    TAP_OK(jp_log_open(&log, dir_fd, "app", NULL) == 0, "opened again");
    put(&log, 1, "more\n");
    JP_AUTO_FREE char *both = entries("app.log");
    TAP_OK(strstr(both, "stdout F one\n") && strstr(both, "stdout F more\n"), "it is continued");
    close_log(&log);
}

/* What a reader puts together from P and F must be what was written. */
static void long_lines(void)
{
    static const size_t sizes[] = {JP_LOG_LINE - 1, JP_LOG_LINE, JP_LOG_LINE + 1, 100000};
    static const size_t steps[] = {1, 1000, 8191, 16384, 100000};
    for (size_t i = 0; i < JP_LEN(sizes); i++) {
        for (size_t k = 0; k < JP_LEN(steps); k++) {
            struct jp_log log;
            open_log(&log, 0, 5);
            JP_AUTO_FREE char *text = jp_alloc(sizes[i] + 1);
            for (size_t n = 0; n < sizes[i]; n++)
                text[n] = (char)('a' + n % 23);
            text[sizes[i]] = '\n';
            for (size_t at = 0; at < sizes[i] + 1; at += steps[k])
                jp_log_write(&log, 1, text + at,
                             at + steps[k] > sizes[i] + 1 ? sizes[i] + 1 - at : steps[k]);
            JP_AUTO_FREE char *got = entries("app.log");
            JP_AUTO(jp_buf) joined = JP_BUF_INIT;
            bool fits = true;
            char *rest = got;
            for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n")) {
                fits = fits && strlen(line) <= JP_LOG_LINE + strlen("stdout P ");
                jp_buf_puts(&joined, line + strlen("stdout P "));
                if (line[7] == 'F')
                    jp_buf_putc(&joined, '\n');
            }
            TAP_OK(fits && joined.len == sizes[i] + 1 && memcmp(joined.data, text, joined.len) == 0,
                   "a line of %zu bytes in steps of %zu", sizes[i], steps[k]);
            TAP_OK(log.tails[0].data == NULL, "no memory is kept for it");
            close_log(&log);
        }
    }
}

static void rotates(void)
{
    struct jp_log log;
    open_log(&log, 1000, 3);
    for (int i = 0; i < 100; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "line %d\n", i);
        put(&log, 1, line);
    }
    JP_AUTO_FREE char *current = content("app.log");
    JP_AUTO_FREE char *last = content("app.log.1");
    JP_AUTO_FREE char *oldest = content("app.log.2");
    JP_AUTO_FREE char *none = content("app.log.3");
    TAP_OK(current && last && oldest && !none, "three files are kept");
    TAP_OK(strlen(current) <= 1000 && strlen(last) <= 1000 && strlen(last) > 900,
           "none longer than asked for: %zu, %zu", strlen(current), strlen(last));
    TAP_OK(strstr(current, "line 99\n"), "the newest entry is in the current one");
    const char *first = strstr(current, " F line ");
    int n = -1;
    if (!first || sscanf(first, " F line %d", &n) != 1)
        n = -1;
    char before[32];
    (void)snprintf(before, sizeof(before), "line %d\n", n - 1);
    TAP_OK(n > 0 && strcmp(last + strlen(last) - strlen(before), before) == 0,
           "nothing is lost between two files");
    close_log(&log);

    open_log(&log, 200, 1);
    for (int i = 0; i < 20; i++)
        put(&log, 1, "0123456789\n");
    JP_AUTO_FREE char *only = content("app.log");
    JP_AUTO_FREE char *second = content("app.log.1");
    TAP_OK(only && !second && strlen(only) <= 200, "one file alone");
    close_log(&log);
}

static ssize_t (*real_write)(int fd, const void *bytes, size_t len);
static size_t room;

/* A disk with `room` bytes left. */
static ssize_t full_write(int fd, const void *bytes, size_t len)
{
    if (room == 0) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t n = real_write(fd, bytes, len < room ? len : room);
    room -= n > 0 ? (size_t)n : 0;
    return n;
}

static void full_disk(void)
{
    struct jp_log log;
    open_log(&log, 0, 5);
    real_write = jp_sys.write;
    put(&log, 1, "before\n");
    room = 20;
    jp_sys.write = full_write;
    put(&log, 1, "this is lost\n");
    TAP_OK(log.lost > 0, "what did not fit is counted: %llu", (unsigned long long)log.lost);
    jp_sys.write = real_write;
    put(&log, 1, "after\n");
    JP_AUTO_FREE char *got = entries("app.log");
    TAP_STR(got, "stdout F before\nstdout F after\n", "no broken entry is left");
    close_log(&log);
}

static void obstacles(void)
{
    struct jp_log log;
    open_log(&log, 0, 5);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_log other = JP_LOG_INIT;
    TAP_OK(symlinkat("/etc/passwd", dir_fd, "link.log") == 0 &&
               jp_log_open(&other, dir_fd, "link", &err) < 0,
           "a link is not followed");
    close_log(&log);
}

int main(void)
{
    lines();
    long_lines();
    rotates();
    full_disk();
    obstacles();
    return tap_done();
}
