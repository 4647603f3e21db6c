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

/* 1 when the image has such directories, 0, -1. */
int jp_view_list_is_there(const struct jp_driver_context *ctx, const char *id,
                          struct jp_error *err);
/* *ret (zeroed) stays empty when there are none. */
int jp_view_list_read(const struct jp_driver_context *ctx, const char *id, struct jp_view_list *ret,
                      struct jp_error *err);
bool jp_view_list_has(const struct jp_view_list *list, const char *path);
void jp_view_list_clear(struct jp_view_list *list);

/* Fills the empty directory with what passes the part's filter. */
int jp_view_fill_filtered(const struct jp_driver_context *ctx, const struct jp_store_part *part,
                          int rootfs_fd, struct jp_error *err);

/*
 * 1 when a part above the lowest has directories that its archive does not name: then the stack
 * may need a directory view. 0, -1.
 */
int jp_view_has_implicit(const struct jp_driver_context *ctx, const struct jp_store_stack *stack,
                         struct jp_error *err);

/*
 * How much the next one may look at, in components of paths; beyond it fails with JP_ELIMIT. A
 * variable for tests only.
 */
extern uint64_t jp_view_max_work;
/* Fills the empty directory with the directories to lay on top of these layers. */
int jp_view_fill_directories(const struct jp_driver_context *ctx,
                             const struct jp_store_stack *stack, const struct jp_strv *layers,
                             int rootfs_fd, struct jp_error *err);

/*
 * Opens the directory `path` (normal; "" is the root itself) below root_fd, following nothing: -1
 * with errno, ENOENT when something on the way is absent, ENOTDIR when it is no directory.
 */
int jp_view_open_dir(int root_fd, const char *path);

/* jp_view_open_dir() of the directory that `path` is in; *ret_name is its last component. */
int jp_view_open_parent(int root_fd, const char *path, const char **ret_name);

#endif
