/*
 * What jetpack-fetch says to those who ask it, and what they read out of answers of the web: URLs,
 * how long something is fresh. The bytes are a message; each text in it is used as the asking side
 * uses it. Whatever they are: no crash; a message that is taken keeps the promises of wire.h.
 *
 * Built as fuzz/fetch: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include <string.h>

#include "fetch/discovery.h"
#include "fetch/record.h"
#include "fetch/url.h"
#include "fetch/wire.h"
#include "fuzz/promise.h"

static void try_url(const char *text)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    JP_AUTO(jp_url) again = JP_URL_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_url_parse(text, &url, &err) < 0) {
        require(err.code != JP_OK, "a refusal has its reason");
        return;
    }
    require(url.port != 0 && *url.host && strlen(url.text) <= JP_URL_MAX, "a URL has a place");
    require(!strpbrk(url.host, "@/\\ \t\r\n%?#"), "a host is a host");
    require(jp_url_parse(url.text, &again, &err) == 0 && jp_url_is_same_origin(&url, &again),
            "and is the same when it is read again");
}

static void try_metas(const struct jp_strv *metas)
{
    JP_AUTO(jp_image_name) image = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_discovery) found = JP_DISCOVERY_INIT;
    require(jp_image_name_parse("example.com/app:1,os=linux,arch=amd64", &image, NULL) == 0,
            "a name");
    if (jp_discovery_read(&image, metas, &found, NULL) < 0)
        return;
    require(found.images.count == found.signatures.count, "each image has its signature");
    for (size_t i = 0; i < found.images.count; i++)
        try_url(found.images.items[i]);
    for (size_t i = 0; i < found.keys.count; i++)
        try_url(found.keys.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    JP_AUTO(jp_wire_event) event = JP_WIRE_EVENT_INIT;
    if (!jp_wire_read_event(bytes, len, &event))
        return 0;
    require(event.kind >= JP_WIRE_HEAD && event.kind <= JP_WIRE_END, "a kind that there is");
    require((event.code == JP_OK) == (event.text == NULL), "a failure has its text");
    require(event.metas.count % 2 == 0, "names have contents");
    if (event.redirect)
        try_url(event.redirect);
    for (size_t i = 0; i < event.headers.count; i++) {
        int64_t fresh = jp_record_freshness(event.headers.items[i]);
        require(fresh >= 0 && fresh <= 86400, "nothing is fresh for more than a day");
        try_url(event.headers.items[i]);
    }
    try_metas(&event.metas);
    return 0;
}
