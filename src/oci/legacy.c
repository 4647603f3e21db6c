#include "oci/legacy.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/stream.h"
#include "sys/fd.h"

#define CHUNK 65536U

static int read_layer(struct jp_oci_source *source, const char *id, struct jp_buf *text,
                      struct jp_oci_legacy *ret, struct jp_error *err)
{
    JP_AUTO_FREE char *name = jp_format("%s/json", id);
    if (!name)
        return jp_oom(err);
    if (jp_oci_source_read(source, name, text, err) < 0)
        return -1;
    if (jp_oci_legacy_parse(jp_buf_text(text), text->len, ret, err) < 0)
        return jp_wrap(err, "'%s'", name);
    if (strcmp(ret->id, id) == 0)
        return 0;
    jp_oci_legacy_clear(ret);
    return jp_fail(err, JP_EINVALID, 0, "'%s' is about another layer", name);
}

/* The configuration is what the topmost layer says. */
static int take_top(struct jp_oci_legacy *top, const struct jp_buf *text, struct jp_oci_image *ret,
                    struct jp_error *err)
{
    ret->config = top->config;
    top->config = (struct jp_oci_config){.created = NULL};
    return jp_oci_digest_of(jp_buf_text(text), text->len, ret->config_digest, err);
}

/* The ids from the topmost layer down. A circle ends at the limit. */
static int collect_ids(struct jp_oci_source *source, const char *id, struct jp_oci_image *ret,
                       struct jp_strv *ids, struct jp_error *err)
{
    JP_AUTO_FREE char *next = jp_strdup(id);
    int r = next ? 0 : jp_oom(err);
    while (r == 0 && next && *next) {
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        struct jp_oci_legacy layer;
        if (ids->count >= JP_OCI_LAYERS_MAX)
            return jp_fail(err, JP_ELIMIT, 0, "more than %u layers", JP_OCI_LAYERS_MAX);
        if (read_layer(source, next, &text, &layer, err) < 0)
            return -1;
        if (ids->count == 0)
            r = take_top(&layer, &text, ret, err);
        if (jp_strv_add(ids, next) < 0)
            r = jp_oom(err);
        free(next);
        next = jp_take(&layer.parent);
        jp_oci_legacy_clear(&layer);
    }
    return r;
}

static int hash_layer(const struct jp_oci_blob *blob, char out[JP_OCI_DIGEST_SIZE],
                      struct jp_error *err)
{
    struct jp_stream_source from = {.fd = blob->fd, .size = blob->size};
    JP_AUTO_PTR(jp_stream) stream = NULL;
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA256);
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(CHUNK);
    size_t len = CHUNK;
    if (!hash || !bytes)
        return jp_oom(err);
    if (jp_stream_open(&from, &stream, err) != 0)
        return -1;
    while (len == CHUNK) {
        if (jp_stream_read(stream, bytes, CHUNK, &len, err) != 0 ||
            jp_hash_add(hash, bytes, len, err) != 0)
            return -1;
    }
    return jp_oci_digest_finish(hash, out, err);
}

static int add_layer(struct jp_oci_source *source, const char *id, struct jp_oci_image *ret,
                     struct jp_error *err)
{
    char digest[JP_OCI_DIGEST_SIZE];
    struct jp_oci_blob blob;
    JP_AUTO_FREE char *name = jp_format("%s/layer.tar", id);
    if (!name)
        return jp_oom(err);
    if (jp_oci_source_open(source, name, &blob, err) < 0)
        return -1;
    int r = hash_layer(&blob, digest, err);
    jp_fd_close(&blob.fd);
    if (r < 0)
        return jp_wrap(err, "'%s'", name);
    if (jp_strv_add(&ret->layer_files, name) < 0 ||
        jp_strv_add(&ret->config.rootfs.diff_ids, digest) < 0)
        return jp_oom(err);
    return 0;
}

int jp_oci_legacy_read(struct jp_oci_source *source, const char *id, struct jp_oci_image *ret,
                       struct jp_error *err)
{
    JP_AUTO(jp_strv) ids = JP_STRV_INIT;
    if (collect_ids(source, id, ret, &ids, err) < 0)
        return -1;
    for (size_t i = ids.count; i-- > 0;) {
        if (add_layer(source, ids.items[i], ret, err) < 0)
            return -1;
    }
    return 0;
}
