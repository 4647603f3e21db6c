/*
 * The tar of an image, made again from its skeleton and its files: what export writes and what
 * verify hashes. Each file is opened without following links and read once.
 */
#ifndef JP_IMAGE_RESTORE_H
#define JP_IMAGE_RESTORE_H

#include <stdbool.h>

#include "base/error.h"
#include "image/aci.h"
#include "image/hash.h"
#include "image/image.h"
#include "image/tar.h"

struct jp_restore {
    int dir_fd; /* of the image */
    /* Gets the bytes of the tar in order. */
    int (*write)(void *context, const void *bytes, size_t len, struct jp_error *err);
    /*
     * Called for every entry before its content is read: `fd` is the open file (content, or a
     * directory), else -1; `dir_fd` and `name` its place (name "." for the root), dir_fd -1 when
     * there is none. May be NULL. Returns 0, or -1.
     */
    int (*entry)(void *context, const struct jp_tar_entry *entry, int dir_fd, const char *name,
                 struct jp_error *err);
    /*
     * What to do about a file whose content cannot be given back, or differs: `what` says how.
     * NULL: it is an error. Otherwise zeros are written in place of what is missing.
     */
    int (*damaged)(void *context, const struct jp_tar_entry *entry, const char *what,
                   struct jp_error *err);
    void *context;
    struct jp_image_watch watch;
};

struct jp_restored {
    uint64_t size; /* bytes of the tar */
    uint64_t expected_size;
    unsigned char digest[JP_HASH_SHA512_SIZE];
    unsigned char expected[JP_HASH_SHA512_SIZE]; /* as the skeleton has it */
};

int jp_restore_run(const struct jp_restore *restore, struct jp_restored *ret, struct jp_error *err);

#endif
