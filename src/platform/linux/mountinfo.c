/* "31 23 0:28 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu" */
#include "platform/linux/mountinfo.h"

#include <string.h>

#include "base/parse.h"

#define MAX_FIELDS 64 /* of a line: eleven, and the optional ones */

/* Undoes the kernel's \ooo for blanks and backslashes, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static bool read_line(char *line, struct jp_mountinfo *ret)
{
    char *fields[MAX_FIELDS];
    size_t n = 0, dash = 0;
    char *rest = NULL;
    for (char *p = strtok_r(line, " ", &rest); p && n < MAX_FIELDS;
         p = strtok_r(NULL, " ", &rest)) {
        if (n >= 6 && dash == 0 && strcmp(p, "-") == 0)
            dash = n;
        fields[n++] = p;
    }
    if (dash == 0 || n < dash + 4 || !jp_parse_u64(fields[0], 10, 0, UINT64_MAX, &ret->id) ||
        !jp_parse_u64(fields[1], 10, 0, UINT64_MAX, &ret->parent))
        return false;
    ret->point = fields[4];
    ret->type = fields[dash + 1];
    ret->options = fields[dash + 3];
    unescape(ret->point);
    return true;
}

int jp_mountinfo_each(char *text, int (*each)(void *context, const struct jp_mountinfo *mount),
                      void *context)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct jp_mountinfo mount;
        if (read_line(line, &mount) && each(context, &mount) < 0)
            return -1;
    }
    return 0;
}
