/* The reverse of convert.c: what an image manifest says, as the configuration of an OCI image. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "appc/json.h"
#include "appc/timestamp.h"
#include "base/mem.h"
#include "oci/bundle.h"

#define DOCKER    "appc.io/docker/"
#define PORTS_MAX 1000U /* of one range */

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text && *text)
        (void)json_object_set_new(object, name, json_string(text));
}

static json_t *words(char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_string(items[i]));
    return list;
}

/* The words of an annotation, when it is a list of texts that `exec` begins with at `at`. */
static size_t count_words(const struct jp_image_manifest *m, const char *name, size_t at)
{
    const char *text = jp_image_manifest_annotation(m, name);
    json_t *list = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    size_t count = json_array_size(list);
    bool is_same = at + count <= m->app.exec.count;
    for (size_t i = 0; is_same && i < count; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        is_same = word && strcmp(word, m->app.exec.items[at + i]) == 0;
    }
    json_decref(list);
    return is_same ? count : 0;
}

/* An image that came from OCI keeps the two halves of its command; any other has an entry point. */
static void set_command(const struct jp_image_manifest *m, json_t *config)
{
    const struct jp_strv *exec = &m->app.exec;
    size_t entry = count_words(m, DOCKER "entrypoint", 0);
    size_t command = count_words(m, DOCKER "cmd", entry);
    if (entry + command != exec->count) {
        entry = exec->count;
        command = 0;
    }
    if (entry > 0)
        (void)json_object_set_new(config, "Entrypoint", words(exec->items, entry));
    if (command > 0)
        (void)json_object_set_new(config, "Cmd", words(exec->items + entry, command));
}

/* Whoever has further groups has them from the image's files: a bare name means just that. */
static void set_user(const struct jp_app *app, json_t *config)
{
    bool is_bare = app->supplementary_gids.count > 0;
    JP_AUTO_FREE char *text =
        is_bare ? jp_strdup(app->user) : jp_format("%s:%s", app->user, app->group);
    set_text(config, "User", text);
}

static void set_environment(const struct jp_app *app, json_t *config)
{
    json_t *list = json_array();
    for (size_t i = 0; i < app->environment.count; i++) {
        const struct jp_pair *pair = &app->environment.items[i];
        JP_AUTO_FREE char *text = jp_format("%s=%s", pair->name, pair->value);
        (void)json_array_append_new(list, json_string(text ? text : ""));
    }
    if (app->environment.count > 0)
        (void)json_object_set(config, "Env", list);
    json_decref(list);
}

static void set_ports(const struct jp_app *app, json_t *config)
{
    json_t *ports = json_object();
    for (size_t i = 0; i < app->ports.count; i++) {
        const struct jp_port *port = &app->ports.items[i];
        for (uint32_t k = 0; k < port->count && k < PORTS_MAX; k++) {
            char text[64];
            (void)snprintf(text, sizeof(text), "%u/%.20s", port->port + k, port->protocol);
            (void)json_object_set_new(ports, text, json_object());
        }
    }
    if (app->ports.count > 0)
        (void)json_object_set(config, "ExposedPorts", ports);
    json_decref(ports);
}

static void set_volumes(const struct jp_app *app, json_t *config)
{
    json_t *volumes = json_object();
    for (size_t i = 0; i < app->mount_points.count; i++)
        (void)json_object_set_new(volumes, app->mount_points.items[i].path, json_object());
    if (app->mount_points.count > 0)
        (void)json_object_set(config, "Volumes", volumes);
    json_decref(volumes);
}

static void set_labels(const struct jp_app *app, json_t *config)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < app->user_labels.count; i++)
        set_text(labels, app->user_labels.items[i].name, app->user_labels.items[i].value);
    if (app->user_labels.count > 0)
        (void)json_object_set(config, "Labels", labels);
    json_decref(labels);
}

static json_t *execution(const struct jp_image_manifest *m)
{
    json_t *config = json_object();
    if (m->has_app) {
        set_command(m, config);
        set_user(&m->app, config);
        set_environment(&m->app, config);
        set_ports(&m->app, config);
        set_volumes(&m->app, config);
        set_labels(&m->app, config);
        set_text(config, "WorkingDir", m->app.working_directory);
    }
    set_text(config, "StopSignal", jp_image_manifest_annotation(m, "jetpack/stop-signal"));
    return config;
}

/* An image that was built here says it in its timestamp. */
static const char *creation(const struct jp_image_manifest *m)
{
    int64_t ns;
    const char *created = jp_image_manifest_annotation(m, "created");
    const char *time = created ? created : jp_image_manifest_annotation(m, "timestamp");
    return time && jp_timestamp_parse(time, &ns, NULL) == 0 ? time : NULL;
}

/* An entry for each layer: who builds on an image that has fewer refuses it (buildah). */
static json_t *history(const struct jp_image_manifest *m, const struct jp_oci_bundle *bundle)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bundle->n_layers; i++) {
        json_t *entry = json_object();
        set_text(entry, "created", creation(m));
        set_text(entry, "created_by", "jetpack");
        (void)json_array_append_new(list, entry);
    }
    return list;
}

int jp_oci_config_make(const struct jp_image_manifest *m, const struct jp_oci_bundle *bundle,
                       struct jp_buf *ret, struct jp_error *err)
{
    json_t *root = json_object();
    json_t *diff_ids = json_array();
    for (size_t i = 0; i < bundle->n_layers; i++)
        (void)json_array_append_new(diff_ids, json_string(bundle->layers[i].diff_id));
    set_text(root, "created", creation(m));
    set_text(root, "author", jp_image_manifest_annotation(m, "authors"));
    set_text(root, "architecture", bundle->arch);
    set_text(root, "variant", bundle->variant);
    set_text(root, "os", bundle->os);
    (void)json_object_set_new(root, "config", execution(m));
    (void)json_object_set_new(root, "rootfs",
                              json_pack("{s:s, s:o}", "type", "layers", "diff_ids", diff_ids));
    (void)json_object_set_new(root, "history", history(m, bundle));
    jp_json_dump(root, false, ret);
    json_decref(root);
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}
