#include "oci/tree.h"

#include <stdlib.h>
#include <string.h>

#include "appc/filter.h"
#include "base/mem.h"

static int compare_items(const void *a, const void *b)
{
    return jp_filter_compare(*(char *const *)a, *(char *const *)b);
}

static void sort(struct jp_strv *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(char *), compare_items);
}

static bool is_dir(const char *entry)
{
    size_t len = strlen(entry);
    return len > 0 && entry[len - 1] == '/';
}

static bool is_inside(const char *path, const char *dir, size_t dir_len)
{
    return strncmp(path, dir, dir_len) == 0 && path[dir_len] == '/' && path[dir_len + 1];
}

/* One walk over what is there, what comes and what goes, all in one order. */
struct merge {
    const struct jp_strv *added;
    const struct jp_strv *removed;
    size_t next_added;
    size_t next_removed;
    const char *hidden; /* what is in it is gone; NULL */
    size_t hidden_len;
    bool hides_by_whiteout;
    bool has_removed;
    struct jp_strv out;
};

static void hide(struct merge *m, const char *path, bool by_whiteout)
{
    m->hidden = path;
    m->hidden_len = strlen(path) - is_dir(path);
    m->hides_by_whiteout = by_whiteout;
}

/* Adds an entry of the layer, once. */
static int emit_added(struct merge *m, const char *entry, struct jp_error *err)
{
    size_t count = m->out.count;
    if (count > 0 && jp_filter_compare(m->out.items[count - 1], entry) == 0)
        return 0;
    return jp_strv_add(&m->out, entry) < 0 ? jp_oom(err) : 0;
}

/* Everything of the layer that comes before `path`, or all; what it replaces is hidden by it. */
static int emit_until(struct merge *m, const char *path, bool *ret_same, struct jp_error *err)
{
    *ret_same = false;
    for (; m->next_added < m->added->count; m->next_added++) {
        const char *entry = m->added->items[m->next_added];
        int order = path ? jp_filter_compare(entry, path) : -1;
        if (order > 0)
            break;
        if (emit_added(m, entry, err) < 0)
            return -1;
        *ret_same |= order == 0;
        if (order == 0 && !is_dir(entry) && !m->hidden)
            hide(m, path, false);
    }
    return 0;
}

/* What the whiteouts say of a path itself: 'w' gone, 'o' only what is in it, 0 nothing. */
static char whiteout_of(struct merge *m, const char *path)
{
    char found = '\0';
    for (; m->next_removed < m->removed->count; m->next_removed++) {
        const char *entry = m->removed->items[m->next_removed];
        int order = jp_filter_compare(entry, path);
        if (order > 0)
            break;
        if (order == 0)
            found = found == 'w' || !is_dir(entry) ? 'w' : 'o';
    }
    return found;
}

static int merge_path(struct merge *m, const char *path, struct jp_error *err)
{
    bool is_same = false;
    bool is_hidden = m->hidden && is_inside(path, m->hidden, m->hidden_len);
    if (!is_hidden)
        m->hidden = NULL;
    char whiteout = whiteout_of(m, path);
    if (!is_hidden && whiteout)
        hide(m, path, true);
    if (is_hidden || whiteout == 'w')
        m->has_removed |= whiteout == 'w' || m->hides_by_whiteout;
    if (emit_until(m, path, &is_same, err) < 0)
        return -1;
    if (is_hidden || whiteout == 'w' || is_same)
        return 0;
    return jp_strv_add(&m->out, path) < 0 ? jp_oom(err) : 0;
}

int jp_oci_tree_apply(struct jp_oci_tree *tree, struct jp_strv *added, struct jp_strv *removed,
                      bool *ret_removed, struct jp_error *err)
{
    JP_AUTO(jp_strv) whole = JP_STRV_INIT;
    struct merge m = {.added = &whole, .removed = removed};
    bool ignored = false;
    sort(added);
    sort(removed);
    int r = jp_filter_expand(added, &whole, err);
    for (size_t i = 0; r == 0 && i < tree->paths.count; i++)
        r = merge_path(&m, tree->paths.items[i], err);
    if (r == 0)
        r = emit_until(&m, NULL, &ignored, err);
    if (r == 0) {
        struct jp_strv old = tree->paths;
        tree->paths = m.out;
        m.out = old;
        *ret_removed = m.has_removed;
    }
    jp_strv_clear(&m.out);
    return r;
}

int jp_oci_tree_whitelist(const struct jp_oci_tree *tree, struct jp_strv *ret, struct jp_error *err)
{
    if (tree->paths.count == 0 && jp_strv_add(ret, "/") < 0)
        return jp_oom(err);
    for (size_t i = 0; i < tree->paths.count; i++) {
        const char *path = tree->paths.items[i];
        int len = (int)(strlen(path) - is_dir(path));
        if (jp_strv_add_owned(ret, jp_format("/%.*s", len, path)) < 0)
            return jp_oom(err);
    }
    return 0;
}

void jp_oci_tree_clear(struct jp_oci_tree *tree)
{
    jp_strv_clear(&tree->paths);
}
