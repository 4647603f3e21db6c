#include "cli/bar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"

#define BAR_WIDTH  24
#define NAME_WIDTH 12 /* of what is told by its end, at least, beside a bar */

/* The end of what is longer than the room, from the beginning of a character on. */
static const char *end_of(const char *text, size_t room)
{
    size_t len = strlen(text);
    if (len <= room)
        return text;
    text += len - room;
    while (((unsigned char)*text & 0xc0) == 0x80)
        text++;
    return text;
}

static void format_left(const struct jp_bar *b, char out[JP_WORD_SIZE])
{
    out[0] = '\0';
    if (b->total <= b->done || b->per_second == 0)
        return;
    unsigned long long left = (b->total - b->done) / b->per_second;
    const char *unit = left < 120 ? "s" : left < 7200 ? "m" : "h";
    left /= left < 120 ? 1 : left < 7200 ? 60 : 3600;
    (void)snprintf(out, JP_WORD_SIZE, ", %llu%s left", left, unit);
}

void jp_bar_format(const struct jp_bar *b, size_t width, char out[JP_BAR_LINE])
{
    char size[JP_WORD_SIZE], rate[JP_WORD_SIZE], left[JP_WORD_SIZE], numbers[4 * JP_WORD_SIZE];
    char bar[] = " [                        ]";
    bool has_bar = b->total > 0;
    jp_format_size(b->done, size);
    jp_format_size(b->per_second, rate);
    format_left(b, left);
    int used = snprintf(numbers, sizeof(numbers), " %s, %s/s%s", size, rate, left);
    double filled = has_bar ? (double)b->done / (double)b->total * BAR_WIDTH : 0;
    for (unsigned i = 0; i < BAR_WIDTH && i + 1 <= filled; i++)
        bar[2 + i] = '=';
    has_bar = has_bar && (size_t)used + strlen(bar) + NAME_WIDTH <= width;
    size_t room = (size_t)used + (has_bar ? strlen(bar) : 0);
    room = width > room ? width - room : 0;
    (void)snprintf(out, JP_BAR_LINE, "%s%s%s", end_of(b->what, room), has_bar ? bar : "", numbers);
    if (width < strlen(out))
        out[width] = '\0';
}
