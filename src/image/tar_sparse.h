/* The map of a GNU sparse file, from wherever its format keeps it. */
#ifndef JP_IMAGE_TAR_SPARSE_H
#define JP_IMAGE_TAR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar.h"

struct jp_tar_map {
    struct jp_tar_extent *items;
    size_t count;
    size_t capacity;
};

/* Gives the next block of 512 bytes; 0, or -1 with an error. */
struct jp_tar_blocks {
    int (*next)(void *context, const unsigned char **ret, struct jp_error *err);
    void *context;
};

/* Old GNU: four pieces in the header, the rest in blocks after it. *ret_size is the file's size. */
int jp_tar_sparse_old(const unsigned char *header, struct jp_tar_blocks blocks,
                      struct jp_tar_map *map, uint64_t *ret_size, struct jp_error *err);

/* Format 1.0: decimal lines at the start of the content, filled up to a block. */
int jp_tar_sparse_1_0(struct jp_tar_blocks blocks, struct jp_tar_map *map, struct jp_error *err);

/*
 * Ascending, inside the file, adding up to what is stored, and every piece but the last of whole
 * blocks (GNU tar starts each piece on a block, bsdtar does not: only then do they agree).
 */
int jp_tar_sparse_check(const struct jp_tar_extent *extents, size_t count, uint64_t size,
                        uint64_t stored, struct jp_error *err);

#endif
