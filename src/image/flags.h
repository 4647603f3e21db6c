/*
 * File flags that an archive gives its files and that this system cannot set (sys/fileflags.h).
 * They are in the image's skeleton alone, where whoever packs its tree anew looks for them.
 */
#ifndef JP_IMAGE_FLAGS_H
#define JP_IMAGE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

struct jp_image_flag {
    char *path;  /* inside the root; "." the root itself */
    char *words; /* of a hard link, another name of its file */
    bool is_link;
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

/* The words that the archive has for the file of that path, whatever its name there; or NULL. */
const char *jp_image_flags_find(const struct jp_image_flags *flags, const char *path);

#endif
