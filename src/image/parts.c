/* Which paths go into an archive that is made here: collected, then joined by their hard links. */
#include "image/parts.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "appc/image_manifest.h"
#include "appc/removed.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/name.h"
#include "image/tar.h"
#include "sys/inodes.h"

#define MAX_PARTS 5000000U /* as an import takes */

struct jp_image_parts *jp_image_parts_new(const int *tree_fds, size_t n_trees, bool is_whole)
{
    struct jp_image_parts *parts = jp_calloc(1, sizeof(*parts));
    if (!parts)
        return NULL;
    parts->tree_fds = tree_fds;
    parts->n_trees = n_trees;
    parts->is_whole = is_whole;
    parts->dirs = jp_dirs_new(tree_fds[0]);
    if (!parts->dirs) {
        free(parts);
        return NULL;
    }
    return parts;
}

void jp_image_parts_free(struct jp_image_parts *parts)
{
    if (!parts)
        return;
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->items[i].path);
        free(parts->items[i].flags);
    }
    free(parts->items);
    jp_strv_clear(&parts->deleted);
    jp_dirs_free(parts->dirs);
    free(parts);
}

void jp_image_parts_clamp(struct jp_image_parts *parts, int64_t latest)
{
    parts->has_latest = true;
    parts->latest = latest;
}

size_t jp_image_parts_changes(const struct jp_image_parts *parts)
{
    return parts->n_changes;
}

/* Of a path in the first tree. 0, or -1 with errno. */
static int look(struct jp_image_parts *parts, const char *path, struct stat *ret)
{
    const char *name = NULL;
    if (strcmp(path, ".") == 0)
        return fstat(parts->tree_fds[0], ret);
    int dir_fd = jp_dirs_parent(parts->dirs, path, &name);
    return dir_fd < 0 ? -1 : fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW);
}

static int keep(struct jp_image_parts *parts, const char *path, size_t tree, bool is_packed,
                struct jp_error *err)
{
    if (parts->count >= MAX_PARTS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %u files", MAX_PARTS);
    char *copy = jp_strdup(path);
    if (!copy ||
        jp_grow(&parts->items, &parts->capacity, parts->count, sizeof(*parts->items)) < 0) {
        free(copy);
        return jp_oom(err);
    }
    parts->items[parts->count++] =
        (struct jp_image_part){.path = copy, .tree = tree, .is_packed = is_packed};
    parts->path_bytes += strlen(path) + 2;
    return 0;
}

int jp_image_parts_add(struct jp_image_parts *parts, char what, const char *path, size_t tree,
                       struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    struct stat st;
    parts->n_changes += what == 'A' || what == 'M' || what == 'D';
    if (what == 'D')
        return jp_strv_add(&parts->deleted, path) < 0 ? jp_oom(err) : 0;
    if (strlen(path) > JP_TAR_PATH_MAX - sizeof("rootfs"))
        return jp_fail(err, JP_ELIMIT, 0, "'%s': the path is too long for an image",
                       jp_image_name_show(path, shown));
    bool is_packed = parts->is_whole || what != '=' || strcmp(path, ".") == 0;
    if (tree == 0 && (what == 'A' || what == 'M')) {
        if (look(parts, path, &st) != 0)
            return jp_fail_sys(err, "look at '%s'", jp_image_name_show(path, shown));
        if (S_ISSOCK(st.st_mode))
            return 1;
    }
    return keep(parts, path, tree, is_packed, err);
}

/* ---- hard links ------------------------------------------------------------------------------ */

static bool has_links(struct jp_image_parts *parts, const struct jp_image_part *part,
                      struct stat *ret)
{
    return part->tree == 0 && look(parts, part->path, ret) == 0 && S_ISREG(ret->st_mode) &&
           ret->st_nlink > 1;
}

int jp_image_parts_join(struct jp_image_parts *parts, struct jp_error *err)
{
    struct jp_tree_inodes packed = JP_TREE_INODES_INIT;
    struct stat st;
    int r = 0;
    for (size_t i = 0; r == 0 && !parts->is_whole && i < parts->count; i++)
        if (parts->items[i].is_packed && has_links(parts, &parts->items[i], &st))
            r = jp_tree_inodes_add(&packed, &st, "", err);
    for (size_t i = 0; r == 0 && packed.count > 0 && i < parts->count; i++) {
        struct jp_image_part *part = &parts->items[i];
        if (!part->is_packed && has_links(parts, part, &st))
            part->is_packed = jp_tree_inodes_find(&packed, &st) != NULL;
    }
    jp_tree_inodes_clear(&packed);
    return r;
}

/* ---- the list of what is left ---------------------------------------------------------------- */

/* Every path that is left, absolute, sorted. */
static int list_left(const struct jp_image_parts *parts, struct jp_strv *ret, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    for (size_t i = 0; i < parts->count; i++) {
        const char *path = parts->items[i].path;
        if (strcmp(path, ".") == 0)
            continue;
        if (!jp_utf8_valid(path))
            return jp_fail(err, JP_EUNSUPPORTED, 0,
                           "something was deleted, so every path must be listed, and the name "
                           "'%s' is not UTF-8",
                           jp_image_name_show(path, shown));
        if (jp_strv_add_owned(ret, jp_format("/%s", path)) < 0)
            return jp_oom(err);
    }
    jp_strv_sort(ret);
    return 0;
}

/* What is gone. */
static int list_deleted(const struct jp_image_parts *parts, struct jp_pairs *annotations,
                        struct jp_error *err)
{
    JP_AUTO(jp_strv) sorted = JP_STRV_INIT;
    if (jp_strv_extend(&sorted, parts->deleted.items, parts->deleted.count) < 0)
        return jp_oom(err);
    jp_removed_sort(&sorted);
    JP_AUTO_FREE char *value = jp_removed_format(&sorted);
    return value ? jp_pairs_set(annotations, JP_REMOVED_ANNOTATION, value, err) : jp_oom(err);
}

int jp_image_parts_tell_deleted(const struct jp_image_parts *parts, struct jp_image_manifest *m,
                                struct jp_error *err)
{
    if (parts->deleted.count == 0)
        return 0;
    if (parts->path_bytes > JP_IMAGE_WHITELIST_MAX)
        return list_deleted(parts, &m->annotations, err);
    return list_left(parts, &m->path_whitelist, err);
}
