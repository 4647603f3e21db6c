#include "mdc/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OPENING "{{"
#define CLOSING "}}"
#define BLANKS  " \t\r\n"

struct action {
    char *name;
    char *arguments[JP_TEMPLATE_MAX_ARGUMENTS];
    size_t count;
};

static void action_clear(struct action *a)
{
    free(a->name);
    for (size_t i = 0; i < a->count; i++)
        free(a->arguments[i]);
}

static int broken(const char *at, const char *why, struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0, "template: %s at '%.40s'", why, at);
}

/* "text" with \" and \\ in it; *at is moved behind it. */
static char *read_string(const char **at, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    const char *p = *at + 1;
    for (; *p && *p != '"'; p++) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
            p++;
        jp_buf_putc(&text, *p);
    }
    if (*p != '"') {
        broken(*at, "a string without an end", err);
        return NULL;
    }
    *at = p + 1;
    char *copy = jp_strdup(jp_buf_text(&text));
    if (!copy)
        jp_oom(err);
    return copy;
}

/* From behind the braces to behind the closing ones. */
static int read_action(const char **at, struct action *ret, struct jp_error *err)
{
    const char *p = *at + strspn(*at, BLANKS);
    if (*p != '.')
        return broken(*at, "only {{.NAME \"ARGUMENT\"}} is known, not what stands", err);
    size_t len = strcspn(p + 1, BLANKS "\"{}");
    if (!(ret->name = jp_memdup0(p + 1, len)))
        return jp_oom(err);
    p += 1 + len;
    for (;;) {
        p += strspn(p, BLANKS);
        if (strncmp(p, CLOSING, 2) == 0)
            break;
        if (*p != '"' || ret->count == JP_TEMPLATE_MAX_ARGUMENTS)
            return broken(*at, "a broken action", err);
        char *argument = read_string(&p, err);
        if (!argument)
            return -1;
        ret->arguments[ret->count++] = argument;
    }
    *at = p + 2;
    return 0;
}

int jp_template_expand(const char *text, jp_template_value *value, void *context,
                       struct jp_buf *ret, struct jp_error *err)
{
    const char *p = text;
    for (;;) {
        const char *next = strstr(p, OPENING);
        if (!next)
            break;
        jp_buf_add(ret, p, (size_t)(next - p));
        p = next + 2;
        struct action action = {.count = 0};
        int r = read_action(&p, &action, err);
        if (r == 0)
            r = value(context, action.name, action.arguments, action.count, ret, err);
        action_clear(&action);
        if (r < 0)
            return -1;
    }
    jp_buf_puts(ret, p);
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}
