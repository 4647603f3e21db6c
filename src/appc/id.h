/* Image ids (types.md "Image ID Type"): "sha512-" and the digest of the uncompressed tar. */
#ifndef JP_APPC_ID_H
#define JP_APPC_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define JP_IMAGE_ID_PREFIX    "sha512-"
#define JP_IMAGE_ID_LEN       (7 + 128)     /* characters of a full id */
#define JP_IMAGE_ID_SIZE      (7 + 128 + 1) /* with its NUL */
#define JP_IMAGE_ID_SHORT_LEN (7 + 12)      /* what tables show */

/* Exactly "sha512-" and 128 lower-case hexadecimal digits: safe as a path component. */
bool jp_image_id_valid(const char *text);
int jp_image_id_check(const char *text, struct jp_error *err);

/* "sha512-" and 1 to 128 lower-case hexadecimal digits: may stand for an id on a command line. */
bool jp_image_id_prefix_valid(const char *text);

/* Writes the id of a 64-byte SHA-512 digest. */
void jp_image_id_format(const unsigned char digest[64], char out[JP_IMAGE_ID_SIZE]);

#endif
