/*
 * An image manifest is what a stranger wrote. Whatever the bytes are: no crash, no leak, an error
 * with text; and what is taken must be printed and read back to the same.
 *
 * Built as fuzz/image_manifest: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of
 * files.
 */
#include "appc/image_manifest.h"

#include <string.h>

#include "fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_image_manifest_parse((const char *)bytes, len, &m, &err) < 0) {
        require(err.code != JP_OK && *jp_error_text(&err), "a refusal has its text");
        return 0;
    }
    JP_AUTO_FREE char *one = NULL;
    JP_AUTO_FREE char *two = NULL;
    JP_AUTO(jp_image_manifest) again = JP_IMAGE_MANIFEST_INIT;
    require(jp_image_manifest_print(&m, true, &one, &err) == 0, "what was read can be printed");
    if (strlen(one) > JP_MANIFEST_MAX) /* indentation may pass the limit */
        return 0;
    require(jp_image_manifest_parse(one, strlen(one), &again, &err) == 0, "and read");
    require(jp_image_manifest_print(&again, true, &two, &err) == 0, "and printed again");
    require(strcmp(one, two) == 0, "to the same");
    JP_AUTO(jp_app) copy = JP_APP_INIT;
    require(!m.has_app || jp_app_copy(&copy, &m.app, &err) == 0, "an app can be copied");
    return 0;
}
