/*
 * The app object (aci.md "app"), which stands in an image manifest and, as a substitute, in a pod
 * manifest. Plain data that owns its strings; a zeroed object is a valid empty one.
 */
#ifndef JP_APPC_APP_H
#define JP_APPC_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/isolator.h"
#include "appc/pairs.h"
#include "base/error.h"
#include "base/strv.h"

struct jp_event_handler {
    char *name; /* "pre-start" or "post-stop" */
    struct jp_strv exec;
    struct json_t *extra;
};

struct jp_event_handlers {
    struct jp_event_handler *items;
    size_t count;
    size_t capacity;
};

struct jp_mount_point {
    char *name; /* AC Name */
    char *path; /* inside the app's root, as written */
    bool is_read_only;
    struct json_t *extra;
};

struct jp_mount_points {
    struct jp_mount_point *items;
    size_t count;
    size_t capacity;
};

struct jp_port {
    char *name;     /* AC Name */
    char *protocol; /* "tcp", "udp", ... */
    uint32_t port;  /* 1 to 65535: the first of the range */
    uint32_t count; /* 1 or more; port + count - 1 <= 65535 */
    bool is_socket_activated;
    struct json_t *extra;
};

struct jp_ports {
    struct jp_port *items;
    size_t count;
    size_t capacity;
};

struct jp_gids {
    uint32_t *items;
    size_t count;
    size_t capacity;
};

struct jp_app {
    struct jp_strv exec; /* may be empty */
    char *user;          /* name, number or /path */
    char *group;
    struct jp_gids supplementary_gids;
    struct jp_event_handlers event_handlers;
    char *working_directory; /* absolute; NULL: "/" */
    struct jp_pairs environment;
    struct jp_isolators isolators;
    struct jp_mount_points mount_points;
    struct jp_ports ports;
    struct jp_pairs user_annotations;
    struct jp_pairs user_labels;
    struct json_t *extra; /* unknown fields, kept */
};

#define JP_APP_INIT                                                                                \
    {                                                                                              \
        .user = NULL                                                                               \
    }

const struct jp_event_handler *jp_app_find_handler(const struct jp_app *app, const char *name);
const struct jp_mount_point *jp_app_find_mount_point(const struct jp_app *app, const char *name);
const struct jp_port *jp_app_find_port(const struct jp_app *app, const char *name);

/* Append an empty element and return it to be filled (a port counts 1); NULL without memory. */
struct jp_event_handler *jp_app_add_handler(struct jp_app *app);
struct jp_mount_point *jp_app_add_mount_point(struct jp_app *app);
struct jp_port *jp_app_add_port(struct jp_app *app);
int jp_gids_add(struct jp_gids *gids, uint32_t gid) JP_MUST_USE;

/* Every rule of the specification; JP_EINVALID with the place: "ports[1].port: ...". */
int jp_app_check(const struct jp_app *app, struct jp_error *err);

/* Replaces what `to` holds by a deep copy. */
int jp_app_copy(struct jp_app *to, const struct jp_app *from, struct jp_error *err);

/* Reads and prints one by itself, with the same rules as inside a manifest. */
int jp_app_parse(const char *json, size_t len, struct jp_app *ret, struct jp_error *err);
int jp_app_print(const struct jp_app *app, bool pretty, char **ret, struct jp_error *err);

void jp_app_clear(struct jp_app *app);
void jp_event_handler_clear(struct jp_event_handler *handler);
void jp_mount_point_clear(struct jp_mount_point *point);
void jp_port_clear(struct jp_port *port);

#endif
