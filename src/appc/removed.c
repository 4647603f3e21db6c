#include "appc/removed.h"

#include <stdlib.h>
#include <string.h>

#include "appc/filter.h"
#include "appc/name.h"
#include "base/buf.h"
#include "base/mem.h"

#define PATH_LENGTH_MAX 4095 /* bytes: what tar_header.h takes */
#define NAME_LENGTH_MAX 255

/* ---- reading --------------------------------------------------------------------------------- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One way to write each byte, so that equal lists are equal texts. */
static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '%';
}

/* Decodes a word in place; false for what nobody of ours has written. */
static bool decode(char *text)
{
    char *out = text;
    while (*text) {
        int high = text[0] == '%' ? digit(text[1]) : -1;
        int low = high >= 0 ? digit(text[2]) : -1;
        unsigned char c = low >= 0 ? (unsigned char)(16 * high + low) : (unsigned char)*text;
        if (low >= 0 ? c == '\0' || is_plain(c) : !is_plain(c))
            return false;
        *out++ = (char)c;
        text += low >= 0 ? 3 : 1;
    }
    *out = '\0';
    return true;
}

/* "a/b", "a/b/", or "/": what stands behind the first "/" of an absolute path. */
static bool is_normal(const char *path)
{
    size_t len = strlen(path);
    if (len > PATH_LENGTH_MAX)
        return false;
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 0 || n > NAME_LENGTH_MAX || (n == 1 && path[0] == '.') ||
            (n == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        path += n + (path[n] == '/');
    }
    return true;
}

static int add_word(const char *word, size_t len, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_memdup0(word, len);
    if (!text)
        return jp_oom(err);
    bool is_good = text[0] == '/' && decode(text) && is_normal(text + 1);
    if (!is_good)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a path that can be removed",
                       jp_show(text).text);
    return jp_strv_add(ret, text[1] ? text + 1 : text) < 0 ? jp_oom(err) : 0;
}

int jp_removed_parse(const char *value, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    while (*value) {
        size_t len = strcspn(value, " ");
        if (add_word(value, len, &list, err) < 0)
            return -1;
        value += len + (value[len] == ' ' && value[len + 1]);
        if (value[0] == ' ')
            return jp_fail(err, JP_EINVALID, 0, "a space that is not between two paths");
    }
    jp_removed_sort(&list);
    *ret = list;
    list = (struct jp_strv)JP_STRV_INIT;
    return 0;
}

int jp_removed_check(const char *value, struct jp_error *err)
{
    JP_AUTO(jp_strv) ignored = JP_STRV_INIT;
    return jp_removed_parse(value, &ignored, err);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* As jp_filter_compare(), "a" before "a/". */
static int compare(const void *a, const void *b)
{
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;
    int order = jp_filter_compare(x, y);
    return order != 0 ? order : strcmp(x, y);
}

void jp_removed_sort(struct jp_strv *list)
{
    size_t kept = 0;
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(char *), compare);
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && jp_filter_compare(list->items[kept - 1], list->items[i]) == 0)
            free(list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

char *jp_removed_format(const struct jp_strv *list)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < list->count; i++) {
        const char *path = list->items[i];
        jp_buf_puts(&text, i > 0 ? " /" : "/");
        for (path += path[0] == '/'; *path; path++) {
            if (is_plain((unsigned char)*path))
                jp_buf_putc(&text, *path);
            else
                jp_buf_printf(&text, "%%%02X", (unsigned)(unsigned char)*path);
        }
    }
    return jp_buf_steal(&text);
}

static bool removes(const char *entry, const char *path)
{
    size_t len = strlen(entry);
    bool is_content = len > 0 && entry[len - 1] == '/';
    len -= is_content;
    if (len == 0)
        return *path != '\0';
    if (strncmp(entry, path, len) != 0)
        return false;
    return path[len] == '/' || (path[len] == '\0' && !is_content);
}

bool jp_removed_has(const struct jp_strv *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++) {
        if (removes(list->items[i], path))
            return true;
    }
    return false;
}
