/*
 * Structures to trees by the tables of fields, and what stands on both directions: copies, and the
 * manifests' parse and print functions. Fields come in the order of their table, which is that of
 * the specification; what says nothing is left out; unknown fields follow.
 */
#include <string.h>

#include "appc/app.h"
#include "appc/image_manifest.h"
#include "appc/json.h"
#include "appc/name.h"
#include "appc/pairs.h"
#include "appc/walk.h"
#include "base/mem.h"
#include "base/strv.h"

static json_t *print_object(const struct jp_json_type *type, const void *object,
                            const struct jp_place *p, struct jp_error *err);

static json_t *new_string(const char *text, const struct jp_place *p, struct jp_error *err)
{
    json_t *value = json_string(text);
    if (!value)
        (void)jp_place_fail(p, JP_EINVALID, "is not valid UTF-8", err);
    return value;
}

static json_t *print_strv(const struct jp_strv *v, const struct jp_place *p, struct jp_error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < v->count; i++) {
        struct jp_place item = {.up = p, .index = i};
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

static json_t *print_map(const struct jp_pairs *pairs, const struct jp_place *p,
                         struct jp_error *err)
{
    json_t *map = json_object();
    for (size_t i = 0; map && i < pairs->count; i++) {
        struct jp_shown shown = jp_show(pairs->items[i].name);
        struct jp_place item = {.up = p, .name = shown.text};
        json_t *value = new_string(pairs->items[i].value, &item, err);
        if (json_object_set_new(map, pairs->items[i].name, value) < 0) {
            if (value)
                (void)jp_place_fail(&item, JP_EINVALID, "is not valid UTF-8", err);
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

static json_t *print_list(const struct jp_json_field *f, const struct jp_list *list,
                          const struct jp_place *p, struct jp_error *err)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->count; i++) {
        struct jp_place item = {.up = p, .index = i};
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
    const void *member = jp_const_member(object, f->offset);
    if (!jp_field_is_given(f, object))
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
        return !f->is_required && ((const struct jp_list *)member)->count == 0;
    case JP_JSON_ANY:
        return !*(json_t *const *)member;
    default:
        return false;
    }
}

static json_t *print_field(const struct jp_json_field *f, const void *object,
                           const struct jp_place *p, struct jp_error *err)
{
    const void *member = jp_const_member(object, f->offset);
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
                        const struct jp_place *p, struct jp_error *err)
{
    struct jp_place here = {.up = p, .name = f->name};
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
                            const struct jp_place *p, struct jp_error *err)
{
    json_t *into = json_object();
    for (size_t i = 0; into && i < type->n_fields; i++) {
        if (print_member(&type->fields[i], object, into, p, err) < 0) {
            json_decref(into);
            return NULL;
        }
    }
    json_t *extra = *(json_t *const *)jp_const_member(object, type->extra);
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
            return jp_oom(err);
        (void)jp_fail(err, why.code, 0, "%s", jp_error_text(&why));
        jp_error_clear(&why);
        return -1;
    }
    *ret = value;
    return 0;
}

/* ---- copies, texts --------------------------------------------------------------------------- */

int jp_json_copy(const struct jp_json_type *type, void *to, const void *from, struct jp_error *err)
{
    json_t *tree;
    if (jp_json_print(type, from, &tree, err) < 0)
        return -1;
    void *copy = jp_calloc(1, type->size);
    int result = copy ? jp_json_read(type, tree, true, copy, err) : jp_oom(err);
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
        return jp_oom(err);
    *ret = out;
    return 0;
}
