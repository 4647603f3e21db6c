/*
 * Options into manifests: one small function an option, each writing what JSON would say. What an
 * option names (a mount point, a port) is looked up later, by reify.c.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "appc/name.h"
#include "appc/options.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "pod/internal.h"
#include "sys/process.h"

#define MAX_WORDS 4096 /* in a list given to one option */

/* ---- pieces ---- */

static int set_pair(struct jp_pairs *pairs, const char *text, struct jp_error *err)
{
    JP_AUTO_FREE char *name = NULL;
    JP_AUTO_FREE char *value = NULL;
    if (jp_option_pair(text, &name, &value, err) < 0)
        return -1;
    return jp_pairs_set(pairs, name, value, err);
}

static int set_annotation(struct jp_pairs *pairs, const char *text, struct jp_error *err)
{
    JP_AUTO_FREE char *name = NULL;
    JP_AUTO_FREE char *value = NULL;
    if (jp_option_pair(text, &name, &value, err) < 0 || jp_ac_identifier_check(name, err) < 0)
        return -1;
    return jp_pairs_set(pairs, name, value, err);
}

static int replace_string(char **to, const char *text, struct jp_error *err)
{
    char *copy = jp_strdup(text);
    if (!copy)
        return jp_oom(err);
    free(*to);
    *to = copy;
    return 0;
}

static int put_isolator(struct jp_isolators *list, const char *name, const char *json,
                        struct jp_error *err)
{
    struct jp_isolator isolator = JP_ISOLATOR_INIT;
    if (jp_isolator_parse(name, json, &isolator, err) < 0)
        return -1;
    if (jp_isolators_put(list, &isolator, err) < 0) {
        jp_isolator_clear(&isolator);
        return -1;
    }
    return 0;
}

static int put_quantity(struct jp_isolators *list, enum jp_isolator_kind kind, const char *text,
                        struct jp_error *err)
{
    struct jp_quantity quantity;
    if (jp_quantity_parse(text, &quantity, err) < 0)
        return -1;
    JP_AUTO_FREE char *json = jp_format("{\"limit\":\"%s\"}", text);
    return json ? put_isolator(list, jp_isolator_kind_name(kind), json, err) : jp_oom(err);
}

static int put_named(struct jp_isolators *list, const char *text, struct jp_error *err)
{
    JP_AUTO_FREE char *name = NULL;
    JP_AUTO_FREE char *json = NULL;
    if (jp_option_pair(text, &name, &json, err) < 0)
        return -1;
    return put_isolator(list, name, json, err);
}

static int put_json(struct jp_isolators *list, enum jp_isolator_kind kind, json_t *value,
                    struct jp_error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    if (!text)
        return jp_oom(err);
    int result = put_isolator(list, jp_isolator_kind_name(kind), text, err);
    free(text);
    return result;
}

void jp_pod_drop_isolators(struct jp_isolators *list, enum jp_isolator_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind == kind)
            jp_isolator_clear(&list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

/* "a,b,c" to a JSON list, each word through `spell` (may be NULL). */
static json_t *json_words(const char *text, char *(*spell)(const char *))
{
    json_t *list = json_array();
    while (list && *text) {
        size_t len = strcspn(text, ",");
        JP_AUTO_FREE char *word = jp_memdup0(text, len);
        JP_AUTO_FREE char *spelled = word && spell ? spell(word) : NULL;
        json_t *item = json_string(spelled ? spelled : word);
        if (len > 0 && json_array_append_new(list, item) < 0) {
            json_decref(list);
            return NULL;
        }
        text += len;
        text += *text == ',';
    }
    return list;
}

/* chown, cap_chown, CAP_CHOWN: all CAP_CHOWN. */
static char *spell_capability(const char *word)
{
    bool has_prefix = strncasecmp(word, "cap_", 4) == 0;
    char *name = jp_format("CAP_%s", has_prefix ? word + 4 : word);
    for (char *p = name; p && *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return name;
}

static int put_capabilities(struct jp_isolators *list, enum jp_isolator_kind kind, const char *text,
                            struct jp_error *err)
{
    json_t *words = json_words(text, spell_capability);
    for (size_t i = 0; words && i < json_array_size(words); i++) {
        const char *name = json_string_value(json_array_get(words, i));
        if (jp_pod_capability_number(name) < 0) {
            jp_fail(err, JP_EINVALID, 0, "there is no capability '%s'", name);
            json_decref(words);
            return -1;
        }
    }
    return put_json(list, kind, words ? json_pack("{s:o}", "set", words) : NULL, err);
}

/* mode=retain|remove[,errno=NAME],CALL[,CALL...] as rkt spelled it, or "unconfined". */
static int put_seccomp(struct jp_isolators *list, const char *text, struct jp_error *err)
{
    if (strcmp(text, "unconfined") == 0)
        return put_json(list, JP_ISOLATOR_SECCOMP_RETAIN,
                        json_pack("{s:[s]}", "set", "@appc.io/all"), err);
    enum jp_isolator_kind kind;
    if (strncmp(text, "mode=retain,", 12) == 0)
        kind = JP_ISOLATOR_SECCOMP_RETAIN;
    else if (strncmp(text, "mode=remove,", 12) == 0)
        kind = JP_ISOLATOR_SECCOMP_REMOVE;
    else
        return jp_fail(err, JP_EINVALID, 0, "expected 'unconfined' or 'mode=retain|remove,...'");
    text += 12;
    JP_AUTO_FREE char *errno_name = NULL;
    if (strncmp(text, "errno=", 6) == 0) {
        size_t len = strcspn(text + 6, ",");
        if (!(errno_name = jp_memdup0(text + 6, len)))
            return jp_oom(err);
        text += 6 + len;
        text += *text == ',';
    }
    json_t *words = json_words(text, NULL);
    if (words && errno_name)
        return put_json(list, kind, json_pack("{s:s,s:o}", "errno", errno_name, "set", words), err);
    return put_json(list, kind, words ? json_pack("{s:o}", "set", words) : NULL, err);
}

static int put_sysctl(struct jp_isolators *list, const char *text, struct jp_error *err)
{
    JP_AUTO_FREE char *key = NULL;
    JP_AUTO_FREE char *value = NULL;
    if (jp_option_pair(text, &key, &value, err) < 0)
        return -1;
    const struct jp_isolator *old = jp_isolators_find(list, JP_ISOLATOR_SYSCTL);
    json_t *all = old ? json_deep_copy(old->value) : json_object();
    if (!all || json_object_set_new(all, key, json_string(value)) < 0) {
        json_decref(all);
        return jp_oom(err);
    }
    return put_json(list, JP_ISOLATOR_SYSCTL, all, err);
}

/* A JSON list of strings when it begins with '[', else one word: no splitting, no quoting. */
static int read_command(const char *text, struct jp_strv *ret, struct jp_error *err)
{
    struct jp_strv words = JP_STRV_INIT;
    if (text[0] == '\0')
        return jp_fail(err, JP_EINVALID, 0, "no program");
    json_t *list =
        text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_pack("[s]", text);
    int result = 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > MAX_WORDS)
        result = jp_fail(err, JP_EINVALID, 0, "neither a program nor a JSON list of strings");
    for (size_t i = 0; result == 0 && i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        if (!word)
            result = jp_fail(err, JP_EINVALID, 0, "the JSON list holds something but strings");
        else if (jp_strv_add(&words, word) < 0)
            result = jp_oom(err);
    }
    json_decref(list);
    if (result == 0) {
        jp_strv_clear(ret);
        *ret = words;
    } else {
        jp_strv_clear(&words);
    }
    return result;
}

/* ---- the pod ---- */

static int put_volume(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    struct jp_volume volume = {.name = NULL};
    if (jp_option_volume(text, &volume, err) < 0)
        return -1;
    struct jp_volume *place = jp_pod_manifest_find_volume(m, volume.name);
    if (place)
        jp_volume_clear(place);
    else
        place = jp_pod_manifest_add_volume(m);
    if (!place) {
        jp_volume_clear(&volume);
        return jp_oom(err);
    }
    *place = volume;
    return 0;
}

/* The last -p of a port counts, with all that it says and does not say. */
static int put_port_note(struct jp_pod_manifest *m, const char *prefix, const char *port,
                         const char *value, struct jp_error *err)
{
    JP_AUTO_FREE char *name = jp_format("%s%s", prefix, port);
    if (!name)
        return jp_oom(err);
    if (value)
        return jp_pairs_set(&m->annotations, name, value, err);
    (void)jp_pairs_unset(&m->annotations, name);
    return 0;
}

static int put_published(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    JP_AUTO(jp_publication) p = {.from = NULL};
    if (jp_option_port(text, &p, err) < 0 ||
        put_port_note(m, JP_NOTE_PORT_FROM, p.port.name, p.from, err) < 0 ||
        put_port_note(m, JP_NOTE_PORT_IP, p.port.name, p.host_ip6, err) < 0)
        return -1;
    struct jp_exposed_port *place = jp_pod_manifest_find_port(m, p.port.name);
    if (place)
        jp_exposed_port_clear(place);
    else
        place = jp_pod_manifest_add_port(m);
    if (!place)
        return jp_oom(err);
    *place = p.port;
    p.port = (struct jp_exposed_port){.name = NULL};
    return 0;
}

static int put_ip(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, text, &address) != 1 && inet_pton(AF_INET6, text, &address) != 1)
        return jp_fail(err, JP_EINVALID, 0, "expected an address");
    return jp_pairs_set(&m->annotations, JP_NOTE_IP, text, err);
}

/* NAME[,ip=ADDRESS] */
static int put_net(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    static const char ip[] = ",ip=";
    JP_AUTO_FREE char *name = jp_memdup0(text, strcspn(text, ","));
    if (!name)
        return jp_oom(err);
    const char *rest = text + strlen(name);
    bool is_known = strcmp(name, JP_NETWORK_POD) == 0 || strcmp(name, "host") == 0 ||
                    strcmp(name, "none") == 0 || jp_network_name_valid(name);
    if (!is_known || (rest[0] && strncmp(rest, ip, strlen(ip)) != 0))
        return jp_fail(
            err, JP_EINVALID, 0,
            "expected pod, host, none or the name of a network, and perhaps ,ip=ADDRESS");
    if (rest[0] && put_ip(m, rest + strlen(ip), err) < 0)
        return -1;
    return jp_pairs_set(&m->annotations, JP_NOTE_NET, name, err);
}

static int put_restart(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    uint8_t policy;
    uint32_t limit;
    if (!jp_pod_restart_parse(text, &policy, &limit))
        return jp_fail(err, JP_EINVALID, 0, "expected no, on-failure, on-failure:N or always");
    return jp_pairs_set(&m->annotations, JP_NOTE_RESTART, text, err);
}

static int add_dns(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789abcdefABCDEF.:%")] != '\0')
        return jp_fail(err, JP_EINVALID, 0, "expected an address");
    const char *old = jp_pairs_get(&m->annotations, JP_NOTE_DNS);
    JP_AUTO_FREE char *all = jp_format("%s%s%s", old ? old : "", old ? " " : "", text);
    return all ? jp_pairs_set(&m->annotations, JP_NOTE_DNS, all, err) : jp_oom(err);
}

static int put_hostname(struct jp_pod_manifest *m, const char *text, struct jp_error *err)
{
    size_t len = strlen(text);
    /* RFC 1123, and what a length-limited kernel field takes (row 69). */
    if (len == 0 || len > 63 || text[0] == '-' || text[0] == '.')
        return jp_fail(err, JP_EINVALID, 0, "a host name has 1 to 63 characters");
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.')
            return jp_fail(err, JP_EINVALID, 0, "a host name has letters, digits, '-' and '.'");
    }
    return jp_pairs_set(&m->annotations, JP_NOTE_HOSTNAME, text, err);
}

int jp_pod_apply_to_pod(struct jp_pod_manifest *m, const struct jp_pod_setting *setting,
                        struct jp_error *err)
{
    const char *value = setting->value;
    switch (setting->option) {
    case JP_POD_OPT_PUBLISH:
        return put_published(m, value, err);
    case JP_POD_OPT_VOLUME:
        return put_volume(m, value, err);
    case JP_POD_OPT_POD_NAME:
        if (jp_pod_name_check(value, err) < 0)
            return -1;
        return jp_pairs_set(&m->annotations, JP_NOTE_NAME, value, err);
    case JP_POD_OPT_HOSTNAME:
        return put_hostname(m, value, err);
    case JP_POD_OPT_NET:
        return put_net(m, value, err);
    case JP_POD_OPT_IP:
        return put_ip(m, value, err);
    case JP_POD_OPT_DNS:
        return add_dns(m, value, err);
    case JP_POD_OPT_RESTART:
        return put_restart(m, value, err);
    case JP_POD_OPT_STRICT:
        return jp_pairs_set(&m->annotations, JP_NOTE_STRICT, "true", err);
    case JP_POD_OPT_VOLUME_LINKS:
        return jp_pairs_set(&m->annotations, JP_NOTE_VOLUME_LINKS, "true", err);
    case JP_POD_OPT_SYSCTL:
        return put_sysctl(&m->isolators, value, err);
    case JP_POD_OPT_USER_ANNOTATION:
        return set_pair(&m->user_annotations, value, err);
    case JP_POD_OPT_USER_LABEL:
        return set_pair(&m->user_labels, value, err);
    case JP_POD_OPT_ANNOTATION:
        return set_annotation(&m->annotations, value, err);
    case JP_POD_OPT_ISOLATOR:
        return put_named(&m->isolators, value, err);
    case JP_POD_OPT_MEMORY:
        return put_quantity(&m->isolators, JP_ISOLATOR_MEMORY, value, err);
    case JP_POD_OPT_CPU:
        return put_quantity(&m->isolators, JP_ISOLATOR_CPU, value, err);
    default:
        return jp_fail(err, JP_EUSAGE, 0, "not an option of a pod");
    }
}

/* ---- an app ---- */

static int add_mount(struct jp_runtime_app *app, const char *text, struct jp_error *err)
{
    struct jp_mount mount = {.volume = NULL};
    if (jp_option_mount(text, &mount, err) < 0)
        return -1;
    struct jp_mount *place = jp_runtime_app_add_mount(app);
    if (!place) {
        jp_mount_clear(&mount);
        return jp_oom(err);
    }
    *place = mount;
    return 0;
}

static int put_mount_point(struct jp_app *app, const char *text, struct jp_error *err)
{
    struct jp_mount_point point = {.name = NULL};
    if (jp_option_mount_point(text, &point, err) < 0)
        return -1;
    /* The lookup gives the list's own element; only its type says const. */
    struct jp_mount_point *place =
        (struct jp_mount_point *)(uintptr_t)jp_app_find_mount_point(app, point.name);
    if (place)
        jp_mount_point_clear(place);
    else
        place = jp_app_add_mount_point(app);
    if (!place) {
        jp_mount_point_clear(&point);
        return jp_oom(err);
    }
    *place = point;
    return 0;
}

static int put_port(struct jp_app *app, const char *text, struct jp_error *err)
{
    struct jp_port port = {.name = NULL};
    if (jp_option_app_port(text, &port, err) < 0)
        return -1;
    struct jp_port *place = (struct jp_port *)(uintptr_t)jp_app_find_port(app, port.name);
    if (place)
        jp_port_clear(place);
    else
        place = jp_app_add_port(app);
    if (!place) {
        jp_port_clear(&port);
        return jp_oom(err);
    }
    *place = port;
    return 0;
}

static int put_handler(struct jp_app *app, const char *name, const char *text, struct jp_error *err)
{
    JP_AUTO(jp_strv) exec = JP_STRV_INIT;
    if (read_command(text, &exec, err) < 0)
        return -1;
    struct jp_event_handler *place =
        (struct jp_event_handler *)(uintptr_t)jp_app_find_handler(app, name);
    if (!place && !(place = jp_app_add_handler(app)))
        return jp_oom(err);
    if (!place->name && !(place->name = jp_strdup(name)))
        return jp_oom(err);
    jp_strv_clear(&place->exec);
    place->exec = exec;
    exec = (struct jp_strv)JP_STRV_INIT;
    return 0;
}

static int add_gid(struct jp_app *app, const char *text, struct jp_error *err)
{
    uint64_t gid = 0;
    if (!jp_parse_u64(text, 10, 0, UINT32_MAX - 1, &gid))
        return jp_fail(err, JP_EINVALID, 0, "expected a number of a group");
    return jp_gids_add(&app->supplementary_gids, (uint32_t)gid) < 0 ? jp_oom(err) : 0;
}

static int set_environment(struct jp_app *app, const char *text, struct jp_error *err)
{
    JP_AUTO_FREE char *name = NULL;
    JP_AUTO_FREE char *value = NULL;
    if (jp_option_pair(text, &name, &value, err) < 0 || jp_environment_name_check(name, err) < 0)
        return -1;
    return jp_pairs_set(&app->environment, name, value, err);
}

static int set_workdir(struct jp_app *app, const char *text, struct jp_error *err)
{
    if (text[0] != '/')
        return jp_fail(err, JP_EINVALID, 0, "expected an absolute path");
    return replace_string(&app->working_directory, text, err);
}

static int set_user(char **to, const char *text, struct jp_error *err)
{
    if (text[0] == '\0')
        return jp_fail(err, JP_EINVALID, 0, "expected a name, a number or a path");
    return replace_string(to, text, err);
}

static int apply_to_app_object(struct jp_app *app, const struct jp_pod_setting *setting,
                               struct jp_error *err)
{
    const char *value = setting->value;
    switch (setting->option) {
    case JP_POD_OPT_EXEC:
        return read_command(value, &app->exec, err);
    case JP_POD_OPT_USER:
        return set_user(&app->user, value, err);
    case JP_POD_OPT_GROUP:
        return set_user(&app->group, value, err);
    case JP_POD_OPT_SUPPLEMENTARY_GID:
        return add_gid(app, value, err);
    case JP_POD_OPT_ENVIRONMENT:
        return set_environment(app, value, err);
    case JP_POD_OPT_WORKDIR:
        return set_workdir(app, value, err);
    case JP_POD_OPT_MOUNT_POINT:
        return put_mount_point(app, value, err);
    case JP_POD_OPT_PORT:
        return put_port(app, value, err);
    case JP_POD_OPT_PRE_START:
        return put_handler(app, "pre-start", value, err);
    case JP_POD_OPT_POST_STOP:
        return put_handler(app, "post-stop", value, err);
    case JP_POD_OPT_ISOLATOR:
        return put_named(&app->isolators, value, err);
    case JP_POD_OPT_MEMORY:
        return put_quantity(&app->isolators, JP_ISOLATOR_MEMORY, value, err);
    case JP_POD_OPT_CPU:
        return put_quantity(&app->isolators, JP_ISOLATOR_CPU, value, err);
    case JP_POD_OPT_CAPS_RETAIN:
        return put_capabilities(&app->isolators, JP_ISOLATOR_CAPS_RETAIN, value, err);
    case JP_POD_OPT_CAPS_REMOVE:
        return put_capabilities(&app->isolators, JP_ISOLATOR_CAPS_REMOVE, value, err);
    case JP_POD_OPT_SECCOMP:
        return put_seccomp(&app->isolators, value, err);
    case JP_POD_OPT_NO_NEW_PRIVILEGES:
        return put_isolator(&app->isolators, jp_isolator_kind_name(JP_ISOLATOR_NO_NEW_PRIVILEGES),
                            "true", err);
    case JP_POD_OPT_APP_USER_ANNOTATION:
        return set_pair(&app->user_annotations, value, err);
    case JP_POD_OPT_APP_USER_LABEL:
        return set_pair(&app->user_labels, value, err);
    default:
        return jp_fail(err, JP_EUSAGE, 0, "not an option of an app");
    }
}

int jp_pod_apply_to_app(struct jp_runtime_app *app, const struct jp_pod_setting *setting,
                        struct jp_error *err)
{
    const char *value = setting->value;
    switch (setting->option) {
    case JP_POD_OPT_NAME:
        if (jp_ac_name_check(value, err) < 0)
            return -1;
        return replace_string(&app->name, value, err);
    case JP_POD_OPT_MOUNT:
        return add_mount(app, value, err);
    case JP_POD_OPT_ANNOTATION:
        return set_annotation(&app->annotations, value, err);
    case JP_POD_OPT_READ_ONLY:
        app->is_read_only_root = true;
        return 0;
    case JP_POD_OPT_STOP_SIGNAL:
        if (jp_signal_number(value) == 0)
            return jp_fail(err, JP_EINVALID, 0, "there is no signal '%s'", value);
        return jp_pairs_set(&app->annotations, JP_NOTE_STOP_SIGNAL, value, err);
    default:
        app->has_app = true;
        return apply_to_app_object(&app->app, setting, err);
    }
}

bool jp_pod_option_is_of_app_object(enum jp_pod_option option)
{
    switch (option) {
    case JP_POD_OPT_NAME:
    case JP_POD_OPT_MOUNT:
    case JP_POD_OPT_ANNOTATION:
    case JP_POD_OPT_READ_ONLY:
    case JP_POD_OPT_STOP_SIGNAL:
        return false;
    default:
        return true;
    }
}
