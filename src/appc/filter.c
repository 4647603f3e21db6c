#include "appc/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- order ------------------------------------------------------------------------------------
 */

/* Length without the "/" that marks what passes as a directory only. */
static size_t bare(const char *entry)
{
    size_t len = strlen(entry);
    return len > 0 && entry[len - 1] == '/' ? len - 1 : len;
}

static bool is_exact(const char *entry)
{
    size_t len = strlen(entry);
    return len == 0 || entry[len - 1] != '/';
}

/* Byte order, but "/" before everything else: a directory comes right before what is in it. */
static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && i < b_len; i++) {
        if (a[i] == b[i])
            continue;
        if (a[i] == '/' || b[i] == '/')
            return a[i] == '/' ? -1 : 1;
        return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
    }
    return a_len < b_len ? -1 : a_len > b_len;
}

int jp_filter_compare(const char *a, const char *b)
{
    return compare_bytes(a, bare(a), b, bare(b));
}

static int compare_items(const void *a, const void *b)
{
    return jp_filter_compare(*(char *const *)a, *(char *const *)b);
}

/* ---- one whitelist ----------------------------------------------------------------------------
 */

/* "/a//b/./c/../d/" -> "a/b/d"; NULL without memory. */
static char *normalize(const char *path)
{
    size_t len = 0;
    char *out = jp_alloc(strlen(path) + 1);
    while (out && *path) {
        size_t n = strcspn(path, "/");
        bool is_up = n == 2 && path[0] == '.' && path[1] == '.';
        if (is_up) {
            while (len > 0 && out[--len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (len > 0)
                out[len++] = '/';
            memcpy(out + len, path, n);
            len += n;
        }
        path += n + (path[n] == '/');
    }
    if (out)
        out[len] = '\0';
    return out;
}

/* The length of what two paths have in common, whole components only. */
static size_t common(const char *a, const char *b)
{
    size_t whole = 0;
    size_t i = 0;
    for (; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '/')
            whole = i;
    }
    bool ends = (!a[i] || a[i] == '/') && (!b[i] || b[i] == '/');
    return ends ? i : whole;
}

static int add(struct jp_strv *list, char *entry, size_t *total, struct jp_error *err)
{
    if (!entry)
        return jp_oom(err);
    *total += strlen(entry) + 1;
    if (*total > JP_FILTER_MAX) {
        free(entry);
        return jp_fail(err, JP_ELIMIT, 0, "the paths of a whitelist take more than %u bytes",
                       JP_FILTER_MAX);
    }
    return jp_strv_add_owned(list, entry) < 0 ? jp_oom(err) : 0;
}

int jp_filter_expand(const struct jp_strv *sorted, struct jp_strv *ret, struct jp_error *err)
{
    size_t total = 0;
    const char *last = "";
    for (size_t i = 0; i < sorted->count; i++) {
        const char *path = sorted->items[i];
        if (!*path || strcmp(path, last) == 0)
            continue;
        for (const char *p = path + common(last, path); *p && (p = strchr(p + 1, '/'));) {
            if (add(ret, jp_memdup0(path, (size_t)(p - path) + 1), &total, err) < 0)
                return -1;
        }
        if (add(ret, jp_strdup(path), &total, err) < 0)
            return -1;
        last = path;
    }
    return 0;
}

static int read_whitelist(const struct jp_strv *whitelist, struct jp_strv *ret,
                          struct jp_error *err)
{
    JP_AUTO(jp_strv) sorted = JP_STRV_INIT;
    for (size_t i = 0; i < whitelist->count; i++) {
        if (jp_strv_add_owned(&sorted, normalize(whitelist->items[i])) < 0)
            return jp_oom(err);
    }
    if (sorted.count > 0)
        qsort(sorted.items, sorted.count, sizeof(char *), compare_items);
    return jp_filter_expand(&sorted, ret, err);
}

/* ---- filters ----------------------------------------------------------------------------------
 */

/* What is in both; exactly only where it is exact in both. */
static int intersect(const struct jp_strv *a, const struct jp_strv *b, struct jp_strv *ret,
                     struct jp_error *err)
{
    size_t i = 0;
    size_t k = 0;
    while (i < a->count && k < b->count) {
        int order = jp_filter_compare(a->items[i], b->items[k]);
        if (order == 0) {
            const char *entry = is_exact(a->items[i]) ? b->items[k] : a->items[i];
            if (jp_strv_add(ret, entry) < 0)
                return jp_oom(err);
        }
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

int jp_filter_restrict(struct jp_filter *filter, const struct jp_strv *whitelist,
                       struct jp_error *err)
{
    JP_AUTO(jp_strv) paths = JP_STRV_INIT;
    JP_AUTO(jp_strv) both = JP_STRV_INIT;
    if (whitelist->count == 0)
        return 0;
    if (read_whitelist(whitelist, &paths, err) < 0 ||
        (filter->is_set && intersect(&filter->paths, &paths, &both, err) < 0))
        return -1;
    struct jp_strv old = filter->paths;
    filter->paths = filter->is_set ? both : paths;
    if (filter->is_set)
        both = old;
    else
        paths = old;
    filter->is_set = true;
    return 0;
}

bool jp_filter_equal(const struct jp_filter *a, const struct jp_filter *b)
{
    if (a->is_set != b->is_set || a->paths.count != b->paths.count)
        return false;
    for (size_t i = 0; i < a->paths.count; i++) {
        if (strcmp(a->paths.items[i], b->paths.items[i]) != 0)
            return false;
    }
    return true;
}

int jp_filter_copy(const struct jp_filter *filter, struct jp_filter *ret, struct jp_error *err)
{
    struct jp_filter copy = {.is_set = filter->is_set};
    if (jp_strv_extend(&copy.paths, filter->paths.items, filter->paths.count) < 0) {
        jp_filter_clear(&copy);
        return jp_oom(err);
    }
    *ret = copy;
    return 0;
}

void jp_filter_clear(struct jp_filter *filter)
{
    jp_strv_clear(&filter->paths);
    filter->is_set = false;
}
