/*
 * File flags that an archive gives its files and that this system cannot set (sys/fileflags.h).
 * They are in the image's skeleton alone, where whoever packs its tree anew looks for them.
 */
#ifndef JP_IMAGE_FLAGS_H
#define JP_IMAGE_FLAGS_H

#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

struct jp_image_flag {
    char *path; /* inside the root; "." the root itself */
    char *words;
};

struct jp_image_flags {
    struct jp_image_flag *items; /* sorted by path */
    size_t count;
    size_t capacity;
};

/* Those of the image in dir_fd; *ret (zeroed) is to be cleared in any case. JP_ECORRUPT, JP_ESYS.
 */
int jp_image_flags_read(int dir_fd, struct jp_image_flags *ret, struct jp_error *err);
void jp_image_flags_clear(struct jp_image_flags *flags);

/* The words for a path, as the archive has them, or NULL. */
const char *jp_image_flags_find(const struct jp_image_flags *flags, const char *path);

#endif
