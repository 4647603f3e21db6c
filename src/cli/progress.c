#include "cli/progress.h"

#include <sys/ioctl.h>

#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/output.h"

#define REDRAW_MS 100

struct jp_progress jp_progress_new(const char *what, bool is_quiet)
{
    return (struct jp_progress){
        .what = what,
        .is_shown = !is_quiet && isatty(STDERR_FILENO),
        .started_ms = jp_time_monotonic_ms(),
    };
}

static size_t columns(void)
{
    struct winsize size;
    bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    size_t width = is_known ? size.ws_col : 80;
    return width < JP_BAR_LINE ? width - 1 : JP_BAR_LINE - 1;
}

static void show(void *context, uint64_t done, uint64_t total)
{
    struct jp_progress *p = context;
    int64_t now = jp_time_monotonic_ms();
    if (!p->is_shown || now - p->drawn_ms < REDRAW_MS)
        return;
    char line[JP_BAR_LINE];
    int64_t passed = now - p->started_ms;
    const struct jp_bar bar = {
        .what = p->what,
        .done = done,
        .total = total ? total : p->expected,
        .per_second = passed > 0 ? done * 1000 / (uint64_t)passed : 0,
    };
    p->drawn_ms = now;
    p->has_line = true;
    jp_bar_format(&bar, columns(), line);
    (void)fprintf(stderr, "\r\033[K%s", line);
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
