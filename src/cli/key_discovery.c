#include "cli/key_discovery.h"

#include <string.h>

#include "cli/trust.h"
#include "fetch/discovery.h"

static int require_https(const char *text, struct jp_error *err)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    if (jp_url_parse(text, &url, err) < 0)
        return -1;
    return url.is_https
               ? 0
               : jp_fail(err, JP_EUNTRUSTED, 0, "'%.300s': keys are fetched over https only", text);
}

int jp_cli_offer_found_keys(struct jp_fetching *fetching, const struct jp_image_name *name,
                            const char *prefix, const char *fingerprint, struct jp_error *err)
{
    JP_AUTO(jp_discovery) found = JP_DISCOVERY_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    size_t stored = 0;
    int r = -1;
    if (jp_discover(fetching->transfer, name, JP_DISCOVER_KEYS, &found, err) < 0 ||
        require_https(found.page, err) < 0)
        return -1;
    const char *url = NULL;
    for (size_t i = 0; i < found.keys.count && r < 0; i++) {
        jp_error_clear(err);
        jp_buf_reset(&bytes);
        url = found.keys.items[i];
        r = require_https(url, err) < 0 ? -1
                                        : jp_fetching_text(fetching, url, true, found.is_public,
                                                           JP_TRUST_KEY_MAX, &bytes, err);
    }
    if (r < 0)
        return -1;
    const struct jp_cli_offer offer = {
        .prefix = prefix,
        .source = url,
        .bytes = jp_buf_text(&bytes),
        .len = bytes.len,
        .fingerprint = fingerprint,
    };
    return jp_cli_offer_keys(fetching->cli, &offer, &stored, err);
}
