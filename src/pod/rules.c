/*
 * Rules that a reified manifest must keep beyond those of the specification's types, and volumes
 * on disk. Each refusal names the app and the thing.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "base/buf.h"
#include "base/mem.h"
#include "pod/internal.h"
#include "store/driver/driver.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/path.h"

#ifdef O_PATH
#define OPEN_FOR_LOOK O_PATH
#else
#define OPEN_FOR_LOOK (O_RDONLY | O_NONBLOCK)
#endif

#define MAX_PATH 4096 /* bytes of a mount target */

/* ---- paths ---- */

static int add_part(struct jp_buf *buf, const char *part, size_t len, const char *path,
                    struct jp_error *err)
{
    if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
        return jp_fail(err, JP_EINVALID, 0, "path '%s' has a '.' or '..' part", path);
    jp_buf_putc(buf, '/');
    jp_buf_add(buf, part, len);
    return 0;
}

int jp_pod_clean_path(const char *path, char **ret, struct jp_error *err)
{
    if (path[0] != '/' || strlen(path) > MAX_PATH)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not an absolute path", path);
    struct jp_buf buf = JP_BUF_INIT;
    int result = 0;
    for (const char *p = path; *p && result == 0;) {
        size_t slashes = strspn(p, "/");
        size_t len = strcspn(p + slashes, "/");
        if (len > 0)
            result = add_part(&buf, p + slashes, len, path, err);
        p += slashes + len;
    }
    if (buf.len == 0)
        jp_buf_putc(&buf, '/');
    char *clean = jp_buf_steal(&buf);
    if (result == 0 && !clean)
        result = jp_oom(err);
    if (result == 0)
        *ret = jp_take(&clean);
    free(clean);
    return result;
}

static bool is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ---- mounts ---- */

/* What we mount ourselves must not be faked by a volume (CVE-2019-16884, CVE-2025-52881). */
static int check_target(const char *app, const char *path, struct jp_error *err)
{
    static const char *const ours[] = {"/proc", "/sys", "/dev"};
    if (strcmp(path, "/") == 0)
        return jp_fail(err, JP_EINVALID, 0, "app '%s': a volume cannot be mounted on /", app);
    for (size_t i = 0; i < JP_LEN(ours); i++) {
        if (is_at_or_below(path, ours[i]))
            return jp_fail(err, JP_EINVALID, 0, "app '%s': a volume cannot be mounted on '%s'", app,
                           path);
    }
    return 0;
}

static int check_overlap(const char *app, const struct jp_strv *targets, struct jp_error *err)
{
    for (size_t i = 0; i < targets->count; i++) {
        for (size_t k = i + 1; k < targets->count; k++) {
            const char *a = targets->items[i];
            const char *b = targets->items[k];
            if (is_at_or_below(a, b) || is_at_or_below(b, a))
                return jp_fail(err, JP_EINVALID, 0, "app '%s': mounts on '%s' and '%s' overlap",
                               app, a, b);
        }
    }
    return 0;
}

static int check_mounts(const struct jp_runtime_app *app, struct jp_error *err)
{
    JP_AUTO(jp_strv) targets = JP_STRV_INIT;
    if (app->mounts.count > JP_PLAN_MAX_MOUNTS)
        return jp_fail(err, JP_ELIMIT, 0, "app '%s' has more than %d mounts", app->name,
                       JP_PLAN_MAX_MOUNTS);
    for (size_t i = 0; i < app->mounts.count; i++) {
        JP_AUTO_FREE char *path = NULL;
        if (jp_pod_clean_path(app->mounts.items[i].path, &path, err) < 0)
            return jp_wrap(err, "app '%s': mount of volume '%s'", app->name,
                           app->mounts.items[i].volume);
        if (check_target(app->name, path, err) < 0)
            return -1;
        if (jp_strv_add(&targets, path) < 0)
            return jp_oom(err);
    }
    return check_overlap(app->name, &targets, err);
}

/* ---- isolators ---- */

static int check_isolators(const char *app, const struct jp_isolators *list, struct jp_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct jp_isolator *isolator = &list->items[i];
        if (isolator->kind != JP_ISOLATOR_CAPS_RETAIN && isolator->kind != JP_ISOLATOR_CAPS_REMOVE)
            continue;
        for (size_t k = 0; k < isolator->set.count; k++) {
            if (jp_pod_capability_number(isolator->set.items[k]) < 0)
                return jp_fail(err, JP_EINVALID, 0, "%s: %s: there is no capability '%s'", app,
                               isolator->name, isolator->set.items[k]);
        }
    }
    return 0;
}

static int check_handlers(const char *name, const struct jp_app *app, struct jp_error *err)
{
    for (size_t i = 0; i < app->event_handlers.count; i++) {
        const char *event = app->event_handlers.items[i].name;
        if (strcmp(event, "pre-start") != 0 && strcmp(event, "post-stop") != 0)
            return jp_fail(err, JP_EINVALID, 0, "app '%s': there is no event '%s'", name, event);
    }
    return 0;
}

/* ---- sockets that apps find open ---- */

size_t jp_pod_count_sockets(const struct jp_app *app)
{
    size_t count = 0;
    for (size_t i = 0; app && i < app->ports.count; i++) {
        if (app->ports.items[i].is_socket_activated)
            count += app->ports.items[i].count;
    }
    return count;
}

static int check_socket(const struct jp_port *port, struct jp_error *err)
{
    if (strcmp(port->protocol, "tcp") == 0 || strcmp(port->protocol, "udp") == 0)
        return 0;
    return jp_fail(err, JP_EUNSUPPORTED, 0,
                   "port '%s': only tcp and udp can be socketActivated, not '%s'", port->name,
                   port->protocol);
}

static int check_sockets(const char *name, const struct jp_app *app, struct jp_error *err)
{
    for (size_t i = 0; app && i < app->ports.count; i++) {
        const struct jp_port *port = &app->ports.items[i];
        if (port->is_socket_activated && check_socket(port, err) < 0)
            return jp_wrap(err, "app '%s'", name);
    }
    if (jp_pod_count_sockets(app) > JP_PLAN_MAX_SOCKETS)
        return jp_fail(err, JP_ELIMIT, 0, "app '%s': more than %d ports are socketActivated", name,
                       JP_PLAN_MAX_SOCKETS);
    return 0;
}

static int check_app(const struct jp_runtime_app *app, const struct jp_image_manifest *image,
                     struct jp_error *err)
{
    if (strlen(app->name) > 63) /* it names files and host-side objects */
        return jp_fail(err, JP_ELIMIT, 0, "app '%s': a name of more than 63 characters", app->name);
    if (check_mounts(app, err) < 0)
        return -1;
    const struct jp_app *effective = jp_runtime_app_effective(app, image);
    if (!effective)
        return 0;
    if (effective->environment.count > JP_PLAN_MAX_STRINGS / 2 ||
        effective->exec.count > JP_PLAN_MAX_STRINGS / 2)
        return jp_fail(err, JP_ELIMIT, 0, "app '%s' has too many arguments or variables",
                       app->name);
    JP_AUTO_FREE char *place = jp_format("app '%s'", app->name);
    if (!place)
        return jp_oom(err);
    if (check_handlers(app->name, effective, err) < 0 ||
        check_isolators(place, &effective->isolators, err) < 0 ||
        check_sockets(app->name, effective, err) < 0)
        return -1;
    if (jp_isolators_check(&effective->isolators, err) < 0)
        return jp_wrap(err, "%s", place);
    return 0;
}

/* ---- ports ---- */

const struct jp_port *jp_pod_port_behind(const struct jp_pod_manifest *m,
                                         const struct jp_image_manifest *images,
                                         const struct jp_exposed_port *exposed)
{
    if (exposed->has_pod_port)
        return &exposed->pod_port;
    for (size_t i = 0; i < m->apps.count; i++) {
        const struct jp_app *app = jp_runtime_app_effective(&m->apps.items[i], &images[i]);
        const struct jp_port *port = app ? jp_app_find_port(app, exposed->name) : NULL;
        if (port)
            return port;
    }
    return NULL;
}

static bool ports_clash(const struct jp_pod_manifest *m, const struct jp_exposed_port *a,
                        const struct jp_port *pa, const struct jp_exposed_port *b,
                        const struct jp_port *pb)
{
    const char *ip_a = jp_pod_port_ip(m, a), *ip_b = jp_pod_port_ip(m, b);
    if (ip_a && ip_b && strcmp(ip_a, ip_b) != 0)
        return false;
    if (strcmp(pa->protocol, pb->protocol) != 0)
        return false;
    return a->host_port < b->host_port + pb->count && b->host_port < a->host_port + pa->count;
}

static int check_ports(const struct jp_pod_manifest *m, const struct jp_image_manifest *images,
                       struct jp_error *err)
{
    if (m->ports.count > JP_PORT_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d published ports", JP_PORT_MAX);
    for (size_t i = 0; i < m->ports.count; i++) {
        const struct jp_exposed_port *a = &m->ports.items[i];
        const struct jp_port *pa = jp_pod_port_behind(m, images, a);
        if (!pa)
            return jp_fail(err, JP_EINVALID, 0, "no app has a port '%s'", a->name);
        if (strcmp(pa->protocol, "tcp") != 0 && strcmp(pa->protocol, "udp") != 0)
            return jp_fail(err, JP_EUNSUPPORTED, 0,
                           "port '%s': only tcp and udp can be published, not '%s'", a->name,
                           pa->protocol);
        if (pa->count > JP_PORT_RANGE)
            return jp_fail(err, JP_ELIMIT, 0, "port '%s': a range of more than %d", a->name,
                           JP_PORT_RANGE);
        if (a->host_port + pa->count - 1 > 65535)
            return jp_fail(err, JP_EINVALID, 0, "port '%s': its range passes 65535", a->name);
        for (size_t k = 0; k < i; k++) {
            const struct jp_exposed_port *b = &m->ports.items[k];
            const struct jp_port *pb = jp_pod_port_behind(m, images, b);
            if (pb && ports_clash(m, a, pa, b, pb))
                return jp_fail(err, JP_EINVALID, 0, "ports '%s' and '%s' share host port %u",
                               b->name, a->name, a->host_port);
        }
    }
    return jp_pod_port_notes_check(m, err);
}

/* Fields of fixed length in the kernel (row 69): letters, digits, '-', '.', '_', 63 at most. */
static int check_hostname(const struct jp_pod_manifest *m, struct jp_error *err)
{
    static const char *const notes[] = {JP_NOTE_HOSTNAME, "hostname"};
    for (size_t i = 0; i < JP_LEN(notes); i++) {
        const char *name = jp_pod_manifest_annotation(m, notes[i]);
        size_t len = name ? strlen(name) : 0;
        if (name && (len == 0 || len > 63 || name[0] == '-' || name[0] == '.' ||
                     strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._") != len))
            return jp_fail(err, JP_EINVALID, 0, "annotation %s: '%.80s' is not a host name",
                           notes[i], name);
    }
    return 0;
}

/* It becomes lines of a file. */
static int check_dns(const struct jp_pod_manifest *m, struct jp_error *err)
{
    JP_AUTO(jp_strv) servers = JP_STRV_INIT;
    const char *list = jp_pod_manifest_annotation(m, JP_NOTE_DNS);
    return list && jp_pod_dns_parse(list, &servers, err) < 0
               ? jp_wrap(err, "annotation %s", JP_NOTE_DNS)
               : 0;
}

int jp_pod_rules_check(const struct jp_pod_manifest *m, const struct jp_image_manifest *images,
                       struct jp_error *err)
{
    if (m->apps.count > JP_PLAN_MAX_APPS || m->volumes.count > JP_PLAN_MAX_VOLUMES)
        return jp_fail(err, JP_ELIMIT, 0, "more than %d apps or %d volumes", JP_PLAN_MAX_APPS,
                       JP_PLAN_MAX_VOLUMES);
    for (size_t i = 0; i < m->apps.count; i++) {
        if (check_app(&m->apps.items[i], &images[i], err) < 0)
            return -1;
    }
    bool redirects;
    uint8_t net = 0;
    uint8_t restart = 0;
    uint32_t limit = 0;
    if (jp_pod_net_mode(m, &net, err) < 0 || jp_pod_restart_policy(m, &restart, &limit, err) < 0 ||
        check_hostname(m, err) < 0 || check_dns(m, err) < 0 ||
        jp_pod_publish_way(NULL, m, &redirects, err) < 0 ||
        check_isolators("pod", &m->isolators, err) < 0)
        return -1;
    return check_ports(m, images, err);
}

/* ---- volumes on disk ---- */

/* A path that nobody is there to keep from being swapped is looked at again by the platform. */
static int check_source(const struct jp_volume *volume, bool allow_links, struct jp_error *err)
{
    JP_AUTO_FD int fd = -1;
    if (allow_links) {
        fd = open(volume->source, OPEN_FOR_LOOK | O_CLOEXEC);
        if (fd < 0)
            return jp_fail(err, errno == ENOENT ? JP_ENOTFOUND : JP_ESYS, errno,
                           "volume '%s': source '%s'", volume->name, volume->source);
    } else {
        JP_AUTO(jp_error) why = JP_ERROR_INIT;
        fd = jp_path_open_strict(volume->source, OPEN_FOR_LOOK, &why);
        if (fd < 0 && why.code == JP_EINVALID)
            return jp_fail(err, JP_EINVALID, 0, "volume '%s': %s: --allow-volume-symlinks takes it",
                           volume->name, jp_error_text(&why));
        if (fd < 0) {
            jp_error_move(err, &why);
            return jp_wrap(err, "volume '%s': source '%s'", volume->name, volume->source);
        }
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "volume '%s': look at '%s'", volume->name, volume->source);
    if (S_ISLNK(st.st_mode))
        return jp_fail(err, JP_EINVALID, 0, "volume '%s': source '%s' is a symbolic link",
                       volume->name, volume->source);
    return 0;
}

int jp_pod_volumes_check(const struct jp_pod_manifest *m, struct jp_error *err)
{
    bool allow_links = jp_pod_is_on(jp_pod_manifest_annotation(m, JP_NOTE_VOLUME_LINKS));
    for (size_t i = 0; i < m->volumes.count; i++) {
        if (m->volumes.items[i].is_host && check_source(&m->volumes.items[i], allow_links, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < m->apps.count; i++) {
        const struct jp_mounts *mounts = &m->apps.items[i].mounts;
        for (size_t k = 0; k < mounts->count; k++) {
            const struct jp_mount *mount = &mounts->items[k];
            if (mount->has_app_volume && mount->app_volume.is_host &&
                check_source(&mount->app_volume, allow_links, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int make_volume(struct jp_store *store, int dir_fd, const char *name,
                       const struct jp_volume *volume, struct jp_error *err)
{
    struct jp_driver_volume wanted = {
        .uid = volume->has_uid ? volume->uid : 0,
        .gid = volume->has_gid ? volume->gid : 0,
        .mode = jp_volume_mode(volume),
    };
    if (jp_store_volume_make(store, dir_fd, name, &wanted, err) < 0)
        return jp_wrap(err, "volume '%s'", name);
    return 0;
}

int jp_pod_volumes_make(struct jp_store *store, int pod_fd, const struct jp_pod_manifest *m,
                        struct jp_error *err)
{
    JP_AUTO_FD int dir = -1;
    for (size_t i = 0; i < m->volumes.count; i++) {
        if (m->volumes.items[i].is_host)
            continue;
        if (dir < 0 && (dir = jp_fd_make_dir(pod_fd, JP_POD_VOLUMES_DIR, 0711, err)) < 0)
            return -1;
        if (make_volume(store, dir, m->volumes.items[i].name, &m->volumes.items[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < m->apps.count; i++) {
        const struct jp_runtime_app *app = &m->apps.items[i];
        for (size_t k = 0; k < app->mounts.count; k++) {
            const struct jp_mount *mount = &app->mounts.items[k];
            if (!mount->has_app_volume || mount->app_volume.is_host)
                continue;
            JP_AUTO_FREE char *name = jp_format("%s+%s", app->name, mount->volume);
            if (!name)
                return jp_oom(err);
            if (dir < 0 && (dir = jp_fd_make_dir(pod_fd, JP_POD_VOLUMES_DIR, 0711, err)) < 0)
                return -1;
            if (make_volume(store, dir, name, &mount->app_volume, err) < 0)
                return -1;
        }
    }
    return 0;
}
