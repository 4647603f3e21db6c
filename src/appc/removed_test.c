/* What an image takes away: which texts are taken, how they are written, what they mean. */
#include <string.h>

#include "appc/removed.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tap.h"

/* A list as one text, NULL when it was refused. */
static char *read_list(const char *value)
{
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_removed_parse(value, &list, &err) < 0)
        return err.code == JP_EINVALID && list.count == 0 ? NULL : jp_strdup(jp_error_text(&err));
    for (size_t i = 0; i < list.count; i++)
        jp_buf_printf(&text, "%s%s", i ? "|" : "", list.items[i]);
    return jp_buf_steal(&text);
}

static const struct {
    const char *value;
    const char *list;  /* NULL: refused */
    const char *again; /* as it is written; NULL: as it was */
} cases[] = {
    {"", "", NULL},
    {"/a", "a", NULL},
    {"/a/ /b/c", "a/|b/c", NULL},
    {"/", "/", NULL},
    {"/b /a /a/x /a-b", "a|a/x|a-b|b", "/a /a/x /a-b /b"},
    {"/a/ /a /a/", "a", "/a"},
    {"/with%20space /new%0Aline /%C3%A4 /100%25", "100%|new\nline|with space|\xc3\xa4",
     "/100%25 /new%0Aline /with%20space /%C3%A4"},
    {"/%FF/x", "\xff/x", NULL},
    {"a", NULL, NULL},
    {"/a /", "/|a", "/ /a"},
    {"/..", NULL, NULL},
    {"/a/../b", NULL, NULL},
    {"/a/.", NULL, NULL},
    {"/a//b", NULL, NULL},
    {"//", NULL, NULL},
    {"//a", NULL, NULL},
    {"/a//", NULL, NULL},
    {" /a", NULL, NULL},
    {"/a ", NULL, NULL},
    {"/a  /b", NULL, NULL},
    {"/a\n/b", NULL, NULL},
    {"/a%", NULL, NULL},
    {"/a%2", NULL, NULL},
    {"/a%00", NULL, NULL},
    {"/a%2Fb", NULL, NULL},
    {"/%2E%2E", NULL, NULL},
    {"/%2e%2e", NULL, NULL},
    {"/%41", NULL, NULL},
    {"/a%0a", NULL, NULL},
    {"/\xc3\xa4", NULL, NULL},
};

static void check_case(size_t i)
{
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO_FREE char *text = read_list(cases[i].value);
    const char *wanted = cases[i].list;
    TAP_OK(wanted ? text && strcmp(text, wanted) == 0 : !text, "case %zu is %s", i,
           wanted ? "taken" : "refused");
    if (!wanted || jp_removed_parse(cases[i].value, &list, NULL) < 0)
        return;
    JP_AUTO_FREE char *again = jp_removed_format(&list);
    TAP_STR(again, cases[i].again ? cases[i].again : cases[i].value, "... and written");
}

/* "/" and n times "a", n more components of which are "a". */
static char *long_path(size_t component, size_t count)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        jp_buf_putc(&text, '/');
        for (size_t k = 0; k < component; k++)
            jp_buf_putc(&text, 'a');
    }
    return jp_buf_steal(&text);
}

static void check_length(size_t component, size_t count, bool is_good)
{
    JP_AUTO_FREE char *path = long_path(component, count);
    TAP_OK((jp_removed_check(path, NULL) == 0) == is_good, "%zu components of %zu bytes: %s", count,
           component, is_good ? "taken" : "refused");
}

static void check_has(const char *value, const char *path, bool expected)
{
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    bool has = jp_removed_parse(value, &list, NULL) == 0 && jp_removed_has(&list, path);
    TAP_OK(has == expected, "'%s' %s '%s'", value, expected ? "takes away" : "leaves", path);
}

int main(void)
{
    for (size_t i = 0; i < JP_LEN(cases); i++)
        check_case(i);
    check_length(255, 1, true);
    check_length(256, 1, false);
    check_length(1, 2048, true);
    check_length(1, 2049, false);
    check_has("/a", "a", true);
    check_has("/a", "a/b", true);
    check_has("/a", "ab", false);
    check_has("/a/", "a", false);
    check_has("/a/", "a/b/c", true);
    check_has("/", "a", true);
    check_has("/b /etc/group", "etc/passwd", false);
    check_has("/b /etc/passwd", "etc/passwd", true);
    return tap_done();
}
