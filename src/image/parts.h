/* The inside of struct jp_image_parts (image.h), for who packs them. */
#ifndef JP_IMAGE_PARTS_H
#define JP_IMAGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"
#include "image/dirs.h"
#include "image/image.h"

struct jp_image_part {
    char *path; /* "." the root */
    size_t tree;
    bool is_packed;
    char *flags; /* file flags that the tree cannot have; NULL: those that it has */
};

struct jp_image_parts {
    const int *tree_fds;
    size_t n_trees;
    bool is_whole;
    struct jp_strv deleted;
    uint64_t path_bytes; /* of all items, with a "/" and a separator each */
    bool has_latest;
    int64_t latest;
    size_t n_changes;
    struct jp_image_part *items;
    size_t count;
    size_t capacity;
    struct jp_dirs *dirs; /* of the first tree, while collecting */
};

#endif
