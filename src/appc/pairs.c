/* Ordered lists of name and value. Linear searches: the lists are short or, from a manifest, at
 * most JP_JSON_LIST_MAX long. */
#include "appc/pairs.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"

static struct jp_pair *find(const struct jp_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (pairs->items[i].name && strcmp(pairs->items[i].name, name) == 0)
            return &pairs->items[i];
    }
    return NULL;
}

static void clear_pair(struct jp_pair *pair)
{
    free(pair->name);
    free(pair->value);
    json_decref(pair->extra);
}

const char *jp_pairs_get(const struct jp_pairs *pairs, const char *name)
{
    const struct jp_pair *pair = find(pairs, name);
    return pair ? pair->value : NULL;
}

int jp_pairs_set(struct jp_pairs *pairs, const char *name, const char *value, struct jp_error *err)
{
    JP_AUTO_FREE char *new_value = jp_strdup(value);
    if (!new_value)
        return jp_oom(err);
    struct jp_pair *pair = find(pairs, name);
    if (pair) {
        free(pair->value);
        pair->value = jp_take(&new_value);
        return 0;
    }
    JP_AUTO_FREE char *new_name = jp_strdup(name);
    if (!new_name ||
        jp_grow(&pairs->items, &pairs->capacity, pairs->count, sizeof(*pairs->items)) < 0)
        return jp_oom(err);
    pairs->items[pairs->count++] =
        (struct jp_pair){.name = jp_take(&new_name), .value = jp_take(&new_value)};
    return 0;
}

bool jp_pairs_unset(struct jp_pairs *pairs, const char *name)
{
    struct jp_pair *pair = find(pairs, name);
    if (!pair)
        return false;
    clear_pair(pair);
    size_t after = pairs->count - 1 - (size_t)(pair - pairs->items);
    memmove(pair, pair + 1, after * sizeof(*pair));
    pairs->count--;
    return true;
}

static int append_copy(struct jp_pairs *to, const struct jp_pair *pair)
{
    if (jp_grow(&to->items, &to->capacity, to->count, sizeof(*to->items)) < 0)
        return -1;
    struct jp_pair *copy = &to->items[to->count++];
    *copy = (struct jp_pair){.name = jp_strdup(pair->name), .value = jp_strdup(pair->value)};
    if (pair->extra)
        copy->extra = json_deep_copy(pair->extra);
    bool is_complete = (copy->name || !pair->name) && (copy->value || !pair->value) &&
                       (copy->extra || !pair->extra);
    return is_complete ? 0 : -1;
}

int jp_pairs_copy(struct jp_pairs *to, const struct jp_pairs *from, struct jp_error *err)
{
    JP_AUTO(jp_pairs) copy = JP_PAIRS_INIT;
    for (size_t i = 0; i < from->count; i++) {
        if (append_copy(&copy, &from->items[i]) < 0)
            return jp_oom(err);
    }
    struct jp_pairs old = *to;
    *to = copy;
    copy = old;
    return 0;
}

int jp_pairs_merge(struct jp_pairs *to, const struct jp_pairs *from, struct jp_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        if (jp_pairs_set(to, from->items[i].name, from->items[i].value, err) < 0)
            return -1;
    }
    return 0;
}

void jp_pairs_clear(struct jp_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        clear_pair(&pairs->items[i]);
    free(pairs->items);
    *pairs = (struct jp_pairs)JP_PAIRS_INIT;
}
