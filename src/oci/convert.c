#include "oci/convert.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "appc/removed.h"
#include "appc/timestamp.h"
#include "appc/version.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "oci/layer.h"
#include "sys/fd.h"
#include "sys/userdb.h"

#define DOCKER "appc.io/docker/"

/* ---- system and machine ---------------------------------------------------------------------- */

static const struct {
    const char *os;
    const char *arch; /* Go's word */
    const char *variant;
    const char *appc;
} arches[] = {
    {"linux", "amd64", NULL, "amd64"},     {"linux", "386", NULL, "i386"},
    {"linux", "arm64", NULL, "aarch64"},   {"linux", "arm64", "v8", "aarch64"},
    {"linux", "arm", "v7", "armv7l"},      {"linux", "arm", "v6", "armv6l"},
    {"linux", "arm", NULL, "armv7l"},      {"linux", "arm64be", NULL, "aarch64_be"},
    {"linux", "armbe", NULL, "armv7b"},    {"linux", "ppc64", NULL, "ppc64"},
    {"linux", "ppc64le", NULL, "ppc64le"}, {"linux", "s390x", NULL, "s390x"},
    {"freebsd", "amd64", NULL, "amd64"},   {"freebsd", "386", NULL, "i386"},
    {"freebsd", "arm", NULL, "arm"},       {"freebsd", "arm64", NULL, "aarch64"},
    {"freebsd", "arm64", "v8", "aarch64"}, {"darwin", "amd64", NULL, "x86_64"},
    {"darwin", "386", NULL, "i386"},
};

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

const char *jp_oci_arch_to_appc(const char *os, const char *arch, const char *variant)
{
    const char *without = NULL;
    for (size_t i = 0; i < JP_LEN(arches); i++) {
        if (strcmp(arches[i].os, os) != 0 || strcmp(arches[i].arch, arch) != 0)
            continue;
        if (is_same(arches[i].variant, variant))
            return arches[i].appc;
        if (!arches[i].variant)
            without = arches[i].appc;
    }
    return without;
}

const char *jp_oci_arch_from_appc(const char *os, const char *arch, const char **ret_variant)
{
    *ret_variant = NULL;
    for (size_t i = 0; i < JP_LEN(arches); i++) {
        if (strcmp(arches[i].os, os) != 0 || strcmp(arches[i].appc, arch) != 0)
            continue;
        *ret_variant = arches[i].variant;
        return arches[i].arch;
    }
    return arch;
}

/* ---- labels and annotations ------------------------------------------------------------------ */

static int set(struct jp_pairs *pairs, const char *name, const char *value, struct jp_error *err)
{
    return value && *value ? jp_pairs_set(pairs, name, value, err) : 0;
}

static int set_labels(const struct jp_oci_conversion *c, struct jp_image_manifest *m,
                      struct jp_error *err)
{
    const struct jp_oci_platform *p = &c->config->platform;
    const char *arch = jp_oci_arch_to_appc(p->os, p->arch, p->variant);
    if (!arch)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "App Container has no word for the system %s/%s",
                       jp_show(p->os).text, jp_show(p->arch).text);
    if (set(&m->labels, "version", c->identity.version, err) < 0 ||
        set(&m->labels, "os", p->os, err) < 0)
        return -1;
    return set(&m->labels, "arch", arch, err);
}

/* Texts in JSON, as docker2aci keeps the two halves of the command. */
static int set_words(struct jp_pairs *pairs, const char *name, const struct jp_strv *words,
                     struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    json_t *list = words->count > 0 ? json_array() : NULL;
    for (size_t i = 0; list && i < words->count; i++)
        (void)json_array_append_new(list, json_string(words->items[i]));
    if (!list)
        return words->count > 0 ? jp_oom(err) : 0;
    jp_json_dump(list, false, &text);
    json_decref(list);
    return jp_buf_failed(&text) ? jp_oom(err) : set(pairs, name, jp_buf_text(&text), err);
}

/* A URL or time that the specification would refuse is left out. */
static int set_created(const struct jp_oci_config *config, struct jp_image_manifest *m,
                       struct jp_error *err)
{
    int64_t ns = 0;
    if (!config->created || jp_timestamp_parse(config->created, &ns, NULL) < 0)
        return 0;
    return set(&m->annotations, "created", config->created, err);
}

static int set_annotations(const struct jp_oci_conversion *c, struct jp_image_manifest *m,
                           struct jp_error *err)
{
    const struct jp_oci_identity *id = &c->identity;
    const struct jp_oci_execution *x = &c->config->execution;
    const struct {
        const char *name;
        const char *value;
    } texts[] = {
        {"authors", c->config->author},          {"docker-comment", c->config->comment},
        {DOCKER "originalname", id->original},   {DOCKER "registryurl", id->registry},
        {DOCKER "repository", id->repository},   {DOCKER "tag", id->tag},
        {DOCKER "imageid", id->config_digest},   {DOCKER "manifesthash", id->manifest_digest},
        {"jetpack/stop-signal", x->stop_signal},
    };
    if (set_created(c->config, m, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(texts); i++) {
        if (set(&m->annotations, texts[i].name, texts[i].value, err) < 0)
            return -1;
    }
    if (set_words(&m->annotations, DOCKER "entrypoint", &x->entrypoint, err) < 0)
        return -1;
    return set_words(&m->annotations, DOCKER "cmd", &x->command, err);
}

/* ---- the user -------------------------------------------------------------------------------- */

/* Opens the root directory of the topmost layer that has the file: *ret_fd, -1 when none shows it.
 */
static int open_root_with(const struct jp_oci_roots *roots, const char *path, int *ret_fd,
                          struct jp_error *err)
{
    *ret_fd = -1;
    for (size_t i = roots->count; i-- > 0;) {
        struct stat st;
        JP_AUTO(jp_strv) removed = JP_STRV_INIT;
        JP_AUTO_FD int fd = openat(roots->dir_fds[i], "rootfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            *ret_fd = jp_fd_take(&fd);
            return 0;
        }
        if (jp_oci_layer_removed(roots->dir_fds[i], &removed, err) < 0)
            return -1;
        if (jp_removed_has(&removed, path))
            return 0;
    }
    return 0;
}

static int set_groups_of(const struct jp_oci_roots *roots, const char *name, struct jp_app *app,
                         struct jp_error *err)
{
    JP_AUTO_FREE uint32_t *gids = NULL;
    size_t count = 0;
    JP_AUTO_FD int root = -1;
    if (open_root_with(roots, "etc/group", &root, err) < 0)
        return -1;
    if (root < 0)
        return 0;
    if (jp_userdb_groups_of(root, name, &gids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (jp_gids_add(&app->supplementary_gids, gids[i]) < 0)
            return jp_oom(err);
    }
    return 0;
}

/* The user's entry in the image; none (no name) also where the file cannot be understood. */
static int find_user(const struct jp_oci_roots *roots, const char *name, struct jp_user *ret,
                     struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int root = -1;
    if (open_root_with(roots, "etc/passwd", &root, err) < 0)
        return -1;
    if (root < 0 || name[0] == '/' || jp_userdb_user(root, name, ret, &why) == 0 ||
        why.code != JP_ENOMEM)
        return 0;
    jp_error_move(err, &why);
    return -1;
}

/*
 * image-spec config.md: without a group, those of the user's entry in the image. A number without
 * an entry is in group 0; a name without one stays as it is, and the start will say so.
 */
static int set_groups(const struct jp_oci_roots *roots, struct jp_app *app, struct jp_error *err)
{
    uint64_t number = 0;
    struct jp_user user = {.name = NULL};
    bool is_number = jp_parse_u64(app->user, 10, 0, UINT32_MAX, &number);
    if (find_user(roots, app->user, &user, err) < 0)
        return -1;
    bool has_entry = user.name != NULL;
    app->group = has_entry   ? jp_format("%u", user.gid)
                 : is_number ? jp_strdup("0")
                             : jp_strdup(app->user);
    int r = app->group ? 0 : jp_oom(err);
    if (r == 0 && has_entry)
        r = set_groups_of(roots, user.name, app, err);
    jp_user_clear(&user);
    return r;
}

static int set_user(const struct jp_oci_conversion *c, struct jp_app *app, struct jp_error *err)
{
    const char *text = c->config->execution.user;
    if (!text || !*text)
        text = "0:0";
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    app->user = len > 0 ? jp_memdup0(text, len) : jp_strdup("0");
    if (!app->user)
        return jp_oom(err);
    if (!colon || !colon[1])
        return set_groups(&c->roots, app, err);
    app->group = jp_strdup(colon + 1);
    return app->group ? 0 : jp_oom(err);
}

/* ---- the app --------------------------------------------------------------------------------- */

static void warn(const struct jp_oci_conversion *c, const char *what, const char *which)
{
    JP_AUTO_FREE char *text = jp_format("%s '%s' is left out: App Container has no such thing",
                                        what, jp_show(which).text);
    if (c->warn && text)
        c->warn(c->context, text);
}

static int set_environment(const struct jp_oci_conversion *c, struct jp_app *app,
                           struct jp_error *err)
{
    const struct jp_strv *list = &c->config->execution.environment;
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        if (!equals)
            continue;
        JP_AUTO_FREE char *name = jp_memdup0(list->items[i], (size_t)(equals - list->items[i]));
        if (!name)
            return jp_oom(err);
        if (!jp_environment_name_valid(name))
            warn(c, "the environment variable", name);
        else if (jp_pairs_set(&app->environment, name, equals + 1, err) < 0)
            return -1;
    }
    return 0;
}

/* Names of an object's members, sorted: two writers of one image may differ in their order. */
static int member_names(const json_t *object, struct jp_strv *ret, struct jp_error *err)
{
    const char *key;
    json_t *ignored;
    if (!object || json_is_null(object))
        return 0;
    if (!json_is_object(object))
        return jp_fail(err, JP_EINVALID, 0, "ports and volumes must be objects");
    json_object_foreach((json_t *)(uintptr_t)object, key, ignored)
    {
        if (jp_strv_add(ret, key) < 0)
            return jp_oom(err);
    }
    jp_strv_sort(ret);
    return 0;
}

/* "80", "80/tcp", "8000-8010/udp": the name is what docker2aci makes of it. */
static int add_port(struct jp_app *app, const char *text, struct jp_error *err)
{
    uint64_t first = 0;
    uint64_t last = 0;
    size_t len = strcspn(text, "/");
    JP_AUTO_FREE char *range = jp_memdup0(text, len);
    struct jp_port *port = jp_app_add_port(app);
    if (!range || !port)
        return jp_oom(err);
    char *dash = strchr(range, '-');
    if (dash)
        *dash++ = '\0';
    if (!jp_parse_u64(range, 10, 1, 65535, &first) ||
        !jp_parse_u64(dash ? dash : range, 10, first, 65535, &last))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a port", jp_show(text).text);
    JP_AUTO_FREE char *spread = jp_strdup(text);
    if (!spread)
        return jp_oom(err);
    for (char *p = spread; (p = strchr(p, '/'));)
        *p = '-';
    port->name = jp_ac_name_from(spread);
    port->protocol = jp_strdup(text[len] ? text + len + 1 : "tcp");
    port->port = (uint32_t)first;
    port->count = (uint32_t)(last - first + 1);
    return port->name && port->protocol ? 0 : jp_oom(err);
}

static int set_ports(const struct jp_oci_conversion *c, struct jp_app *app, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (member_names(c->config->execution.ports, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        if (add_port(app, names.items[i], err) < 0)
            return -1;
    }
    return 0;
}

/* "/var/lib" -> "volume-var-lib"; a second one of the same name gets a number. */
static char *volume_name(const struct jp_app *app, const char *path)
{
    JP_AUTO_FREE char *text = jp_format("volume-%s", path);
    for (char *p = text; p && *p; p++)
        *p = *p == '/' ? '-' : *p;
    JP_AUTO_FREE char *name = text ? jp_ac_name_from(text) : NULL;
    for (unsigned i = 1; name; i++) {
        char *wanted = i == 1 ? jp_strdup(name) : jp_format("%s-%u", name, i - 1);
        if (!wanted || !jp_app_find_mount_point(app, wanted))
            return wanted;
        free(wanted);
    }
    return NULL;
}

static int set_mount_points(const struct jp_oci_conversion *c, struct jp_app *app,
                            struct jp_error *err)
{
    JP_AUTO(jp_strv) paths = JP_STRV_INIT;
    if (member_names(c->config->execution.volumes, &paths, err) < 0)
        return -1;
    for (size_t i = 0; i < paths.count; i++) {
        char *name = volume_name(app, paths.items[i]);
        struct jp_mount_point *point = name ? jp_app_add_mount_point(app) : NULL;
        if (!point) {
            free(name);
            return jp_oom(err);
        }
        point->name = name;
        point->path = jp_strdup(paths.items[i]);
        if (!point->path)
            return jp_oom(err);
    }
    return 0;
}

static int set_app(const struct jp_oci_conversion *c, struct jp_app *app, struct jp_error *err)
{
    const struct jp_oci_execution *x = &c->config->execution;
    if (jp_strv_extend(&app->exec, x->entrypoint.items, x->entrypoint.count) < 0 ||
        jp_strv_extend(&app->exec, x->command.items, x->command.count) < 0)
        return jp_oom(err);
    if (x->working_directory && *x->working_directory) {
        const char *slash = x->working_directory[0] == '/' ? "" : "/";
        app->working_directory = jp_format("%s%s", slash, x->working_directory);
        if (!app->working_directory)
            return jp_oom(err);
    }
    if (set_user(c, app, err) < 0 || set_environment(c, app, err) < 0 ||
        set_ports(c, app, err) < 0 || set_mount_points(c, app, err) < 0)
        return -1;
    return jp_pairs_copy(&app->user_labels, &x->labels, err);
}

int jp_oci_convert(const struct jp_oci_conversion *c, struct jp_image_manifest *m,
                   struct jp_error *err)
{
    m->ac_version = jp_strdup(JP_APPC_SPEC_VERSION);
    m->name = jp_strdup(c->identity.name);
    if (!m->ac_version || !m->name)
        return jp_oom(err);
    if (set_labels(c, m, err) < 0 || set_annotations(c, m, err) < 0)
        return -1;
    m->has_app = true;
    return set_app(c, &m->app, err);
}
