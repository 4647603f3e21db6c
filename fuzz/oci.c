/*
 * Documents of OCI and Docker images come from strangers. Whatever the bytes are, taken for any of
 * them: no crash, no leak, an error with text; and a configuration that is taken becomes a manifest
 * of ours that can be read, or is refused.
 *
 * Built as fuzz/oci: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include <string.h>

#include "base/mem.h"
#include "fuzz/promise.h"
#include "oci/convert.h"
#include "oci/document.h"

/* Taken or refused; a refusal says why. */
static int is_taken(int r, const struct jp_error *err)
{
    require(r == 0 || (err->code != JP_OK && *jp_error_text(err)), "a refusal has its text");
    return r == 0;
}

static void convert(const struct jp_oci_config *config)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_image_manifest) again = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    const struct jp_oci_conversion conversion = {
        .config = config, .identity = {.name = "example.com/x", .version = "1"}};
    if (!is_taken(jp_oci_convert(&conversion, &m, &err), &err) ||
        !is_taken(jp_image_manifest_check(&m, &err), &err))
        return;
    require(jp_image_manifest_print(&m, false, &text, &err) == 0, "what was made can be printed");
    require(strlen(text) > JP_MANIFEST_MAX ||
                jp_image_manifest_parse(text, strlen(text), &again, &err) == 0,
            "and read");
}

static void take_config(const char *text, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_oci_config config;
    if (!is_taken(jp_oci_config_parse(text, len, &config, &err), &err))
        return;
    convert(&config);
    jp_oci_config_clear(&config);
}

static void take_legacy(const char *text, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_oci_legacy legacy;
    if (!is_taken(jp_oci_legacy_parse(text, len, &legacy, &err), &err))
        return;
    require(legacy.id != NULL, "a layer has its id");
    convert(&legacy.config);
    jp_oci_legacy_clear(&legacy);
}

static void take_index(const char *text, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_oci_index index;
    if (!is_taken(jp_oci_index_parse(text, len, &index, &err), &err))
        return;
    struct jp_oci_manifest manifest;
    require(jp_oci_manifest_parse(text, len, &manifest, NULL) < 0,
            "an index is not a manifest as well");
    jp_oci_index_clear(&index);
}

static void take_manifest(const char *text, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_oci_manifest manifest;
    if (!is_taken(jp_oci_manifest_parse(text, len, &manifest, &err), &err))
        return;
    require(manifest.layers.count <= JP_OCI_LAYERS_MAX, "layers are limited");
    jp_oci_manifest_clear(&manifest);
}

static void take_saved(const char *text, size_t len)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_oci_saved_list list;
    if (is_taken(jp_oci_saved_parse(text, len, &list, &err), &err))
        jp_oci_saved_list_clear(&list);
    jp_error_clear(&err);
    if (!is_taken(jp_oci_repositories_parse(text, len, &list, &err), &err))
        return;
    for (size_t i = 0; i < list.count; i++)
        require(strlen(list.items[i].config) == 64, "an image has the id of a layer");
    jp_oci_saved_list_clear(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    take_index(text, len);
    take_manifest(text, len);
    take_config(text, len);
    take_saved(text, len);
    take_legacy(text, len);
    return 0;
}
