#include "oci/document.h"

#include <jansson.h>
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "base/mem.h"
#include "oci/digest.h"

/* ---- media types ----------------------------------------------------------------------------- */

enum jp_oci_kind jp_oci_kind_of(const char *media_type)
{
    static const struct {
        const char *type;
        enum jp_oci_kind kind;
    } types[] = {
        {"application/vnd.oci.image.index.v1+json", JP_OCI_KIND_INDEX},
        {"application/vnd.docker.distribution.manifest.list.v2+json", JP_OCI_KIND_INDEX},
        {"application/vnd.oci.image.manifest.v1+json", JP_OCI_KIND_MANIFEST},
        {"application/vnd.docker.distribution.manifest.v2+json", JP_OCI_KIND_MANIFEST},
        {"application/vnd.oci.image.config.v1+json", JP_OCI_KIND_CONFIG},
        {"application/vnd.docker.container.image.v1+json", JP_OCI_KIND_CONFIG},
        {"application/vnd.oci.image.layer.v1.tar", JP_OCI_KIND_LAYER},
        {"application/vnd.oci.image.layer.v1.tar+gzip", JP_OCI_KIND_LAYER},
        {"application/vnd.oci.image.layer.v1.tar+zstd", JP_OCI_KIND_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar", JP_OCI_KIND_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", JP_OCI_KIND_LAYER},
        {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", JP_OCI_KIND_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar", JP_OCI_KIND_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", JP_OCI_KIND_LAYER},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar", JP_OCI_KIND_LAYER},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", JP_OCI_KIND_LAYER},
    };
    for (size_t i = 0; media_type && i < JP_LEN(types); i++) {
        if (strcmp(types[i].type, media_type) == 0)
            return types[i].kind;
    }
    return JP_OCI_KIND_UNKNOWN;
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define FIELD(owner, json, member, what)                                                           \
    .name = (json), .kind = (what), .offset = offsetof(struct owner, member)

static const struct jp_json_field platform_fields[] = {
    {FIELD(jp_oci_platform, "os", os, JP_JSON_STRING), .is_required = true},
    {FIELD(jp_oci_platform, "architecture", arch, JP_JSON_STRING), .is_required = true},
    {FIELD(jp_oci_platform, "variant", variant, JP_JSON_STRING)},
};
static const struct jp_json_type platform_type = {
    .size = sizeof(struct jp_oci_platform),
    .fields = platform_fields,
    .n_fields = JP_LEN(platform_fields),
    .extra = offsetof(struct jp_oci_platform, extra),
};

static const struct jp_json_field descriptor_fields[] = {
    {FIELD(jp_oci_descriptor, "mediaType", media_type, JP_JSON_STRING)},
    {FIELD(jp_oci_descriptor, "digest", digest, JP_JSON_STRING), .is_required = true,
     .check = jp_oci_digest_check},
    {FIELD(jp_oci_descriptor, "size", size, JP_JSON_U64), .is_required = true, .max = INT64_MAX},
    {FIELD(jp_oci_descriptor, "platform", platform, JP_JSON_OBJECT), .type = &platform_type,
     .has = JP_JSON_HAS(struct jp_oci_descriptor, has_platform)},
    {FIELD(jp_oci_descriptor, "annotations", annotations, JP_JSON_MAP)},
    {FIELD(jp_oci_descriptor, "urls", urls, JP_JSON_STRV)},
};
static const struct jp_json_type descriptor_type = {
    .size = sizeof(struct jp_oci_descriptor),
    .fields = descriptor_fields,
    .n_fields = JP_LEN(descriptor_fields),
    .extra = offsetof(struct jp_oci_descriptor, extra),
};

static const struct jp_json_field index_fields[] = {
    {FIELD(jp_oci_index, "schemaVersion", schema_version, JP_JSON_U64), .is_required = true,
     .min = 2, .max = 2},
    {FIELD(jp_oci_index, "mediaType", media_type, JP_JSON_STRING)},
    {FIELD(jp_oci_index, "manifests", manifests, JP_JSON_LIST), .is_required = true,
     .type = &descriptor_type},
};
static const struct jp_json_type index_type = {
    .size = sizeof(struct jp_oci_index),
    .fields = index_fields,
    .n_fields = JP_LEN(index_fields),
    .extra = offsetof(struct jp_oci_index, extra),
};

static const struct jp_json_field manifest_fields[] = {
    {FIELD(jp_oci_manifest, "schemaVersion", schema_version, JP_JSON_U64), .is_required = true,
     .min = 2, .max = 2},
    {FIELD(jp_oci_manifest, "mediaType", media_type, JP_JSON_STRING)},
    {FIELD(jp_oci_manifest, "config", config, JP_JSON_OBJECT), .is_required = true,
     .type = &descriptor_type},
    {FIELD(jp_oci_manifest, "layers", layers, JP_JSON_LIST), .is_required = true,
     .type = &descriptor_type},
    {FIELD(jp_oci_manifest, "annotations", annotations, JP_JSON_MAP)},
};
static const struct jp_json_type manifest_type = {
    .size = sizeof(struct jp_oci_manifest),
    .fields = manifest_fields,
    .n_fields = JP_LEN(manifest_fields),
    .extra = offsetof(struct jp_oci_manifest, extra),
};

static const struct jp_json_field execution_fields[] = {
    {FIELD(jp_oci_execution, "User", user, JP_JSON_STRING)},
    {FIELD(jp_oci_execution, "Env", environment, JP_JSON_STRV)},
    {FIELD(jp_oci_execution, "Entrypoint", entrypoint, JP_JSON_STRV)},
    {FIELD(jp_oci_execution, "Cmd", command, JP_JSON_STRV)},
    {FIELD(jp_oci_execution, "cmd", freebsd_command, JP_JSON_STRV)},
    {FIELD(jp_oci_execution, "WorkingDir", working_directory, JP_JSON_STRING)},
    {FIELD(jp_oci_execution, "StopSignal", stop_signal, JP_JSON_STRING)},
    {FIELD(jp_oci_execution, "ExposedPorts", ports, JP_JSON_ANY)},
    {FIELD(jp_oci_execution, "Volumes", volumes, JP_JSON_ANY)},
    {FIELD(jp_oci_execution, "Labels", labels, JP_JSON_MAP)},
};
static const struct jp_json_type execution_type = {
    .size = sizeof(struct jp_oci_execution),
    .fields = execution_fields,
    .n_fields = JP_LEN(execution_fields),
    .extra = offsetof(struct jp_oci_execution, extra),
};

static const struct jp_json_field rootfs_fields[] = {
    {.name = "type", .kind = JP_JSON_CONST, .text = "layers", .is_required = true},
    {FIELD(jp_oci_rootfs, "diff_ids", diff_ids, JP_JSON_STRV), .check = jp_oci_digest_check},
};
static const struct jp_json_type rootfs_type = {
    .size = sizeof(struct jp_oci_rootfs),
    .fields = rootfs_fields,
    .n_fields = JP_LEN(rootfs_fields),
    .extra = offsetof(struct jp_oci_rootfs, extra),
};

static const struct jp_json_field config_fields[] = {
    {FIELD(jp_oci_config, "os", platform.os, JP_JSON_STRING), .is_required = true},
    {FIELD(jp_oci_config, "architecture", platform.arch, JP_JSON_STRING), .is_required = true},
    {FIELD(jp_oci_config, "variant", platform.variant, JP_JSON_STRING)},
    {FIELD(jp_oci_config, "created", created, JP_JSON_STRING)},
    {FIELD(jp_oci_config, "author", author, JP_JSON_STRING)},
    {FIELD(jp_oci_config, "comment", comment, JP_JSON_STRING)},
    {FIELD(jp_oci_config, "config", execution, JP_JSON_OBJECT), .type = &execution_type},
    {FIELD(jp_oci_config, "rootfs", rootfs, JP_JSON_OBJECT), .is_required = true,
     .type = &rootfs_type},
};
static const struct jp_json_type config_type = {
    .size = sizeof(struct jp_oci_config),
    .fields = config_fields,
    .n_fields = JP_LEN(config_fields),
    .extra = offsetof(struct jp_oci_config, extra),
};

static const struct jp_json_field saved_fields[] = {
    {FIELD(jp_oci_saved, "Config", config, JP_JSON_STRING), .is_required = true},
    {FIELD(jp_oci_saved, "RepoTags", names, JP_JSON_STRV)},
    {FIELD(jp_oci_saved, "Layers", layers, JP_JSON_STRV), .is_required = true},
};
static const struct jp_json_type saved_type = {
    .size = sizeof(struct jp_oci_saved),
    .fields = saved_fields,
    .n_fields = JP_LEN(saved_fields),
    .extra = offsetof(struct jp_oci_saved, extra),
};

static int check_legacy_id(const char *text, struct jp_error *err)
{
    if (strspn(text, "0123456789abcdef") == 64 && !text[64])
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not the id of a layer", jp_show(text).text);
}

static const struct jp_json_field legacy_fields[] = {
    {FIELD(jp_oci_legacy, "id", id, JP_JSON_STRING), .is_required = true, .check = check_legacy_id},
    {FIELD(jp_oci_legacy, "parent", parent, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "os", config.platform.os, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "architecture", config.platform.arch, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "variant", config.platform.variant, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "created", config.created, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "author", config.author, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "comment", config.comment, JP_JSON_STRING)},
    {FIELD(jp_oci_legacy, "config", config.execution, JP_JSON_OBJECT), .type = &execution_type},
};
static const struct jp_json_type legacy_type = {
    .size = sizeof(struct jp_oci_legacy),
    .fields = legacy_fields,
    .n_fields = JP_LEN(legacy_fields),
    .extra = offsetof(struct jp_oci_legacy, extra),
};

/* ---- one document ---------------------------------------------------------------------------- */

/* Fields of the other kind, or a media type of its own that says so: two readers could differ. */
static int check_kind(json_t *root, const char *const *foreign, enum jp_oci_kind kind,
                      struct jp_error *err)
{
    const char *type = json_string_value(json_object_get(root, "mediaType"));
    json_int_t schema = json_integer_value(json_object_get(root, "schemaVersion"));
    if (schema == 1)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "it is of Docker's first schema, which nothing protects: make it anew");
    for (; *foreign; foreign++) {
        if (json_object_get(root, *foreign))
            return jp_fail(err, JP_EINVALID, 0,
                           "it has '%s', so it could be taken for another kind", *foreign);
    }
    if (type && jp_oci_kind_of(type) != kind)
        return jp_fail(err, JP_EINVALID, 0, "its media type is '%s'", jp_show(type).text);
    return 0;
}

static int parse(const struct jp_json_type *type, const char *const *foreign, enum jp_oci_kind kind,
                 const char *text, size_t len, void *object, struct jp_error *err)
{
    json_t *root = NULL;
    memset(object, 0, type->size);
    if (jp_json_load(text, len, JP_OCI_DOCUMENT_MAX, &root, err) < 0)
        return -1;
    int r = check_kind(root, foreign, kind, err);
    if (r == 0)
        r = jp_json_read(type, root, false, object, err);
    if (r == 0)
        r = jp_json_check(type, object, err);
    json_decref(root);
    if (r < 0)
        jp_json_clear(type, object);
    return r;
}

int jp_oci_index_parse(const char *text, size_t len, struct jp_oci_index *ret, struct jp_error *err)
{
    static const char *const foreign[] = {"config", "layers", "fsLayers", NULL};
    return parse(&index_type, foreign, JP_OCI_KIND_INDEX, text, len, ret, err);
}

int jp_oci_manifest_parse(const char *text, size_t len, struct jp_oci_manifest *ret,
                          struct jp_error *err)
{
    static const char *const foreign[] = {"manifests", "fsLayers", NULL};
    if (parse(&manifest_type, foreign, JP_OCI_KIND_MANIFEST, text, len, ret, err) < 0)
        return -1;
    if (ret->layers.count <= JP_OCI_LAYERS_MAX)
        return 0;
    jp_oci_manifest_clear(ret);
    return jp_fail(err, JP_ELIMIT, 0, "more than %u layers", JP_OCI_LAYERS_MAX);
}

int jp_oci_config_parse(const char *text, size_t len, struct jp_oci_config *ret,
                        struct jp_error *err)
{
    static const char *const foreign[] = {"manifests", "layers", NULL};
    if (parse(&config_type, foreign, JP_OCI_KIND_CONFIG, text, len, ret, err) < 0)
        return -1;
    struct jp_oci_execution *x = &ret->execution;
    if (x->command.count == 0) {
        struct jp_strv none = x->command;
        x->command = x->freebsd_command;
        x->freebsd_command = none;
    }
    return 0;
}

int jp_oci_saved_parse(const char *text, size_t len, struct jp_oci_saved_list *ret,
                       struct jp_error *err)
{
    json_t *root = NULL;
    *ret = (struct jp_oci_saved_list){NULL, 0, 0};
    if (jp_json_load_value(text, len, JP_OCI_DOCUMENT_MAX, &root, err) < 0)
        return -1;
    int r = json_is_array(root) ? 0 : jp_fail(err, JP_EINVALID, 0, "it is not a list");
    if (r == 0 && json_array_size(root) > JP_JSON_LIST_MAX)
        r = jp_fail(err, JP_ELIMIT, 0, "more than %d images", JP_JSON_LIST_MAX);
    for (size_t i = 0; r == 0 && i < json_array_size(root); i++) {
        struct jp_oci_saved *saved = jp_json_list_add(ret, sizeof(*saved));
        r = saved ? jp_json_read(&saved_type, json_array_get(root, i), false, saved, err)
                  : jp_oom(err);
    }
    json_decref(root);
    if (r < 0)
        jp_oci_saved_list_clear(ret);
    return r;
}

/* ---- what Docker saved before it had manifest.json ------------------------------------------- */

static struct jp_oci_saved *find_id(struct jp_oci_saved_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].config, id) == 0)
            return &list->items[i];
    }
    return NULL;
}

static int add_name(struct jp_oci_saved_list *list, const char *name, const char *tag,
                    const json_t *value, struct jp_error *err)
{
    const char *id = json_string_value(value);
    if (!id || check_legacy_id(id, NULL) < 0)
        return jp_fail(err, JP_EINVALID, 0, "'%s:%s' has no id of a layer", jp_show(name).text,
                       jp_show(tag).text);
    struct jp_oci_saved *saved = find_id(list, id);
    if (!saved && list->count >= JP_JSON_LIST_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d images", JP_JSON_LIST_MAX);
    if (!saved) {
        saved = jp_json_list_add(list, sizeof(*saved));
        if (!saved || !(saved->config = jp_strdup(id)))
            return jp_oom(err);
    }
    return jp_strv_add_owned(&saved->names, jp_format("%s:%s", name, tag)) < 0 ? jp_oom(err) : 0;
}

static int read_repositories(json_t *root, struct jp_oci_saved_list *list, struct jp_error *err)
{
    const char *name;
    const char *tag;
    json_t *tags;
    json_t *id;
    json_object_foreach(root, name, tags)
    {
        if (!json_is_object(tags))
            return jp_fail(err, JP_EINVALID, 0, "'%s' has no list of tags", jp_show(name).text);
        json_object_foreach(tags, tag, id)
        {
            if (add_name(list, name, tag, id, err) < 0)
                return -1;
        }
    }
    return 0;
}

int jp_oci_repositories_parse(const char *text, size_t len, struct jp_oci_saved_list *ret,
                              struct jp_error *err)
{
    json_t *root = NULL;
    *ret = (struct jp_oci_saved_list){NULL, 0, 0};
    if (jp_json_load(text, len, JP_OCI_DOCUMENT_MAX, &root, err) < 0)
        return -1;
    int r = read_repositories(root, ret, err);
    json_decref(root);
    if (r < 0)
        jp_oci_saved_list_clear(ret);
    return r;
}

static int set_default(char **text, const char *value)
{
    if (!*text)
        *text = jp_strdup(value);
    return *text ? 0 : -1;
}

int jp_oci_legacy_parse(const char *text, size_t len, struct jp_oci_legacy *ret,
                        struct jp_error *err)
{
    static const char *const foreign[] = {"manifests", "layers", "rootfs", NULL};
    if (parse(&legacy_type, foreign, JP_OCI_KIND_UNKNOWN, text, len, ret, err) < 0)
        return -1;
    if (set_default(&ret->config.platform.os, "linux") == 0 &&
        set_default(&ret->config.platform.arch, "amd64") == 0)
        return 0;
    jp_oci_legacy_clear(ret);
    return jp_oom(err);
}

void jp_oci_legacy_clear(struct jp_oci_legacy *legacy)
{
    jp_json_clear(&legacy_type, legacy);
}

void jp_oci_descriptor_clear(struct jp_oci_descriptor *descriptor)
{
    jp_json_clear(&descriptor_type, descriptor);
}

void jp_oci_index_clear(struct jp_oci_index *index)
{
    jp_json_clear(&index_type, index);
}

void jp_oci_manifest_clear(struct jp_oci_manifest *manifest)
{
    jp_json_clear(&manifest_type, manifest);
}

void jp_oci_config_clear(struct jp_oci_config *config)
{
    jp_json_clear(&config_type, config);
}

void jp_oci_saved_list_clear(struct jp_oci_saved_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        jp_json_clear(&saved_type, &list->items[i]);
    free(list->items);
    *list = (struct jp_oci_saved_list){NULL, 0, 0};
}
