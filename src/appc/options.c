/*
 * The small languages of the command line. Each result is checked by the same table as its JSON
 * form, so that an option can say nothing that a manifest could not.
 */
#include "appc/options.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "base/mem.h"
#include "base/parse.h"

#define SETTINGS_MAX 32 /* k=v parts in one option */

/* ---- k=v,k=v -----------------------------------------------------------------------------------
 */

struct setting {
    const char *key;
    int (*set)(void *object, const char *value, struct jp_error *err);
};

static int set_text(char **member, const char *value, struct jp_error *err)
{
    free(*member);
    *member = jp_strdup(value);
    return *member ? 0 : jp_oom(err);
}

static int set_bool(bool *member, const char *value, struct jp_error *err)
{
    bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is neither true nor false", jp_show(value).text);
    *member = is_true;
    return 0;
}

static int set_number(uint32_t *member, const char *value, uint64_t max, struct jp_error *err)
{
    uint64_t number;
    if (!jp_parse_u64(value, 10, 0, max, &number))
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not a number up to %llu", jp_show(value).text,
                       (unsigned long long)max);
    *member = (uint32_t)number;
    return 0;
}

static int apply(const struct setting *settings, void *object, char *part, struct jp_error *err)
{
    char *equals = strchr(part, '=');
    if (!equals)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not KEY=VALUE", jp_show(part).text);
    *equals = '\0';
    for (const struct setting *s = settings; s->key; s++) {
        if (strcmp(s->key, part) != 0)
            continue;
        return s->set(object, equals + 1, err) < 0 ? jp_wrap(err, "%s", s->key) : 0;
    }
    return jp_fail(err, JP_EUSAGE, 0, "unknown key '%s'", jp_show(part).text);
}

/* NAME[,k=v]...: the first part is the name, "name=NAME" as well. */
static int parse_settings(const char *text, const struct setting *settings, void *object,
                          char **name, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(text);
    if (!copy)
        return jp_oom(err);
    char *next = copy;
    for (int i = 0; next; i++) {
        if (i == SETTINGS_MAX)
            return jp_fail(err, JP_EUSAGE, 0, "more than %d parts", SETTINGS_MAX);
        char *part = next;
        next = strchr(part, ',');
        if (next)
            *next++ = '\0';
        if (i == 0 && strncmp(part, "name=", 5) == 0)
            part += 5;
        if ((i == 0 ? set_text(name, part, err) : apply(settings, object, part, err)) < 0)
            return -1;
    }
    return 0;
}

static int checked(const struct jp_json_type *type, const void *object, struct jp_error *err)
{
    if (jp_json_check(type, object, err) == 0)
        return 0;
    if (err && err->code == JP_EINVALID)
        err->code = JP_EUSAGE;
    return -1;
}

/* ---- -v ----------------------------------------------------------------------------------------
 */

static int volume_kind(void *object, const char *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    volume->is_host = strcmp(value, "host") == 0;
    if (!volume->is_host && strcmp(value, "empty") != 0)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is neither host nor empty", jp_show(value).text);
    return 0;
}

static int volume_source(void *object, const char *value, struct jp_error *err)
{
    return set_text(&((struct jp_volume *)object)->source, value, err);
}

static int volume_read_only(void *object, const char *value, struct jp_error *err)
{
    return set_bool(&((struct jp_volume *)object)->is_read_only, value, err);
}

static int volume_recursive(void *object, const char *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    volume->has_recursive = true;
    return set_bool(&volume->is_recursive, value, err);
}

static int volume_mode(void *object, const char *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    uint64_t mode;
    if (!jp_parse_u64(value, 8, 0, 07777, &mode))
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not an octal mode", jp_show(value).text);
    volume->has_mode = true;
    volume->mode = (mode_t)mode;
    return 0;
}

static int volume_uid(void *object, const char *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    volume->has_uid = true;
    return set_number(&volume->uid, value, UINT32_MAX - 1, err);
}

static int volume_gid(void *object, const char *value, struct jp_error *err)
{
    struct jp_volume *volume = object;
    volume->has_gid = true;
    return set_number(&volume->gid, value, UINT32_MAX - 1, err);
}

static const struct setting volume_settings[] = {
    {"kind", volume_kind},
    {"source", volume_source},
    {"readOnly", volume_read_only},
    {"recursive", volume_recursive},
    {"mode", volume_mode},
    {"uid", volume_uid},
    {"gid", volume_gid},
    {NULL, NULL},
};

/* [-]NAME:/path */
static int volume_short(const char *text, const char *colon, struct jp_volume *volume,
                        struct jp_error *err)
{
    volume->is_read_only = *text == '-';
    text += volume->is_read_only;
    volume->is_host = true;
    volume->name = jp_memdup0(text, (size_t)(colon - text));
    volume->source = jp_strdup(colon + 1);
    return volume->name && volume->source ? 0 : jp_oom(err);
}

static int volume_parse(const char *text, struct jp_volume *volume, struct jp_error *err)
{
    const char *end_of_name = text + strcspn(text, ":,");
    int result;
    if (*end_of_name == ':')
        result = volume_short(text, end_of_name, volume, err);
    else
        result = parse_settings(text, volume_settings, volume, &volume->name, err);
    if (result < 0)
        return -1;
    return checked(&jp_volume_type, volume, err);
}

int jp_option_volume(const char *text, struct jp_volume *ret, struct jp_error *err)
{
    JP_AUTO(jp_volume) volume = {.name = NULL};
    if (volume_parse(text, &volume, err) < 0)
        return jp_wrap(err, "volume '%s'", jp_show(text).text);
    *ret = volume;
    volume = (struct jp_volume){.name = NULL};
    return 0;
}

/* ---- -p ----------------------------------------------------------------------------------------
 */

/* [IP:]HOSTPORT; of IPv6 the address stands in brackets, and has no field in the manifest. */
static int port_place(char *where, struct jp_publication *to, struct jp_error *err)
{
    char *colon = strrchr(where, ':');
    const char *number = colon ? colon + 1 : where;
    uint64_t host_port;
    if (!jp_parse_u64(number, 10, 1, 65535, &host_port))
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not a port (1 to 65535)", jp_show(number).text);
    to->port.host_port = (uint32_t)host_port;
    if (!colon)
        return 0;
    *colon = '\0';
    if (*where != '[')
        return set_text(&to->port.host_ip, where, err);
    size_t len = strlen(where);
    struct in6_addr address;
    bool is_closed = where[len - 1] == ']';
    if (is_closed)
        where[len - 1] = '\0';
    if (!is_closed || inet_pton(AF_INET6, where + 1, &address) != 1)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not an IPv6 address", jp_show(where + 1).text);
    return set_text(&to->host_ip6, where + 1, err);
}

/* from=NETWORK: added to those before, with a blank between. */
static int port_from(struct jp_publication *to, const char *network, struct jp_error *err)
{
    if (*network == '\0' || strchr(network, ' '))
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not a network", jp_show(network).text);
    JP_AUTO_FREE char *all =
        jp_format("%s%s%s", to->from ? to->from : "", to->from ? " " : "", network);
    return all ? set_text(&to->from, all, err) : jp_oom(err);
}

static int port_parse(char *text, struct jp_publication *to, struct jp_error *err)
{
    struct jp_exposed_port *port = &to->port;
    char *rest = text;
    char *first = strsep(&rest, ",");
    char *where = strchr(first, '=');
    if (where)
        *where++ = '\0';
    port->name = jp_strdup(first);
    if (!port->name)
        return jp_oom(err);
    if (where && port_place(where, to, err) < 0)
        return -1;
    for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ",")) {
        if (strncmp(part, "from=", 5) != 0)
            return jp_fail(err, JP_EUSAGE, 0, "'%s' is not from=NETWORK", jp_show(part).text);
        if (port_from(to, part + 5, err) < 0)
            return -1;
    }
    /* Without a number the caller fills it in: check the rest as if it were there. */
    struct jp_exposed_port complete = *port;
    complete.host_port = port->host_port ? port->host_port : 1;
    return checked(&jp_exposed_port_type, &complete, err);
}

int jp_option_port(const char *text, struct jp_publication *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *copy = jp_strdup(text);
    if (!copy)
        return jp_oom(err);
    JP_AUTO(jp_publication) publication = {.from = NULL};
    if (port_parse(copy, &publication, err) < 0)
        return jp_wrap(err, "port '%s'", jp_show(text).text);
    *ret = publication;
    publication = (struct jp_publication){.from = NULL};
    return 0;
}

void jp_publication_clear(struct jp_publication *publication)
{
    jp_exposed_port_clear(&publication->port);
    free(publication->host_ip6);
    free(publication->from);
    *publication = (struct jp_publication){.from = NULL};
}

/* ---- -m ----------------------------------------------------------------------------------------
 */

int jp_option_mount(const char *text, struct jp_mount *ret, struct jp_error *err)
{
    const char *colon = strchr(text, ':');
    JP_AUTO(jp_mount) mount = {.volume = NULL};
    mount.volume = jp_memdup0(text, colon ? (size_t)(colon - text) : strlen(text));
    mount.path = jp_strdup(colon ? colon + 1 : text);
    if (!mount.volume || !mount.path)
        return jp_oom(err);
    if (checked(&jp_mount_type, &mount, err) < 0)
        return jp_wrap(err, "mount '%s'", jp_show(text).text);
    if (*mount.path != '/' && !jp_ac_name_valid(mount.path))
        return jp_fail(err, JP_EUSAGE, 0,
                       "mount '%s': '%s' is neither an absolute path nor the name of a mount point",
                       jp_show(text).text, jp_show(mount.path).text);
    *ret = mount;
    mount = (struct jp_mount){.volume = NULL};
    return 0;
}

/* ---- --port, --mount-point ---------------------------------------------------------------------
 */

static int app_port_protocol(void *object, const char *value, struct jp_error *err)
{
    return set_text(&((struct jp_port *)object)->protocol, value, err);
}

static int app_port_port(void *object, const char *value, struct jp_error *err)
{
    return set_number(&((struct jp_port *)object)->port, value, 65535, err);
}

static int app_port_count(void *object, const char *value, struct jp_error *err)
{
    return set_number(&((struct jp_port *)object)->count, value, 65535, err);
}

static int app_port_activated(void *object, const char *value, struct jp_error *err)
{
    return set_bool(&((struct jp_port *)object)->is_socket_activated, value, err);
}

static const struct setting app_port_settings[] = {
    {"protocol", app_port_protocol},
    {"port", app_port_port},
    {"count", app_port_count},
    {"socketActivated", app_port_activated},
    {NULL, NULL},
};

int jp_option_app_port(const char *text, struct jp_port *ret, struct jp_error *err)
{
    JP_AUTO(jp_port) port = {.count = 1};
    if (parse_settings(text, app_port_settings, &port, &port.name, err) < 0)
        return jp_wrap(err, "port '%s'", jp_show(text).text);
    if (!port.protocol && set_text(&port.protocol, "tcp", err) < 0)
        return -1;
    if (checked(&jp_port_type, &port, err) < 0)
        return jp_wrap(err, "port '%s'", jp_show(text).text);
    *ret = port;
    port = (struct jp_port){.name = NULL};
    return 0;
}

static int point_path(void *object, const char *value, struct jp_error *err)
{
    return set_text(&((struct jp_mount_point *)object)->path, value, err);
}

static int point_read_only(void *object, const char *value, struct jp_error *err)
{
    return set_bool(&((struct jp_mount_point *)object)->is_read_only, value, err);
}

static const struct setting point_settings[] = {
    {"path", point_path},
    {"readOnly", point_read_only},
    {NULL, NULL},
};

int jp_option_mount_point(const char *text, struct jp_mount_point *ret, struct jp_error *err)
{
    JP_AUTO(jp_mount_point) point = {.name = NULL};
    if (parse_settings(text, point_settings, &point, &point.name, err) < 0 ||
        checked(&jp_mount_point_type, &point, err) < 0)
        return jp_wrap(err, "mount point '%s'", jp_show(text).text);
    *ret = point;
    point = (struct jp_mount_point){.name = NULL};
    return 0;
}

/* ---- NAME=VALUE --------------------------------------------------------------------------------
 */

int jp_option_pair(const char *text, char **ret_name, char **ret_value, struct jp_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' is not NAME=VALUE", jp_show(text).text);
    JP_AUTO_FREE char *name = jp_memdup0(text, (size_t)(equals - text));
    JP_AUTO_FREE char *value = jp_strdup(equals + 1);
    if (!name || !value)
        return jp_oom(err);
    *ret_name = jp_take(&name);
    *ret_value = jp_take(&value);
    return 0;
}
