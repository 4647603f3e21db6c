/*
 * Reification: from what the user asked for to a manifest that leaves nothing open (pods.md "Pod
 * Manifest Schema": "must have all mountPoints satisfied by volumes, and must reference all
 * applications deterministically").
 *
 * The steps work on one manifest, in this order: JSON, options of the pod, apps of the command
 * line, images, names, mounts and volumes, ports, and at the end the rules that hold for all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/imagename.h"
#include "appc/name.h"
#include "base/mem.h"
#include "pod/internal.h"

/* ---- images ---- */

static int copy_labels(struct jp_pairs *to, const struct jp_store_image *image,
                       struct jp_error *err)
{
    jp_pairs_clear(to);
    for (size_t i = 0; i < image->n_labels; i++) {
        if (jp_pairs_set(to, image->labels[i].name, image->labels[i].value, err) < 0)
            return -1;
    }
    return 0;
}

/* Fills the image object of a runtime app from what was found. */
static int set_image(struct jp_runtime_image *to, const struct jp_store_image *image,
                     struct jp_error *err)
{
    char *id = jp_strdup(image->id);
    char *name = jp_strdup(image->name);
    if (!id || !name) {
        free(id);
        free(name);
        return jp_oom(err);
    }
    free(to->id);
    free(to->name);
    to->id = id;
    to->name = name;
    return copy_labels(&to->labels, image, err);
}

static int resolve_image(const struct jp_pod_context *ctx, struct jp_runtime_app *app,
                         const char *word, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    int result = word ? jp_pod_find_image(ctx, word, &found, err)
                      : jp_pod_find_runtime_image(ctx, &app->image, &found, err);
    if (result < 0)
        return -1;
    return set_image(&app->image, &found.items[0], err);
}

/* ---- apps of the command line ---- */

static bool has_setting(const struct jp_pod_request_app *app, enum jp_pod_option option)
{
    for (size_t i = 0; i < app->n_settings; i++) {
        if (app->settings[i].option == option)
            return true;
    }
    return false;
}

/* The pod's app object is a substitute, not a patch: it starts as a copy of the image's. */
static int take_app_object(const struct jp_pod_request_app *from, struct jp_runtime_app *app,
                           const struct jp_image_manifest *image, struct jp_error *err)
{
    bool is_changed = from->is_blank || from->arguments.count > 0;
    for (size_t i = 0; i < from->n_settings && !is_changed; i++)
        is_changed = jp_pod_option_is_of_app_object(from->settings[i].option);
    if (!is_changed)
        return 0;
    app->has_app = true;
    if (image->has_app && !from->is_blank)
        return jp_app_copy(&app->app, &image->app, err);
    app->app.user = jp_strdup("0");
    app->app.group = jp_strdup("0");
    return app->app.user && app->app.group ? 0 : jp_oom(err);
}

/* What the user says replaces what the image says, also where the two kinds exclude each other. */
static void drop_contradicted(const struct jp_pod_request_app *from, struct jp_app *app)
{
    if (has_setting(from, JP_POD_OPT_CAPS_RETAIN))
        jp_pod_drop_isolators(&app->isolators, JP_ISOLATOR_CAPS_REMOVE);
    if (has_setting(from, JP_POD_OPT_CAPS_REMOVE))
        jp_pod_drop_isolators(&app->isolators, JP_ISOLATOR_CAPS_RETAIN);
    if (has_setting(from, JP_POD_OPT_SECCOMP)) {
        jp_pod_drop_isolators(&app->isolators, JP_ISOLATOR_SECCOMP_RETAIN);
        jp_pod_drop_isolators(&app->isolators, JP_ISOLATOR_SECCOMP_REMOVE);
    }
}

static int fill_app(const struct jp_pod_context *ctx, const struct jp_pod_request_app *from,
                    struct jp_runtime_app *app, struct jp_error *err)
{
    if (resolve_image(ctx, app, from->image, err) < 0)
        return -1;
    JP_AUTO(jp_image_manifest) image = JP_IMAGE_MANIFEST_INIT;
    if (jp_pod_load_image(ctx, app->image.id, &image, err) < 0 ||
        take_app_object(from, app, &image, err) < 0)
        return -1;
    drop_contradicted(from, &app->app);
    for (size_t i = 0; i < from->n_settings; i++) {
        if (jp_pod_apply_to_app(app, &from->settings[i], err) < 0)
            return -1;
    }
    if (jp_strv_extend(&app->app.exec, from->arguments.items, from->arguments.count) < 0)
        return jp_oom(err);
    return 0;
}

static int add_apps(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                    struct jp_pod_manifest *m, struct jp_error *err)
{
    for (size_t i = 0; i < m->apps.count; i++) {
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        if (resolve_image(ctx, &m->apps.items[i], NULL, err) < 0)
            return jp_wrap(err, "app '%s'", m->apps.items[i].name);
    }
    for (size_t i = 0; i < request->n_apps; i++) {
        if (jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        struct jp_runtime_app *app = jp_pod_manifest_add_app(m);
        if (!app)
            return jp_oom(err);
        if (fill_app(ctx, &request->apps[i], app, err) < 0)
            return -1;
    }
    if (m->apps.count == 0)
        return jp_fail(err, JP_EUSAGE, 0, "a pod needs at least one image");
    return 0;
}

/* ---- names of apps ---- */

static bool is_taken(const struct jp_pod_manifest *m, const struct jp_runtime_app *app,
                     const char *name)
{
    for (size_t i = 0; i < m->apps.count; i++) {
        const struct jp_runtime_app *other = &m->apps.items[i];
        if (other != app && other->name && strcmp(other->name, name) == 0)
            return true;
    }
    return false;
}

/* "redis", then "redis-2", "redis-3": at most as many as there are apps. */
static int name_app(const struct jp_pod_context *ctx, struct jp_pod_manifest *m,
                    struct jp_runtime_app *app, struct jp_error *err)
{
    JP_AUTO_FREE char *base = jp_ac_name_from(app->image.name);
    if (!base)
        return jp_oom(err);
    char *name = jp_strdup(base);
    for (size_t i = 2; name && is_taken(m, app, name) && i <= m->apps.count + 1; i++) {
        free(name);
        name = jp_format("%s-%zu", base, i);
    }
    if (!name)
        return jp_oom(err);
    if (strcmp(name, base) != 0)
        jp_pod_say(ctx, JP_POD_INFO, "a second app of image '%s' is called '%s'", app->image.name,
                   name);
    app->name = name;
    return 0;
}

static int name_apps(const struct jp_pod_context *ctx, struct jp_pod_manifest *m,
                     struct jp_error *err)
{
    for (size_t i = 0; i < m->apps.count; i++) {
        struct jp_runtime_app *app = &m->apps.items[i];
        if (!app->name) {
            if (name_app(ctx, m, app, err) < 0)
                return -1;
        } else if (is_taken(m, app, app->name)) {
            return jp_fail(err, JP_EINVALID, 0,
                           "two apps are called '%s': give one another name (-name)", app->name);
        }
    }
    return 0;
}

/* ---- mounts and volumes ---- */

static void list_mount_points(char *text, size_t size, const struct jp_app *app)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; app && i < app->mount_points.count && used + 1 < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                         app->mount_points.items[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* "path": "data" names a mount point. */
static int resolve_mount(struct jp_runtime_app *app, struct jp_mount *mount,
                         const struct jp_app *effective, struct jp_error *err)
{
    if (mount->path[0] == '/')
        return 0;
    const struct jp_mount_point *point =
        effective ? jp_app_find_mount_point(effective, mount->path) : NULL;
    if (!point) {
        char names[256];
        list_mount_points(names, sizeof(names), effective);
        return jp_fail(err, JP_EINVALID, 0,
                       "app '%s': there is no mount point '%s' (the image has: %s)", app->name,
                       mount->path, names[0] ? names : "none; give a path, as data:/data");
    }
    char *path = jp_strdup(point->path);
    if (!path)
        return jp_oom(err);
    free(mount->path);
    mount->path = path;
    return 0;
}

static bool same_path(const char *a, const char *b)
{
    JP_AUTO_FREE char *x = NULL;
    JP_AUTO_FREE char *y = NULL;
    if (jp_pod_clean_path(a, &x, NULL) < 0 || jp_pod_clean_path(b, &y, NULL) < 0)
        return strcmp(a, b) == 0;
    return strcmp(x, y) == 0;
}

static bool is_mounted(const struct jp_runtime_app *app, const char *path)
{
    for (size_t i = 0; i < app->mounts.count; i++) {
        if (same_path(app->mounts.items[i].path, path))
            return true;
    }
    return false;
}

/* A mount point that nothing was said about gets the volume of its own name. */
static int satisfy_mount_points(struct jp_runtime_app *app, const struct jp_app *effective,
                                struct jp_error *err)
{
    for (size_t i = 0; effective && i < effective->mount_points.count; i++) {
        const struct jp_mount_point *point = &effective->mount_points.items[i];
        if (is_mounted(app, point->path))
            continue;
        struct jp_mount *mount = jp_runtime_app_add_mount(app);
        if (!mount)
            return jp_oom(err);
        mount->volume = jp_strdup(point->name);
        mount->path = jp_strdup(point->path);
        if (!mount->volume || !mount->path)
            return jp_oom(err);
    }
    return 0;
}

static bool is_mount_point(const struct jp_app *app, const char *path)
{
    for (size_t i = 0; app && i < app->mount_points.count; i++) {
        if (same_path(app->mount_points.items[i].path, path))
            return true;
    }
    return false;
}

/* An image's mount point may be met by an empty volume; a mount of the user's own is a slip. */
static int make_missing_volumes(const struct jp_pod_context *ctx, struct jp_pod_manifest *m,
                                const struct jp_runtime_app *app, const struct jp_app *effective,
                                struct jp_error *err)
{
    for (size_t i = 0; i < app->mounts.count; i++) {
        const struct jp_mount *mount = &app->mounts.items[i];
        if (jp_mount_volume(m, mount))
            continue;
        if (!is_mount_point(effective, mount->path))
            return jp_fail(err, JP_EINVALID, 0,
                           "app '%s': there is no volume '%s' to mount on '%s': add one (-v %s)",
                           app->name, mount->volume, mount->path, mount->volume);
        struct jp_volume *volume = jp_pod_manifest_add_volume(m);
        if (!volume || !(volume->name = jp_strdup(mount->volume)))
            return jp_oom(err);
        volume->has_mode = volume->has_uid = volume->has_gid = true;
        volume->mode = 0755;
        jp_pod_say(ctx, JP_POD_INFO, "app '%s': no volume '%s' was given: it is made, empty",
                   app->name, mount->volume);
    }
    return 0;
}

static int resolve_mounts(const struct jp_pod_context *ctx, struct jp_pod_draft *draft,
                          struct jp_error *err)
{
    struct jp_pod_manifest *m = &draft->manifest;
    for (size_t i = 0; i < m->apps.count; i++) {
        struct jp_runtime_app *app = &m->apps.items[i];
        const struct jp_app *effective = jp_runtime_app_effective(app, &draft->images[i]);
        for (size_t k = 0; k < app->mounts.count; k++) {
            if (resolve_mount(app, &app->mounts.items[k], effective, err) < 0)
                return -1;
        }
        if (satisfy_mount_points(app, effective, err) < 0 ||
            make_missing_volumes(ctx, m, app, effective, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- ports ---- */

struct port_match {
    const struct jp_port *port;
    bool by_app; /* written as APP-PORT */
    size_t plain_count;
};

static struct port_match match_port(const struct jp_pod_draft *draft, const char *name)
{
    struct port_match match = {.port = NULL};
    for (size_t i = 0; i < draft->manifest.apps.count; i++) {
        const struct jp_runtime_app *app = &draft->manifest.apps.items[i];
        const struct jp_app *effective = jp_runtime_app_effective(app, &draft->images[i]);
        for (size_t k = 0; effective && k < effective->ports.count; k++) {
            const struct jp_port *port = &effective->ports.items[k];
            size_t len = strlen(app->name);
            bool by_app = strncmp(name, app->name, len) == 0 && name[len] == '-' &&
                          strcmp(name + len + 1, port->name) == 0;
            if (strcmp(name, port->name) == 0) {
                match.plain_count++;
                match.port = port;
                match.by_app = false;
            } else if (by_app && !match.port) {
                match.port = port;
                match.by_app = true;
            }
        }
    }
    return match;
}

static int copy_port(struct jp_exposed_port *to, const struct jp_port *from, struct jp_error *err)
{
    to->pod_port.name = jp_strdup(to->name);
    to->pod_port.protocol = jp_strdup(from->protocol);
    to->pod_port.port = from->port;
    to->pod_port.count = from->count;
    to->pod_port.is_socket_activated = from->is_socket_activated;
    to->has_pod_port = true;
    return to->pod_port.name && to->pod_port.protocol ? 0 : jp_oom(err);
}

/* APP-PORT tells two ports of one name apart; it is written out as podPort. */
static int resolve_port(const struct jp_pod_draft *draft, struct jp_exposed_port *port,
                        struct jp_error *err)
{
    if (port->has_pod_port) {
        if (port->host_port == 0)
            port->host_port = port->pod_port.port;
        return 0;
    }
    struct port_match match = match_port(draft, port->name);
    if (!match.port)
        return jp_fail(err, JP_EINVALID, 0, "no app has a port '%s'", port->name);
    if (match.plain_count > 1)
        return jp_fail(err, JP_EAMBIGUOUS, 0, "%zu apps have a port '%s': say which one as APP-%s",
                       match.plain_count, port->name, port->name);
    if (port->host_port == 0)
        port->host_port = match.port->port;
    return match.by_app ? copy_port(port, match.port, err) : 0;
}

static int resolve_ports(struct jp_pod_draft *draft, struct jp_error *err)
{
    for (size_t i = 0; i < draft->manifest.ports.count; i++) {
        if (resolve_port(draft, &draft->manifest.ports.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the whole ---- */

static int load_images(const struct jp_pod_context *ctx, struct jp_pod_draft *draft,
                       struct jp_error *err)
{
    draft->images = jp_calloc(draft->manifest.apps.count, sizeof(*draft->images));
    if (!draft->images)
        return jp_oom(err);
    for (size_t i = 0; i < draft->manifest.apps.count; i++) {
        const char *id = draft->manifest.apps.items[i].image.id;
        if (jp_pod_load_image(ctx, id, &draft->images[i], err) < 0)
            return -1;
        draft->n_images++;
    }
    return 0;
}

/* The human name lives in the store, where it can be changed. */
static int take_name(struct jp_pod_draft *draft, struct jp_error *err)
{
    const char *name = jp_pairs_get(&draft->manifest.annotations, JP_NOTE_NAME);
    if (!name)
        return 0;
    if (jp_pod_name_check(name, err) < 0)
        return -1;
    if (!(draft->name = jp_strdup(name)))
        return jp_oom(err);
    (void)jp_pairs_unset(&draft->manifest.annotations, JP_NOTE_NAME);
    return 0;
}

/* A pod keeps what it was made with, whatever net.mode says later. */
static int join_usual(const struct jp_pod_context *ctx, struct jp_pod_manifest *m,
                      struct jp_error *err)
{
    const char *usual = jp_pod_networks(ctx)->usual;
    if (jp_pod_manifest_annotation(m, JP_NOTE_NET) || strcmp(usual, JP_NETWORK_POD) == 0)
        return 0;
    return jp_pairs_set(&m->annotations, JP_NOTE_NET, usual, err);
}

static int start_draft(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                       struct jp_pod_draft *draft, struct jp_error *err)
{
    if (request->manifest && jp_pod_manifest_parse(request->manifest, strlen(request->manifest),
                                                   &draft->manifest, err) < 0)
        return jp_wrap(err, "pod manifest");
    for (size_t i = 0; i < request->n_settings; i++) {
        if (jp_pod_apply_to_pod(&draft->manifest, &request->settings[i], err) < 0)
            return -1;
    }
    (void)jp_pairs_unset(&draft->manifest.annotations, JP_NOTE_ADDRESS);
    return join_usual(ctx, &draft->manifest, err) < 0 ? -1 : take_name(draft, err);
}

int jp_pod_draft_make(const struct jp_pod_context *ctx, const struct jp_pod_request *request,
                      struct jp_pod_draft *ret, struct jp_error *err)
{
    JP_AUTO(jp_pod_draft) draft = JP_POD_DRAFT_INIT;
    if (start_draft(ctx, request, &draft, err) < 0 ||
        add_apps(ctx, request, &draft.manifest, err) < 0 ||
        name_apps(ctx, &draft.manifest, err) < 0 || load_images(ctx, &draft, err) < 0 ||
        resolve_mounts(ctx, &draft, err) < 0 || resolve_ports(&draft, err) < 0 ||
        jp_pod_manifest_check_reified(&draft.manifest, err) < 0 ||
        jp_pod_rules_check(&draft.manifest, draft.images, err) < 0 ||
        jp_pod_volumes_check(&draft.manifest, err) < 0)
        return -1;
    *ret = draft;
    draft = (struct jp_pod_draft)JP_POD_DRAFT_INIT;
    return 0;
}

void jp_pod_draft_clear(struct jp_pod_draft *draft)
{
    jp_pod_manifest_clear(&draft->manifest);
    for (size_t i = 0; i < draft->n_images; i++)
        jp_image_manifest_clear(&draft->images[i]);
    free(draft->images);
    free(draft->name);
    *draft = (struct jp_pod_draft)JP_POD_DRAFT_INIT;
}

int jp_pod_reify(const struct jp_pod_context *ctx, const struct jp_pod_request *request, char **ret,
                 struct jp_error *err)
{
    JP_AUTO(jp_pod_draft) draft = JP_POD_DRAFT_INIT;
    if (jp_pod_draft_make(ctx, request, &draft, err) < 0)
        return -1;
    return jp_pod_manifest_print(&draft.manifest, true, ret, err);
}
