/* The import without the store: fills a directory. For image.c and for tests. */
#ifndef JP_IMAGE_IMPORT_H
#define JP_IMAGE_IMPORT_H

#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"

struct jp_import_target {
    int dir_fd;    /* gets `skeleton`, `manifest` and perhaps `archive` */
    int rootfs_fd; /* gets the tree; empty */
};

struct jp_import_result {
    char id[7 + 128 + 1];
    struct jp_buf manifest;
    uint64_t entries;
    uint64_t size_bytes;
    uint64_t disk_bytes;
};

void jp_import_result_clear(struct jp_import_result *result);

/* As jp_image_import(); on failure the directory holds leftovers. *ret starts zeroed. */
int jp_import_run(const struct jp_import_target *target,
                  const struct jp_image_import_options *options, struct jp_import_result *ret,
                  struct jp_error *err);

#endif
