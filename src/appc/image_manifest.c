/* The image manifest as tables, and the values of annotations that aci.md, or we, give a form. */
#include "appc/image_manifest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "appc/id.h"
#include "appc/json.h"
#include "appc/name.h"
#include "appc/removed.h"
#include "appc/timestamp.h"
#include "appc/version.h"

/* ---- labels and annotations ------------------------------------------------------------------ */

static const struct jp_json_field pair_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_pair, name),
     .check = jp_ac_identifier_check},
    {.name = "value",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_pair, value)},
};

const struct jp_json_type jp_label_type = {
    .size = sizeof(struct jp_pair),
    .fields = pair_fields,
    .n_fields = JP_LEN(pair_fields),
    .extra = offsetof(struct jp_pair, extra),
};

const struct jp_json_type jp_annotation_type = {
    .size = sizeof(struct jp_pair),
    .fields = pair_fields,
    .n_fields = JP_LEN(pair_fields),
    .extra = offsetof(struct jp_pair, extra),
};

/* aci.md: "must be a URL with scheme HTTP or HTTPS". Characters as in RFC 3986, a host is needed.
 */
static bool is_web_url(const char *text)
{
    const char *rest;
    if (strncasecmp(text, "http://", 7) == 0)
        rest = text + 7;
    else if (strncasecmp(text, "https://", 8) == 0)
        rest = text + 8;
    else
        return false;
    if (!*rest || strchr("/?#", *rest))
        return false;
    for (const unsigned char *c = (const unsigned char *)rest; *c; c++) {
        if (*c <= 0x20 || *c == 0x7f || strchr("\"<>\\^`{|}", *c))
            return false;
        if (*c == '%' && (!isxdigit(c[1]) || !isxdigit(c[2])))
            return false;
    }
    return true;
}

static int check_annotation(const struct jp_pair *pair, struct jp_error *err)
{
    int64_t ignored;
    if (strcmp(pair->name, "created") == 0)
        return jp_timestamp_parse(pair->value, &ignored, err);
    if (strcmp(pair->name, JP_REMOVED_ANNOTATION) == 0)
        return jp_removed_check(pair->value, err);
    bool is_url = strcmp(pair->name, "homepage") == 0 || strcmp(pair->name, "documentation") == 0;
    if (is_url && !is_web_url(pair->value))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a URL with scheme http or https",
                       jp_show(pair->value).text);
    return 0;
}

static int check_annotations(const void *object, struct jp_error *err)
{
    const struct jp_pairs *list = object;
    for (size_t i = 0; i < list->count; i++) {
        if (check_annotation(&list->items[i], err) < 0)
            return jp_wrap(err, "[%zu].value", i);
    }
    return 0;
}

static int check_labels(const void *list, struct jp_error *err)
{
    return jp_labels_check(list, err);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct jp_json_field dependency_fields[] = {
    {.name = "imageName",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_dependency, image_name),
     .check = jp_ac_identifier_check},
    {.name = "imageID",
     .kind = JP_JSON_STRING,
     .offset = offsetof(struct jp_dependency, image_id),
     .check = jp_image_id_check},
    {.name = "labels",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_dependency, labels),
     .type = &jp_label_type,
     .check_list = check_labels},
    {.name = "size",
     .kind = JP_JSON_U64,
     .offset = offsetof(struct jp_dependency, size_bytes),
     .has = JP_JSON_HAS(struct jp_dependency, has_size),
     .max = INT64_MAX},
};

static const struct jp_json_type dependency_type = {
    .size = sizeof(struct jp_dependency),
    .fields = dependency_fields,
    .n_fields = JP_LEN(dependency_fields),
    .extra = offsetof(struct jp_dependency, extra),
};

static int check_absolute(const char *text, struct jp_error *err)
{
    if (*text == '/')
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not an absolute path", jp_show(text).text);
}

static const struct jp_json_field manifest_fields[] = {
    {.name = "acKind", .kind = JP_JSON_CONST, .is_required = true, .text = "ImageManifest"},
    {.name = "acVersion",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_image_manifest, ac_version),
     .text = JP_APPC_SPEC_VERSION,
     .check = jp_ac_version_check},
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_image_manifest, name),
     .check = jp_ac_identifier_check},
    {.name = "labels",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_image_manifest, labels),
     .type = &jp_label_type,
     .check_list = check_labels},
    {.name = "app",
     .kind = JP_JSON_OBJECT,
     .offset = offsetof(struct jp_image_manifest, app),
     .has = JP_JSON_HAS(struct jp_image_manifest, has_app),
     .type = &jp_app_type},
    {.name = "dependencies",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_image_manifest, dependencies),
     .type = &dependency_type},
    {.name = "pathWhitelist",
     .kind = JP_JSON_STRV,
     .offset = offsetof(struct jp_image_manifest, path_whitelist),
     .check = check_absolute},
    {.name = "annotations",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_image_manifest, annotations),
     .type = &jp_annotation_type,
     .is_unique = true,
     .check_list = check_annotations},
};

const struct jp_json_type jp_image_manifest_type = {
    .size = sizeof(struct jp_image_manifest),
    .fields = manifest_fields,
    .n_fields = JP_LEN(manifest_fields),
    .extra = offsetof(struct jp_image_manifest, extra),
};

/* ---- the exported functions ------------------------------------------------------------------ */

int jp_image_manifest_parse(const char *json, size_t len, struct jp_image_manifest *ret,
                            struct jp_error *err)
{
    return jp_json_parse_object(&jp_image_manifest_type, json, len, ret, err);
}

int jp_image_manifest_check(const struct jp_image_manifest *m, struct jp_error *err)
{
    return jp_json_check(&jp_image_manifest_type, m, err);
}

int jp_image_manifest_print(const struct jp_image_manifest *m, bool pretty, char **ret,
                            struct jp_error *err)
{
    return jp_json_print_object(&jp_image_manifest_type, m, pretty, ret, err);
}

const char *jp_image_manifest_label(const struct jp_image_manifest *m, const char *name)
{
    return jp_pairs_get(&m->labels, name);
}

const char *jp_image_manifest_annotation(const struct jp_image_manifest *m, const char *name)
{
    return jp_pairs_get(&m->annotations, name);
}

struct jp_dependency *jp_image_manifest_add_dependency(struct jp_image_manifest *m)
{
    return jp_json_list_add(&m->dependencies, sizeof(struct jp_dependency));
}

void jp_image_manifest_clear(struct jp_image_manifest *m)
{
    jp_json_clear(&jp_image_manifest_type, m);
}

int jp_dependency_match(const struct jp_dependency *dependency, const struct jp_image_manifest *m,
                        struct jp_error *err)
{
    if (strcmp(dependency->image_name, m->name) != 0)
        return jp_fail(err, JP_EINVALID, 0, "the image is called %s, not %s", m->name,
                       dependency->image_name);
    for (size_t i = 0; i < dependency->labels.count; i++) {
        const struct jp_pair *want = &dependency->labels.items[i];
        const char *have = jp_pairs_get(&m->labels, want->name);
        if (!have || strcmp(have, want->value) != 0)
            return jp_fail(err, JP_EINVALID, 0, "label %s of %s is '%s', not '%s'", want->name,
                           m->name, jp_show(have).text, jp_show(want->value).text);
    }
    return 0;
}
