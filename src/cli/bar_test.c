/* The line of a progress bar, at several widths. */
#include <string.h>

#include "base/macros.h"
#include "cli/bar.h"
#include "tap.h"

int main(void)
{
    static const struct {
        struct jp_bar bar;
        size_t width;
        const char *line;
    } table[] = {
        {{"https://example.com/app.aci", 1U << 20, 2U << 20, 1U << 10},
         100,
         "https://example.com/app.aci [============            ] 1.0 MiB, 1.0 KiB/s, 17m left"},
        {{"https://example.com/app.aci", 1U << 20, 2U << 20, 1U << 20},
         67,
         ".com/app.aci [============            ] 1.0 MiB, 1.0 MiB/s, 1s left"},
        {{"https://example.com/app.aci", 1U << 20, 2U << 20, 1U << 20},
         40,
         ".com/app.aci 1.0 MiB, 1.0 MiB/s, 1s left"},
        {{"app", 3, 4, 0}, 80, "app [==================      ] 3 B, 0 B/s"},
        {{"app", 4, 4, 4}, 80, "app [========================] 4 B, 4 B/s"},
        {{"app", 9, 4, 4}, 80, "app [========================] 9 B, 4 B/s"},
        {{"app", 4, 0, 4}, 80, "app 4 B, 4 B/s"},
        {{"/caf\xc3\xa9", 4, 0, 4}, 12, " 4 B, 4 B/s"},
        {{"/caf\xc3\xa9", 4, 0, 4}, 13, "\xc3\xa9 4 B, 4 B/s"},
        {{"app", 0, 80000, 1}, 60, "app [                        ] 0 B, 1 B/s, 22h left"},
        {{"app", 1, 0, 1}, 3, " 1 "},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        char line[JP_BAR_LINE];
        jp_bar_format(&table[i].bar, table[i].width, line);
        TAP_STR(line, table[i].line, "bar number %zu", i);
        TAP_OK(strlen(line) <= table[i].width, "... fits");
    }
    return tap_done();
}
