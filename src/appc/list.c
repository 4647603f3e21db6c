/*
 * Lists of structures, without knowing the structures, and places for errors. Lists come from
 * strangers, so the search for duplicates sorts instead of comparing each with each.
 */
#include <string.h>

#include "appc/json.h"
#include "appc/name.h"
#include "appc/walk.h"
#include "base/mem.h"

/* ---- places ---------------------------------------------------------------------------------- */

static void print_place(const struct jp_place *p, struct jp_buf *out)
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
int jp_place_fail(const struct jp_place *p, enum jp_code code, const char *text,
                  struct jp_error *err)
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
int jp_place_move(const struct jp_place *p, bool is_below, struct jp_error *why,
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

/* ---- lists ----------------------------------------------------------------------------------- */

void *jp_json_list_add(void *list, size_t element_size)
{
    struct jp_list *l = list;
    if (jp_grow(&l->items, &l->capacity, l->count, element_size) < 0)
        return NULL;
    return memset(l->items + l->count++ * element_size, 0, element_size);
}

void *jp_json_list_find(const void *list, size_t element_size, const char *name)
{
    const struct jp_list *l = list;
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
    const struct jp_list *l = list;
    if (l->count < 2)
        return 0;
    JP_AUTO_FREE struct indexed_name *names = jp_calloc(l->count, sizeof(*names));
    if (!names)
        return jp_oom(err);
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
