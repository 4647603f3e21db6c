/*
 * Headers of a tar, made from an entry: ustar, with a pax header before it where ustar cannot say
 * it. The same entry always gives the same bytes (no names of users, no times of now).
 */
#ifndef JP_IMAGE_TAR_WRITE_H
#define JP_IMAGE_TAR_WRITE_H

#include "base/buf.h"
#include "base/error.h"
#include "image/tar.h"

/*
 * Appends everything that stands before the entry's content; a sparse file becomes GNU format 1.0.
 * The content (entry->stored bytes) and zeros up to a block are the caller's to write.
 */
int jp_tar_write_entry(struct jp_buf *out, const struct jp_tar_entry *entry, struct jp_error *err);

/* An entry of ours: root's, made at the beginning of time, so that it is always the same. */
int jp_tar_write_own(struct jp_buf *out, enum jp_tar_type type, const char *path, mode_t mode,
                     uint64_t size, struct jp_error *err);

#endif
