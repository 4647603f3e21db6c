/*
 * Logs: the files that the supervisor writes (plan/state.h), read from the oldest rotated one to
 * the current one, several apps merged by time.
 *
 * All files of an app are opened at the start, the current one first: a rotation in between shows
 * the same file twice (told by its inode), never a gap. Lines come from apps: nothing in them is
 * believed but the head that the supervisor wrote.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/timestamp.h"
#include "base/mem.h"
#include "plan/state.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define MAX_FILES       100        /* rotated files of one app that are looked for */
#define MAX_LINE        (1U << 20) /* bytes of one entry: the supervisor cuts far below */
#define CHUNK           32768
#define FOLLOW_PAUSE_MS 100

struct source {
    const char *app;
    int fds[MAX_FILES]; /* oldest first */
    size_t n_fds;
    size_t at; /* file being read */
    struct jp_buf pending;
    size_t used; /* bytes of pending that were handed out */
    bool has_line;
    struct jp_pod_log_line line;
};

static void source_clear(struct source *s)
{
    for (size_t i = 0; i < s->n_fds; i++)
        jp_fd_close(&s->fds[i]);
    jp_buf_clear(&s->pending);
}

static bool same_file(int a, int b)
{
    struct stat x;
    struct stat y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int open_numbered(int dir_fd, const char *app, unsigned number)
{
    JP_AUTO_FREE char *name =
        number == 0 ? jp_format("%s.log", app) : jp_format("%s.log.%u", app, number);
    return name ? openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
}

/*
 * Opens what is newer than the file that is known already (-1: all), the newest first; a rotation
 * meanwhile shows a file twice. *ret_found tells whether the known one is still there.
 */
static size_t open_newer(const struct source *s, int dir_fd, int known_fd, int fds[MAX_FILES],
                         bool *ret_found)
{
    size_t count = 0;
    *ret_found = known_fd < 0;
    for (unsigned number = 0; number < MAX_FILES; number++) {
        int fd = open_numbered(dir_fd, s->app, number);
        if (fd < 0 && number > 0)
            break;
        if (fd < 0)
            continue; /* between the rename and the new file */
        *ret_found |= known_fd >= 0 && same_file(fd, known_fd);
        if (known_fd >= 0 && *ret_found) {
            close(fd);
            break;
        }
        if (count > 0 && same_file(fd, fds[count - 1]))
            close(fd);
        else
            fds[count++] = fd;
    }
    return count;
}

/* Appends files that were opened newest first. Those that were read are closed to make room. */
static void append_files(struct source *s, int fds[MAX_FILES], size_t count)
{
    while (s->n_fds + count > MAX_FILES && s->at > 0) {
        close(s->fds[0]);
        memmove(&s->fds[0], &s->fds[1], (MAX_FILES - 1) * sizeof(s->fds[0]));
        s->n_fds--;
        s->at--;
    }
    while (count > 0 && s->n_fds < MAX_FILES)
        s->fds[s->n_fds++] = fds[--count];
    while (count > 0)
        close(fds[--count]);
}

static void open_files(struct source *s, int dir_fd)
{
    int fds[MAX_FILES];
    bool found;
    append_files(s, fds, open_newer(s, dir_fd, -1, fds, &found));
}

/* "2026-01-02T03:04:05.678901234Z stdout F text" */
static bool parse_line(struct source *s, const char *text, size_t len)
{
    char time[64];
    const char *blank = memchr(text, ' ', len);
    if (!blank || (size_t)(blank - text) >= sizeof(time))
        return false;
    memcpy(time, text, (size_t)(blank - text));
    time[blank - text] = '\0';
    size_t rest = len - (size_t)(blank - text) - 1;
    const char *p = blank + 1;
    if (rest < 9 || (memcmp(p, "stdout ", 7) != 0 && memcmp(p, "stderr ", 7) != 0) ||
        (p[7] != 'P' && p[7] != 'F') || p[8] != ' ')
        return false;
    s->line = (struct jp_pod_log_line){
        .app = s->app,
        .stream = p[3] == 'o' ? 1 : 2,
        .is_complete = p[7] == 'F',
        .text = p + 9,
        .len = rest - 9,
    };
    return jp_timestamp_parse(time, &s->line.time_ns, NULL) == 0;
}

/* Reads on; false when there is nothing now. */
static bool fill(struct source *s)
{
    char bytes[CHUNK];
    if (s->used > 0) {
        memmove(s->pending.data, s->pending.data + s->used, s->pending.len - s->used);
        s->pending.len -= s->used;
        s->pending.data[s->pending.len] = '\0';
        s->used = 0;
    }
    while (s->at < s->n_fds) {
        ssize_t n = read(s->fds[s->at], bytes, sizeof(bytes));
        if (n > 0) {
            jp_buf_add(&s->pending, bytes, (size_t)n);
            return !jp_buf_failed(&s->pending);
        }
        if (s->at + 1 >= s->n_fds)
            return false;
        s->at++;
    }
    return false;
}

/* Makes s->line the next entry. Lines that are no entries (a disk that was full) are left out. */
static bool next_line(struct source *s)
{
    while (!s->has_line) {
        const char *start = s->pending.data ? s->pending.data + s->used : NULL;
        size_t left = s->pending.len - s->used;
        const char *end = start ? memchr(start, '\n', left) : NULL;
        if (end) {
            size_t len = (size_t)(end - start);
            s->has_line = parse_line(s, start, len);
            s->used += len + 1;
        } else if (left > MAX_LINE) {
            s->used = s->pending.len;
        } else if (!fill(s)) {
            return false;
        }
    }
    return true;
}

static struct source *earliest(struct source *sources, size_t count)
{
    struct source *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (next_line(&sources[i]) && (!best || sources[i].line.time_ns < best->line.time_ns))
            best = &sources[i];
    }
    return best;
}

/* ---- passes ---- */

struct reading {
    const struct jp_pod_logs *options;
    struct source *sources;
    size_t count;
    int dir_fd;
    uint64_t skip; /* entries left to leave out */
    bool is_stopped;
};

static int open_sources(struct reading *r, const struct jp_store_pod *pod, struct jp_error *err)
{
    r->sources = jp_calloc(pod->n_apps + 1, sizeof(*r->sources));
    if (!r->sources)
        return jp_oom(err);
    for (size_t i = 0; i < pod->n_apps; i++) {
        if (r->options->app && strcmp(r->options->app, pod->apps[i].name) != 0)
            continue;
        struct source *s = &r->sources[r->count++];
        s->app = pod->apps[i].name;
        if (r->dir_fd >= 0)
            open_files(s, r->dir_fd);
    }
    if (r->count == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "pod '%s' has no app '%s'", pod->name,
                       r->options->app ? r->options->app : "");
    return 0;
}

static void close_sources(struct reading *r)
{
    for (size_t i = 0; i < r->count; i++)
        source_clear(&r->sources[i]);
    free(r->sources);
    r->sources = NULL;
    r->count = 0;
}

static uint64_t count_lines(struct reading *r)
{
    uint64_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct source *s = &r->sources[i];
        while (next_line(s)) {
            count += s->line.time_ns >= r->options->since_ns;
            s->has_line = false;
        }
    }
    return count;
}

static int hand_out(const struct jp_pod_context *ctx, struct reading *r, struct jp_error *err)
{
    struct source *s;
    while (!r->is_stopped && (s = earliest(r->sources, r->count))) {
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        s->has_line = false;
        if (s->line.time_ns < r->options->since_ns)
            continue;
        if (r->skip > 0) {
            r->skip--;
            continue;
        }
        r->is_stopped = r->options->line(r->options->context, &s->line) != 0;
    }
    return 0;
}

/* The current file was renamed: what it still holds is read, then what came after it. */
static void follow_rotation(const struct jp_pod_context *ctx, struct source *s, int dir_fd)
{
    int fds[MAX_FILES];
    bool found;
    if (dir_fd < 0 || s->at + 1 < s->n_fds)
        return;
    int known_fd = s->n_fds > 0 ? s->fds[s->n_fds - 1] : -1;
    size_t count = open_newer(s, dir_fd, known_fd, fds, &found);
    if (count > 0 && !found)
        jp_pod_say(ctx, JP_POD_WARNING,
                   "the log of '%s' was rotated away faster than it was read: lines are missing",
                   s->app);
    append_files(s, fds, count);
}

static int follow(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                  struct reading *r, int pod_fd, struct jp_error *err)
{
    /* Nothing is said there; but a pod that is removed at its end stays for those who sit there. */
    JP_UNUSED JP_AUTO_FD int seat = jp_pod_connect(ctx, pod, pod_fd, NULL);
    jp_store_rest(ctx->store);
    while (!r->is_stopped) {
        int held = jp_lock_is_held(pod_fd, JP_POD_LOCK_FILE, err);
        if (held < 0)
            return -1;
        if (r->dir_fd < 0)
            r->dir_fd = jp_fd_open_dir(pod_fd, JP_STATE_LOGS, NULL);
        for (size_t i = 0; i < r->count; i++)
            follow_rotation(ctx, &r->sources[i], r->dir_fd);
        if (hand_out(ctx, r, err) < 0)
            return -1;
        /* Looked at before the last read: what was written until the end has been handed out. */
        if (held == 0)
            return 0;
        (void)poll(NULL, 0, FOLLOW_PAUSE_MS);
        if (ctx->interrupted && *ctx->interrupted)
            return 0;
    }
    return 0;
}

int jp_pod_logs(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                const struct jp_pod_logs *options, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    struct reading r = {.options = options, .dir_fd = -1};
    r.dir_fd = jp_fd_open_dir(pod_fd, JP_STATE_LOGS, NULL);
    int result = open_sources(&r, pod, err);
    if (result == 0 && options->tail >= 0) {
        uint64_t count = count_lines(&r);
        r.skip = count > (uint64_t)options->tail ? count - (uint64_t)options->tail : 0;
        close_sources(&r);
        result = open_sources(&r, pod, err);
    }
    if (result == 0)
        result = hand_out(ctx, &r, err);
    if (result == 0 && options->follow)
        result = follow(ctx, pod, &r, pod_fd, err);
    close_sources(&r);
    jp_fd_close(&r.dir_fd);
    return result;
}
