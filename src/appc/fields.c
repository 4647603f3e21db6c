/*
 * Reading, checking and releasing structures by their tables of fields (see json.h; printing is in
 * print.c). Reading tells the kinds of values apart and keeps what it does not know; checking
 * applies the specification's rules, also to structures that a program built or edited.
 */
#include <inttypes.h>
#include <string.h>

#include "appc/app.h"
#include "appc/json.h"
#include "appc/name.h"
#include "appc/pairs.h"
#include "appc/walk.h"
#include "base/mem.h"
#include "base/strv.h"

/* ---- read ------------------------------------------------------------------------------------ */

static int read_object(const struct jp_json_type *type, const json_t *value, bool lenient,
                       void *object, const struct jp_place *p, struct jp_error *err);

static int read_string(const json_t *value, char **ret, const struct jp_place *p,
                       struct jp_error *err)
{
    if (!json_is_string(value))
        return jp_place_fail(p, JP_EINVALID, "must be a string", err);
    *ret = jp_strdup(json_string_value(value));
    return *ret ? 0 : jp_oom(err);
}

static int read_const(const struct jp_json_field *f, const json_t *value, const struct jp_place *p,
                      struct jp_error *err)
{
    if (!json_is_string(value))
        return jp_place_fail(p, JP_EINVALID, "must be a string", err);
    if (strcmp(json_string_value(value), f->text) == 0)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    (void)jp_fail(&why, JP_EINVALID, 0, "'%s' where '%s' is expected",
                  jp_show(json_string_value(value)).text, f->text);
    return jp_place_move(p, false, &why, err);
}

static int check_range(const struct jp_json_field *f, uint64_t value, const struct jp_place *p,
                       struct jp_error *err)
{
    if (value >= f->min && value <= f->max)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    (void)jp_fail(&why, JP_EINVALID, 0, "must be between %" PRIu64 " and %" PRIu64, f->min, f->max);
    return jp_place_move(p, false, &why, err);
}

static int read_number(const struct jp_json_field *f, const json_t *value, uint64_t *ret,
                       const struct jp_place *p, struct jp_error *err)
{
    if (!json_is_integer(value))
        return jp_place_fail(p, JP_EINVALID, "must be an integer", err);
    json_int_t number = json_integer_value(value);
    if (number < 0)
        return jp_place_fail(p, JP_EINVALID, "must not be negative", err);
    if (check_range(f, (uint64_t)number, p, err) < 0)
        return -1;
    *ret = (uint64_t)number;
    return 0;
}

static int expect_array(const json_t *value, size_t max, const struct jp_place *p,
                        struct jp_error *err)
{
    if (!json_is_array(value))
        return jp_place_fail(p, JP_EINVALID, "must be a list", err);
    if (json_array_size(value) > max)
        return jp_place_fail(p, JP_ELIMIT, "the list is too long", err);
    return 0;
}

static int read_strv(const json_t *value, struct jp_strv *ret, const struct jp_place *p,
                     struct jp_error *err)
{
    if (expect_array(value, JP_JSON_ITEMS_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct jp_place item = {.up = p, .index = i};
        char *text;
        if (read_string(json_array_get(value, i), &text, &item, err) < 0)
            return -1;
        if (jp_strv_add_owned(ret, text) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int read_gids(const struct jp_json_field *f, const json_t *value, struct jp_gids *ret,
                     const struct jp_place *p, struct jp_error *err)
{
    if (expect_array(value, JP_JSON_ITEMS_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct jp_place item = {.up = p, .index = i};
        uint64_t gid = 0;
        if (read_number(f, json_array_get(value, i), &gid, &item, err) < 0)
            return -1;
        if (jp_gids_add(ret, (uint32_t)gid) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int read_map(const json_t *value, struct jp_pairs *ret, const struct jp_place *p,
                    struct jp_error *err)
{
    if (!json_is_object(value))
        return jp_place_fail(p, JP_EINVALID, "must be an object", err);
    if (json_object_size(value) > JP_JSON_LIST_MAX)
        return jp_place_fail(p, JP_ELIMIT, "the object has too many members", err);
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        struct jp_shown shown = jp_show(key);
        struct jp_place where = {.up = p, .name = shown.text};
        if (!json_is_string(item))
            return jp_place_fail(&where, JP_EINVALID, "must be a string", err);
        /* jansson refused duplicates: appending needs no search. */
        if (jp_grow(&ret->items, &ret->capacity, ret->count, sizeof(*ret->items)) < 0)
            return jp_oom(err);
        struct jp_pair *pair = &ret->items[ret->count++];
        *pair =
            (struct jp_pair){.name = jp_strdup(key), .value = jp_strdup(json_string_value(item))};
        if (!pair->name || !pair->value)
            return jp_oom(err);
    }
    return 0;
}

static int read_list(const struct jp_json_field *f, const json_t *value, bool lenient,
                     struct jp_list *ret, const struct jp_place *p, struct jp_error *err)
{
    if (expect_array(value, JP_JSON_LIST_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct jp_place item = {.up = p, .index = i};
        void *element = jp_json_list_add(ret, f->type->size);
        if (!element)
            return jp_oom(err);
        if (read_object(f->type, json_array_get(value, i), lenient, element, &item, err) < 0)
            return -1;
    }
    return 0;
}

static int read_scalar(const struct jp_json_field *f, const json_t *value, void *member,
                       const struct jp_place *p, struct jp_error *err)
{
    uint64_t number = 0;
    if (f->kind == JP_JSON_BOOL) {
        if (!json_is_boolean(value))
            return jp_place_fail(p, JP_EINVALID, "must be true or false", err);
        *(bool *)member = json_is_true(value);
        return 0;
    }
    if (read_number(f, value, &number, p, err) < 0)
        return -1;
    if (f->kind == JP_JSON_U32)
        *(uint32_t *)member = (uint32_t)number;
    else
        *(uint64_t *)member = number;
    return 0;
}

static int read_custom(const struct jp_json_field *f, const json_t *value, void *object,
                       const struct jp_place *p, struct jp_error *err)
{
    struct jp_error why = JP_ERROR_INIT;
    return f->read(object, value, &why) < 0 ? jp_place_move(p, false, &why, err) : 0;
}

static int read_field(const struct jp_json_field *f, const json_t *value, bool lenient,
                      void *object, const struct jp_place *p, struct jp_error *err)
{
    void *member = jp_member(object, f->offset);
    switch (f->kind) {
    case JP_JSON_CONST:
        return read_const(f, value, p, err);
    case JP_JSON_STRING:
        return read_string(value, member, p, err);
    case JP_JSON_BOOL:
    case JP_JSON_U32:
    case JP_JSON_U64:
        return read_scalar(f, value, member, p, err);
    case JP_JSON_STRV:
        return read_strv(value, member, p, err);
    case JP_JSON_GIDS:
        return read_gids(f, value, member, p, err);
    case JP_JSON_MAP:
        return read_map(value, member, p, err);
    case JP_JSON_OBJECT:
        return read_object(f->type, value, lenient, member, p, err);
    case JP_JSON_LIST:
        return read_list(f, value, lenient, member, p, err);
    case JP_JSON_ANY:
        *(json_t **)member = json_deep_copy(value);
        return *(json_t **)member ? 0 : jp_oom(err);
    case JP_JSON_CUSTOM:
        return read_custom(f, value, object, p, err);
    }
    return jp_place_fail(p, JP_EINVALID, "unknown kind of field", err);
}

static int absent_field(const struct jp_json_field *f, bool lenient, void *object,
                        const struct jp_place *p, struct jp_error *err)
{
    if (f->is_required && !lenient)
        return jp_place_fail(p, JP_EINVALID, "missing", err);
    if (f->kind == JP_JSON_U32)
        *(uint32_t *)jp_member(object, f->offset) = (uint32_t)f->fallback;
    return 0;
}

/* null stands for an absent value, as the specification's own tool writes it. */
static const json_t *value_of(const struct jp_json_field *f, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && json_is_null(value) && f->kind != JP_JSON_ANY ? NULL : value;
}

static int read_member(const struct jp_json_field *f, const json_t *value, bool lenient,
                       void *object, const struct jp_place *p, struct jp_error *err)
{
    const json_t *member = value_of(f, value, f->name);
    const json_t *other = f->alias ? value_of(f, value, f->alias) : NULL;
    struct jp_place here = {.up = p, .name = member || !other ? f->name : f->alias};
    if (member && other)
        return jp_place_fail(&here, JP_EINVALID, "is there in two spellings", err);
    if (!member)
        member = other;
    if (!member)
        return absent_field(f, lenient, object, &here, err);
    if (f->has)
        *(bool *)jp_member(object, f->has - 1) = true;
    return read_field(f, member, lenient, object, &here, err);
}

static bool is_known(const struct jp_json_type *type, const char *key)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct jp_json_field *f = &type->fields[i];
        if (strcmp(f->name, key) == 0 || (f->alias && strcmp(f->alias, key) == 0))
            return true;
    }
    return false;
}

/* Fields that this version does not know are kept as they are. */
static int keep_unknown(const struct jp_json_type *type, const json_t *value, void *object,
                        struct jp_error *err)
{
    json_t **extra = jp_member(object, type->extra);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (is_known(type, key))
            continue;
        if (!*extra)
            *extra = json_object();
        if (!*extra || json_object_set_new(*extra, key, json_deep_copy(member)) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int read_object(const struct jp_json_type *type, const json_t *value, bool lenient,
                       void *object, const struct jp_place *p, struct jp_error *err)
{
    if (!json_is_object(value))
        return jp_place_fail(p, JP_EINVALID, "must be an object", err);
    for (size_t i = 0; i < type->n_fields; i++) {
        if (read_member(&type->fields[i], value, lenient, object, p, err) < 0)
            return -1;
    }
    if (keep_unknown(type, value, object, err) < 0)
        return -1;
    if (!type->loaded)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    return type->loaded(object, &why) < 0 ? jp_place_move(p, true, &why, err) : 0;
}

int jp_json_read(const struct jp_json_type *type, const json_t *value, bool lenient, void *object,
                 struct jp_error *err)
{
    return read_object(type, value, lenient, object, NULL, err);
}

/* ---- check ----------------------------------------------------------------------------------- */

static int check_object(const struct jp_json_type *type, const void *object,
                        const struct jp_place *p, struct jp_error *err);

static int check_text(const struct jp_json_field *f, const char *text, const struct jp_place *p,
                      struct jp_error *err)
{
    struct jp_error why = JP_ERROR_INIT;
    return f->check && f->check(text, &why) < 0 ? jp_place_move(p, false, &why, err) : 0;
}

static int check_string(const struct jp_json_field *f, const char *text, const struct jp_place *p,
                        struct jp_error *err)
{
    if (!text)
        return f->is_required && !f->text ? jp_place_fail(p, JP_EINVALID, "missing", err) : 0;
    return check_text(f, text, p, err);
}

static int check_strv(const struct jp_json_field *f, const struct jp_strv *v,
                      const struct jp_place *p, struct jp_error *err)
{
    for (size_t i = 0; f->check && i < v->count; i++) {
        struct jp_place item = {.up = p, .index = i};
        if (check_text(f, v->items[i], &item, err) < 0)
            return -1;
    }
    return 0;
}

static int check_list(const struct jp_json_field *f, const struct jp_list *list,
                      const struct jp_place *p, struct jp_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct jp_place item = {.up = p, .index = i};
        if (check_object(f->type, list->items + i * f->type->size, &item, err) < 0)
            return -1;
    }
    struct jp_error why = JP_ERROR_INIT;
    if (f->is_unique &&
        jp_json_check_unique(list, f->type->size, f->type->fields[0].name, &why) < 0)
        return jp_place_move(p, true, &why, err);
    if (f->check_list && f->check_list(list, &why) < 0)
        return jp_place_move(p, true, &why, err);
    return 0;
}

static int check_field(const struct jp_json_field *f, const void *object, const struct jp_place *p,
                       struct jp_error *err)
{
    const void *member = jp_const_member(object, f->offset);
    if (!jp_field_is_given(f, object))
        return 0;
    switch (f->kind) {
    case JP_JSON_STRING:
        return check_string(f, *(char *const *)member, p, err);
    case JP_JSON_U32:
        return check_range(f, *(const uint32_t *)member, p, err);
    case JP_JSON_U64:
        return check_range(f, *(const uint64_t *)member, p, err);
    case JP_JSON_STRV:
        return check_strv(f, member, p, err);
    case JP_JSON_OBJECT:
        return check_object(f->type, member, p, err);
    case JP_JSON_LIST:
        return check_list(f, member, p, err);
    default:
        return 0;
    }
}

static int check_object(const struct jp_json_type *type, const void *object,
                        const struct jp_place *p, struct jp_error *err)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        struct jp_place here = {.up = p, .name = type->fields[i].name};
        if (check_field(&type->fields[i], object, &here, err) < 0)
            return -1;
    }
    struct jp_error why = JP_ERROR_INIT;
    return type->check && type->check(object, &why) < 0 ? jp_place_move(p, true, &why, err) : 0;
}

int jp_json_check(const struct jp_json_type *type, const void *object, struct jp_error *err)
{
    return check_object(type, object, NULL, err);
}

/* ---- clear --------------------------------------------------------------------------------- */

static void clear_field(const struct jp_json_field *f, void *object)
{
    void *member = jp_member(object, f->offset);
    struct jp_list *list = member;
    switch (f->kind) {
    case JP_JSON_STRING:
        free(*(char **)member);
        break;
    case JP_JSON_STRV:
        jp_strv_clear(member);
        break;
    case JP_JSON_GIDS:
        free(list->items);
        break;
    case JP_JSON_MAP:
        jp_pairs_clear(member);
        break;
    case JP_JSON_OBJECT:
        jp_json_clear(f->type, member);
        break;
    case JP_JSON_LIST:
        for (size_t i = 0; i < list->count; i++)
            jp_json_clear(f->type, list->items + i * f->type->size);
        free(list->items);
        break;
    case JP_JSON_ANY:
        json_decref(*(json_t **)member);
        break;
    default:
        break;
    }
}

void jp_json_clear(const struct jp_json_type *type, void *object)
{
    if (type->clear)
        type->clear(object);
    for (size_t i = 0; i < type->n_fields; i++)
        clear_field(&type->fields[i], object);
    json_decref(*(json_t **)jp_member(object, type->extra));
    memset(object, 0, type->size);
}
