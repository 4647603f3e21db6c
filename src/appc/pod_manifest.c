/* The pod manifest as tables, and what must hold between its parts. */
#include "appc/pod_manifest.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "appc/id.h"
#include "appc/json.h"
#include "appc/name.h"
#include "appc/version.h"
#include "base/parse.h"

/* ---- volumes --------------------------------------------------------------------------------- */

static int read_kind(void *object, const json_t *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    const char *kind = json_string_value(value);
    volume->is_host = kind && strcmp(kind, "host") == 0;
    if (volume->is_host || (kind && strcmp(kind, "empty") == 0))
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "must be \"host\" or \"empty\"");
}

static json_t *print_kind(const void *object, bool *ret_absent)
{
    (void)ret_absent;
    return json_string(((const struct jp_volume *)object)->is_host ? "host" : "empty");
}

static int read_mode(void *object, const json_t *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    uint64_t mode;
    const char *text = json_string_value(value);
    if (!text || !jp_parse_u64(text, 8, 0, 07777, &mode))
        return jp_fail(err, JP_EINVALID, 0, "must be a string of octal digits, at most \"7777\"");
    volume->has_mode = true;
    volume->mode = (mode_t)mode;
    return 0;
}

static json_t *print_mode(const void *object, bool *ret_absent)
{
    const struct jp_volume *volume = object;
    char text[16];
    *ret_absent = !volume->has_mode;
    (void)snprintf(text, sizeof(text), "%04o", (unsigned)volume->mode & 07777);
    return *ret_absent ? NULL : json_string(text);
}

static int check_volume(const void *object, struct jp_error *err)
{
    const struct jp_volume *volume = object;
    bool has_source = volume->source && *volume->source;
    if (!volume->is_host && has_source)
        return jp_fail(err, JP_EINVALID, 0, "source: an empty volume has none");
    if (volume->is_host && !has_source)
        return jp_fail(err, JP_EINVALID, 0, "source: missing");
    if (volume->is_host && *volume->source != '/')
        return jp_fail(err, JP_EINVALID, 0, "source: '%s' is not an absolute path",
                       jp_show(volume->source).text);
    return 0;
}

static const struct jp_json_field volume_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_volume, name),
     .check = jp_ac_name_check},
    {.name = "kind",
     .kind = JP_JSON_CUSTOM,
     .is_required = true,
     .read = read_kind,
     .print = print_kind},
    {.name = "source", .kind = JP_JSON_STRING, .offset = offsetof(struct jp_volume, source)},
    {.name = "readOnly", .kind = JP_JSON_BOOL, .offset = offsetof(struct jp_volume, is_read_only)},
    {.name = "recursive",
     .kind = JP_JSON_BOOL,
     .offset = offsetof(struct jp_volume, is_recursive),
     .has = JP_JSON_HAS(struct jp_volume, has_recursive)},
    {.name = "mode", .kind = JP_JSON_CUSTOM, .read = read_mode, .print = print_mode},
    {.name = "uid",
     .kind = JP_JSON_U32,
     .offset = offsetof(struct jp_volume, uid),
     .has = JP_JSON_HAS(struct jp_volume, has_uid),
     .max = UINT32_MAX - 1}, /* (uid_t)-1 means "leave it" to chown(2) */
    {.name = "gid",
     .kind = JP_JSON_U32,
     .offset = offsetof(struct jp_volume, gid),
     .has = JP_JSON_HAS(struct jp_volume, has_gid),
     .max = UINT32_MAX - 1},
};

const struct jp_json_type jp_volume_type = {
    .size = sizeof(struct jp_volume),
    .fields = volume_fields,
    .n_fields = JP_LEN(volume_fields),
    .extra = offsetof(struct jp_volume, extra),
    .check = check_volume,
};

/* ---- mounts ---------------------------------------------------------------------------------- */

/* Any text: an absolute path in what runs, the name of a mount point in a template (`"data"`). */
static int check_mount_path(const char *text, struct jp_error *err)
{
    return *text ? 0 : jp_fail(err, JP_EINVALID, 0, "must not be empty");
}

static const struct jp_json_field mount_fields[] = {
    {.name = "volume",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_mount, volume),
     .check = jp_ac_name_check},
    {.name = "path",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_mount, path),
     .check = check_mount_path},
    {.name = "appVolume",
     .kind = JP_JSON_OBJECT,
     .offset = offsetof(struct jp_mount, app_volume),
     .has = JP_JSON_HAS(struct jp_mount, has_app_volume),
     .type = &jp_volume_type},
};

const struct jp_json_type jp_mount_type = {
    .size = sizeof(struct jp_mount),
    .fields = mount_fields,
    .n_fields = JP_LEN(mount_fields),
    .extra = offsetof(struct jp_mount, extra),
};

/* ---- apps ------------------------------------------------------------------------------------ */

static int check_labels(const void *list, struct jp_error *err)
{
    return jp_labels_check(list, err);
}

static const struct jp_json_field image_fields[] = {
    {.name = "id",
     .kind = JP_JSON_STRING,
     .offset = offsetof(struct jp_runtime_image, id),
     .check = jp_image_id_check},
    {.name = "name",
     .kind = JP_JSON_STRING,
     .offset = offsetof(struct jp_runtime_image, name),
     .check = jp_ac_identifier_check},
    {.name = "labels",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_runtime_image, labels),
     .type = &jp_label_type,
     .check_list = check_labels},
};

/* A template may leave the id to be found by name; one of the two there must be. */
static int check_image(const void *object, struct jp_error *err)
{
    const struct jp_runtime_image *image = object;
    if (image->id || image->name)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "id: missing, and there is no name to find the image by");
}

static const struct jp_json_type image_type = {
    .size = sizeof(struct jp_runtime_image),
    .fields = image_fields,
    .n_fields = JP_LEN(image_fields),
    .extra = offsetof(struct jp_runtime_image, extra),
    .check = check_image,
};

static const struct jp_json_field app_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_runtime_app, name),
     .check = jp_ac_name_check},
    {.name = "image",
     .kind = JP_JSON_OBJECT,
     .is_required = true,
     .offset = offsetof(struct jp_runtime_app, image),
     .type = &image_type},
    {.name = "app",
     .kind = JP_JSON_OBJECT,
     .offset = offsetof(struct jp_runtime_app, app),
     .has = JP_JSON_HAS(struct jp_runtime_app, has_app),
     .type = &jp_app_type},
    {.name = "readOnlyRootFS",
     .kind = JP_JSON_BOOL,
     .offset = offsetof(struct jp_runtime_app, is_read_only_root)},
    {.name = "mounts",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_runtime_app, mounts),
     .type = &jp_mount_type},
    {.name = "annotations",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_runtime_app, annotations),
     .type = &jp_annotation_type,
     .is_unique = true},
};

const struct jp_json_type jp_runtime_app_type = {
    .size = sizeof(struct jp_runtime_app),
    .fields = app_fields,
    .n_fields = JP_LEN(app_fields),
    .extra = offsetof(struct jp_runtime_app, extra),
};

/* ---- ports ----------------------------------------------------------------------------------- */

static int check_dotted_quad(const char *text, struct jp_error *err)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) == 1)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not an IPv4 address in dotted-quad notation",
                   jp_show(text).text);
}

static const struct jp_json_field exposed_port_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_exposed_port, name),
     .check = jp_ac_name_check},
    {.name = "hostPort",
     .kind = JP_JSON_U32,
     .is_required = true,
     .offset = offsetof(struct jp_exposed_port, host_port),
     .min = 1,
     .max = 65535},
    {.name = "hostIP",
     .kind = JP_JSON_STRING,
     .offset = offsetof(struct jp_exposed_port, host_ip),
     .check = check_dotted_quad},
    {.name = "podPort",
     .kind = JP_JSON_OBJECT,
     .offset = offsetof(struct jp_exposed_port, pod_port),
     .has = JP_JSON_HAS(struct jp_exposed_port, has_pod_port),
     .type = &jp_port_type},
};

const struct jp_json_type jp_exposed_port_type = {
    .size = sizeof(struct jp_exposed_port),
    .fields = exposed_port_fields,
    .n_fields = JP_LEN(exposed_port_fields),
    .extra = offsetof(struct jp_exposed_port, extra),
};

/* ---- the manifest ---------------------------------------------------------------------------- */

static int check_isolators(const void *list, struct jp_error *err)
{
    return jp_isolators_check(list, err);
}

static const struct jp_json_field manifest_fields[] = {
    {.name = "acVersion",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_pod_manifest, ac_version),
     .text = JP_APPC_SPEC_VERSION,
     .check = jp_ac_version_check},
    {.name = "acKind", .kind = JP_JSON_CONST, .is_required = true, .text = "PodManifest"},
    {.name = "apps",
     .kind = JP_JSON_LIST,
     .is_required = true,
     .offset = offsetof(struct jp_pod_manifest, apps),
     .type = &jp_runtime_app_type,
     .is_unique = true},
    {.name = "volumes",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_pod_manifest, volumes),
     .type = &jp_volume_type,
     .is_unique = true},
    {.name = "isolators",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_pod_manifest, isolators),
     .type = &jp_isolator_type,
     .check_list = check_isolators},
    {.name = "annotations",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_pod_manifest, annotations),
     .type = &jp_annotation_type,
     .is_unique = true},
    {.name = "ports",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_pod_manifest, ports),
     .type = &jp_exposed_port_type},
    {.name = "userAnnotations",
     .kind = JP_JSON_MAP,
     .offset = offsetof(struct jp_pod_manifest, user_annotations)},
    {.name = "userLabels",
     .kind = JP_JSON_MAP,
     .offset = offsetof(struct jp_pod_manifest, user_labels)},
};

const struct jp_json_type jp_pod_manifest_type = {
    .size = sizeof(struct jp_pod_manifest),
    .fields = manifest_fields,
    .n_fields = JP_LEN(manifest_fields),
    .extra = offsetof(struct jp_pod_manifest, extra),
};

int jp_pod_manifest_parse(const char *json, size_t len, struct jp_pod_manifest *ret,
                          struct jp_error *err)
{
    return jp_json_parse_object(&jp_pod_manifest_type, json, len, ret, err);
}

int jp_pod_manifest_check(const struct jp_pod_manifest *m, struct jp_error *err)
{
    return jp_json_check(&jp_pod_manifest_type, m, err);
}

static int check_mounts_reified(const struct jp_pod_manifest *m, size_t index, struct jp_error *err)
{
    const struct jp_mounts *mounts = &m->apps.items[index].mounts;
    for (size_t i = 0; i < mounts->count; i++) {
        if (*mounts->items[i].path != '/')
            return jp_fail(err, JP_EINVALID, 0,
                           "apps[%zu].mounts[%zu].path: '%s' is not an absolute path", index, i,
                           jp_show(mounts->items[i].path).text);
        if (!jp_mount_volume(m, &mounts->items[i]))
            return jp_fail(err, JP_EINVALID, 0,
                           "apps[%zu].mounts[%zu].volume: there is no volume '%s'", index, i,
                           jp_show(mounts->items[i].volume).text);
    }
    return 0;
}

int jp_pod_manifest_check_reified(const struct jp_pod_manifest *m, struct jp_error *err)
{
    if (jp_pod_manifest_check(m, err) < 0)
        return -1;
    if (m->apps.count == 0)
        return jp_fail(err, JP_EINVALID, 0, "apps: a pod needs at least one app");
    for (size_t i = 0; i < m->apps.count; i++) {
        if (!m->apps.items[i].image.id)
            return jp_fail(err, JP_EINVALID, 0, "apps[%zu].image.id: missing", i);
        if (check_mounts_reified(m, i, err) < 0)
            return -1;
    }
    return 0;
}

int jp_pod_manifest_print(const struct jp_pod_manifest *m, bool pretty, char **ret,
                          struct jp_error *err)
{
    return jp_json_print_object(&jp_pod_manifest_type, m, pretty, ret, err);
}

/* ---- lookup and editing ---------------------------------------------------------------------- */

struct jp_runtime_app *jp_pod_manifest_find_app(const struct jp_pod_manifest *m, const char *name)
{
    return jp_json_list_find(&m->apps, sizeof(struct jp_runtime_app), name);
}

struct jp_volume *jp_pod_manifest_find_volume(const struct jp_pod_manifest *m, const char *name)
{
    return jp_json_list_find(&m->volumes, sizeof(struct jp_volume), name);
}

struct jp_exposed_port *jp_pod_manifest_find_port(const struct jp_pod_manifest *m, const char *name)
{
    return jp_json_list_find(&m->ports, sizeof(struct jp_exposed_port), name);
}

const char *jp_pod_manifest_annotation(const struct jp_pod_manifest *m, const char *name)
{
    return jp_pairs_get(&m->annotations, name);
}

struct jp_runtime_app *jp_pod_manifest_add_app(struct jp_pod_manifest *m)
{
    return jp_json_list_add(&m->apps, sizeof(struct jp_runtime_app));
}

struct jp_volume *jp_pod_manifest_add_volume(struct jp_pod_manifest *m)
{
    return jp_json_list_add(&m->volumes, sizeof(struct jp_volume));
}

struct jp_exposed_port *jp_pod_manifest_add_port(struct jp_pod_manifest *m)
{
    return jp_json_list_add(&m->ports, sizeof(struct jp_exposed_port));
}

struct jp_mount *jp_runtime_app_add_mount(struct jp_runtime_app *app)
{
    return jp_json_list_add(&app->mounts, sizeof(struct jp_mount));
}

const struct jp_app *jp_runtime_app_effective(const struct jp_runtime_app *app,
                                              const struct jp_image_manifest *image)
{
    if (app->has_app)
        return &app->app;
    return image && image->has_app ? &image->app : NULL;
}

const struct jp_volume *jp_mount_volume(const struct jp_pod_manifest *m,
                                        const struct jp_mount *mount)
{
    return mount->has_app_volume ? &mount->app_volume
                                 : jp_pod_manifest_find_volume(m, mount->volume);
}

bool jp_volume_is_recursive(const struct jp_volume *volume)
{
    return !volume->has_recursive || volume->is_recursive;
}

mode_t jp_volume_mode(const struct jp_volume *volume)
{
    return volume->has_mode ? volume->mode : 0755;
}

int jp_volume_check(const struct jp_volume *volume, struct jp_error *err)
{
    return jp_json_check(&jp_volume_type, volume, err);
}

int jp_volume_copy(struct jp_volume *to, const struct jp_volume *from, struct jp_error *err)
{
    return jp_json_copy(&jp_volume_type, to, from, err);
}

void jp_volume_clear(struct jp_volume *volume)
{
    jp_json_clear(&jp_volume_type, volume);
}

void jp_mount_clear(struct jp_mount *mount)
{
    jp_json_clear(&jp_mount_type, mount);
}

void jp_exposed_port_clear(struct jp_exposed_port *port)
{
    jp_json_clear(&jp_exposed_port_type, port);
}

void jp_runtime_app_clear(struct jp_runtime_app *app)
{
    jp_json_clear(&jp_runtime_app_type, app);
}

void jp_pod_manifest_clear(struct jp_pod_manifest *m)
{
    jp_json_clear(&jp_pod_manifest_type, m);
}
