/*
 * A page of a stranger, and what discovery makes of it. Whatever the bytes are: no crash, nothing
 * that is not asked for, and as many names as contents; every address found is one of the web.
 *
 * Built as fuzz/page: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include "fetch/page.h"

#include <string.h>

#include "fetch/discovery.h"
#include "fetch/url.h"
#include "fetch/wire.h"
#include "fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_strv) metas = JP_STRV_INIT;
    JP_AUTO(jp_image_name) image = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_discovery) found = JP_DISCOVERY_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    size_t total = 0;
    if (jp_page_metas((const char *)bytes, len, &metas, &err) < 0) {
        require(err.code == JP_ELIMIT, "only too much is refused");
        return 0;
    }
    require(metas.count % 2 == 0 && metas.count <= 2 * (size_t)JP_WIRE_MAX_METAS,
            "no more than fit");
    for (size_t i = 0; i < metas.count; i++) {
        require(i % 2 || strncmp(metas.items[i], "ac-", 3) == 0, "nothing but what is ours");
        total += strlen(metas.items[i]);
    }
    require(total <= JP_WIRE_META_BYTES, "nor larger than a message");
    require(jp_image_name_parse("example.com/app:1,os=linux,arch=amd64", &image, NULL) == 0,
            "a name");
    if (jp_discovery_read(&image, &metas, &found, NULL) < 0)
        return 0;
    require(found.images.count == found.signatures.count, "each image has its signature");
    for (size_t i = 0; i < found.images.count; i++)
        require(jp_url_scheme_length(found.images.items[i]) > 0, "an address");
    return 0;
}
