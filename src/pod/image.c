/*
 * Which image a word means.
 *
 * "Newest wins" only among images that differ in nothing but their version; where anything else
 * differs, the user is asked, never the order of a directory (the prototype took the first).
 */
#include <sys/utsname.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/imagename.h"
#include "appc/version.h"
#include "base/buf.h"
#include "base/mem.h"
#include "pod/internal.h"

#define MAX_LISTED 8 /* candidates named in an error */

/* ---- this host ---- */

static char host_os[32];
static char host_arch[sizeof(((struct utsname *)0)->machine)];

/* uname(3) cannot fail for a reason that matters here; what it says is fixed while we run. */
static void ask_host(void)
{
    struct utsname name;
    if (host_os[0] != '\0' || uname(&name) < 0)
        return;
    for (size_t i = 0; i + 1 < sizeof(host_os) && name.sysname[i]; i++)
        host_os[i] = (char)tolower((unsigned char)name.sysname[i]);
    const char *arch = jp_arch_from_machine(host_os, name.machine);
    (void)snprintf(host_arch, sizeof(host_arch), "%s", arch ? arch : name.machine);
}

const char *jp_pod_host_os(void)
{
    ask_host();
    return host_os;
}

const char *jp_pod_host_arch(void)
{
    ask_host();
    return host_arch;
}

/* FreeBSD runs Linux programs where the ABI is loaded; the back end says when it is not. */
static bool runs_os(const char *os)
{
    return !os || strcmp(os, jp_pod_host_os()) == 0 ||
           (strcmp(jp_pod_host_os(), "freebsd") == 0 && strcmp(os, "linux") == 0);
}

static bool runs_arch(const char *arch)
{
    return !arch || strcmp(arch, jp_pod_host_arch()) == 0 ||
           (strcmp(jp_pod_host_arch(), "amd64") == 0 && strcmp(arch, "i386") == 0);
}

/* ---- choosing ---- */

static bool is_version(const struct jp_store_label *label)
{
    return strcmp(label->name, "version") == 0;
}

/* Every label of a but its version is in b. */
static bool labels_within(const struct jp_store_image *a, const struct jp_store_image *b)
{
    for (size_t i = 0; i < a->n_labels; i++) {
        if (is_version(&a->labels[i]))
            continue;
        const char *other = jp_store_image_label(b, a->labels[i].name);
        if (!other || strcmp(other, a->labels[i].value) != 0)
            return false;
    }
    return true;
}

static int compare_age(const struct jp_store_image *a, const struct jp_store_image *b)
{
    int order =
        jp_version_compare(jp_store_image_label(a, "version"), jp_store_image_label(b, "version"));
    if (order != 0)
        return order;
    return a->created_ns < b->created_ns ? -1 : a->created_ns > b->created_ns;
}

static void print_image(struct jp_buf *buf, const struct jp_store_image *image)
{
    const char *version = jp_store_image_label(image, "version");
    jp_buf_printf(buf, "%.*s %s", JP_IMAGE_ID_SHORT_LEN, image->id, image->name);
    if (version)
        jp_buf_printf(buf, ":%s", version);
    for (size_t i = 0; i < image->n_labels; i++) {
        if (!is_version(&image->labels[i]))
            jp_buf_printf(buf, ",%s=%s", image->labels[i].name, image->labels[i].value);
    }
}

static int ambiguous(const char *word, const struct jp_store_images *images, struct jp_error *err)
{
    struct jp_buf buf = JP_BUF_INIT;
    for (size_t i = 0; i < images->count && i < MAX_LISTED; i++) {
        jp_buf_puts(&buf, i ? "; " : "");
        print_image(&buf, &images->items[i]);
    }
    if (images->count > MAX_LISTED)
        jp_buf_printf(&buf, "; and %zu more", images->count - MAX_LISTED);
    jp_fail(err, JP_EAMBIGUOUS, 0, "'%s' fits several images: %s", word, jp_buf_text(&buf));
    jp_buf_clear(&buf);
    return -1;
}

/* Leaves the newest image alone in the list. */
static int choose(const char *word, struct jp_store_images *images, struct jp_error *err)
{
    size_t best = 0;
    for (size_t i = 1; i < images->count; i++) {
        if (compare_age(&images->items[i], &images->items[best]) > 0)
            best = i;
    }
    for (size_t i = 0; i < images->count; i++) {
        const struct jp_store_image *a = &images->items[i];
        const struct jp_store_image *b = &images->items[best];
        if (i != best && (!labels_within(a, b) || !labels_within(b, a) || compare_age(a, b) == 0))
            return ambiguous(word, images, err);
    }
    struct jp_store_image kept = images->items[best];
    images->items[best] = images->items[0];
    images->items[0] = kept;
    struct jp_store_image *rest = images->items;
    struct jp_store_image *one = jp_calloc(1, sizeof(*one));
    if (!one)
        return jp_oom(err);
    *one = kept;
    struct jp_store_images others = {rest, images->count};
    memset(&rest[0], 0, sizeof(rest[0]));
    images->items = one;
    images->count = 1;
    jp_store_images_clear(&others);
    return 0;
}

/* Moves what cannot run here to the end; returns how many can. */
static size_t sort_by_host(struct jp_store_images *images)
{
    size_t fits = 0;
    for (size_t i = 0; i < images->count; i++) {
        struct jp_store_image *image = &images->items[i];
        if (!runs_os(jp_store_image_label(image, "os")) ||
            !runs_arch(jp_store_image_label(image, "arch")))
            continue;
        struct jp_store_image other = images->items[fits];
        images->items[fits++] = *image;
        *image = other;
    }
    return fits;
}

static void drop_after(struct jp_store_images *images, size_t count)
{
    /* The store's clear function releases one array; the tail is moved into an array of its own. */
    size_t tail = images->count - count;
    struct jp_store_image *items = tail ? jp_calloc(tail, sizeof(*items)) : NULL;
    if (!items)
        return;
    memcpy(items, images->items + count, tail * sizeof(*items));
    memset(images->items + count, 0, tail * sizeof(*items));
    images->count = count;
    struct jp_store_images rest = {items, tail};
    jp_store_images_clear(&rest);
}

/* The default labels prefer the host's own arch where i386 or linux would do as well.
 */
static void prefer_own(struct jp_store_images *images)
{
    size_t own = 0;
    for (size_t i = 0; i < images->count; i++) {
        struct jp_store_image *image = &images->items[i];
        const char *os = jp_store_image_label(image, "os");
        const char *arch = jp_store_image_label(image, "arch");
        if ((os && strcmp(os, jp_pod_host_os()) != 0) ||
            (arch && strcmp(arch, jp_pod_host_arch()) != 0))
            continue;
        struct jp_store_image other = images->items[own];
        images->items[own++] = *image;
        *image = other;
    }
    if (own > 0)
        drop_after(images, own);
}

static int wrong_host(const char *word, const struct jp_store_images *images, struct jp_error *err)
{
    const char *os = jp_store_image_label(&images->items[0], "os");
    const char *arch = jp_store_image_label(&images->items[0], "arch");
    return jp_fail(err, JP_ENOTFOUND, 0,
                   "image '%s' is here for %s/%s only; this host is %s/%s: import one for it", word,
                   os ? os : "any", arch ? arch : "any", jp_pod_host_os(), jp_pod_host_arch());
}

static int missing(const char *word, struct jp_error *err)
{
    return jp_fail(err, JP_ENOTFOUND, 0,
                   "image '%s' is not here: import it with 'jetpack import', or see 'jetpack "
                   "images' for what is",
                   word);
}

/* ---- looking up ---- */

int jp_pod_list_images(struct jp_store *store, const char *word, struct jp_store_images *ret,
                       struct jp_error *err)
{
    struct jp_store_image_query query = {.id_prefix = NULL};
    if (strncmp(word, JP_IMAGE_ID_PREFIX, strlen(JP_IMAGE_ID_PREFIX)) == 0) {
        if (!jp_image_id_prefix_valid(word))
            return jp_fail(err, JP_EUSAGE, 0, "'%s' is neither an image id nor a name", word);
        query.id_prefix = word;
        return jp_store_image_list(store, &query, ret, err);
    }
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    if (jp_image_name_parse(word, &name, err) < 0) {
        if (err)
            err->code = JP_EUSAGE;
        return -1;
    }
    query.name = name.name;
    query.labels = &name.labels;
    query.tags = &name.tags;
    return jp_store_image_list(store, &query, ret, err);
}

static int list_or_fetch(const struct jp_pod_context *ctx, const char *word,
                         struct jp_store_images *ret, struct jp_error *err)
{
    if (jp_pod_list_images(ctx->store, word, ret, err) < 0)
        return -1;
    /* Tags are this host's own: nobody else knows what has one. */
    if (ret->count > 0 || !ctx->fetch || strchr(word, '@'))
        return 0;
    if (ctx->fetch(ctx->fetch_context, word, err) < 0)
        return jp_wrap(err, "image '%s' is not here", word);
    jp_store_images_clear(ret);
    return jp_pod_list_images(ctx->store, word, ret, err);
}

int jp_pod_find_image(const struct jp_pod_context *ctx, const char *word,
                      struct jp_store_images *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_images) images = {NULL, 0};
    if (list_or_fetch(ctx, word, &images, err) < 0)
        return -1;
    if (images.count == 0)
        return missing(word, err);
    size_t fits = sort_by_host(&images);
    if (fits == 0)
        return wrong_host(word, &images, err);
    drop_after(&images, fits);
    prefer_own(&images);
    if (choose(word, &images, err) < 0)
        return -1;
    *ret = images;
    images = (struct jp_store_images){NULL, 0};
    return 0;
}

/* Drops what is not among `ids`. */
static void keep_pinned(struct jp_store_images *images, const struct jp_strv *ids)
{
    size_t kept = 0;
    for (size_t i = 0; i < images->count; i++) {
        struct jp_store_image image = images->items[i];
        if (!jp_strv_contains(ids, image.id))
            continue;
        images->items[i] = images->items[kept];
        images->items[kept++] = image;
    }
    drop_after(images, kept);
}

/* pins: only these, NULL: all that are here. */
static int find_among(const struct jp_pod_context *ctx, const char *word,
                      const struct jp_strv *pins, struct jp_store_images *ret, struct jp_error *err)
{
    JP_AUTO(jp_store_images) images = {NULL, 0};
    if (jp_pod_list_images(ctx->store, word, &images, err) < 0)
        return -1;
    if (pins)
        keep_pinned(&images, pins);
    if (images.count == 0)
        return missing(word, err);
    size_t fits = sort_by_host(&images);
    if (fits > 0) {
        drop_after(&images, fits);
        prefer_own(&images);
    }
    if (choose(word, &images, err) < 0)
        return -1;
    *ret = images;
    images = (struct jp_store_images){NULL, 0};
    return 0;
}

int jp_pod_find_any_image(const struct jp_pod_context *ctx, const char *word,
                          struct jp_store_images *ret, struct jp_error *err)
{
    return find_among(ctx, word, NULL, ret, err);
}

/* The word that a user would write for it. */
static char *word_of(const char *name, const struct jp_pairs *labels)
{
    struct jp_image_name full = {.name = (char *)(uintptr_t)name, .labels = *labels};
    return jp_image_name_print(&full);
}

static int check_labels(const char *word, const struct jp_store_image *image,
                        const struct jp_runtime_image *want, struct jp_error *err)
{
    if (want->name && strcmp(want->name, image->name) != 0)
        return jp_fail(err, JP_EINVALID, 0, "image %.*s is '%s', not '%s'", JP_IMAGE_ID_SHORT_LEN,
                       word, image->name, want->name);
    for (size_t i = 0; i < want->labels.count; i++) {
        const struct jp_pair *label = &want->labels.items[i];
        const char *value = jp_store_image_label(image, label->name);
        if (!value || strcmp(value, label->value) != 0)
            return jp_fail(err, JP_EINVALID, 0, "image %.*s has label %s '%s', not '%s'",
                           JP_IMAGE_ID_SHORT_LEN, word, label->name, value ? value : "(none)",
                           label->value);
    }
    return 0;
}

int jp_pod_find_runtime_image(const struct jp_pod_context *ctx,
                              const struct jp_runtime_image *image, struct jp_store_images *ret,
                              struct jp_error *err)
{
    if (!image->id && !image->name)
        return jp_fail(err, JP_EINVALID, 0, "an app without image id and image name");
    JP_AUTO_FREE char *word =
        image->id ? jp_strdup(image->id) : word_of(image->name, &image->labels);
    if (!word)
        return jp_oom(err);
    JP_AUTO(jp_store_images) images = {NULL, 0};
    if (jp_pod_find_image(ctx, word, &images, err) < 0)
        return -1;
    if (check_labels(word, &images.items[0], image, err) < 0)
        return -1;
    *ret = images;
    images = (struct jp_store_images){NULL, 0};
    return 0;
}

int jp_pod_load_image(const struct jp_pod_context *ctx, const char *id,
                      struct jp_image_manifest *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *json = NULL;
    size_t len = 0;
    if (jp_store_image_manifest(ctx->store, id, &json, &len, err) < 0)
        return -1;
    if (jp_image_manifest_parse(json, len, ret, err) < 0)
        return jp_wrap(err, "manifest of image %.*s", JP_IMAGE_ID_SHORT_LEN, id);
    return 0;
}

int jp_pod_find_dependency(const struct jp_pod_context *ctx, const struct jp_dependency *dep,
                           const struct jp_strv *pins, struct jp_store_images *ret,
                           struct jp_error *err)
{
    struct jp_runtime_image want = {
        .id = dep->image_id, .name = dep->image_name, .labels = dep->labels};
    JP_AUTO_FREE char *word =
        dep->image_id ? jp_strdup(dep->image_id) : word_of(dep->image_name, &dep->labels);
    JP_AUTO(jp_store_images) images = {NULL, 0};
    if (!word)
        return jp_oom(err);
    if (find_among(ctx, word, pins, &images, err) < 0 ||
        check_labels(word, &images.items[0], &want, err) < 0)
        return jp_wrap(err, "dependency '%s'", dep->image_name);
    uint64_t size = images.items[0].size_bytes;
    if (dep->has_size && dep->size_bytes != size)
        return jp_fail(err, JP_EINVALID, 0,
                       "dependency '%s': image %.*s has %llu bytes, and %llu are asked for",
                       dep->image_name, JP_IMAGE_ID_SHORT_LEN, images.items[0].id,
                       (unsigned long long)size, (unsigned long long)dep->size_bytes);
    *ret = images;
    images = (struct jp_store_images){NULL, 0};
    return 0;
}
