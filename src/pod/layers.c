/*
 * The graph of dependencies as a stack.
 *
 * ace.md extracts dependencies depth first and in order, then the image: for A -> [B, C], B -> [D],
 * C -> [D] that is D, B, D, C, A. Extracting the same thing a second time undoes whatever came in
 * between on its paths, and nothing else; so of equal things the last one alone gives the same
 * root. The walk goes backward, from the image down, and takes each thing where it meets it first:
 * A, C, D, B. That also makes it short: a graph that ace.md would walk in 2^n steps is walked in n.
 *
 * Things are equal when image and filter are: an image's whitelist filters itself and what it
 * depends on, so one image may be there through several filters.
 *
 * An image may also take away paths (appc/removed.h): from all that was extracted before it, be it
 * its own dependency or a sibling's. That too says of a path what it is from then on, whatever was
 * there, so that of equal things the last one still gives the same root.
 */
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/removed.h"
#include "base/mem.h"
#include "pod/internal.h"

/* One layer is left for a directory view. Nothing is deeper than there are parts. */
#define MAX_PARTS (JP_PLAN_MAX_LAYERS - 1)
/* Paths that all parts together take away: memory, and more than anybody has deleted one by one. */
#define MAX_REMOVED 2000000U

struct walk {
    const struct jp_pod_context *ctx;
    const struct jp_strv *pins; /* what dependencies may mean; NULL: any image */
    struct jp_store_stack *stack;
    const char *trail[MAX_PARTS]; /* images above the current one */
    size_t depth;
    size_t removed; /* of MAX_REMOVED */
};

static int walk_image(struct walk *walk, const char *id, const struct jp_filter *above,
                      struct jp_error *err);

static bool is_there(const struct jp_store_stack *stack, const char *id,
                     const struct jp_filter *filter)
{
    for (size_t i = 0; i < stack->count; i++) {
        const struct jp_store_part *part = &stack->items[i];
        if (strcmp(part->image_id, id) == 0 && jp_filter_equal(&part->filter, filter))
            return true;
    }
    return false;
}

/* What is not here is fetched, where that is wanted: all that the image `id` needs at once. */
static int find_dependency(const struct walk *walk, const char *id,
                           const struct jp_dependency *dependency, struct jp_store_images *ret,
                           struct jp_error *err)
{
    const struct jp_pod_context *ctx = walk->ctx;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_pod_find_dependency(ctx, dependency, walk->pins, ret, &why) == 0)
        return 0;
    if (why.code != JP_ENOTFOUND || walk->pins || !ctx->fetch) {
        jp_error_move(err, &why);
        return -1;
    }
    if (ctx->fetch(ctx->fetch_context, id, err) < 0)
        return -1;
    return jp_pod_find_dependency(ctx, dependency, walk->pins, ret, err);
}

static int walk_dependencies(struct walk *walk, const char *id, const struct jp_image_manifest *m,
                             const struct jp_filter *filter, struct jp_error *err)
{
    for (size_t i = m->dependencies.count; i-- > 0;) {
        JP_AUTO(jp_store_images) found = {NULL, 0};
        if (find_dependency(walk, id, &m->dependencies.items[i], &found, err) < 0 ||
            walk_image(walk, found.items[0].id, filter, err) < 0)
            return -1;
    }
    return 0;
}

static int check_trail(const struct walk *walk, const char *id, struct jp_error *err)
{
    for (size_t i = 0; i < walk->depth; i++) {
        if (strcmp(walk->trail[i], id) == 0)
            return jp_fail(err, JP_EINVALID, 0, "image %.*s depends on itself",
                           JP_IMAGE_ID_SHORT_LEN, id);
    }
    return 0;
}

static int walk_image(struct walk *walk, const char *id, const struct jp_filter *above,
                      struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO(jp_filter) filter = JP_FILTER_INIT;
    JP_AUTO(jp_strv) removed = JP_STRV_INIT;
    if (check_trail(walk, id, err) < 0 || jp_pod_load_image(walk->ctx, id, &m, err) < 0 ||
        jp_filter_copy(above, &filter, err) < 0)
        return -1;
    const char *value = jp_image_manifest_annotation(&m, JP_REMOVED_ANNOTATION);
    if (jp_filter_restrict(&filter, &m.path_whitelist, err) < 0 ||
        (value && jp_removed_parse(value, &removed, err) < 0))
        return jp_wrap(err, "image %.*s", JP_IMAGE_ID_SHORT_LEN, id);
    if (is_there(walk->stack, id, &filter))
        return 0;
    if (walk->stack->count >= MAX_PARTS)
        return jp_fail(err, JP_ELIMIT, 0, "it stands on more than %d images", MAX_PARTS - 1);
    walk->removed += removed.count;
    if (walk->removed > MAX_REMOVED)
        return jp_fail(err, JP_ELIMIT, 0, "the images take away more than %u paths", MAX_REMOVED);
    if (jp_store_stack_add(walk->stack, id, &filter, &removed, err) < 0)
        return -1;
    walk->trail[walk->depth++] = id;
    int result = walk_dependencies(walk, id, &m, &filter, err);
    walk->depth--;
    return result;
}

int jp_pod_image_stack(const struct jp_pod_context *ctx, const char *image_id,
                       const struct jp_strv *pins, struct jp_store_stack *ret, struct jp_error *err)
{
    struct walk walk = {.ctx = ctx, .pins = pins, .stack = ret};
    return walk_image(&walk, image_id, &(const struct jp_filter){.is_set = false}, err);
}
