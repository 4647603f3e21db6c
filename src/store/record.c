/*
 * Records: how an object directory describes itself, so that a lost database can be made again.
 *
 * JSON (jansson), one object, with a format number. What is read back is checked as if a stranger
 * had written it: ids and names become path components and keys (row 39 of SECURITY.md).
 */
#include <jansson.h>
#include <string.h>

#include "appc/id.h"
#include "appc/imagename.h"
#include "appc/name.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/internal.h"
#include "sys/fd.h"

#define RECORD_FORMAT   1
#define POD_NAME_MAX    64
#define MAX_STRINGS     65536 /* in a list of a record: no pod has more layers */
#define MAX_LABELS      1024  /* labels, tags or dependencies of an image */
#define MAX_LABEL_BYTES 65536

bool jp_pod_name_valid(const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char others[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (!name || !name[0] || !strchr(first, name[0]))
        return false;
    size_t len = strspn(name, others);
    return name[len] == '\0' && len <= POD_NAME_MAX && !jp_uuid_valid(name);
}

static int check_labels(const struct jp_store_image *image, struct jp_error *err)
{
    if (image->n_labels > MAX_LABELS || image->tags.count > MAX_LABELS ||
        image->dependencies.count > MAX_LABELS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d labels, tags or dependencies", MAX_LABELS);
    for (size_t i = 0; i < image->n_labels; i++) {
        const struct jp_store_label *label = &image->labels[i];
        if (!jp_ac_identifier_valid(label->name) || !label->value ||
            strlen(label->value) > MAX_LABEL_BYTES)
            return jp_fail(err, JP_EINVALID, 0, "bad label '%s'", label->name ? label->name : "");
        if (jp_store_image_label(image, label->name) != label->value)
            return jp_fail(err, JP_EINVALID, 0, "label '%s' twice", label->name);
    }
    for (size_t i = 0; i < image->tags.count; i++) {
        if (!jp_ac_identifier_valid(image->tags.items[i]))
            return jp_fail(err, JP_EINVALID, 0, "bad tag '%s'", image->tags.items[i]);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(image->tags.items[j], image->tags.items[i]) == 0)
                return jp_fail(err, JP_EINVALID, 0, "tag '%s' twice", image->tags.items[i]);
        }
    }
    for (size_t i = 0; i < image->dependencies.count; i++) {
        JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
        if (!jp_image_id_valid(image->dependencies.items[i]) &&
            jp_image_name_parse(image->dependencies.items[i], &name, err) < 0)
            return jp_wrap(err, "dependency");
    }
    return 0;
}

int jp_store_image_check(const struct jp_store_image *image, struct jp_error *err)
{
    if (!image->id || !jp_image_id_valid(image->id))
        return jp_fail(err, JP_EINVALID, 0, "bad image id '%s'", image->id ? image->id : "");
    if (!image->name || !jp_ac_identifier_valid(image->name))
        return jp_fail(err, JP_EINVALID, 0, "bad image name '%s'", image->name ? image->name : "");
    if (image->size_bytes > INT64_MAX || image->disk_bytes > INT64_MAX)
        return jp_fail(err, JP_EINVALID, 0, "bad size");
    return check_labels(image, err);
}

int jp_store_pod_check(const struct jp_store_pod *pod, struct jp_error *err)
{
    uint32_t address;
    if (!pod->uuid || !jp_uuid_valid(pod->uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad pod UUID '%s'", pod->uuid ? pod->uuid : "");
    if (!jp_pod_name_valid(pod->name))
        return jp_fail(err, JP_EINVALID, 0,
                       "bad pod name '%s': letters, digits, '_', '.' and '-', at most %d",
                       pod->name ? pod->name : "", POD_NAME_MAX);
    if (pod->address && !jp_quad_parse(pod->address, &address))
        return jp_fail(err, JP_EINVALID, 0, "bad address '%s'", pod->address);
    if (pod->n_apps > JP_PLAN_MAX_APPS)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d apps", JP_PLAN_MAX_APPS);
    for (size_t i = 0; i < pod->n_apps; i++) {
        const struct jp_store_pod_app *app = &pod->apps[i];
        if (!app->name || !jp_ac_name_valid(app->name) || strlen(app->name) > 255)
            return jp_fail(err, JP_EINVALID, 0, "bad app name '%s'", app->name ? app->name : "");
        if (!app->image_id || jp_image_id_check(app->image_id, err) < 0)
            return jp_wrap(err, "app '%s'", app->name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(pod->apps[j].name, app->name) == 0)
                return jp_fail(err, JP_EINVALID, 0, "two apps called '%s'", app->name);
        }
    }
    for (size_t i = 0; i < pod->pins.count; i++) {
        if (jp_image_id_check(pod->pins.items[i], err) < 0)
            return jp_wrap(err, "dependency of an app");
    }
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static json_t *strings_to_json(const struct jp_strv *strings)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < strings->count; i++)
        (void)json_array_append_new(array, json_string(strings->items[i]));
    return array;
}

static int write_record(int dir_fd, json_t *record, bool durable, struct jp_error *err)
{
    JP_AUTO_FREE char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
    json_decref(record);
    if (!text)
        return jp_oom(err);
    if (!jp_store_exists(dir_fd, "record"))
        return jp_store_write_new(dir_fd, "record", text, strlen(text), durable, err);
    return jp_file_replace(dir_fd, "record", text, strlen(text), 0600, durable, err);
}

int jp_record_write_image(int dir_fd, const struct jp_store_image *image, bool durable,
                          struct jp_error *err)
{
    json_t *labels = json_array();
    for (size_t i = 0; labels && i < image->n_labels; i++)
        (void)json_array_append_new(labels, json_pack("{s:s, s:s}", "name", image->labels[i].name,
                                                      "value", image->labels[i].value));
    json_t *record = json_pack(
        "{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "format", RECORD_FORMAT, "kind",
        "image", "id", image->id, "name", image->name, "created_ns", (json_int_t)image->created_ns,
        "imported_ns", (json_int_t)image->imported_ns, "size_bytes", (json_int_t)image->size_bytes,
        "disk_bytes", (json_int_t)image->disk_bytes, "labels", labels, "dependencies",
        strings_to_json(&image->dependencies), "tags", strings_to_json(&image->tags));
    return write_record(dir_fd, record, durable, err);
}

int jp_record_write_pod(int dir_fd, const struct jp_store_pod *pod, bool durable,
                        struct jp_error *err)
{
    json_t *apps = json_array();
    for (size_t i = 0; apps && i < pod->n_apps; i++)
        (void)json_array_append_new(apps, json_pack("{s:s, s:s}", "name", pod->apps[i].name,
                                                    "image", pod->apps[i].image_id));
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:s, s:s?, s:I, s:o}", "format", RECORD_FORMAT, "kind", "pod",
                  "uuid", pod->uuid, "name", pod->name, "address", pod->address, "created_ns",
                  (json_int_t)pod->created_ns, "apps", apps);
    if (pod->pins.count > 0 &&
        json_object_set_new(record, "dependencies", strings_to_json(&pod->pins)) < 0) {
        json_decref(record);
        record = NULL;
    }
    return write_record(dir_fd, record, durable, err);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static json_t *read_record(int dir_fd, const char *kind, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(dir_fd, "record", JP_STORE_RECORD_MAX, &text, err) < 0)
        return NULL;
    json_error_t why;
    json_t *record = json_loadb(jp_buf_text(&text), text.len, JSON_REJECT_DUPLICATES, &why);
    if (!record) {
        jp_fail(err, JP_ECORRUPT, 0, "record: line %d: %s", why.line, why.text);
        return NULL;
    }
    const char *its_kind = json_string_value(json_object_get(record, "kind"));
    json_int_t format = json_integer_value(json_object_get(record, "format"));
    if (!its_kind || strcmp(its_kind, kind) != 0 || format < 1) {
        jp_fail(err, JP_ECORRUPT, 0, "record: not the record of an object of kind '%s'", kind);
    } else if (format > RECORD_FORMAT) {
        jp_fail(err, JP_EUNSUPPORTED, 0, "record: format %lld was made by a newer Jetpack",
                (long long)format);
    } else {
        return record;
    }
    json_decref(record);
    return NULL;
}

/* A copy of a string member; NULL when it is absent, no string, or memory ran out. */
static char *copy_string(json_t *object, const char *key)
{
    return jp_strdup(json_string_value(json_object_get(object, key)));
}

static int copy_strings(json_t *array, struct jp_strv *ret, struct jp_error *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        const char *text = json_string_value(item);
        if (!text)
            return jp_fail(err, JP_ECORRUPT, 0, "record: a string is missing");
        if (i >= MAX_STRINGS || jp_strv_add(ret, text) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int image_from_json(json_t *record, struct jp_store_image *image, struct jp_error *err)
{
    image->id = copy_string(record, "id");
    image->name = copy_string(record, "name");
    image->created_ns = json_integer_value(json_object_get(record, "created_ns"));
    image->imported_ns = json_integer_value(json_object_get(record, "imported_ns"));
    image->size_bytes = (uint64_t)json_integer_value(json_object_get(record, "size_bytes"));
    image->disk_bytes = (uint64_t)json_integer_value(json_object_get(record, "disk_bytes"));
    json_t *labels = json_object_get(record, "labels");
    size_t count = json_array_size(labels);
    image->labels = jp_calloc(count, sizeof(*image->labels));
    if (!image->labels)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        json_t *label = json_array_get(labels, i);
        image->n_labels = i + 1;
        image->labels[i].name = copy_string(label, "name");
        image->labels[i].value = copy_string(label, "value");
        if (!image->labels[i].name || !image->labels[i].value)
            return jp_fail(err, JP_ECORRUPT, 0, "record: a label is incomplete");
    }
    if (copy_strings(json_object_get(record, "dependencies"), &image->dependencies, err) < 0 ||
        copy_strings(json_object_get(record, "tags"), &image->tags, err) < 0)
        return -1;
    return jp_store_image_check(image, err);
}

int jp_record_read_image(int dir_fd, const char *id, struct jp_store_image *ret,
                         struct jp_error *err)
{
    json_t *record = read_record(dir_fd, "image", err);
    if (!record)
        return -1;
    struct jp_store_image image = {0};
    int r = image_from_json(record, &image, err);
    json_decref(record);
    if (r == 0 && strcmp(image.id, id) != 0)
        r = jp_fail(err, JP_ECORRUPT, 0, "record: it is about image %s", image.id);
    if (r < 0)
        jp_store_image_clear(&image);
    else
        *ret = image;
    return r;
}

static int pod_from_json(json_t *record, struct jp_store_pod *pod, struct jp_error *err)
{
    pod->uuid = copy_string(record, "uuid");
    pod->name = copy_string(record, "name");
    pod->address = copy_string(record, "address");
    pod->created_ns = json_integer_value(json_object_get(record, "created_ns"));
    json_t *apps = json_object_get(record, "apps");
    size_t count = json_array_size(apps);
    pod->apps = jp_calloc(count, sizeof(*pod->apps));
    if (!pod->apps)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++) {
        json_t *app = json_array_get(apps, i);
        pod->n_apps = i + 1;
        pod->apps[i].name = copy_string(app, "name");
        pod->apps[i].image_id = copy_string(app, "image");
    }
    if (copy_strings(json_object_get(record, "dependencies"), &pod->pins, err) < 0)
        return -1;
    return jp_store_pod_check(pod, err);
}

int jp_record_read_pod(int dir_fd, const char *uuid, struct jp_store_pod *ret, struct jp_error *err)
{
    json_t *record = read_record(dir_fd, "pod", err);
    if (!record)
        return -1;
    struct jp_store_pod pod = {0};
    int r = pod_from_json(record, &pod, err);
    json_decref(record);
    if (r == 0 && strcmp(pod.uuid, uuid) != 0)
        r = jp_fail(err, JP_ECORRUPT, 0, "record: it is about pod %s", pod.uuid);
    if (r < 0)
        jp_store_pod_clear(&pod);
    else
        *ret = pod;
    return r;
}
