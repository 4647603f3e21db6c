/*
 * The four walks over a table of fields: read, check, print, clear (see json.h). The only place
 * that knows how a C structure and a JSON object correspond.
 */
#include <inttypes.h>
#include <string.h>

#include "appc/app.h"
#include "appc/image_manifest.h"
#include "appc/json.h"
#include "appc/name.h"
#include "appc/pairs.h"
#include "base/mem.h"
#include "base/strv.h"

/* What every list structure of this room looks like. */
struct list {
    char *items;
    size_t count;
    size_t capacity;
};

/* Where we are, from the inside out; printed only when something is wrong. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an index */
    size_t index;
};

static void *at(void *object, size_t offset)
{
    return (char *)object + offset;
}

static const void *const_at(const void *object, size_t offset)
{
    return (const char *)object + offset;
}

static bool is_given(const struct jp_json_field *f, const void *object)
{
    return f->has == 0 || *(const bool *)const_at(object, f->has - 1);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void print_place(const struct place *p, struct jp_buf *out)
{
    if (!p)
        return;
    print_place(p->up, out);
    if (!p->name)
        jp_buf_printf(out, "[%zu]", p->index);
    else
        jp_buf_printf(out, "%s%s", p->up ? "." : "", p->name);
}

/* "PLACE: text" */
static int fail_at(const struct place *p, enum jp_code code, const char *text, struct jp_error *err)
{
    struct jp_buf place = JP_BUF_INIT;
    print_place(p, &place);
    if (p)
        (void)jp_fail(err, code, 0, "%s: %s", jp_buf_text(&place), text);
    else
        (void)jp_fail(err, code, 0, "%s", text);
    jp_buf_clear(&place);
    return -1;
}

/* An error of a check function, put at its place; `is_below`: its text begins with a place too. */
static int moved_to(const struct place *p, bool is_below, struct jp_error *why,
                    struct jp_error *err)
{
    struct jp_buf text = JP_BUF_INIT;
    print_place(p, &text);
    const char *msg = jp_error_text(why);
    if (p && !is_below)
        jp_buf_puts(&text, ": ");
    else if (p && *msg != '[' && *msg != ':')
        jp_buf_putc(&text, '.');
    jp_buf_puts(&text, msg);
    (void)jp_fail(err, why->code, 0, "%s", jp_buf_text(&text));
    jp_buf_clear(&text);
    jp_error_clear(why);
    return -1;
}

static int no_memory(struct jp_error *err)
{
    return jp_oom(err);
}

/* ---- read ------------------------------------------------------------------------------------ */

static int read_object(const struct jp_json_type *type, const json_t *value, bool lenient,
                       void *object, const struct place *p, struct jp_error *err);

static int read_string(const json_t *value, char **ret, const struct place *p, struct jp_error *err)
{
    if (!json_is_string(value))
        return fail_at(p, JP_EINVALID, "must be a string", err);
    *ret = jp_strdup(json_string_value(value));
    return *ret ? 0 : no_memory(err);
}

static int read_const(const struct jp_json_field *f, const json_t *value, const struct place *p,
                      struct jp_error *err)
{
    if (!json_is_string(value))
        return fail_at(p, JP_EINVALID, "must be a string", err);
    if (strcmp(json_string_value(value), f->text) == 0)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    (void)jp_fail(&why, JP_EINVALID, 0, "'%s' where '%s' is expected",
                  jp_show(json_string_value(value)).text, f->text);
    return moved_to(p, false, &why, err);
}

static int check_range(const struct jp_json_field *f, uint64_t value, const struct place *p,
                       struct jp_error *err)
{
    if (value >= f->min && value <= f->max)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    (void)jp_fail(&why, JP_EINVALID, 0, "must be between %" PRIu64 " and %" PRIu64, f->min, f->max);
    return moved_to(p, false, &why, err);
}

static int read_number(const struct jp_json_field *f, const json_t *value, uint64_t *ret,
                       const struct place *p, struct jp_error *err)
{
    if (!json_is_integer(value))
        return fail_at(p, JP_EINVALID, "must be an integer", err);
    json_int_t number = json_integer_value(value);
    if (number < 0)
        return fail_at(p, JP_EINVALID, "must not be negative", err);
    if (check_range(f, (uint64_t)number, p, err) < 0)
        return -1;
    *ret = (uint64_t)number;
    return 0;
}

static int expect_array(const json_t *value, size_t max, const struct place *p,
                        struct jp_error *err)
{
    if (!json_is_array(value))
        return fail_at(p, JP_EINVALID, "must be a list", err);
    if (json_array_size(value) > max)
        return fail_at(p, JP_ELIMIT, "the list is too long", err);
    return 0;
}

static int read_strv(const json_t *value, struct jp_strv *ret, const struct place *p,
                     struct jp_error *err)
{
    if (expect_array(value, JP_JSON_ITEMS_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = {.up = p, .index = i};
        char *text;
        if (read_string(json_array_get(value, i), &text, &item, err) < 0)
            return -1;
        if (jp_strv_add_owned(ret, text) < 0)
            return no_memory(err);
    }
    return 0;
}

static int read_gids(const struct jp_json_field *f, const json_t *value, struct jp_gids *ret,
                     const struct place *p, struct jp_error *err)
{
    if (expect_array(value, JP_JSON_ITEMS_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = {.up = p, .index = i};
        uint64_t gid = 0;
        if (read_number(f, json_array_get(value, i), &gid, &item, err) < 0)
            return -1;
        if (jp_gids_add(ret, (uint32_t)gid) < 0)
            return no_memory(err);
    }
    return 0;
}

static int read_map(const json_t *value, struct jp_pairs *ret, const struct place *p,
                    struct jp_error *err)
{
    if (!json_is_object(value))
        return fail_at(p, JP_EINVALID, "must be an object", err);
    if (json_object_size(value) > JP_JSON_LIST_MAX)
        return fail_at(p, JP_ELIMIT, "the object has too many members", err);
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        struct jp_shown shown = jp_show(key);
        struct place where = {.up = p, .name = shown.text};
        if (!json_is_string(item))
            return fail_at(&where, JP_EINVALID, "must be a string", err);
        /* jansson refused duplicates: appending needs no search. */
        if (jp_grow(&ret->items, &ret->capacity, ret->count, sizeof(*ret->items)) < 0)
            return no_memory(err);
        struct jp_pair *pair = &ret->items[ret->count++];
        *pair =
            (struct jp_pair){.name = jp_strdup(key), .value = jp_strdup(json_string_value(item))};
        if (!pair->name || !pair->value)
            return no_memory(err);
    }
    return 0;
}

static int read_list(const struct jp_json_field *f, const json_t *value, bool lenient,
                     struct list *ret, const struct place *p, struct jp_error *err)
{
    if (expect_array(value, JP_JSON_LIST_MAX, p, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct place item = {.up = p, .index = i};
        void *element = jp_json_list_add(ret, f->type->size);
        if (!element)
            return no_memory(err);
        if (read_object(f->type, json_array_get(value, i), lenient, element, &item, err) < 0)
            return -1;
    }
    return 0;
}

static int read_scalar(const struct jp_json_field *f, const json_t *value, void *member,
                       const struct place *p, struct jp_error *err)
{
    uint64_t number = 0;
    if (f->kind == JP_JSON_BOOL) {
        if (!json_is_boolean(value))
            return fail_at(p, JP_EINVALID, "must be true or false", err);
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
                       const struct place *p, struct jp_error *err)
{
    struct jp_error why = JP_ERROR_INIT;
    return f->read(object, value, &why) < 0 ? moved_to(p, false, &why, err) : 0;
}

static int read_field(const struct jp_json_field *f, const json_t *value, bool lenient,
                      void *object, const struct place *p, struct jp_error *err)
{
    void *member = at(object, f->offset);
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
        return *(json_t **)member ? 0 : no_memory(err);
    case JP_JSON_CUSTOM:
        return read_custom(f, value, object, p, err);
    }
    return fail_at(p, JP_EINVALID, "unknown kind of field", err);
}

static int absent_field(const struct jp_json_field *f, bool lenient, void *object,
                        const struct place *p, struct jp_error *err)
{
    if (f->is_required && !lenient)
        return fail_at(p, JP_EINVALID, "missing", err);
    if (f->kind == JP_JSON_U32)
        *(uint32_t *)at(object, f->offset) = (uint32_t)f->fallback;
    return 0;
}

/* null stands for an absent value, as the specification's own tool writes it. */
static const json_t *value_of(const struct jp_json_field *f, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && json_is_null(value) && f->kind != JP_JSON_ANY ? NULL : value;
}

static int read_member(const struct jp_json_field *f, const json_t *value, bool lenient,
                       void *object, const struct place *p, struct jp_error *err)
{
    const json_t *member = value_of(f, value, f->name);
    const json_t *other = f->alias ? value_of(f, value, f->alias) : NULL;
    struct place here = {.up = p, .name = member || !other ? f->name : f->alias};
    if (member && other)
        return fail_at(&here, JP_EINVALID, "is there in two spellings", err);
    if (!member)
        member = other;
    if (!member)
        return absent_field(f, lenient, object, &here, err);
    if (f->has)
        *(bool *)at(object, f->has - 1) = true;
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
    json_t **extra = at(object, type->extra);
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (is_known(type, key))
            continue;
        if (!*extra)
            *extra = json_object();
        if (!*extra || json_object_set_new(*extra, key, json_deep_copy(member)) < 0)
            return no_memory(err);
    }
    return 0;
}

static int read_object(const struct jp_json_type *type, const json_t *value, bool lenient,
                       void *object, const struct place *p, struct jp_error *err)
{
    if (!json_is_object(value))
        return fail_at(p, JP_EINVALID, "must be an object", err);
    for (size_t i = 0; i < type->n_fields; i++) {
        if (read_member(&type->fields[i], value, lenient, object, p, err) < 0)
            return -1;
    }
    if (keep_unknown(type, value, object, err) < 0)
        return -1;
    if (!type->loaded)
        return 0;
    struct jp_error why = JP_ERROR_INIT;
    return type->loaded(object, &why) < 0 ? moved_to(p, true, &why, err) : 0;
}

int jp_json_read(const struct jp_json_type *type, const json_t *value, bool lenient, void *object,
                 struct jp_error *err)
{
    return read_object(type, value, lenient, object, NULL, err);
}

/* ---- check ----------------------------------------------------------------------------------- */

static int check_object(const struct jp_json_type *type, const void *object, const struct place *p,
                        struct jp_error *err);

static int check_text(const struct jp_json_field *f, const char *text, const struct place *p,
                      struct jp_error *err)
{
    struct jp_error why = JP_ERROR_INIT;
    return f->check && f->check(text, &why) < 0 ? moved_to(p, false, &why, err) : 0;
}

static int check_string(const struct jp_json_field *f, const char *text, const struct place *p,
                        struct jp_error *err)
{
    if (!text)
        return f->is_required && !f->text ? fail_at(p, JP_EINVALID, "missing", err) : 0;
    return check_text(f, text, p, err);
}

static int check_strv(const struct jp_json_field *f, const struct jp_strv *v, const struct place *p,
                      struct jp_error *err)
{
    for (size_t i = 0; f->check && i < v->count; i++) {
        struct place item = {.up = p, .index = i};
        if (check_text(f, v->items[i], &item, err) < 0)
            return -1;
    }
    return 0;
}

static int check_list(const struct jp_json_field *f, const struct list *list, const struct place *p,
                      struct jp_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct place item = {.up = p, .index = i};
        if (check_object(f->type, list->items + i * f->type->size, &item, err) < 0)
            return -1;
    }
    struct jp_error why = JP_ERROR_INIT;
    if (f->is_unique &&
        jp_json_check_unique(list, f->type->size, f->type->fields[0].name, &why) < 0)
        return moved_to(p, true, &why, err);
    if (f->check_list && f->check_list(list, &why) < 0)
        return moved_to(p, true, &why, err);
    return 0;
}

static int check_field(const struct jp_json_field *f, const void *object, const struct place *p,
                       struct jp_error *err)
{
    const void *member = const_at(object, f->offset);
    if (!is_given(f, object))
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

static int check_object(const struct jp_json_type *type, const void *object, const struct place *p,
                        struct jp_error *err)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        struct place here = {.up = p, .name = type->fields[i].name};
        if (check_field(&type->fields[i], object, &here, err) < 0)
            return -1;
    }
    struct jp_error why = JP_ERROR_INIT;
    return type->check && type->check(object, &why) < 0 ? moved_to(p, true, &why, err) : 0;
}

int jp_json_check(const struct jp_json_type *type, const void *object, struct jp_error *err)
{
    return check_object(type, object, NULL, err);
}

/* ---- print ----------------------------------------------------------------------------------- */

static json_t *print_object(const struct jp_json_type *type, const void *object,
                            const struct place *p, struct jp_error *err);

static json_t *new_string(const char *text, const struct place *p, struct jp_error *err)
{
    json_t *value = json_string(text);
    if (!value)
        (void)fail_at(p, JP_EINVALID, "is not valid UTF-8", err);
    return value;
}

static json_t *print_strv(const struct jp_strv *v, const struct place *p, struct jp_error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < v->count; i++) {
        struct place item = {.up = p, .index = i};
        if (json_array_append_new(array, new_string(v->items[i], &item, err)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *print_gids(const struct jp_gids *gids)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < gids->count; i++) {
        if (json_array_append_new(array, json_integer(gids->items[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *print_map(const struct jp_pairs *pairs, const struct place *p, struct jp_error *err)
{
    json_t *map = json_object();
    for (size_t i = 0; map && i < pairs->count; i++) {
        struct jp_shown shown = jp_show(pairs->items[i].name);
        struct place item = {.up = p, .name = shown.text};
        json_t *value = new_string(pairs->items[i].value, &item, err);
        if (json_object_set_new(map, pairs->items[i].name, value) < 0) {
            if (value)
                (void)fail_at(&item, JP_EINVALID, "is not valid UTF-8", err);
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

static json_t *print_list(const struct jp_json_field *f, const struct list *list,
                          const struct place *p, struct jp_error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->count; i++) {
        struct place item = {.up = p, .index = i};
        json_t *element = print_object(f->type, list->items + i * f->type->size, &item, err);
        if (json_array_append_new(array, element) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Fields that say nothing are left out, unless the specification requires them. */
static bool is_silent(const struct jp_json_field *f, const void *object)
{
    const void *member = const_at(object, f->offset);
    if (!is_given(f, object))
        return true;
    switch (f->kind) {
    case JP_JSON_STRING:
        return !*(char *const *)member && !f->text;
    case JP_JSON_BOOL:
        return !f->has && !*(const bool *)member;
    case JP_JSON_U32:
        return !f->has && !f->is_required && *(const uint32_t *)member == f->fallback;
    case JP_JSON_STRV:
    case JP_JSON_GIDS:
    case JP_JSON_MAP:
    case JP_JSON_LIST:
        return !f->is_required && ((const struct list *)member)->count == 0;
    case JP_JSON_ANY:
        return !*(json_t *const *)member;
    default:
        return false;
    }
}

static json_t *print_field(const struct jp_json_field *f, const void *object, const struct place *p,
                           struct jp_error *err)
{
    const void *member = const_at(object, f->offset);
    switch (f->kind) {
    case JP_JSON_CONST:
        return json_string(f->text);
    case JP_JSON_STRING:
        return new_string(*(char *const *)member ? *(char *const *)member : f->text, p, err);
    case JP_JSON_BOOL:
        return json_boolean(*(const bool *)member);
    case JP_JSON_U32:
        return json_integer(*(const uint32_t *)member);
    case JP_JSON_U64:
        return json_integer((json_int_t) * (const uint64_t *)member);
    case JP_JSON_STRV:
        return print_strv(member, p, err);
    case JP_JSON_GIDS:
        return print_gids(member);
    case JP_JSON_MAP:
        return print_map(member, p, err);
    case JP_JSON_OBJECT:
        return print_object(f->type, member, p, err);
    case JP_JSON_LIST:
        return print_list(f, member, p, err);
    case JP_JSON_ANY:
        return json_deep_copy(*(json_t *const *)member);
    case JP_JSON_CUSTOM:
        break;
    }
    return NULL;
}

/* Sets one field in `into`; 0 also when it was left out. */
static int print_member(const struct jp_json_field *f, const void *object, json_t *into,
                        const struct place *p, struct jp_error *err)
{
    struct place here = {.up = p, .name = f->name};
    if (is_silent(f, object))
        return 0;
    bool is_absent = false;
    json_t *value = f->kind == JP_JSON_CUSTOM ? f->print(object, &is_absent)
                                              : print_field(f, object, &here, err);
    if (is_absent)
        return 0;
    return json_object_set_new(into, f->name, value);
}

static json_t *print_object(const struct jp_json_type *type, const void *object,
                            const struct place *p, struct jp_error *err)
{
    json_t *into = json_object();
    for (size_t i = 0; into && i < type->n_fields; i++) {
        if (print_member(&type->fields[i], object, into, p, err) < 0) {
            json_decref(into);
            return NULL;
        }
    }
    json_t *extra = *(json_t *const *)const_at(object, type->extra);
    if (into && extra && json_object_update_missing(into, extra) < 0) {
        json_decref(into);
        return NULL;
    }
    return into;
}

int jp_json_print(const struct jp_json_type *type, const void *object, json_t **ret,
                  struct jp_error *err)
{
    struct jp_error why = JP_ERROR_INIT;
    json_t *value = print_object(type, object, NULL, &why);
    if (!value) {
        if (why.code == JP_OK)
            return no_memory(err);
        (void)jp_fail(err, why.code, 0, "%s", jp_error_text(&why));
        jp_error_clear(&why);
        return -1;
    }
    *ret = value;
    return 0;
}

/* ---- clear and copy -------------------------------------------------------------------------- */

static void clear_field(const struct jp_json_field *f, void *object)
{
    void *member = at(object, f->offset);
    struct list *list = member;
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
    json_decref(*(json_t **)at(object, type->extra));
    memset(object, 0, type->size);
}

int jp_json_copy(const struct jp_json_type *type, void *to, const void *from, struct jp_error *err)
{
    json_t *tree;
    if (jp_json_print(type, from, &tree, err) < 0)
        return -1;
    void *copy = jp_calloc(1, type->size);
    int result = copy ? jp_json_read(type, tree, true, copy, err) : no_memory(err);
    json_decref(tree);
    if (result == 0) {
        jp_json_clear(type, to);
        memcpy(to, copy, type->size);
    } else if (copy) {
        jp_json_clear(type, copy);
    }
    free(copy);
    return result;
}

int jp_json_parse_object(const struct jp_json_type *type, const char *text, size_t len,
                         void *object, struct jp_error *err)
{
    json_t *tree;
    memset(object, 0, type->size);
    if (jp_json_load(text, len, JP_MANIFEST_MAX, &tree, err) < 0)
        return -1;
    int result = jp_json_read(type, tree, false, object, err);
    json_decref(tree);
    if (result == 0)
        result = jp_json_check(type, object, err);
    if (result < 0)
        jp_json_clear(type, object);
    return result;
}

int jp_json_print_object(const struct jp_json_type *type, const void *object, bool pretty,
                         char **ret, struct jp_error *err)
{
    json_t *tree;
    if (jp_json_print(type, object, &tree, err) < 0)
        return -1;
    struct jp_buf text = JP_BUF_INIT;
    jp_json_dump(tree, pretty, &text);
    json_decref(tree);
    char *out = jp_buf_steal(&text);
    jp_buf_clear(&text);
    if (!out)
        return no_memory(err);
    *ret = out;
    return 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

void *jp_json_list_add(void *list, size_t element_size)
{
    struct list *l = list;
    if (jp_grow(&l->items, &l->capacity, l->count, element_size) < 0)
        return NULL;
    return memset(l->items + l->count++ * element_size, 0, element_size);
}

void *jp_json_list_find(const void *list, size_t element_size, const char *name)
{
    const struct list *l = list;
    for (size_t i = 0; i < l->count; i++) {
        char *const *first = (char *const *)(void *)(l->items + i * element_size);
        if (*first && strcmp(*first, name) == 0)
            return l->items + i * element_size;
    }
    return NULL;
}

struct indexed_name {
    const char *name;
    size_t index;
};

static int compare_names(const void *a, const void *b)
{
    const struct indexed_name *x = a;
    const struct indexed_name *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

int jp_json_check_unique(const void *list, size_t element_size, const char *field,
                         struct jp_error *err)
{
    const struct list *l = list;
    if (l->count < 2)
        return 0;
    JP_AUTO_FREE struct indexed_name *names = jp_calloc(l->count, sizeof(*names));
    if (!names)
        return no_memory(err);
    for (size_t i = 0; i < l->count; i++) {
        const char *name = *(char *const *)(void *)(l->items + i * element_size);
        names[i] = (struct indexed_name){.name = name ? name : "", .index = i};
    }
    qsort(names, l->count, sizeof(*names), compare_names);
    for (size_t i = 1; i < l->count; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0)
            return jp_fail(err, JP_EINVALID, 0, "[%zu].%s: '%s' is there twice", names[i].index,
                           field, jp_show(names[i].name).text);
    }
    return 0;
}
