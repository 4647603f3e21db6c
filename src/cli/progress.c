#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/command.h"
#include "cli/output.h"

#define BAR_WIDTH 24
#define REDRAW_MS 100

struct jp_progress jp_progress_new(const char *what, bool is_quiet)
{
    return (struct jp_progress){
        .what = what,
        .is_shown = !is_quiet && isatty(STDERR_FILENO),
        .started_ms = jp_time_monotonic_ms(),
    };
}

static void draw_bar(uint64_t done, uint64_t total)
{
    unsigned filled = total ? (unsigned)((double)done / (double)total * BAR_WIDTH) : 0;
    (void)fputs(" [", stderr);
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        (void)fputc(i < filled ? '=' : ' ', stderr);
    (void)fputc(']', stderr);
}

static void show(void *context, uint64_t done, uint64_t total)
{
    struct jp_progress *p = context;
    int64_t now = jp_time_monotonic_ms();
    if (!p->is_shown || now - p->drawn_ms < REDRAW_MS)
        return;
    char size[JP_WORD_SIZE], rate[JP_WORD_SIZE];
    int64_t passed = now - p->started_ms;
    total = total ? total : p->expected;
    uint64_t per_second = passed > 0 ? done * 1000 / (uint64_t)passed : 0;
    p->drawn_ms = now;
    p->has_line = true;
    jp_format_size(done, size);
    jp_format_size(per_second, rate);
    (void)fprintf(stderr, "\r\033[K%s", p->what);
    if (total)
        draw_bar(done, total);
    (void)fprintf(stderr, " %s, %s/s", size, rate);
    if (total > done && per_second > 0)
        (void)fprintf(stderr, ", %us left", (unsigned)((total - done) / per_second));
    (void)fflush(stderr);
}

void jp_progress_end(struct jp_progress *p)
{
    if (p->has_line)
        (void)fputs("\r\033[K", stderr);
    p->has_line = false;
}

static void warn(void *context, const char *text)
{
    jp_progress_end(context);
    jp_cli_warn(text);
}

struct jp_image_watch jp_progress_watch(struct jp_progress *progress,
                                        const volatile sig_atomic_t *cancel)
{
    return (struct jp_image_watch){
        .progress = show,
        .warn = warn,
        .cancel = cancel,
        .context = progress,
    };
}
