#include "base/strv.h"

#include <string.h>

#include "base/mem.h"

int jp_strv_add_owned(struct jp_strv *v, char *text)
{
    /* One more than asked for: the terminating NULL. */
    if (!text || jp_grow(&v->items, &v->capacity, v->count + 1, sizeof(*v->items)) < 0) {
        free(text);
        return -1;
    }
    v->items[v->count++] = text;
    v->items[v->count] = NULL;
    return 0;
}

int jp_strv_add(struct jp_strv *v, const char *text)
{
    return jp_strv_add_owned(v, jp_strdup(text));
}

int jp_strv_extend(struct jp_strv *v, char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (jp_strv_add(v, items[i]) < 0)
            return -1;
    }
    return 0;
}

bool jp_strv_contains(const struct jp_strv *v, const char *text)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->items[i], text) == 0)
            return true;
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void jp_strv_sort(struct jp_strv *v)
{
    if (v->count > 1)
        qsort(v->items, v->count, sizeof(*v->items), compare);
}

void jp_strv_clear(struct jp_strv *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct jp_strv)JP_STRV_INIT;
}
