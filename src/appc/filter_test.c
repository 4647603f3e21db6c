/* Whitelists: what passes, what is left of several, and that order and spelling do not matter. */
#include <string.h>

#include "appc/filter.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tap.h"

/* Paths separated by blanks. */
static void restrict_to(struct jp_filter *filter, const char *words)
{
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    while (*words) {
        size_t len = strcspn(words, " ");
        if (jp_strv_add_owned(&list, jp_memdup0(words, len)) < 0)
            return;
        words += len + (words[len] == ' ');
    }
    TAP_OK(jp_filter_restrict(filter, &list, &err) == 0, "whitelist of %zu paths: %s", list.count,
           jp_error_text(&err));
}

static void check_text(const struct jp_filter *filter, const char *expected, const char *name)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < filter->paths.count; i++)
        jp_buf_printf(&text, "%s%s", i ? " " : "", filter->paths.items[i]);
    TAP_STR(jp_buf_text(&text), expected, "%s", name);
}

static const struct {
    const char *whitelists[3];
    const char *expected;
    const char *name;
} cases[] = {
    {{"/a"}, "a", "a file at the top"},
    {{"/usr/bin/sh"}, "usr/ usr/bin/ usr/bin/sh", "with the directories above it"},
    {{"/b /a/x"}, "a/ a/x b", "in order"},
    {{"/a/x /a"}, "a a/x", "a directory that is listed itself"},
    {{"/a-b /a/x /a.c /a"}, "a a/x a-b a.c", "a directory comes right before its content"},
    {{"/ab/c /a/c /abc"}, "a/ a/c ab/ ab/c abc", "names with a common beginning"},
    {{"/a/b/c /a/bd/e"}, "a/ a/b/ a/b/c a/bd/ a/bd/e", "a common beginning further down"},
    {{"/etc/systemd/system/"}, "etc/ etc/systemd/ etc/systemd/system", "with a trailing slash"},
    {{"//a//b/./c/../d/"}, "a/ a/b/ a/b/d", "an odd spelling"},
    {{"/../a /x/../../y"}, "a y", "more steps up than there are"},
    {{"/a /a/ //a"}, "a", "the same path three times"},
    {{"/"}, "", "the root alone"},
    {{"/a /b", "/b /c"}, "b", "what is in both"},
    {{"/a/x /a/y", "/a/y /a/z"}, "a/ a/y", "what is in both, further down"},
    {{"/a/x", "/a/y"}, "a/", "nothing but the directory above"},
    {{"/a", "/a/y"}, "a/", "a listed directory and one above a listed path"},
    {{"/a", "/b"}, "", "nothing in common"},
    {{"/a/b/c /d", "/a/b /d", "/a/b /d/e"}, "a/ a/b/ d/", "three"},
};

static void test_cases(void)
{
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        JP_AUTO(jp_filter) filter = JP_FILTER_INIT;
        JP_AUTO(jp_filter) other = JP_FILTER_INIT;
        for (size_t k = 0; k < 3; k++) {
            if (cases[i].whitelists[k])
                restrict_to(&filter, cases[i].whitelists[k]);
            if (cases[i].whitelists[2 - k])
                restrict_to(&other, cases[i].whitelists[2 - k]);
        }
        check_text(&filter, cases[i].expected, cases[i].name);
        TAP_OK(filter.is_set && jp_filter_equal(&filter, &other), "... in any order");
    }
}

static void test_none(void)
{
    JP_AUTO(jp_filter) filter = JP_FILTER_INIT;
    JP_AUTO(jp_filter) copy = JP_FILTER_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    restrict_to(&filter, "");
    TAP_OK(!filter.is_set, "an empty whitelist is none");
    restrict_to(&filter, "/");
    TAP_OK(filter.is_set && !jp_filter_equal(&filter, &copy), "nothing but the root is not all");
    TAP_OK(jp_filter_copy(&filter, &copy, &err) == 0 && jp_filter_equal(&filter, &copy), "a copy");
}

static void test_limit(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO(jp_filter) filter = JP_FILTER_INIT;
    char path[4000];
    for (size_t i = 0; i + 1 < sizeof(path); i++)
        path[i] = i % 2 ? 'a' : '/';
    path[sizeof(path) - 1] = '\0';
    for (char first = 'b'; first < 'l'; first++) { /* 10 times 2,000 directories: 40 MB of text */
        path[1] = first;
        if (jp_strv_add(&list, path) < 0)
            return;
    }
    TAP_OK(jp_filter_restrict(&filter, &list, &err) < 0 && err.code == JP_ELIMIT,
           "deep paths are limited: %s", jp_error_text(&err));
    TAP_OK(!filter.is_set, "... and change nothing");
}

int main(void)
{
    test_cases();
    test_none();
    test_limit();
    return tap_done();
}
