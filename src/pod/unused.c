/*
 * Images that nothing needs: no pod, and no image that stays. Those that stand on others come
 * first, so that they can be destroyed one after the other. The store refuses whatever came to be
 * used meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/imagename.h"
#include "base/mem.h"
#include "base/time.h"
#include "pod/internal.h"

/* images: by name, newest version first, as the store lists them. */
struct search {
    const struct jp_store_images *images;
    const struct jp_pod_unused *policy;
    const struct jp_store_image **by_id;
    bool *is_kept;   /* by the policy, or by a pod */
    bool *is_needed; /* by an image that is left */
    bool *is_gone;   /* found */
    size_t *found;   /* their numbers */
    size_t n_found;
};

static void search_clear(struct search *s)
{
    free(s->by_id);
    free(s->is_kept);
    free(s->is_needed);
    free(s->is_gone);
    free(s->found);
}

static int compare_ids(const void *a, const void *b)
{
    const struct jp_store_image *const *one = a, *const *two = b;
    return strcmp((*one)->id, (*two)->id);
}

static int search_begin(struct search *s, struct jp_error *err)
{
    size_t count = s->images->count + 1;
    s->by_id = jp_calloc(count, sizeof(*s->by_id));
    s->is_kept = jp_calloc(count, sizeof(*s->is_kept));
    s->is_needed = jp_calloc(count, sizeof(*s->is_needed));
    s->is_gone = jp_calloc(count, sizeof(*s->is_gone));
    s->found = jp_calloc(count, sizeof(*s->found));
    if (!s->by_id || !s->is_kept || !s->is_needed || !s->is_gone || !s->found)
        return jp_oom(err);
    for (size_t i = 0; i < s->images->count; i++)
        s->by_id[i] = &s->images->items[i];
    qsort(s->by_id, s->images->count, sizeof(*s->by_id), compare_ids);
    return 0;
}

/* The number of the image with that id, or the count of all. */
static size_t find_id(const struct search *s, const char *id)
{
    const struct jp_store_image key = {.id = (char *)(uintptr_t)id}, *wanted = &key;
    const struct jp_store_image **found =
        bsearch(&wanted, s->by_id, s->images->count, sizeof(*s->by_id), compare_ids);
    return found ? (size_t)(*found - s->images->items) : s->images->count;
}

/* The first image whose name is not before this one. */
static size_t find_name(const struct search *s, const char *name)
{
    size_t low = 0, high = s->images->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->images->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- what the policy keeps ------------------------------------------------------------------- */

static bool same_label(const struct jp_store_image *a, const struct jp_store_image *b,
                       const char *name)
{
    const char *one = jp_store_image_label(a, name), *two = jp_store_image_label(b, name);
    return one && two ? strcmp(one, two) == 0 : one == two;
}

bool jp_pod_image_is_sibling(const struct jp_store_image *a, const struct jp_store_image *b)
{
    if (strcmp(a->name, b->name) != 0)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, "version") != 0 && !same_label(a, b, a->labels[i].name))
            return false;
    }
    for (size_t i = 0; i < b->n_labels; i++) {
        if (strcmp(b->labels[i].name, "version") != 0 && !same_label(a, b, b->labels[i].name))
            return false;
    }
    return true;
}

/* How many siblings are newer: they stand before it. */
static size_t rank(const struct jp_store_images *images, size_t i, size_t enough)
{
    size_t newer = 0;
    for (size_t k = i; k > 0 && newer < enough; k--) {
        const struct jp_store_image *other = &images->items[k - 1];
        if (strcmp(other->name, images->items[i].name) != 0)
            break;
        newer += jp_pod_image_is_sibling(other, &images->items[i]);
    }
    return newer;
}

bool jp_pod_image_is_outdated(const struct jp_store_images *images, size_t i)
{
    return rank(images, i, 1) > 0;
}

static void keep_by_policy(struct search *s)
{
    int64_t now = jp_time_now_ns();
    for (size_t i = 0; i < s->images->count; i++) {
        const struct jp_store_image *image = &s->images->items[i];
        int64_t age_ms = (now - image->imported_ns) / 1000000;
        s->is_kept[i] = (image->tags.count > 0 && !s->policy->tagged) ||
                        age_ms < s->policy->older_than_ms ||
                        rank(s->images, i, s->policy->keep) < s->policy->keep;
    }
}

/* ---- what is needed -------------------------------------------------------------------------- */

static int keep_for_pods(const struct jp_pod_context *ctx, struct search *s, struct jp_error *err)
{
    JP_AUTO(jp_store_pods) pods = {NULL, 0};
    JP_AUTO(jp_strv) used = JP_STRV_INIT;
    if (jp_store_pod_list(ctx->store, &pods, err) < 0)
        return -1;
    for (size_t i = 0; i < pods.count; i++) {
        const struct jp_store_pod *pod = &pods.items[i];
        if (s->policy->without && jp_strv_contains(s->policy->without, pod->uuid))
            continue;
        for (size_t k = 0; k < pod->n_apps; k++) {
            if (jp_strv_add(&used, pod->apps[k].image_id) < 0)
                return jp_oom(err);
        }
        if (jp_store_pod_pins(ctx->store, pod->uuid, &used, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < used.count; i++)
        s->is_kept[find_id(s, used.items[i])] = true;
    return 0;
}

/* A name means the newest that fits, one of the same system and processor before others. */
static void need_name(struct search *s, const struct jp_store_image *of,
                      const struct jp_image_name *want)
{
    const size_t nobody = s->images->count;
    size_t best = nobody;
    for (size_t i = find_name(s, want->name); i < nobody; i++) {
        const struct jp_store_image *image = &s->images->items[i];
        if (strcmp(image->name, want->name) != 0)
            break;
        if (s->is_gone[i] || !jp_store_image_has_labels(image, &want->labels))
            continue;
        bool is_alike = same_label(image, of, "os") && same_label(image, of, "arch");
        if (is_alike || best == nobody)
            best = i;
        if (is_alike)
            break;
    }
    s->is_needed[best] = true;
}

static int need(struct search *s, const struct jp_store_image *of, struct jp_error *err)
{
    for (size_t i = 0; i < of->dependencies.count; i++) {
        const char *word = of->dependencies.items[i];
        JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
        if (jp_image_id_valid(word))
            s->is_needed[find_id(s, word)] = true;
        else if (jp_image_name_parse(word, &name, err) < 0)
            return -1;
        else
            need_name(s, of, &name);
    }
    return 0;
}

/* 1 when more were found. */
static int search_round(struct search *s, struct jp_error *err)
{
    size_t before = s->n_found;
    memset(s->is_needed, 0, (s->images->count + 1) * sizeof(*s->is_needed));
    for (size_t i = 0; i < s->images->count; i++) {
        if (!s->is_gone[i] && need(s, &s->images->items[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < s->images->count; i++) {
        if (s->is_gone[i] || s->is_kept[i] || s->is_needed[i])
            continue;
        s->is_gone[i] = true;
        s->found[s->n_found++] = i;
    }
    return s->n_found > before;
}

static int search_all(const struct jp_pod_context *ctx, struct search *s, struct jp_error *err)
{
    if (search_begin(s, err) < 0)
        return -1;
    keep_by_policy(s);
    if (keep_for_pods(ctx, s, err) < 0)
        return -1;
    int r;
    while ((r = search_round(s, err)) > 0)
        ;
    return r;
}

int jp_pod_unused_images(const struct jp_pod_context *ctx, const struct jp_pod_unused *policy,
                         const struct jp_store_images *images, size_t **ret, size_t *ret_count,
                         struct jp_error *err)
{
    struct search s = {.images = images, .policy = policy};
    int r = search_all(ctx, &s, err);
    if (r == 0) {
        *ret = jp_take(&s.found);
        *ret_count = s.n_found;
    }
    search_clear(&s);
    return r;
}
