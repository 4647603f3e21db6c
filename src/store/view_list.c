/* The list of directories that an image's archive does not name, in memory. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/driver/common.h"
#include "store/views_internal.h"
#include "sys/fd.h"

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int index_list(struct jp_view_list *list, struct jp_error *err)
{
    size_t capacity = 0;
    const char *text = jp_buf_text(&list->text);
    for (size_t at = 0; at < list->text.len; at += strlen(text + at) + 1) {
        if (jp_grow(&list->items, &capacity, list->count, sizeof(*list->items)) < 0)
            return jp_oom(err);
        list->items[list->count++] = text + at;
    }
    if (list->count > 0)
        qsort(list->items, list->count, sizeof(*list->items), compare);
    return 0;
}

int jp_view_list_is_there(const struct jp_driver_context *ctx, const char *layer,
                          struct jp_error *err)
{
    JP_AUTO_FD int dir = jp_plain_layer_open_dir(ctx, layer, err);
    return dir < 0 ? -1 : jp_store_exists(dir, JP_STORE_IMPLICIT_FILE);
}

int jp_view_list_read(const struct jp_driver_context *ctx, const char *layer,
                      struct jp_view_list *ret, struct jp_error *err)
{
    JP_AUTO_FD int dir = jp_plain_layer_open_dir(ctx, layer, err);
    if (dir < 0)
        return -1;
    if (!jp_store_exists(dir, JP_STORE_IMPLICIT_FILE))
        return 0;
    if (jp_file_read(dir, JP_STORE_IMPLICIT_FILE, JP_STORE_IMPLICIT_MAX, &ret->text, err) < 0)
        return jp_wrap(err, "layer %.19s", layer);
    return index_list(ret, err);
}

bool jp_view_list_has(const struct jp_view_list *list, const char *path)
{
    return list->count > 0 &&
           bsearch(&path, list->items, list->count, sizeof(*list->items), compare);
}

void jp_view_list_clear(struct jp_view_list *list)
{
    jp_buf_clear(&list->text);
    free(list->items);
    *list = (struct jp_view_list){.count = 0};
}
