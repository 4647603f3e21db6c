#include "oci/bundle.h"

#include <sys/stat.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/json.h"
#include "appc/name.h"
#include "base/mem.h"
#include "image/compress.h"
#include "image/hash.h"
#include "image/layers.h"
#include "image/pack.h"
#include "image/parts.h"
#include "image/tar_write.h"
#include "oci/convert.h"
#include "oci/layer.h"
#include "oci/source.h"
#include "sys/fd.h"

#define CHUNK 65536U

void jp_oci_bundle_clear(struct jp_oci_bundle *bundle)
{
    for (size_t i = 0; i < bundle->n_layers; i++)
        jp_fd_close(&bundle->layers[i].fd);
    free(bundle->layers);
    jp_fd_close(&bundle->config.fd);
    jp_buf_clear(&bundle->manifest);
    *bundle = (struct jp_oci_bundle){.config = {.fd = -1}};
}

/* ---- layers ---------------------------------------------------------------------------------- */

struct output {
    struct jp_hash *plain;
    struct jp_compressor *compressor;
};

static int write_layer(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct output *output = context;
    if (jp_hash_add(output->plain, bytes, len, err) != 0)
        return -1;
    return jp_compressor_add(output->compressor, bytes, len, err);
}

/* Digest and size of what was written; the file is at its start again. */
static int seal(struct jp_oci_piece *piece, struct jp_error *err)
{
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA256);
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(CHUNK);
    if (!hash || !bytes)
        return jp_oom(err);
    if (lseek(piece->fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind");
    for (;;) {
        ssize_t n = read(piece->fd, bytes, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read what was written");
        if (n == 0)
            break;
        piece->size += (uint64_t)n;
        if (jp_hash_add(hash, bytes, (size_t)n, err) != 0)
            return -1;
    }
    if (lseek(piece->fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind");
    return jp_oci_digest_finish(hash, piece->digest, err);
}

static int list_tree(struct jp_store *store, const char *layer, struct jp_image_parts *parts,
                     struct jp_error *err)
{
    JP_AUTO(jp_strv) one = JP_STRV_INIT;
    if (jp_strv_add(&one, layer) < 0)
        return jp_oom(err);
    /* Files are the same whatever the file system has made of their zeros. */
    jp_image_parts_clamp(parts, INT64_MAX);
    return jp_image_parts_add_layers(parts, store, &one, err);
}

/* "a/b" as a file "a/.wh.b" (image-spec layer.md "Whiteouts"). */
static int write_whiteout(struct output *output, const char *path, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    const char *slash = strrchr(path, '/');
    int dir_len = slash ? (int)(slash - path) + 1 : 0;
    if (strlen(path + dir_len) + strlen(JP_OCI_WHITEOUT) > NAME_MAX)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "'%s' is taken away, and its name is too long for a layer to say so",
                       jp_show(path).text);
    JP_AUTO_FREE char *name = jp_format("%.*s" JP_OCI_WHITEOUT "%s", dir_len, path, path + dir_len);
    if (!name)
        return jp_oom(err);
    if (jp_tar_write_own(&bytes, JP_TAR_FILE, name, 0644, 0, err) < 0)
        return -1;
    return write_layer(output, jp_buf_text(&bytes), bytes.len, err);
}

/* A layer that only takes away. */
static int write_whiteouts(struct output *output, const struct jp_strv *removed,
                           struct jp_error *err)
{
    static const char end[2 * JP_TAR_BLOCK];
    for (size_t i = 0; i < removed->count; i++) {
        if (write_whiteout(output, removed->items[i], err) < 0)
            return -1;
    }
    return write_layer(output, end, sizeof(end), err);
}

/* Of what takes away (`removed`), else of the tree. */
static int pack(const struct jp_oci_bundle_options *o, const struct jp_image_parts *parts,
                const struct jp_strv *removed, struct jp_oci_piece *piece, struct jp_error *err)
{
    JP_AUTO_PTR(jp_hash) plain = jp_hash_new(JP_HASH_SHA256);
    JP_AUTO_PTR(jp_compressor) compressor = NULL;
    if (!plain)
        return jp_oom(err);
    if (jp_compressor_open(o->compression, piece->fd, &compressor, err) < 0)
        return -1;
    struct output output = {plain, compressor};
    const struct jp_pack how = {
        .parts = parts, .write = write_layer, .context = &output, .cancel = o->watch.cancel};
    int r = removed->count > 0 ? write_whiteouts(&output, removed, err) : jp_pack_run(&how, err);
    if (r < 0 || jp_compressor_finish(compressor, err) < 0 ||
        jp_oci_digest_finish(plain, piece->diff_id, err) < 0)
        return -1;
    return seal(piece, err);
}

static int add_layer(const struct jp_oci_bundle_options *o, size_t i, int tree_fd, int tmp_fd,
                     struct jp_oci_bundle *bundle, struct jp_error *err)
{
    JP_AUTO(jp_strv) removed = JP_STRV_INIT;
    JP_AUTO_PTR(jp_image_parts) parts = jp_image_parts_new(&tree_fd, 1, /* is_whole= */ true);
    if (!parts ||
        jp_grow(&bundle->layers, &bundle->capacity, bundle->n_layers, sizeof(*bundle->layers)) < 0)
        return jp_oom(err);
    if (jp_store_layer_removed(o->store, o->layers->items[i], &removed, err) < 0 ||
        (removed.count == 0 && list_tree(o->store, o->layers->items[i], parts, err) < 0))
        return -1;
    struct jp_oci_piece *piece = &bundle->layers[bundle->n_layers];
    *piece = (struct jp_oci_piece){.fd = jp_oci_unnamed_file(tmp_fd, err)};
    if (piece->fd < 0)
        return -1;
    bundle->n_layers++;
    return pack(o, parts, &removed, piece, err);
}

/* A tree that adds nothing to the one below it: the image that only names an OCI image. */
static bool is_nothing(int fd, int below_fd)
{
    struct stat a;
    struct stat b;
    return below_fd >= 0 && jp_fd_is_empty_dir(fd) && fstat(fd, &a) == 0 &&
           fstat(below_fd, &b) == 0 && a.st_mode == b.st_mode && a.st_uid == b.st_uid &&
           a.st_gid == b.st_gid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

static int add_layers(const struct jp_oci_bundle_options *o, struct jp_oci_bundle *bundle,
                      struct jp_error *err)
{
    size_t count = o->layers->count;
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(jp_store_root_fd(o->store), "tmp", err);
    JP_AUTO_FREE int *fds = jp_calloc(count + 1, sizeof(*fds));
    if (tmp_fd < 0 || !fds)
        return tmp_fd < 0 ? -1 : jp_oom(err);
    int r = jp_store_layers_open(o->store, o->layers, fds, err);
    if (r < 0)
        return -1;
    int below_fd = -1;
    for (size_t i = count; r == 0 && i-- > 0;) {
        if (is_nothing(fds[i], below_fd))
            continue;
        r = add_layer(o, i, fds[i], tmp_fd, bundle, err);
        below_fd = fds[i];
    }
    for (size_t i = 0; i < count; i++)
        jp_fd_close(&fds[i]);
    return r;
}

/* ---- documents ------------------------------------------------------------------------------- */

static const char *layer_type(enum jp_compression compression)
{
    switch (compression) {
    case JP_COMPRESSION_NONE:
        return "application/vnd.oci.image.layer.v1.tar";
    case JP_COMPRESSION_GZIP:
        return "application/vnd.oci.image.layer.v1.tar+gzip";
    case JP_COMPRESSION_ZSTD:
        return "application/vnd.oci.image.layer.v1.tar+zstd";
    default:
        return NULL;
    }
}

static int add_config(const struct jp_oci_bundle_options *o, struct jp_oci_bundle *bundle,
                      struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int tmp_fd = jp_fd_open_dir(jp_store_root_fd(o->store), "tmp", err);
    if (tmp_fd < 0 || jp_oci_config_make(o->manifest, bundle, &text, err) < 0)
        return -1;
    bundle->config.fd = jp_oci_unnamed_file(tmp_fd, err);
    if (bundle->config.fd < 0 || jp_fd_write_all(bundle->config.fd, jp_buf_text(&text), text.len,
                                                 "the configuration", err) < 0)
        return -1;
    return seal(&bundle->config, err);
}

static json_t *descriptor(const char *type, const struct jp_oci_piece *piece)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", piece->digest, "size",
                     (json_int_t)piece->size);
}

static int add_manifest(const struct jp_oci_bundle_options *o, struct jp_oci_bundle *bundle,
                        struct jp_error *err)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < bundle->n_layers; i++)
        (void)json_array_append_new(layers,
                                    descriptor(layer_type(o->compression), &bundle->layers[i]));
    json_t *root = json_pack(
        "{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", JP_OCI_MANIFEST_TYPE, "config",
        descriptor("application/vnd.oci.image.config.v1+json", &bundle->config), "layers", layers);
    if (!root)
        return jp_oom(err);
    jp_json_dump(root, false, &bundle->manifest);
    json_decref(root);
    if (jp_buf_failed(&bundle->manifest))
        return jp_oom(err);
    return jp_oci_digest_of(jp_buf_text(&bundle->manifest), bundle->manifest.len,
                            bundle->manifest_digest, err);
}

int jp_oci_bundle_make(const struct jp_oci_bundle_options *o, struct jp_oci_bundle *ret,
                       struct jp_error *err)
{
    const char *os = jp_image_manifest_label(o->manifest, "os");
    const char *arch = jp_image_manifest_label(o->manifest, "arch");
    *ret = (struct jp_oci_bundle){.config = {.fd = -1}};
    if (!layer_type(o->compression))
        return jp_fail(err, JP_EUNSUPPORTED, 0, "OCI images have no layers compressed with %s",
                       jp_compression_name(o->compression));
    if (!os || !arch)
        return jp_fail(err, JP_EINVALID, 0,
                       "the image has no labels os and arch, which an OCI image must have");
    ret->os = os;
    ret->arch = jp_oci_arch_from_appc(os, arch, &ret->variant);
    if (add_layers(o, ret, err) == 0 && add_config(o, ret, err) == 0 &&
        add_manifest(o, ret, err) == 0)
        return 0;
    jp_oci_bundle_clear(ret);
    return -1;
}
