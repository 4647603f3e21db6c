/*
 * What differs between a clone and the layers it was made from.
 *
 * A walk over directories of the same name in the clone and in the layers. The clone is either
 * complete (copy: what is absent was deleted) or sparse (overlay's upper: what is absent is
 * unchanged, a 0:0 device marks what was deleted). Contents are not read: as diff tools of other
 * runtimes do, size, times, mode, owner and link target decide. The clone must be at rest.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/driver/list.h"
#include "sys/fd.h"

#define MAX_DEPTH 2000 /* directories in directories: a path has at most 4,095 bytes */

/* The same directory in the clone and in those layers that have it. */
struct level {
    int top_fd;     /* -1: it was added, or deleted */
    int *layer_fds; /* owned */
    size_t n_layers;
    bool is_sparse; /* absent in top means unchanged */
};

static void level_clear(struct level *level)
{
    jp_fd_close(&level->top_fd);
    for (size_t i = 0; i < level->n_layers; i++)
        jp_fd_close(&level->layer_fds[i]);
    free(level->layer_fds);
}

#define AUTO_LEVEL __attribute__((__cleanup__(level_clear))) struct level

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* The entry as the layers show it: the topmost that has it. False when none has. */
static bool below(const struct level *level, const char *name, struct stat *ret, size_t *ret_layer)
{
    for (size_t i = 0; i < level->n_layers; i++) {
        if (fstatat(level->layer_fds[i], name, ret, AT_SYMLINK_NOFOLLOW) == 0) {
            *ret_layer = i;
            return true;
        }
    }
    return false;
}

static bool same_link(int a_fd, int b_fd, const char *name)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t a_len = readlinkat(a_fd, name, a, sizeof(a));
    ssize_t b_len = readlinkat(b_fd, name, b, sizeof(b));
    return a_len >= 0 && a_len == b_len && memcmp(a, b, (size_t)a_len) == 0;
}

static bool is_same(const struct level *level, size_t layer, const char *name,
                    const struct stat *top, const struct stat *low)
{
    if (top->st_mode != low->st_mode || top->st_uid != low->st_uid || top->st_gid != low->st_gid)
        return false;
    if (S_ISDIR(top->st_mode)) /* its time changes with what is in it, which is told apart */
        return true;
    if (S_ISLNK(top->st_mode))
        return same_link(level->top_fd, level->layer_fds[layer], name);
    if (S_ISCHR(top->st_mode) || S_ISBLK(top->st_mode))
        return top->st_rdev == low->st_rdev;
    return top->st_size == low->st_size && top->st_mtim.tv_sec == low->st_mtim.tv_sec &&
           top->st_mtim.tv_nsec == low->st_mtim.tv_nsec;
}

static int add_names(int fd, struct jp_strv *all, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_store_list_dir(fd, NULL, &names, err) < 0)
        return -1;
    return jp_strv_extend(all, names.items, names.count) < 0 ? jp_oom(err) : 0;
}

/* Names to look at, sorted, each once. */
static int collect_names(const struct level *level, struct jp_strv *ret, struct jp_error *err)
{
    if (level->top_fd >= 0 && add_names(level->top_fd, ret, err) < 0)
        return -1;
    for (size_t i = 0; !level->is_sparse && i < level->n_layers; i++) {
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
    *ret = (struct level){.top_fd = -1, .is_sparse = c->is_sparse && in_top};
    ret->layer_fds = jp_calloc(level->n_layers, sizeof(*ret->layer_fds));
    if (!ret->layer_fds)
        return jp_oom(err);
    if (in_top) {
        ret->top_fd = jp_fd_open_dir(level->top_fd, name, err);
        if (ret->top_fd < 0)
            return -1;
        if (c->is_sparse && c->is_opaque(ret->top_fd))
            ret->is_sparse = false;
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
        ret->layer_fds[ret->n_layers++] = fd;
    }
    return 0;
}

static int compare_level(const struct jp_plain_comparison *c, const struct level *level,
                         const char *path, unsigned depth, struct jp_error *err);

static int compare_entry(const struct jp_plain_comparison *c, const struct level *level,
                         const char *name, const char *path, unsigned depth, struct jp_error *err)
{
    struct stat top = {0}, low = {0};
    size_t layer = 0;
    bool in_top =
        level->top_fd >= 0 && fstatat(level->top_fd, name, &top, AT_SYMLINK_NOFOLLOW) == 0;
    bool in_low = below(level, name, &low, &layer);
    bool is_deleted = !in_top || (c->is_sparse && is_whiteout(&top));
    if (is_deleted)
        return in_low ? c->each(c->context, 'D', path) : 0;
    int r = 0;
    if (!in_low)
        r = c->each(c->context, 'A', path);
    else if (!is_same(level, layer, name, &top, &low))
        r = c->each(c->context, 'M', path);
    if (r != 0 || !S_ISDIR(top.st_mode))
        return r;
    AUTO_LEVEL next = {.top_fd = -1};
    if (descend(c, level, name, true, &next, err) < 0)
        return -1;
    return compare_level(c, &next, path, depth + 1, err);
}

static int compare_level(const struct jp_plain_comparison *c, const struct level *level,
                         const char *path, unsigned depth, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (depth > MAX_DEPTH)
        return jp_fail(err, JP_ELIMIT, 0, "directories deeper than %d", MAX_DEPTH);
    if (collect_names(level, &names, err) < 0)
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

int jp_plain_changes(const struct jp_plain_comparison *comparison, struct jp_error *err)
{
    AUTO_LEVEL top = {.top_fd = -1, .is_sparse = comparison->is_sparse};
    top.layer_fds = jp_calloc(comparison->n_layers, sizeof(*top.layer_fds));
    if (!top.layer_fds)
        return jp_oom(err);
    top.top_fd = jp_fd_open_dir(comparison->top_fd, ".", err);
    if (top.top_fd < 0)
        return -1;
    for (; top.n_layers < comparison->n_layers; top.n_layers++) {
        int fd = jp_fd_open_dir(comparison->layer_fds[top.n_layers], ".", err);
        if (fd < 0)
            return -1;
        top.layer_fds[top.n_layers] = fd;
    }
    return compare_level(comparison, &top, "", 0, err);
}
