/*
 * What differs between a clone and the layers it was made from.
 *
 * A walk over directories of the same name in the clone and in the layers. The clone is either
 * complete (copy: what is absent was deleted) or sparse (overlay's upper: what is absent is
 * unchanged, a 0:0 device marks what was deleted); without a clone the layers alone are listed.
 * same.c decides what of the same name is the same.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/list.h"
#include "store/driver/same.h"
#include "sys/fd.h"

#define MAX_DEPTH 2000 /* directories in directories: a path has at most 4,095 bytes */

/* The same directory in the clone and in those layers that have it. */
struct level {
    int top_fd;     /* -1: it was added, or deleted */
    int *layer_fds; /* owned */
    size_t *layers; /* owned: which they are of all */
    size_t n_layers;
    bool is_sparse; /* absent in top means unchanged */
};

static void level_clear(struct level *level)
{
    jp_fd_close(&level->top_fd);
    for (size_t i = 0; i < level->n_layers; i++)
        jp_fd_close(&level->layer_fds[i]);
    free(level->layer_fds);
    free(level->layers);
}

#define AUTO_LEVEL __attribute__((__cleanup__(level_clear))) struct level

/* The entry as the layers show it: the topmost that has it. False when none has, or one removes it.
 */
static bool below(const struct level *level, const char *name, struct stat *ret, size_t *ret_layer)
{
    for (size_t i = 0; i < level->n_layers; i++) {
        if (fstatat(level->layer_fds[i], name, ret, AT_SYMLINK_NOFOLLOW) == 0) {
            *ret_layer = i;
            return !jp_plain_is_whiteout(ret);
        }
    }
    return false;
}

/* A file that the clone has from its layer, or that was not touched since the clone was made. */
static bool is_untouched(const struct jp_plain_comparison *c, const struct stat *top,
                         const struct stat *low)
{
    const struct timespec *t = &top->st_ctim, *born = &c->born;
    if (c->is_sparse)
        return false; /* it is in the upper directory because it was opened for writing */
    bool is_shared = top->st_ino == low->st_ino && t->tv_sec == low->st_ctim.tv_sec &&
                     t->tv_nsec == low->st_ctim.tv_nsec;
    return is_shared || t->tv_sec < born->tv_sec ||
           (t->tv_sec == born->tv_sec && t->tv_nsec < born->tv_nsec);
}

static char what_became(const struct jp_plain_comparison *c, const struct level *level,
                        size_t layer, const char *name, const struct stat *top,
                        const struct stat *low)
{
    static const char words[] = {
        [JP_PLAIN_DIFFERENT] = 'M', [JP_PLAIN_SAME] = '=', [JP_PLAIN_TOUCHED] = 'T'};
    const struct jp_plain_pair pair = {
        .name = name,
        .top_fd = level->top_fd,
        .low_fd = level->layer_fds[layer],
        .top = top,
        .low = low,
        .is_close = !is_untouched(c, top, low),
        .has_attributes = c->has_silent_attributes,
    };
    return words[jp_plain_compare(&pair)];
}

static int add_names(int fd, struct jp_strv *all, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_store_list_dir(fd, NULL, &names, err) < 0)
        return -1;
    return jp_strv_extend(all, names.items, names.count) < 0 ? jp_oom(err) : 0;
}

/* Names to look at, sorted, each once. */
static int collect_names(const struct jp_plain_comparison *c, const struct level *level,
                         struct jp_strv *ret, struct jp_error *err)
{
    bool in_layers = !level->is_sparse || c->changes->all;
    if (level->top_fd >= 0 && add_names(level->top_fd, ret, err) < 0)
        return -1;
    for (size_t i = 0; in_layers && i < level->n_layers; i++) {
        if (add_names(level->layer_fds[i], ret, err) < 0)
            return -1;
    }
    jp_strv_sort(ret);
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++) {
        if (kept > 0 && strcmp(ret->items[kept - 1], ret->items[i]) == 0)
            free(ret->items[i]);
        else
            ret->items[kept++] = ret->items[i];
    }
    ret->count = kept;
    return 0;
}

/* Opens the directory `name` one level down, in the clone and in the layers that show through. */
static int descend(const struct jp_plain_comparison *c, const struct level *level, const char *name,
                   bool in_top, struct level *ret, struct jp_error *err)
{
    /* Below a directory that hides the layers nothing of them comes back. */
    *ret = (struct level){.top_fd = -1, .is_sparse = level->is_sparse};
    ret->layer_fds = jp_calloc(level->n_layers + 1, sizeof(*ret->layer_fds));
    ret->layers = jp_calloc(level->n_layers + 1, sizeof(*ret->layers));
    if (!ret->layer_fds || !ret->layers)
        return jp_oom(err);
    if (in_top) {
        ret->top_fd = jp_fd_open_dir(level->top_fd, name, err);
        int hides = ret->top_fd < 0 ? -1 : c->is_sparse ? c->is_opaque(ret->top_fd, err) : 0;
        if (hides < 0)
            return -1;
        ret->is_sparse = level->is_sparse && !hides;
    }
    for (size_t i = 0; i < level->n_layers; i++) {
        struct stat st;
        if (fstatat(level->layer_fds[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!S_ISDIR(st.st_mode)) /* hides what lower layers have there */
            break;
        int fd = jp_fd_open_dir(level->layer_fds[i], name, err);
        if (fd < 0)
            return -1;
        ret->layers[ret->n_layers] = level->layers[i];
        ret->layer_fds[ret->n_layers++] = fd;
    }
    return 0;
}

static int compare_level(const struct jp_plain_comparison *c, const struct level *level,
                         const char *path, unsigned depth, struct jp_error *err);

static int tell(const struct jp_plain_comparison *c, char what, const char *path, size_t tree)
{
    const struct jp_driver_change change = {.what = what, .path = path, .tree = tree};
    if (what == '=' && !c->changes->all)
        return 0;
    return c->changes->each(c->changes->context, &change);
}

/* Goes on below `name`: in the clone, or what of the layers shows through or is gone. */
static int compare_below(const struct jp_plain_comparison *c, const struct level *level,
                         const char *name, bool in_top, const char *path, unsigned depth,
                         struct jp_error *err)
{
    AUTO_LEVEL next = {.top_fd = -1};
    if (descend(c, level, name, in_top, &next, err) < 0)
        return -1;
    return compare_level(c, &next, path, depth + 1, err);
}

static int compare_entry(const struct jp_plain_comparison *c, const struct level *level,
                         const char *name, const char *path, unsigned depth, struct jp_error *err)
{
    struct stat top = {0}, low = {0};
    size_t layer = 0;
    bool in_top =
        level->top_fd >= 0 && fstatat(level->top_fd, name, &top, AT_SYMLINK_NOFOLLOW) == 0;
    bool in_low = below(level, name, &low, &layer);
    bool shows_low = !in_top && level->is_sparse && in_low;
    if (shows_low) {
        int r = tell(c, '=', path, level->layers[layer] + (c->top_fd >= 0 ? 1 : 0));
        return r != 0 || !S_ISDIR(low.st_mode)
                   ? r
                   : compare_below(c, level, name, false, path, depth, err);
    }
    if (!in_top || (c->is_sparse && jp_plain_is_whiteout(&top)))
        return in_low ? tell(c, 'D', path, 0) : 0;
    char what = in_low ? what_became(c, level, layer, name, &top, &low) : 'A';
    int r = tell(c, what, path, 0);
    if (r != 0)
        return r;
    if (S_ISDIR(top.st_mode))
        return compare_below(c, level, name, true, path, depth, err);
    if (!in_low || !S_ISDIR(low.st_mode))
        return 0;
    /* A directory that is something else now: what was in it is gone. */
    AUTO_LEVEL gone = {.top_fd = -1};
    if (descend(c, level, name, false, &gone, err) < 0)
        return -1;
    gone.is_sparse = false;
    return compare_level(c, &gone, path, depth + 1, err);
}

static int compare_level(const struct jp_plain_comparison *c, const struct level *level,
                         const char *path, unsigned depth, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (depth > MAX_DEPTH)
        return jp_fail(err, JP_ELIMIT, 0, "directories deeper than %d", MAX_DEPTH);
    if (collect_names(c, level, &names, err) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        JP_AUTO_FREE char *below_path =
            *path ? jp_format("%s/%s", path, names.items[i]) : jp_strdup(names.items[i]);
        r = below_path ? compare_entry(c, level, names.items[i], below_path, depth, err)
                       : jp_oom(err);
    }
    return r;
}

/* The root itself. */
static int compare_root(const struct jp_plain_comparison *c, const struct level *top)
{
    struct stat st = {0}, low = {0};
    if (top->top_fd < 0)
        return tell(c, '=', ".", 0);
    if (top->n_layers == 0 || fstat(top->top_fd, &st) < 0 || fstat(top->layer_fds[0], &low) < 0)
        return 0;
    return tell(c, what_became(c, top, 0, ".", &st, &low), ".", 0);
}

int jp_plain_changes(const struct jp_plain_comparison *comparison, struct jp_error *err)
{
    AUTO_LEVEL top = {.top_fd = -1, .is_sparse = comparison->is_sparse || comparison->top_fd < 0};
    top.layer_fds = jp_calloc(comparison->n_layers + 1, sizeof(*top.layer_fds));
    top.layers = jp_calloc(comparison->n_layers + 1, sizeof(*top.layers));
    if (!top.layer_fds || !top.layers)
        return jp_oom(err);
    if (comparison->top_fd >= 0) {
        top.top_fd = jp_fd_open_dir(comparison->top_fd, ".", err);
        if (top.top_fd < 0)
            return -1;
    }
    for (; top.n_layers < comparison->n_layers; top.n_layers++) {
        int fd = jp_fd_open_dir(comparison->layer_fds[top.n_layers], ".", err);
        if (fd < 0)
            return -1;
        top.layers[top.n_layers] = top.n_layers;
        top.layer_fds[top.n_layers] = fd;
    }
    int r = compare_root(comparison, &top);
    return r != 0 ? r : compare_level(comparison, &top, "", 0, err);
}
