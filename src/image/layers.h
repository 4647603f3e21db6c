/* Root file systems of the store as what an archive is made of (image.h, struct jp_image_parts). */
#ifndef JP_IMAGE_LAYERS_H
#define JP_IMAGE_LAYERS_H

#include "base/error.h"
#include "base/strv.h"
#include "image/image.h"
#include "store/store.h"

/*
 * Adds all paths of `layers` laid over each other (names, topmost first), which are the trees in
 * that order. File flags that this system cannot set are those of the images' own archives.
 */
int jp_image_parts_add_layers(struct jp_image_parts *parts, struct jp_store *store,
                              const struct jp_strv *layers, struct jp_error *err);

#endif
