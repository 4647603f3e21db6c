#include "image/layers.h"

#include <stdlib.h>

#include "base/mem.h"
#include "image/flags.h"
#include "image/parts.h"
#include "store/driver/driver.h"
#include "store/views.h"
#include "sys/fd.h"
#include "sys/fileflags.h"

struct listing {
    struct jp_image_parts *parts;
    const struct jp_image_flags *flags; /* of each tree */
    struct jp_error *err;
};

static int list_one(void *context, const struct jp_driver_change *change)
{
    const struct listing *listing = context;
    struct jp_image_parts *parts = listing->parts;
    size_t count = parts->count;
    if (jp_image_parts_add(parts, change->what, change->path, change->tree, listing->err) < 0)
        return -1;
    if (parts->count == count) /* what was deleted, or no image can hold */
        return 0;
    const char *words = jp_image_flags_find(&listing->flags[change->tree], change->path);
    if (!words)
        return 0;
    char **flags = &parts->items[parts->count - 1].flags;
    *flags = jp_strdup(words);
    return *flags ? 0 : jp_oom(listing->err);
}

/* What archives say and the trees cannot have. */
static int read_flags(struct jp_store *store, const char *layer, struct jp_image_flags *ret,
                      struct jp_error *err)
{
    JP_AUTO_FREE char *id = NULL;
    JP_AUTO_FD int fd = -1;
    if (jp_file_flags_can_be_set())
        return 0;
    if (jp_store_layer_image(store, layer, &id, err) < 0)
        return -1;
    if (!id)
        return 0;
    return jp_store_image_open(store, id, &fd, err) < 0 ? -1 : jp_image_flags_read(fd, ret, err);
}

int jp_image_parts_add_layers(struct jp_image_parts *parts, struct jp_store *store,
                              const struct jp_strv *layers, struct jp_error *err)
{
    struct jp_image_flags *flags = jp_calloc(layers->count + 1, sizeof(*flags));
    struct listing listing = {parts, flags, err};
    const struct jp_driver_changes all = {.all = true, .each = list_one, .context = &listing};
    if (!flags)
        return jp_oom(err);
    int r = 0;
    for (size_t i = 0; r == 0 && i < layers->count; i++)
        r = read_flags(store, layers->items[i], &flags[i], err);
    if (r == 0)
        r = jp_store_layers_list(store, layers, &all, err);
    for (size_t i = 0; i < layers->count; i++)
        jp_image_flags_clear(&flags[i]);
    free(flags);
    return r;
}
