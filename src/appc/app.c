/* The app object as tables, and the rules of aci.md that reach across its fields. */
#include "appc/app.h"

#include <string.h>

#include "appc/image_manifest.h"
#include "appc/json.h"
#include "appc/name.h"
#include "base/mem.h"

/* ---- checks of single values ----------------------------------------------------------------- */

static int check_not_empty(const char *text, struct jp_error *err)
{
    return *text ? 0 : jp_fail(err, JP_EINVALID, 0, "must not be empty");
}

static int check_handler_name(const char *text, struct jp_error *err)
{
    if (strcmp(text, "pre-start") == 0 || strcmp(text, "post-stop") == 0)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is neither pre-start nor post-stop",
                   jp_show(text).text);
}

/* aci.md: "must be an absolute path, defaults to "/""; an empty one counts as absent. */
static int check_directory(const char *text, struct jp_error *err)
{
    if (!*text || *text == '/')
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not an absolute path", jp_show(text).text);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct jp_json_field handler_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_event_handler, name),
     .check = check_handler_name},
    {.name = "exec", .kind = JP_JSON_STRV, .offset = offsetof(struct jp_event_handler, exec)},
};

const struct jp_json_type jp_event_handler_type = {
    .size = sizeof(struct jp_event_handler),
    .fields = handler_fields,
    .n_fields = JP_LEN(handler_fields),
    .extra = offsetof(struct jp_event_handler, extra),
};

static const struct jp_json_field mount_point_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_mount_point, name),
     .check = jp_ac_name_check},
    {.name = "path",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_mount_point, path),
     .check = check_not_empty},
    {.name = "readOnly",
     .kind = JP_JSON_BOOL,
     .offset = offsetof(struct jp_mount_point, is_read_only)},
};

const struct jp_json_type jp_mount_point_type = {
    .size = sizeof(struct jp_mount_point),
    .fields = mount_point_fields,
    .n_fields = JP_LEN(mount_point_fields),
    .extra = offsetof(struct jp_mount_point, extra),
};

static int check_port(const void *object, struct jp_error *err)
{
    const struct jp_port *port = object;
    if (port->port + port->count - 1 <= 65535)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "count: the range of %u ports from %u ends above 65535",
                   (unsigned)port->count, (unsigned)port->port);
}

static const struct jp_json_field port_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_port, name),
     .check = jp_ac_name_check},
    {.name = "protocol",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_port, protocol),
     .check = check_not_empty},
    {.name = "port",
     .kind = JP_JSON_U32,
     .is_required = true,
     .offset = offsetof(struct jp_port, port),
     .min = 1,
     .max = 65535},
    {.name = "count",
     .kind = JP_JSON_U32,
     .offset = offsetof(struct jp_port, count),
     .min = 1,
     .max = 65535,
     .fallback = 1},
    {.name = "socketActivated",
     .kind = JP_JSON_BOOL,
     .offset = offsetof(struct jp_port, is_socket_activated)},
};

const struct jp_json_type jp_port_type = {
    .size = sizeof(struct jp_port),
    .fields = port_fields,
    .n_fields = JP_LEN(port_fields),
    .extra = offsetof(struct jp_port, extra),
    .check = check_port,
};

static const struct jp_json_field environment_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_pair, name),
     .check = jp_environment_name_check},
    {.name = "value",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_pair, value)},
};

static const struct jp_json_type environment_type = {
    .size = sizeof(struct jp_pair),
    .fields = environment_fields,
    .n_fields = JP_LEN(environment_fields),
    .extra = offsetof(struct jp_pair, extra),
};

static int check_isolators(const void *list, struct jp_error *err)
{
    return jp_isolators_check(list, err);
}

static const struct jp_json_field app_fields[] = {
    {.name = "exec", .kind = JP_JSON_STRV, .offset = offsetof(struct jp_app, exec)},
    {.name = "user",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_app, user),
     .check = check_not_empty},
    {.name = "group",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_app, group),
     .check = check_not_empty},
    {.name = "supplementaryGIDs",
     .alias = "supplementaryGids", /* as in the specification's own example */
     .kind = JP_JSON_GIDS,
     .offset = offsetof(struct jp_app, supplementary_gids),
     .max = UINT32_MAX - 1}, /* (gid_t)-1 means "none" to system calls */
    {.name = "eventHandlers",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_app, event_handlers),
     .type = &jp_event_handler_type,
     .is_unique = true},
    {.name = "workingDirectory",
     .kind = JP_JSON_STRING,
     .offset = offsetof(struct jp_app, working_directory),
     .check = check_directory},
    {.name = "environment",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_app, environment),
     .type = &environment_type,
     .is_unique = true},
    {.name = "isolators",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_app, isolators),
     .type = &jp_isolator_type,
     .check_list = check_isolators},
    {.name = "mountPoints",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_app, mount_points),
     .type = &jp_mount_point_type},
    {.name = "ports",
     .kind = JP_JSON_LIST,
     .offset = offsetof(struct jp_app, ports),
     .type = &jp_port_type,
     .is_unique = true}, /* pods.md: "port names MUST be unique among apps within a pod" */
    {.name = "userAnnotations",
     .kind = JP_JSON_MAP,
     .offset = offsetof(struct jp_app, user_annotations)},
    {.name = "userLabels", .kind = JP_JSON_MAP, .offset = offsetof(struct jp_app, user_labels)},
};

const struct jp_json_type jp_app_type = {
    .size = sizeof(struct jp_app),
    .fields = app_fields,
    .n_fields = JP_LEN(app_fields),
    .extra = offsetof(struct jp_app, extra),
};

/* ---- lookup and editing ---------------------------------------------------------------------- */

const struct jp_event_handler *jp_app_find_handler(const struct jp_app *app, const char *name)
{
    return jp_json_list_find(&app->event_handlers, sizeof(struct jp_event_handler), name);
}

const struct jp_mount_point *jp_app_find_mount_point(const struct jp_app *app, const char *name)
{
    return jp_json_list_find(&app->mount_points, sizeof(struct jp_mount_point), name);
}

const struct jp_port *jp_app_find_port(const struct jp_app *app, const char *name)
{
    return jp_json_list_find(&app->ports, sizeof(struct jp_port), name);
}

struct jp_event_handler *jp_app_add_handler(struct jp_app *app)
{
    return jp_json_list_add(&app->event_handlers, sizeof(struct jp_event_handler));
}

struct jp_mount_point *jp_app_add_mount_point(struct jp_app *app)
{
    return jp_json_list_add(&app->mount_points, sizeof(struct jp_mount_point));
}

struct jp_port *jp_app_add_port(struct jp_app *app)
{
    struct jp_port *port = jp_json_list_add(&app->ports, sizeof(*port));
    if (port)
        port->count = 1;
    return port;
}

int jp_gids_add(struct jp_gids *gids, uint32_t gid)
{
    if (jp_grow(&gids->items, &gids->capacity, gids->count, sizeof(*gids->items)) < 0)
        return -1;
    gids->items[gids->count++] = gid;
    return 0;
}

int jp_app_check(const struct jp_app *app, struct jp_error *err)
{
    return jp_json_check(&jp_app_type, app, err);
}

int jp_app_copy(struct jp_app *to, const struct jp_app *from, struct jp_error *err)
{
    return jp_json_copy(&jp_app_type, to, from, err);
}

int jp_app_parse(const char *json, size_t len, struct jp_app *ret, struct jp_error *err)
{
    return jp_json_parse_object(&jp_app_type, json, len, ret, err);
}

int jp_app_print(const struct jp_app *app, bool pretty, char **ret, struct jp_error *err)
{
    return jp_json_print_object(&jp_app_type, app, pretty, ret, err);
}

void jp_app_clear(struct jp_app *app)
{
    jp_json_clear(&jp_app_type, app);
}

void jp_event_handler_clear(struct jp_event_handler *handler)
{
    jp_json_clear(&jp_event_handler_type, handler);
}

void jp_mount_point_clear(struct jp_mount_point *point)
{
    jp_json_clear(&jp_mount_point_type, point);
}

void jp_port_clear(struct jp_port *port)
{
    jp_json_clear(&jp_port_type, port);
}
