/* How views are made: between views.c, which keeps them, and those that fill one. */
#ifndef JP_STORE_VIEWS_INTERNAL_H
#define JP_STORE_VIEWS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/internal.h"
#include "store/views.h"

/* The directories that an image's archive does not name: a sorted index of the list. */
struct jp_view_list {
    struct jp_buf text;
    const char **items; /* owned; point into text */
    size_t count;
};

/* 1 when the image, or view, has such directories, 0, -1. */
int jp_view_list_is_there(const struct jp_driver_context *ctx, const char *layer,
                          struct jp_error *err);
/* *ret (zeroed) stays empty when there are none. */
int jp_view_list_read(const struct jp_driver_context *ctx, const char *layer,
                      struct jp_view_list *ret, struct jp_error *err);
bool jp_view_list_has(const struct jp_view_list *list, const char *path);
void jp_view_list_clear(struct jp_view_list *list);

/* Fills the empty directory with what passes the part's filter. */
int jp_view_fill_filtered(const struct jp_driver_context *ctx, const struct jp_store_part *part,
                          int rootfs_fd, struct jp_error *err);

/*
 * 1 when one of these above the lowest has directories that nobody names: then the stack may need a
 * directory view. 0, -1. `lists` are layers, but of a filtered view it is its image.
 */
int jp_view_has_implicit(const struct jp_driver_context *ctx, const struct jp_strv *lists,
                         struct jp_error *err);

/*
 * How much a directory view may look at, and all views without of a stack together, in components
 * of paths; beyond it they fail with JP_ELIMIT. A variable for tests only.
 */
extern uint64_t jp_view_max_work;
/* What jp_view_max_work counts a look at a path as. */
uint64_t jp_view_work_of(const char *path);

/* Told of a directory that was made: the first `len` bytes of `path`. -1 ends the making. */
typedef int jp_view_made_fn(void *context, const char *path, size_t len, struct jp_error *err);
/*
 * Opens the directory `path` of a view, made (0700) with those above it where they are not there.
 * Each that was made is told, one before those in it. A descriptor, or -1.
 */
int jp_view_make_dirs(int view_fd, const char *path, jp_view_made_fn *made, void *context,
                      struct jp_error *err);

/* Layers, topmost first, and for each what says which of its directories nobody names. */
struct jp_view_layers {
    const struct jp_strv *names;
    const struct jp_strv *lists;
};
/* Fills the empty directory with the directories to lay on top of these layers. */
int jp_view_fill_directories(const struct jp_driver_context *ctx,
                             const struct jp_view_layers *layers, int rootfs_fd,
                             struct jp_error *err);

/* What a layer takes away (appc/removed.h), and the work done so far for the whole stack. */
struct jp_view_removal {
    const struct jp_strv *paths;
    uint64_t *work;
};
/*
 * Fills the empty directory, and the view's own `draft_fd` with its lists, with what takes that
 * away from the layers but the topmost, whose list it is.
 */
int jp_view_fill_without(const struct jp_driver_context *ctx, const struct jp_view_layers *layers,
                         const struct jp_view_removal *removal, int draft_fd, int rootfs_fd,
                         struct jp_error *err);

#endif
