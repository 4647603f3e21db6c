/* Image ids become names of directories, so nothing but their exact form passes. */
#include "appc/id.h"

#include <string.h>

#include "appc/name.h"
#include "base/parse.h"

static size_t digits_after_prefix(const char *text)
{
    const size_t prefix_len = strlen(JP_IMAGE_ID_PREFIX);
    if (strncmp(text, JP_IMAGE_ID_PREFIX, prefix_len) != 0)
        return 0;
    size_t len = strlen(text + prefix_len);
    return strspn(text + prefix_len, "0123456789abcdef") == len ? len : 0;
}

bool jp_image_id_valid(const char *text)
{
    return digits_after_prefix(text) == 128;
}

bool jp_image_id_prefix_valid(const char *text)
{
    size_t digits = digits_after_prefix(text);
    return digits >= 1 && digits <= 128;
}

int jp_image_id_check(const char *text, struct jp_error *err)
{
    if (jp_image_id_valid(text))
        return 0;
    return jp_fail(err, JP_EINVALID, 0,
                   "'%s' is not an image id (sha512- and 128 lower-case hexadecimal digits)",
                   jp_show(text).text);
}

void jp_image_id_format(const unsigned char digest[64], char out[JP_IMAGE_ID_SIZE])
{
    memcpy(out, JP_IMAGE_ID_PREFIX, strlen(JP_IMAGE_ID_PREFIX));
    jp_hex_encode(digest, 64, out + strlen(JP_IMAGE_ID_PREFIX));
}
