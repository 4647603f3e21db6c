/*
 * Isolators: the JSON value stays the truth, the typed fields are derived from it when it is read,
 * by one function for each kind (table below). A known isolator whose value breaks the rules of
 * ace.md is refused: an isolation that was asked for and cannot be understood must not be dropped
 * silently. Unknown ones are kept; whoever runs the pod reports them as ignored.
 */
#include "appc/isolator.h"

#include <stdio.h>
#include <string.h>

#include "appc/image_manifest.h"
#include "appc/json.h"
#include "appc/name.h"
#include "base/mem.h"

/* ---- helpers: errors are places below the isolator, "value.limit: ..." ------------------------
 */

static int expect_object(const json_t *value, struct jp_error *err)
{
    if (json_is_object(value))
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "value: must be an object");
}

/* A string member; absent or null gives NULL. */
static int take_string(const json_t *value, const char *key, char **ret, struct jp_error *err)
{
    const json_t *member = json_object_get(value, key);
    if (!member || json_is_null(member))
        return 0;
    if (!json_is_string(member))
        return jp_fail(err, JP_EINVALID, 0, "value.%s: must be a string", key);
    free(*ret);
    *ret = jp_strdup(json_string_value(member));
    return *ret ? 0 : jp_oom(err);
}

/* "Small quantities can be represented directly as decimals": 0.3 may be a number as well. */
static int take_quantity(const json_t *value, const char *key, bool *ret_given,
                         struct jp_quantity *ret, struct jp_error *err)
{
    const json_t *member = json_object_get(value, key);
    if (!member || json_is_null(member))
        return 0;
    if (!json_is_string(member) && !json_is_number(member))
        return jp_fail(err, JP_EINVALID, 0, "value.%s: must be a quantity", key);

    struct jp_buf digits = JP_BUF_INIT;
    if (json_is_number(member))
        jp_json_dump(member, false, &digits);
    int result = jp_quantity_parse(
        json_is_string(member) ? json_string_value(member) : jp_buf_text(&digits), ret, err);
    jp_buf_clear(&digits);
    if (result < 0)
        return jp_wrap(err, "value.%s", key);
    *ret_given = true;
    return 0;
}

/* ---- one reader for each kind ---------------------------------------------------------------- */

static int load_resource(struct jp_isolator *isolator, bool wants_default, struct jp_error *err)
{
    const json_t *value = isolator->value;
    if (expect_object(value, err) < 0)
        return -1;
    const json_t *is_default = json_object_get(value, "default");
    if (is_default && !json_is_boolean(is_default) && !json_is_null(is_default))
        return jp_fail(err, JP_EINVALID, 0, "value.default: must be true or false");
    if (json_is_true(is_default) != wants_default)
        return jp_fail(err, JP_EINVALID, 0, "value.default: must be %s",
                       wants_default ? "true" : "absent or false");
    if (take_quantity(value, "limit", &isolator->has_limit, &isolator->limit, err) < 0 ||
        take_quantity(value, "request", &isolator->has_request, &isolator->request, err) < 0)
        return -1;
    if (wants_default && isolator->has_request)
        return jp_fail(err, JP_EINVALID, 0, "value.request: this resource has no request");
    /* ace.md: "If request is omitted, it defaults to the value of limit." */
    if (!isolator->has_request)
        isolator->request = isolator->limit;
    return 0;
}

static int load_share(struct jp_isolator *isolator, struct jp_error *err)
{
    return load_resource(isolator, false, err);
}

static int load_device(struct jp_isolator *isolator, struct jp_error *err)
{
    return load_resource(isolator, true, err);
}

static int load_set(struct jp_isolator *isolator, struct jp_error *err)
{
    if (expect_object(isolator->value, err) < 0)
        return -1;
    const json_t *set = json_object_get(isolator->value, "set");
    if (!json_is_array(set) || json_array_size(set) == 0)
        return jp_fail(err, JP_EINVALID, 0, "value.set: must be a list that is not empty");
    if (json_array_size(set) > JP_JSON_LIST_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "value.set: the list is too long");
    for (size_t i = 0; i < json_array_size(set); i++) {
        const char *name = json_string_value(json_array_get(set, i));
        if (!name)
            return jp_fail(err, JP_EINVALID, 0, "value.set[%zu]: must be a string", i);
        if (jp_strv_add(&isolator->set, name) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int load_seccomp(struct jp_isolator *isolator, struct jp_error *err)
{
    if (load_set(isolator, err) < 0 ||
        take_string(isolator->value, "errno", &isolator->errno_name, err) < 0)
        return -1;
    if (isolator->errno_name && !*isolator->errno_name) {
        free(isolator->errno_name);
        isolator->errno_name = NULL;
    }
    const char *name = isolator->errno_name;
    if (name && (*name != 'E' || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")]))
        return jp_fail(err, JP_EINVALID, 0, "value.errno: '%s' is not the name of an errno code",
                       jp_show(name).text);
    return 0;
}

static int load_flag(struct jp_isolator *isolator, struct jp_error *err)
{
    if (!json_is_boolean(isolator->value))
        return jp_fail(err, JP_EINVALID, 0, "value: must be true or false");
    isolator->flag = json_is_true(isolator->value);
    return 0;
}

static int load_selinux(struct jp_isolator *isolator, struct jp_error *err)
{
    const struct {
        const char *key;
        char **member;
        bool has_colons; /* a level such as s0:c1,c2 */
    } parts[] = {
        {"user", &isolator->selinux.user, false},
        {"role", &isolator->selinux.role, false},
        {"type", &isolator->selinux.type, false},
        {"level", &isolator->selinux.level, true},
    };
    if (expect_object(isolator->value, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        if (take_string(isolator->value, parts[i].key, parts[i].member, err) < 0)
            return -1;
        const char *text = *parts[i].member;
        if (!text || !*text)
            return jp_fail(err, JP_EINVALID, 0, "value.%s: missing", parts[i].key);
        if (!parts[i].has_colons && strchr(text, ':'))
            return jp_fail(err, JP_EINVALID, 0, "value.%s: must not contain a colon", parts[i].key);
    }
    return 0;
}

static int load_apparmor(struct jp_isolator *isolator, struct jp_error *err)
{
    if (expect_object(isolator->value, err) < 0 ||
        take_string(isolator->value, "profile", &isolator->profile, err) < 0)
        return -1;
    if (!isolator->profile || !*isolator->profile)
        return jp_fail(err, JP_EINVALID, 0, "value.profile: missing");
    return 0;
}

static int load_sysctl(struct jp_isolator *isolator, struct jp_error *err)
{
    if (expect_object(isolator->value, err) < 0)
        return -1;
    if (json_object_size(isolator->value) > JP_JSON_LIST_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "value: too many members");
    const char *key;
    json_t *member;
    json_object_foreach(isolator->value, key, member)
    {
        if (!json_is_string(member))
            return jp_fail(err, JP_EINVALID, 0, "value.%s: must be a string", jp_show(key).text);
        if (jp_pairs_set(&isolator->sysctls, key, json_string_value(member), err) < 0)
            return -1;
    }
    return 0;
}

static int load_number(struct jp_isolator *isolator, long long min, long long max,
                       struct jp_error *err)
{
    if (!json_is_integer(isolator->value))
        return jp_fail(err, JP_EINVALID, 0, "value: must be an integer");
    isolator->number = json_integer_value(isolator->value);
    if (isolator->number < min || isolator->number > max)
        return jp_fail(err, JP_EINVALID, 0, "value: must be between %lld and %lld", min, max);
    return 0;
}

static int load_cpu_shares(struct jp_isolator *isolator, struct jp_error *err)
{
    return load_number(isolator, JP_CPU_SHARES_MIN, JP_CPU_SHARES_MAX, err);
}

static int load_oom_score_adj(struct jp_isolator *isolator, struct jp_error *err)
{
    return load_number(isolator, -1000, 1000, err);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*load)(struct jp_isolator *isolator, struct jp_error *err);
    bool is_single;                 /* "Only a single ... can be specified" (ace.md) */
    enum jp_isolator_kind conflict; /* cannot be used together with */
} kinds[JP_ISOLATOR_KIND_MAX] = {
    [JP_ISOLATOR_BLOCK_BANDWIDTH] = {"resource/block-bandwidth", load_device, false, 0},
    [JP_ISOLATOR_BLOCK_IOPS] = {"resource/block-iops", load_device, false, 0},
    [JP_ISOLATOR_CPU] = {"resource/cpu", load_share, false, 0},
    [JP_ISOLATOR_MEMORY] = {"resource/memory", load_share, false, 0},
    [JP_ISOLATOR_NETWORK_BANDWIDTH] = {"resource/network-bandwidth", load_device, false, 0},
    [JP_ISOLATOR_CAPS_RETAIN] = {"os/linux/capabilities-retain-set", load_set, false,
                                 JP_ISOLATOR_CAPS_REMOVE},
    [JP_ISOLATOR_CAPS_REMOVE] = {"os/linux/capabilities-remove-set", load_set, false,
                                 JP_ISOLATOR_CAPS_RETAIN},
    [JP_ISOLATOR_SECCOMP_RETAIN] = {"os/linux/seccomp-retain-set", load_seccomp, true,
                                    JP_ISOLATOR_SECCOMP_REMOVE},
    [JP_ISOLATOR_SECCOMP_REMOVE] = {"os/linux/seccomp-remove-set", load_seccomp, true,
                                    JP_ISOLATOR_SECCOMP_RETAIN},
    [JP_ISOLATOR_NO_NEW_PRIVILEGES] = {"os/linux/no-new-privileges", load_flag, false, 0},
    [JP_ISOLATOR_SELINUX] = {"os/linux/selinux-context", load_selinux, true, 0},
    [JP_ISOLATOR_APPARMOR] = {"os/linux/apparmor-profile", load_apparmor, true, 0},
    [JP_ISOLATOR_SYSCTL] = {"os/unix/sysctl", load_sysctl, true, 0},
    [JP_ISOLATOR_CPU_SHARES] = {"os/linux/cpu-shares", load_cpu_shares, true, 0},
    [JP_ISOLATOR_OOM_SCORE_ADJ] = {"os/linux/oom-score-adj", load_oom_score_adj, true, 0},
};

const char *jp_isolator_kind_name(enum jp_isolator_kind kind)
{
    if (kind <= JP_ISOLATOR_UNKNOWN || kind >= JP_ISOLATOR_KIND_MAX)
        return NULL;
    return kinds[kind].name;
}

enum jp_isolator_kind jp_isolator_kind_from_name(const char *name)
{
    for (int i = JP_ISOLATOR_UNKNOWN + 1; i < JP_ISOLATOR_KIND_MAX; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return (enum jp_isolator_kind)i;
    }
    return JP_ISOLATOR_UNKNOWN;
}

static int isolator_loaded(void *object, struct jp_error *err)
{
    struct jp_isolator *isolator = object;
    if (!isolator->name || !isolator->value)
        return 0;
    isolator->kind = jp_isolator_kind_from_name(isolator->name);
    return kinds[isolator->kind].load ? kinds[isolator->kind].load(isolator, err) : 0;
}

static void isolator_clear_loaded(void *object)
{
    struct jp_isolator *isolator = object;
    jp_strv_clear(&isolator->set);
    free(isolator->errno_name);
    free(isolator->selinux.user);
    free(isolator->selinux.role);
    free(isolator->selinux.type);
    free(isolator->selinux.level);
    free(isolator->profile);
    jp_pairs_clear(&isolator->sysctls);
}

static const struct jp_json_field isolator_fields[] = {
    {.name = "name",
     .kind = JP_JSON_STRING,
     .is_required = true,
     .offset = offsetof(struct jp_isolator, name),
     .check = jp_ac_identifier_check},
    {.name = "value",
     .kind = JP_JSON_ANY,
     .is_required = true,
     .offset = offsetof(struct jp_isolator, value)},
};

const struct jp_json_type jp_isolator_type = {
    .size = sizeof(struct jp_isolator),
    .fields = isolator_fields,
    .n_fields = JP_LEN(isolator_fields),
    .extra = offsetof(struct jp_isolator, extra),
    .loaded = isolator_loaded,
    .clear = isolator_clear_loaded,
};

/* ---- single isolators ------------------------------------------------------------------------ */

int jp_isolator_parse(const char *name, const char *json, struct jp_isolator *ret,
                      struct jp_error *err)
{
    JP_AUTO(jp_isolator) isolator = JP_ISOLATOR_INIT;
    if (jp_ac_identifier_check(name, err) < 0)
        return -1;
    isolator.name = jp_strdup(name);
    if (!isolator.name)
        return jp_oom(err);
    if (jp_json_load_value(json, strlen(json), JP_MANIFEST_MAX, &isolator.value, err) < 0 ||
        isolator_loaded(&isolator, err) < 0)
        return jp_wrap(err, "%s", name);
    *ret = isolator;
    isolator = (struct jp_isolator)JP_ISOLATOR_INIT;
    return 0;
}

char *jp_isolator_value_text(const struct jp_isolator *isolator)
{
    struct jp_buf text = JP_BUF_INIT;
    jp_json_dump(isolator->value, false, &text);
    char *out = jp_buf_steal(&text);
    jp_buf_clear(&text);
    return out;
}

void jp_isolator_clear(struct jp_isolator *isolator)
{
    jp_json_clear(&jp_isolator_type, isolator);
}

/* ---- lists ----------------------------------------------------------------------------------- */

const struct jp_isolator *jp_isolators_find(const struct jp_isolators *list,
                                            enum jp_isolator_kind kind)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind == kind)
            return &list->items[i];
    }
    return NULL;
}

const struct jp_isolator *jp_isolators_find_name(const struct jp_isolators *list, const char *name)
{
    return jp_json_list_find(list, sizeof(struct jp_isolator), name);
}

/* Takes out every isolator of that name; the order of the others stays. */
static void remove_named(struct jp_isolators *list, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].name && strcmp(list->items[i].name, name) == 0)
            jp_isolator_clear(&list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

int jp_isolators_put(struct jp_isolators *list, struct jp_isolator *isolator, struct jp_error *err)
{
    if (jp_grow(&list->items, &list->capacity, list->count, sizeof(*list->items)) < 0)
        return jp_oom(err);
    remove_named(list, isolator->name);
    list->items[list->count++] = *isolator;
    *isolator = (struct jp_isolator)JP_ISOLATOR_INIT;
    return 0;
}

int jp_isolators_check(const struct jp_isolators *list, struct jp_error *err)
{
    bool seen[JP_ISOLATOR_KIND_MAX] = {false};
    for (size_t i = 0; i < list->count; i++) {
        enum jp_isolator_kind kind = list->items[i].kind;
        if (seen[kind] && kinds[kind].is_single)
            return jp_fail(err, JP_EINVALID, 0, "[%zu].name: only one %s isolator is allowed", i,
                           kinds[kind].name);
        if (kinds[kind].conflict && seen[kinds[kind].conflict])
            return jp_fail(err, JP_EINVALID, 0, "[%zu].name: %s cannot be used with %s", i,
                           kinds[kind].name, kinds[kinds[kind].conflict].name);
        seen[kind] = true;
    }
    return 0;
}

int jp_isolators_copy(struct jp_isolators *to, const struct jp_isolators *from,
                      struct jp_error *err)
{
    JP_AUTO(jp_isolators) copy = JP_ISOLATORS_INIT;
    for (size_t i = 0; i < from->count; i++) {
        struct jp_isolator *element = jp_json_list_add(&copy, sizeof(*element));
        if (!element)
            return jp_oom(err);
        if (jp_json_copy(&jp_isolator_type, element, &from->items[i], err) < 0)
            return -1;
    }
    struct jp_isolators old = *to;
    *to = copy;
    copy = old;
    return 0;
}

void jp_isolators_clear(struct jp_isolators *list)
{
    for (size_t i = 0; i < list->count; i++)
        jp_isolator_clear(&list->items[i]);
    free(list->items);
    *list = (struct jp_isolators)JP_ISOLATORS_INIT;
}
