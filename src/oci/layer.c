#include "oci/layer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/image_manifest.h"
#include "appc/removed.h"
#include "appc/version.h"
#include "base/buf.h"
#include "base/mem.h"
#include "image/aci.h"
#include "sys/fd.h"

#define WHITEOUT_META   ".wh..wh." /* of AUFS; the only one that counts is: */
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define ORIGIN          "oci layer "
/* Bytes of paths: they must fit in a manifest, in which one may take three times as much. */
#define REMOVED_MAX (JP_MANIFEST_MAX - 65536U)

struct layer {
    struct jp_oci_hasher raw; /* without a hash when only the plain digest is known */
    struct jp_oci_hasher plain;
    const struct jp_oci_chain *below;
    const char *name;       /* of the image in the making */
    const int *dir_fds;     /* of the images below */
    struct jp_strv removed; /* what the whiteouts name */
    uint64_t removed_bytes;
    char *manifest;
};

/* ---- digests --------------------------------------------------------------------------------- */

static int take_raw(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct layer *layer = context;
    return layer->raw.hash ? jp_oci_hasher_add(&layer->raw, bytes, len, err) : 0;
}

static int take_plain(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct layer *layer = context;
    return jp_oci_hasher_add(&layer->plain, bytes, len, err);
}

static int check_digests(struct layer *layer, struct jp_error *err)
{
    if (layer->raw.hash && jp_oci_hasher_finish(&layer->raw, "the layer", err) < 0)
        return -1;
    return jp_oci_hasher_finish(&layer->plain, "the uncompressed layer", err);
}

/* ---- entries --------------------------------------------------------------------------------- */

static int note_removed(struct layer *layer, char *text, struct jp_error *err)
{
    if (!text)
        return jp_oom(err);
    layer->removed_bytes += strlen(text) + 1;
    if (layer->removed_bytes > REMOVED_MAX) {
        free(text);
        return jp_fail(err, JP_ELIMIT, 0, "whiteouts of more than %u bytes", REMOVED_MAX);
    }
    return jp_strv_add_owned(&layer->removed, text) < 0 ? jp_oom(err) : 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* image-spec layer.md "Whiteouts". A name that would mean this directory or the one above is bad.
 */
static int take_whiteout(struct layer *layer, const char *path, const char *base,
                         struct jp_error *err)
{
    int dir_len = (int)(base - path); /* with its "/" */
    const char *name = base + strlen(JP_OCI_WHITEOUT);
    if (strcmp(base, WHITEOUT_OPAQUE) == 0)
        return note_removed(layer, dir_len ? jp_format("%.*s", dir_len, path) : jp_strdup("/"),
                            err);
    if (strncmp(base, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
        return 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return jp_fail(err, JP_EINVALID, 0, "a whiteout of nothing that can be there");
    return note_removed(layer, jp_format("%.*s%s", dir_len, path, name), err);
}

static int take_entry(void *context, const struct jp_tar_entry *entry, struct jp_error *err)
{
    const char *base = base_name(entry->path);
    if (strncmp(entry->path, JP_OCI_WHITEOUT, strlen(JP_OCI_WHITEOUT)) != 0 &&
        !strstr(entry->path, "/" JP_OCI_WHITEOUT))
        return 1;
    if (strncmp(base, JP_OCI_WHITEOUT, strlen(JP_OCI_WHITEOUT)) == 0 && entry->type != JP_TAR_DIR)
        return take_whiteout(context, entry->path, base, err);
    if (strstr(entry->path, WHITEOUT_META))
        return 0;
    /* A whiteout that is a directory, or below one, is nothing anybody agrees on. */
    return jp_fail(err, JP_EINVALID, 0, "a directory with the name of a whiteout");
}

/* ---- what is taken away ---------------------------------------------------------------------- */

int jp_oci_layer_removed(int dir_fd, struct jp_strv *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (jp_file_read(dir_fd, JP_ACI_MANIFEST, JP_MANIFEST_MAX, &text, err) < 0 ||
        jp_image_manifest_parse(jp_buf_text(&text), text.len, &m, err) < 0)
        return -1;
    const char *value = jp_image_manifest_annotation(&m, JP_REMOVED_ANNOTATION);
    return value ? jp_removed_parse(value, ret, err) : 0;
}

/* Nothing is below the lowest layer: whiteouts in it mean nothing. */
static int set_removed(struct layer *layer, struct jp_image_manifest *m, struct jp_error *err)
{
    if (layer->removed.count == 0 || layer->below->image_ids.count == 0)
        return 0;
    jp_removed_sort(&layer->removed);
    JP_AUTO_FREE char *value = jp_removed_format(&layer->removed);
    return value ? jp_pairs_set(&m->annotations, JP_REMOVED_ANNOTATION, value, err) : jp_oom(err);
}

/* ---- the manifest ---------------------------------------------------------------------------- */

static char *name_of(const char *chain_digest)
{
    return jp_format(JP_OCI_LAYER_NAME "%.6s-%s", chain_digest, chain_digest + 7);
}

int jp_oci_chain_depend(const struct jp_oci_chain *chain, struct jp_image_manifest *m,
                        struct jp_error *err)
{
    if (chain->image_ids.count == 0)
        return 0;
    struct jp_dependency *d = jp_image_manifest_add_dependency(m);
    if (!d)
        return jp_oom(err);
    d->image_id = jp_strdup(chain->image_ids.items[chain->image_ids.count - 1]);
    d->image_name = name_of(chain->digest);
    return d->image_id && d->image_name ? 0 : jp_oom(err);
}

static int make_manifest(struct layer *layer, struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    m.ac_version = jp_strdup(JP_APPC_SPEC_VERSION);
    m.name = jp_strdup(layer->name);
    if (!m.ac_version || !m.name)
        return jp_oom(err);
    if (jp_oci_chain_depend(layer->below, &m, err) < 0 || set_removed(layer, &m, err) < 0)
        return -1;
    return jp_image_manifest_print(&m, /* pretty= */ false, &layer->manifest, err);
}

static int finish(void *context, const char **ret, size_t *ret_len, struct jp_error *err)
{
    struct layer *layer = context;
    if (check_digests(layer, err) < 0 || make_manifest(layer, err) < 0)
        return -1;
    *ret = layer->manifest;
    *ret_len = strlen(layer->manifest);
    return 0;
}

static void layer_clear(struct layer *layer)
{
    jp_oci_hasher_clear(&layer->raw);
    jp_oci_hasher_clear(&layer->plain);
    jp_strv_clear(&layer->removed);
    free(layer->manifest);
}

/* ---- the chain ------------------------------------------------------------------------------- */

void jp_oci_chain_clear(struct jp_oci_chain *chain)
{
    jp_strv_clear(&chain->image_ids);
    chain->digest[0] = chain->next[0] = '\0';
}

/* The first layer's is its own digest; the next one's is of "CHAIN DIFFID". */
static int find_next(struct jp_oci_chain *chain, const char *diff_id, struct jp_error *err)
{
    JP_AUTO_FREE char *text = jp_format("%s %s", chain->digest, diff_id);
    if (!text)
        return jp_oom(err);
    if (chain->digest[0])
        return jp_oci_digest_of(text, strlen(text), chain->next, err);
    memcpy(chain->next, diff_id, strlen(diff_id) + 1);
    return 0;
}

static int put_on(struct jp_oci_chain *chain, const char *image_id, struct jp_error *err)
{
    memcpy(chain->digest, chain->next, sizeof(chain->digest));
    return jp_strv_add(&chain->image_ids, image_id) < 0 ? jp_oom(err) : 0;
}

/* Did we make this image of that chain? An archive may call itself anything (row 40). */
static int is_chain(struct jp_store *store, const char *id, const char *digest,
                    struct jp_error *err)
{
    JP_AUTO_FREE char *origin = NULL;
    if (jp_image_origin(store, id, &origin, err) < 0)
        return -1;
    return origin && strncmp(origin, ORIGIN, strlen(ORIGIN)) == 0 &&
           strcmp(origin + strlen(ORIGIN), digest) == 0;
}

int jp_oci_chain_find(struct jp_store *store, const char *diff_id, struct jp_oci_chain *chain,
                      struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    if (jp_oci_digest_check(diff_id, err) < 0 || find_next(chain, diff_id, err) < 0)
        return -1;
    JP_AUTO_FREE char *name = name_of(chain->next);
    if (!name)
        return jp_oom(err);
    struct jp_store_image_query query = {.name = name};
    if (jp_store_image_list(store, &query, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < found.count; i++) {
        int r = is_chain(store, found.items[i].id, chain->next, err);
        if (r < 0)
            return -1;
        if (r > 0)
            return put_on(chain, found.items[i].id, err) < 0 ? -1 : 1;
    }
    return 0;
}

void jp_oci_chain_close(int *dir_fds, size_t count)
{
    for (size_t i = 0; dir_fds && i < count; i++)
        jp_fd_close(&dir_fds[i]);
    free(dir_fds);
}

int jp_oci_chain_open(struct jp_store *store, const struct jp_oci_chain *chain, int **ret,
                      struct jp_error *err)
{
    size_t count = chain->image_ids.count;
    int *fds = jp_calloc(count + 1, sizeof(*fds));
    int r = fds ? 0 : jp_oom(err);
    for (size_t i = 0; fds && i < count; i++)
        fds[i] = -1;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = jp_store_image_open(store, chain->image_ids.items[i], &fds[i], err);
    if (r < 0) {
        jp_oci_chain_close(fds, count);
        return -1;
    }
    *ret = fds;
    return 0;
}

int jp_oci_layer_top(int dir_fd, struct jp_aci_reader *reader, const struct jp_tar_entry **ret,
                     struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    int r = jp_aci_reader_open(dir_fd, (struct jp_tar_tap){NULL, NULL}, reader, err);
    while (r == 0 && (r = jp_aci_reader_next(reader, ret, digest, err)) > 0) {
        if (strcmp((*ret)->path, JP_ACI_ROOTFS) == 0)
            return 0;
        r = 0;
    }
    return r < 0 ? -1 : jp_fail(err, JP_ECORRUPT, 0, "the image has no '%s'", JP_ACI_ROOTFS);
}

/* ---- the import ------------------------------------------------------------------------------ */

static int import(struct jp_store *store, struct layer *layer,
                  const struct jp_image_import_options *options, struct jp_oci_chain *chain,
                  struct jp_error *err)
{
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    JP_AUTO_FREE char *origin = jp_format(ORIGIN "%s", chain->next);
    struct jp_image_layer hooks = {
        .context = layer,
        .raw = take_raw,
        .plain = take_plain,
        .entry = take_entry,
        .finish = finish,
        .is_alone = chain->image_ids.count == 0,
    };
    struct jp_image_import_options o = *options;
    struct jp_aci_reader below = JP_ACI_READER_INIT;
    size_t count = chain->image_ids.count;
    if (!origin)
        return jp_oom(err);
    o.layer = &hooks;
    o.origin = origin;
    int r = 0;
    if (count > 0) /* a layer that says nothing of the root directory leaves it as it is */
        r = jp_oci_layer_top(layer->dir_fds[count - 1], &below, &hooks.top, err);
    if (r == 0)
        r = jp_image_import(store, &o, &imported, err);
    jp_aci_reader_clear(&below);
    return r == 0 ? put_on(chain, imported.id, err) : r;
}

static int prepare(struct layer *layer, const struct jp_oci_layer_source *source,
                   struct jp_error *err)
{
    if (source->digest && strcmp(source->digest, source->diff_id) != 0 &&
        jp_oci_hasher_start(&layer->raw, source->digest, err) < 0)
        return -1;
    return jp_oci_hasher_start(&layer->plain, source->diff_id, err);
}

int jp_oci_chain_add(struct jp_store *store, const struct jp_oci_layer_source *source,
                     const struct jp_image_import_options *options, struct jp_oci_chain *chain,
                     struct jp_error *err)
{
    JP_AUTO_FREE char *name = name_of(chain->next);
    int *dir_fds = NULL;
    size_t count = chain->image_ids.count;
    if (!name)
        return jp_oom(err);
    if (jp_oci_chain_open(store, chain, &dir_fds, err) < 0)
        return -1;
    struct layer layer = {.below = chain, .name = name, .dir_fds = dir_fds};
    struct jp_image_import_options o = *options;
    o.fd = source->fd;
    o.size_bytes = source->size;
    o.source_name = source->name;
    int r = prepare(&layer, source, err);
    if (r == 0)
        r = import(store, &layer, &o, chain, err);
    layer_clear(&layer);
    jp_oci_chain_close(dir_fds, count);
    return r;
}
