/* Export and verify without the store: on the open directory of an image. */
#ifndef JP_IMAGE_EXPORT_H
#define JP_IMAGE_EXPORT_H

#include "base/error.h"
#include "image/image.h"

/* As jp_image_export() and jp_image_verify(). */
int jp_export_run(int dir_fd, const struct jp_image_export_options *options, struct jp_error *err);
int jp_verify_run(int dir_fd, const struct jp_image_verify_options *options,
                  uint64_t *ret_differences, struct jp_error *err);

#endif
