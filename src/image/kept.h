/*
 * The archive as it came (images.aci.store): the file `archive` in the image's directory, for those
 * who must be able to hand on the very bytes, compression and all, that were given to them.
 */
#ifndef JP_IMAGE_KEPT_H
#define JP_IMAGE_KEPT_H

#include "base/error.h"
#include "image/image.h"

#define JP_KEPT_FILE "archive"

/*
 * Opens the archive that an image has kept: its descriptor, or -1 with JP_ENOTFOUND when there is
 * none.
 */
int jp_kept_open(int dir_fd, struct jp_error *err);

/*
 * Reads the archive to its end, writes its bytes to out_fd (-1: nowhere) and compares the hash of
 * what it holds, uncompressed, with `id`: JP_ECORRUPT.
 */
int jp_kept_copy(int fd, int out_fd, const char *id, const struct jp_image_watch *watch,
                 struct jp_error *err);

#endif
