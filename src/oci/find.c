/* From an index to one image: which one is meant, and its documents. */
#include <stdlib.h>
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "base/buf.h"
#include "base/mem.h"
#include "oci/legacy.h"
#include "oci/oci.h"
#include "oci/reference.h"

#define DEPTH_MAX 4 /* indexes inside indexes: two are in use */
#define NAMED_MAX 8 /* in errors */

void jp_oci_image_clear(struct jp_oci_image *image)
{
    struct jp_oci_manifest layers = {.layers = image->layers};
    jp_oci_manifest_clear(&layers);
    jp_oci_config_clear(&image->config);
    jp_strv_clear(&image->layer_files);
    free(image->reference);
    *image = (struct jp_oci_image){.reference = NULL};
}

/* ---- which one ------------------------------------------------------------------------------- */

/* How well a machine's variant is served: 0 not at all, more is better. */
static unsigned rate_variant(const struct jp_oci_wish *wish, const char *variant)
{
    if (wish->variant && variant)
        return strcmp(wish->variant, variant) == 0 ? 4 : 0;
    if (!variant)
        return 3;
    if (wish->variant)
        return 0;
    /* Every 64-bit machine runs its first variant; what it runs of 32-bit ARM is not known. */
    if (strcmp(variant, "v8") == 0 || strcmp(variant, "v1") == 0)
        return 2;
    return strcmp(wish->arch, "arm") == 0 ? 1 : 0;
}

static unsigned rate(const struct jp_oci_wish *wish, const char *os,
                     const struct jp_oci_platform *platform)
{
    if (strcmp(platform->os, os) != 0 || strcmp(platform->arch, wish->arch) != 0)
        return 0;
    return rate_variant(wish, platform->variant && *platform->variant ? platform->variant : NULL);
}

static const struct jp_oci_descriptor *best_for(const struct jp_oci_index *index,
                                                const struct jp_oci_wish *wish, const char *os)
{
    const struct jp_oci_descriptor *best = NULL;
    unsigned best_rate = 0;
    for (size_t i = 0; i < index->manifests.count; i++) {
        const struct jp_oci_descriptor *d = &index->manifests.items[i];
        unsigned r = d->has_platform ? rate(wish, os, &d->platform) : 0;
        if (r > best_rate) {
            best = d;
            best_rate = r;
        }
    }
    return best;
}

static const char *reference_of(const struct jp_oci_descriptor *d)
{
    return jp_pairs_get(&d->annotations, JP_OCI_REF_NAME);
}

static bool is_called(const struct jp_oci_descriptor *d, const char *reference)
{
    const char *names[] = {reference_of(d), jp_pairs_get(&d->annotations, JP_OCI_IMAGE_NAME)};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        if (names[i] && strcmp(names[i], reference) == 0)
            return true;
    }
    return strcmp(d->digest, reference) == 0;
}

static void add_platform(struct jp_buf *text, const struct jp_oci_platform *platform)
{
    jp_buf_printf(text, "%s/%s%s%s", jp_show(platform->os).text, jp_show(platform->arch).text,
                  platform->variant ? "/" : "",
                  platform->variant ? jp_show(platform->variant).text : "");
}

/* "linux/amd64, linux/arm/v7", or the names, for an error. */
static char *list_of(const struct jp_oci_index *index, bool wants_names)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < index->manifests.count && i < NAMED_MAX; i++) {
        const struct jp_oci_descriptor *d = &index->manifests.items[i];
        const char *name = reference_of(d);
        jp_buf_puts(&text, i ? ", " : "");
        if (wants_names)
            jp_buf_puts(&text, jp_show(name ? name : d->digest).text);
        else if (!d->has_platform)
            jp_buf_puts(&text, "unknown");
        else
            add_platform(&text, &d->platform);
    }
    return jp_buf_steal(&text);
}

static int not_there(const struct jp_oci_wish *wish, const char *there, struct jp_error *err)
{
    return jp_fail(err, JP_ENOTFOUND, 0, "there is no image for %s/%s%s%s: it is for %s", wish->os,
                   wish->arch, wish->variant ? "/" : "", wish->variant ? wish->variant : "",
                   there ? there : "nothing");
}

/* An image that there was no choice about. */
static int check_only(const struct jp_oci_wish *wish, const struct jp_oci_platform *platform,
                      struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (!wish->is_strict || rate(wish, wish->os, platform) > 0)
        return 0;
    add_platform(&text, platform);
    return not_there(wish, jp_buf_text(&text), err);
}

static int choose_platform(const struct jp_oci_index *index, const struct jp_oci_wish *wish,
                           const struct jp_oci_descriptor **ret, struct jp_error *err)
{
    *ret = best_for(index, wish, wish->os);
    if (!*ret && wish->runs_linux)
        *ret = best_for(index, wish, "linux");
    if (!*ret && index->manifests.count == 1 && !index->manifests.items[0].has_platform)
        *ret = &index->manifests.items[0];
    if (*ret)
        return 0;
    JP_AUTO_FREE char *list = list_of(index, false);
    return not_there(wish, list, err);
}

/* Those of the top index that carry the name, moved to the front; their number. */
static size_t keep_called(struct jp_oci_index *index, const char *reference)
{
    size_t kept = 0;
    for (size_t i = 0; i < index->manifests.count; i++) {
        struct jp_oci_descriptor found = index->manifests.items[i];
        if (!is_called(&found, reference))
            continue;
        index->manifests.items[i] = index->manifests.items[kept];
        index->manifests.items[kept++] = found;
    }
    return kept;
}

/* The top of a layout lists names; several without a wish must differ in their platform only. */
static int choose_named(struct jp_oci_index *index, const struct jp_oci_wish *wish,
                        const struct jp_oci_descriptor **ret, struct jp_error *err)
{
    size_t all = index->manifests.count;
    if (wish->reference) {
        size_t kept = keep_called(index, wish->reference);
        if (kept == 0) {
            JP_AUTO_FREE char *list = list_of(index, true);
            return jp_fail(err, JP_ENOTFOUND, 0, "there is no '%s': there is %s",
                           jp_show(wish->reference).text, list && *list ? list : "nothing");
        }
        index->manifests.count = kept;
    }
    if (all == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no image in it");
    if (index->manifests.count == 1) {
        *ret = &index->manifests.items[0];
        index->manifests.count = all;
        return 0;
    }
    int r = choose_platform(index, wish, ret, NULL);
    if (r < 0) {
        JP_AUTO_FREE char *list = list_of(index, true);
        r = jp_fail(err, JP_EAMBIGUOUS, 0, "several images are there, say which: %s",
                    list ? list : "");
    }
    index->manifests.count = all;
    return r;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int read_config(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                       struct jp_oci_image *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (d->media_type && jp_oci_kind_of(d->media_type) != JP_OCI_KIND_CONFIG)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "not an image of programs but '%s'",
                       jp_show(d->media_type).text);
    if (jp_oci_source_document(source, d, &text, err) < 0 ||
        jp_oci_config_parse(jp_buf_text(&text), text.len, &ret->config, err) < 0)
        return jp_wrap(err, "the configuration");
    memcpy(ret->config_digest, d->digest, strlen(d->digest) + 1);
    return 0;
}

/* Foreign layers lie elsewhere on the network: what a document says there is never fetched. */
static int check_layers(const struct jp_oci_image *image, struct jp_error *err)
{
    size_t count = image->layers.count;
    if (count != image->config.rootfs.diff_ids.count)
        return jp_fail(err, JP_EINVALID, 0, "%zu layers, but the configuration speaks of %zu",
                       count, image->config.rootfs.diff_ids.count);
    for (size_t i = 0; i < count; i++) {
        const struct jp_oci_descriptor *d = &image->layers.items[i];
        if (d->media_type && jp_oci_kind_of(d->media_type) != JP_OCI_KIND_LAYER)
            return jp_fail(err, JP_EUNSUPPORTED, 0, "layer %zu is of the type '%s'", i + 1,
                           jp_show(d->media_type).text);
        if (d->size == 0)
            return jp_fail(err, JP_EINVALID, 0, "layer %zu is empty", i + 1);
    }
    return 0;
}

static int read_manifest(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                         struct jp_oci_image *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_oci_manifest manifest;
    if (jp_oci_source_document(source, d, &text, err) < 0 ||
        jp_oci_manifest_parse(jp_buf_text(&text), text.len, &manifest, err) < 0)
        return jp_wrap(err, "the manifest");
    memcpy(ret->manifest_digest, d->digest, strlen(d->digest) + 1);
    int r = read_config(source, &manifest.config, ret, err);
    if (r == 0) {
        ret->layers = manifest.layers;
        manifest.layers = (struct jp_oci_descriptors){NULL, 0, 0};
        r = check_layers(ret, err);
    }
    jp_oci_manifest_clear(&manifest);
    return r;
}

/* A descriptor may be a manifest or another index. */
static int follow(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                  const struct jp_oci_wish *wish, unsigned depth, struct jp_oci_image *ret,
                  struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_oci_index index;
    const struct jp_oci_descriptor *chosen = NULL;
    enum jp_oci_kind kind = jp_oci_kind_of(d->media_type);
    if (kind == JP_OCI_KIND_MANIFEST)
        return read_manifest(source, d, ret, err);
    if (kind != JP_OCI_KIND_INDEX)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "the media type '%s' is not an image",
                       d->media_type ? jp_show(d->media_type).text : "");
    if (depth >= DEPTH_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "indexes more than %d deep", DEPTH_MAX);
    if (jp_oci_source_document(source, d, &text, err) < 0 ||
        jp_oci_index_parse(jp_buf_text(&text), text.len, &index, err) < 0)
        return jp_wrap(err, "the index");
    int r = choose_platform(&index, wish, &chosen, err);
    if (r == 0)
        r = follow(source, chosen, wish, depth + 1, ret, err);
    jp_oci_index_clear(&index);
    return r;
}

static int check_layout_version(struct jp_oci_source *source, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    json_t *root = NULL;
    if (!jp_oci_source_has(source, "oci-layout"))
        return 0; /* some writers leave it out */
    if (jp_oci_source_read(source, "oci-layout", &text, err) < 0 ||
        jp_json_load(jp_buf_text(&text), text.len, JP_OCI_DOCUMENT_MAX, &root, err) < 0)
        return jp_wrap(err, "oci-layout");
    const char *version = json_string_value(json_object_get(root, "imageLayoutVersion"));
    bool is_known = version && strncmp(version, "1.", 2) == 0;
    json_decref(root);
    return is_known ? 0 : jp_fail(err, JP_EUNSUPPORTED, 0, "the layout's version is not 1");
}

static int keep_reference(const struct jp_oci_descriptor *d, struct jp_oci_image *ret,
                          struct jp_error *err)
{
    const char *name = jp_pairs_get(&d->annotations, JP_OCI_IMAGE_NAME);
    if (!name)
        name = reference_of(d);
    if (name && !(ret->reference = jp_strdup(name)))
        return jp_oom(err);
    return 0;
}

static int find_in_layout(struct jp_oci_source *source, const struct jp_oci_wish *wish,
                          struct jp_oci_image *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_oci_index index;
    const struct jp_oci_descriptor *chosen = NULL;
    if (check_layout_version(source, err) < 0 ||
        jp_oci_source_read(source, "index.json", &text, err) < 0)
        return -1;
    if (jp_oci_index_parse(jp_buf_text(&text), text.len, &index, err) < 0)
        return jp_wrap(err, "index.json");
    int r = choose_named(&index, wish, &chosen, err);
    if (r == 0)
        r = keep_reference(chosen, ret, err);
    if (r == 0)
        r = follow(source, chosen, wish, 1, ret, err);
    jp_oci_index_clear(&index);
    return r;
}

/* ---- docker save ----------------------------------------------------------------------------- */

static bool is_saved_as(const struct jp_oci_saved *saved, const char *reference)
{
    JP_AUTO_FREE char *latest = jp_format("%s:latest", reference);
    return jp_strv_contains(&saved->names, reference) ||
           (latest && !strchr(reference, ':') && jp_strv_contains(&saved->names, latest));
}

static char *list_saved(const struct jp_oci_saved_list *list)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    for (size_t i = 0; i < list->count && i < NAMED_MAX; i++) {
        const struct jp_strv *names = &list->items[i].names;
        jp_buf_printf(&text, "%s%s", i ? ", " : "",
                      names->count ? jp_show(names->items[0]).text : "one without a name");
    }
    return jp_buf_steal(&text);
}

static int choose_saved(struct jp_oci_saved_list *list, const struct jp_oci_wish *wish,
                        struct jp_oci_saved **ret, struct jp_error *err)
{
    size_t fitting = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (wish->reference && !is_saved_as(&list->items[i], wish->reference))
            continue;
        *ret = &list->items[i];
        fitting++;
    }
    if (fitting == 1)
        return 0;
    JP_AUTO_FREE char *names = list_saved(list);
    if (fitting > 1)
        return jp_fail(err, JP_EAMBIGUOUS, 0, "several images are there, say which: %s",
                       names ? names : "");
    return jp_fail(err, JP_ENOTFOUND, 0, "there is no '%s': there is %s",
                   wish->reference ? jp_show(wish->reference).text : "image",
                   names && *names ? names : "nothing");
}

/* The name of the image that is meant, for the image that is made of it. */
static int keep_name(const struct jp_oci_saved *saved, const struct jp_oci_wish *wish,
                     struct jp_oci_image *ret, struct jp_error *err)
{
    const char *name = wish->reference;
    if (!name && saved->names.count > 0)
        name = saved->names.items[0];
    if (!name)
        return 0;
    ret->reference = jp_strdup(name);
    return ret->reference ? 0 : jp_oom(err);
}

/* "HEX.json" and "blobs/sha256/HEX" say what the file must be; other names say nothing. */
static int check_name(const char *name, const char *digest, struct jp_error *err)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    size_t len = strspn(base, "0123456789abcdef");
    if (len != 64 || (base[len] && strcmp(base + len, ".json") != 0))
        return 0;
    if (strncmp(digest + 7, base, 64) == 0)
        return 0;
    return jp_fail(err, JP_ECORRUPT, 0, "its digest is %s", digest);
}

static int read_saved(struct jp_oci_source *source, struct jp_oci_saved *saved,
                      const struct jp_oci_wish *wish, struct jp_oci_image *ret,
                      struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_oci_source_read(source, saved->config, &text, err) < 0)
        return -1;
    if (jp_oci_digest_of(jp_buf_text(&text), text.len, ret->config_digest, err) < 0 ||
        check_name(saved->config, ret->config_digest, err) < 0 ||
        jp_oci_config_parse(jp_buf_text(&text), text.len, &ret->config, err) < 0)
        return jp_wrap(err, "'%s'", jp_show(saved->config).text);
    if (saved->layers.count != ret->config.rootfs.diff_ids.count)
        return jp_fail(err, JP_EINVALID, 0, "%zu layers, but the configuration speaks of %zu",
                       saved->layers.count, ret->config.rootfs.diff_ids.count);
    if (saved->layers.count > JP_OCI_LAYERS_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %u layers", JP_OCI_LAYERS_MAX);
    if (keep_name(saved, wish, ret, err) < 0)
        return -1;
    ret->layer_files = saved->layers;
    saved->layers = (struct jp_strv)JP_STRV_INIT;
    return 0;
}

static int find_saved(struct jp_oci_source *source, const struct jp_oci_wish *wish,
                      struct jp_oci_image *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_oci_saved_list list;
    struct jp_oci_saved *chosen = NULL;
    if (jp_oci_source_read(source, "manifest.json", &text, err) < 0)
        return -1;
    if (jp_oci_saved_parse(jp_buf_text(&text), text.len, &list, err) < 0)
        return jp_wrap(err, "manifest.json");
    int r = choose_saved(&list, wish, &chosen, err);
    if (r == 0)
        r = read_saved(source, chosen, wish, ret, err);
    jp_oci_saved_list_clear(&list);
    return r;
}

/* Before manifest.json. */
static int find_legacy(struct jp_oci_source *source, const struct jp_oci_wish *wish,
                       struct jp_oci_image *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    struct jp_oci_saved_list list;
    struct jp_oci_saved *chosen = NULL;
    if (jp_oci_source_read(source, "repositories", &text, err) < 0)
        return -1;
    if (jp_oci_repositories_parse(jp_buf_text(&text), text.len, &list, err) < 0)
        return jp_wrap(err, "repositories");
    int r = choose_saved(&list, wish, &chosen, err);
    if (r == 0)
        r = keep_name(chosen, wish, ret, err);
    if (r == 0)
        r = jp_oci_legacy_read(source, chosen->config, ret, err);
    jp_oci_saved_list_clear(&list);
    return r;
}

int jp_oci_find(struct jp_oci_source *source, const struct jp_oci_wish *wish,
                struct jp_oci_image *ret, struct jp_error *err)
{
    *ret = (struct jp_oci_image){.reference = NULL};
    int r = jp_oci_source_has(source, "index.json")      ? find_in_layout(source, wish, ret, err)
            : jp_oci_source_has(source, "manifest.json") ? find_saved(source, wish, ret, err)
                                                         : find_legacy(source, wish, ret, err);
    if (r == 0)
        r = check_only(wish, &ret->config.platform, err);
    if (r < 0)
        jp_oci_image_clear(ret);
    return r;
}

int jp_oci_find_from(struct jp_oci_source *source, const struct jp_oci_descriptor *descriptor,
                     const struct jp_oci_wish *wish, struct jp_oci_image *ret, struct jp_error *err)
{
    *ret = (struct jp_oci_image){.reference = NULL};
    int r = follow(source, descriptor, wish, 1, ret, err);
    if (r == 0)
        r = check_only(wish, &ret->config.platform, err);
    if (r < 0)
        jp_oci_image_clear(ret);
    return r;
}
