/* Names inside an archive: made normal, refused, shown. */
#ifndef JP_IMAGE_NAME_H
#define JP_IMAGE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The normal form of an entry's name or of a hard link's target: a leading "./" and, for a
 * directory, one trailing "/" are taken off; "./" itself becomes "", and so does a directory "/",
 * as some write the top of a layer (umoci insert, kaniko). Everything else that is not normal is
 * refused with JP_EINVALID: absolute, empty, "." and ".." and empty components, too long (row 28).
 * Any bytes are fine in a component. *ret is new memory.
 */
int jp_image_name_normal(const char *name, bool is_dir, char **ret, struct jp_error *err);

#define JP_IMAGE_SHOWN_SIZE 256

/*
 * A name for an error or a report: control characters, backslashes and bytes that are not ASCII as
 * \ooo, cut with "..." when long. Returns `out`.
 */
const char *jp_image_name_show(const char *name, char out[JP_IMAGE_SHOWN_SIZE]);

#endif
