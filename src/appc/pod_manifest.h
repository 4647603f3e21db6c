/*
 * The pod manifest (pods.md "Pod Manifest Schema"): a template that a user wrote, or the reified
 * one that a pod runs by. Parsing accepts both; jp_pod_manifest_check_reified() is for the second.
 */
#ifndef JP_APPC_POD_MANIFEST_H
#define JP_APPC_POD_MANIFEST_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/app.h"
#include "appc/image_manifest.h"
#include "appc/pairs.h"
#include "base/error.h"

struct jp_volume {
    char *name;   /* AC Name */
    bool is_host; /* kind "host", else "empty" */
    bool is_read_only;
    char *source; /* host: absolute host path */
    bool has_recursive;
    bool is_recursive; /* host: as given; ask jp_volume_is_recursive() for the default */
    bool has_mode;
    mode_t mode; /* empty: 07777 at most; 0755 unless has_mode */
    bool has_uid;
    uint32_t uid; /* empty: 0 unless has_uid */
    bool has_gid;
    uint32_t gid;
    struct json_t *extra;
};

struct jp_volumes {
    struct jp_volume *items;
    size_t count;
    size_t capacity;
};

struct jp_mount {
    char *volume; /* AC Name: key into the pod's volumes */
    char *path;   /* absolute, inside the app's root; in a template also a mount point's name */
    bool has_app_volume;
    struct jp_volume app_volume; /* overrides the lookup by name */
    struct json_t *extra;
};

struct jp_mounts {
    struct jp_mount *items;
    size_t count;
    size_t capacity;
};

struct jp_runtime_image {
    char *id;   /* full id; NULL in a template */
    char *name; /* AC Identifier or NULL */
    struct jp_pairs labels;
    struct json_t *extra;
};

struct jp_runtime_app {
    char *name; /* AC Name, unique in the pod */
    struct jp_runtime_image image;
    bool has_app;
    struct jp_app app;      /* substitute for the image's app */
    bool is_read_only_root; /* readOnlyRootFS */
    struct jp_mounts mounts;
    struct jp_pairs annotations;
    struct json_t *extra;
};

struct jp_runtime_apps {
    struct jp_runtime_app *items;
    size_t count;
    size_t capacity;
};

struct jp_exposed_port {
    char *name;         /* AC Name: key into the ports of the apps */
    uint32_t host_port; /* 1 to 65535 */
    char *host_ip;      /* dotted quad; NULL: every address */
    bool has_pod_port;
    struct jp_port pod_port; /* overrides the ports of the images */
    struct json_t *extra;
};

struct jp_exposed_ports {
    struct jp_exposed_port *items;
    size_t count;
    size_t capacity;
};

struct jp_pod_manifest {
    char *ac_version;
    struct jp_runtime_apps apps;
    struct jp_volumes volumes;
    struct jp_isolators isolators;
    struct jp_pairs annotations;
    struct jp_exposed_ports ports;
    struct jp_pairs user_annotations;
    struct jp_pairs user_labels;
    struct json_t *extra;
};

#define JP_POD_MANIFEST_INIT                                                                       \
    {                                                                                              \
        .ac_version = NULL                                                                         \
    }

/* As jp_image_manifest_parse(). Image ids may be absent (a template). */
int jp_pod_manifest_parse(const char *json, size_t len, struct jp_pod_manifest *ret,
                          struct jp_error *err);

/* The rules that parse applies, for a manifest that was built or edited. */
int jp_pod_manifest_check(const struct jp_pod_manifest *m, struct jp_error *err);

/*
 * jp_pod_manifest_check(), and what a pod needs to run (pods.md): every app has an image id, every
 * mount an absolute path and a volume that exists.
 */
int jp_pod_manifest_check_reified(const struct jp_pod_manifest *m, struct jp_error *err);

/* As jp_image_manifest_print(). A manifest without ac_version is printed as of our version. */
int jp_pod_manifest_print(const struct jp_pod_manifest *m, bool pretty, char **ret,
                          struct jp_error *err);

/* Lookup; NULL when absent. The result is the manifest's and may be edited. */
struct jp_runtime_app *jp_pod_manifest_find_app(const struct jp_pod_manifest *m, const char *name);
struct jp_volume *jp_pod_manifest_find_volume(const struct jp_pod_manifest *m, const char *name);
struct jp_exposed_port *jp_pod_manifest_find_port(const struct jp_pod_manifest *m,
                                                  const char *name);
const char *jp_pod_manifest_annotation(const struct jp_pod_manifest *m, const char *name);

/* Append a zeroed element and return it to be filled; NULL without memory. */
struct jp_runtime_app *jp_pod_manifest_add_app(struct jp_pod_manifest *m);
struct jp_volume *jp_pod_manifest_add_volume(struct jp_pod_manifest *m);
struct jp_exposed_port *jp_pod_manifest_add_port(struct jp_pod_manifest *m);
struct jp_mount *jp_runtime_app_add_mount(struct jp_runtime_app *app);

/* The app object in force: the pod's substitute, else the image's, else NULL. */
const struct jp_app *jp_runtime_app_effective(const struct jp_runtime_app *app,
                                              const struct jp_image_manifest *image);

/* The volume of a mount: its appVolume, else the pod's of that name, else NULL. */
const struct jp_volume *jp_mount_volume(const struct jp_pod_manifest *m,
                                        const struct jp_mount *mount);

/* What counts when a field was not given: recursive, and "0755". */
bool jp_volume_is_recursive(const struct jp_volume *volume);
mode_t jp_volume_mode(const struct jp_volume *volume);

int jp_volume_check(const struct jp_volume *volume, struct jp_error *err);
int jp_volume_copy(struct jp_volume *to, const struct jp_volume *from, struct jp_error *err);
void jp_volume_clear(struct jp_volume *volume);
void jp_mount_clear(struct jp_mount *mount);
void jp_exposed_port_clear(struct jp_exposed_port *port);
void jp_runtime_app_clear(struct jp_runtime_app *app);
void jp_pod_manifest_clear(struct jp_pod_manifest *m);

#endif
