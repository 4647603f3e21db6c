/*
 * Layers that are no images: what the store makes where an image cannot be stacked as it is.
 *
 * A root file system is a stack of parts, each an image or what a filter leaves of one. Three kinds
 * of trees are made for that, each once, below views/NAME/rootfs:
 *
 *   a filtered view   the paths of one image that pass a filter, as hard links to the image's own
 *                     files (copies that share their blocks where links cannot be)
 *   a view without    what an image takes away from those below it (appc/removed.h), as whiteouts:
 *                     a layer of its own between the image and them (driver/common.h)
 *   a directory view  directories alone, laid on top of a stack: those that an image's archive does
 *                     not name and that must not hide owner, mode and times of the same directory
 *                     in the images below
 *
 * The file views/NAME/key says exactly what the tree was made of. A view is made in tmp/, brought
 * to disk and renamed into place, so there is never half of one. It stays until gc finds that no
 * clone stands on it; whoever is about to make a clone holds a lock that keeps gc from looking.
 */
#ifndef JP_STORE_VIEWS_H
#define JP_STORE_VIEWS_H

#include <stddef.h>

#include "appc/filter.h"
#include "base/error.h"
#include "base/strv.h"
#include "store/store.h"

/*
 * A file of an image: paths of the directories that its archive does not name, a NUL after each. A
 * view without has one that lists all its directories.
 */
#define JP_STORE_IMPLICIT_FILE "implicit"
/* Its size at most: memory that a stack of images may cost is limited by it. */
#define JP_STORE_IMPLICIT_MAX (4U << 20)

/* An image of a stack, or what a filter leaves of it. */
struct jp_store_part {
    char *image_id;
    struct jp_filter filter;
    struct jp_strv removed; /* from what is below it, as jp_removed_parse() gives it */
};

struct jp_store_stack {
    struct jp_store_part *items; /* topmost first */
    size_t count;
    size_t capacity;
};

#define JP_STORE_STACK_INIT                                                                        \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Puts a part below those that are there; everything is copied. */
int jp_store_stack_add(struct jp_store_stack *stack, const char *image_id,
                       const struct jp_filter *filter, const struct jp_strv *removed,
                       struct jp_error *err);
void jp_store_stack_clear(struct jp_store_stack *stack);

/*
 * The layers (struct jp_driver_ops) that make this stack, topmost first; views are made where they
 * are missing. They stay until jp_store_rest() or jp_store_free(), and as long as a clone is made
 * of them. *ret is appended to. JP_ENOTFOUND when an image is not here, JP_ELIMIT.
 */
int jp_store_stack_layers(struct jp_store *store, const struct jp_store_stack *stack,
                          struct jp_strv *ret, struct jp_error *err);

/*
 * The image whose files a layer has, where they lie in it: itself, or that of a filtered view.
 * *ret, the caller's, is NULL for other views.
 */
int jp_store_layer_image(struct jp_store *store, const char *layer, char **ret,
                         struct jp_error *err);

#endif
