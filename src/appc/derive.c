#include "appc/derive.h"

#include <string.h>

#include "appc/removed.h"
#include "base/mem.h"
#include "base/time.h"

static int take_label(struct jp_image_manifest *m, const struct jp_image_manifest *parent,
                      const char *name, struct jp_error *err)
{
    const char *value = jp_image_manifest_label(parent, name);
    if (!value || jp_image_manifest_label(m, name))
        return 0;
    return jp_pairs_set(&m->labels, name, value, err);
}

static int put_parent_first(struct jp_image_manifest *m, const struct jp_derive *derive,
                            struct jp_error *err)
{
    struct jp_dependency *last = jp_image_manifest_add_dependency(m);
    if (!last)
        return jp_oom(err);
    struct jp_dependency parent = {.image_name = jp_strdup(derive->parent->name),
                                   .image_id = jp_strdup(derive->parent_id)};
    struct jp_dependency *items = m->dependencies.items;
    memmove(items + 1, items, (m->dependencies.count - 1) * sizeof(*items));
    items[0] = parent;
    if (!parent.image_name || !parent.image_id)
        return jp_oom(err);
    return jp_pairs_copy(&items[0].labels, &derive->parent->labels, err);
}

int jp_image_manifest_derive(struct jp_image_manifest *m, const struct jp_derive *derive,
                             struct jp_error *err)
{
    char time[JP_TIME_SIZE];
    jp_time_format(derive->time_ns, 0, time);
    if (!jp_image_manifest_annotation(m, "timestamp") &&
        jp_pairs_set(&m->annotations, "timestamp", time, err) < 0)
        return -1;
    if ((derive->takes_os && take_label(m, derive->parent, "os", err) < 0) ||
        (derive->takes_arch && take_label(m, derive->parent, "arch", err) < 0))
        return -1;
    return put_parent_first(m, derive, err);
}

void jp_image_manifest_make_flat(struct jp_image_manifest *m)
{
    struct jp_image_manifest gone = {.dependencies = m->dependencies,
                                     .path_whitelist = m->path_whitelist};
    m->dependencies = (struct jp_dependencies){NULL, 0, 0};
    m->path_whitelist = (struct jp_strv)JP_STRV_INIT;
    jp_image_manifest_clear(&gone);
    (void)jp_pairs_unset(&m->annotations, JP_REMOVED_ANNOTATION);
}
