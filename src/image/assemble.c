#include "image/assemble.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appc/image_manifest.h"
#include "base/buf.h"
#include "base/mem.h"
#include "image/aci.h"
#include "image/name.h"
#include "image/pathset.h"
#include "image/tar_write.h"

#define TOP_MODE 0755 /* of a root directory that nobody describes */

struct sink {
    const struct jp_assemble *assemble;
    unsigned char *in; /* what was read from the stream */
    struct jp_ring_writer to;
    struct jp_pathset *named; /* directories so far; NULL where some may be left unnamed */
};

static int next_piece(void *context, const unsigned char **ret, size_t *ret_len,
                      struct jp_error *err)
{
    struct sink *s = context;
    size_t len = 0;
    const struct jp_image_layer *layer = s->assemble->layer;
    if (jp_stream_read(s->assemble->stream, s->in, JP_RING_BLOCK, &len, err) != 0)
        return -1;
    if (layer && layer->plain(layer->context, s->in, len, err) != 0)
        return -1;
    *ret = s->in;
    *ret_len = len;
    return len > 0;
}

static void put(struct sink *s, const void *bytes, size_t len)
{
    jp_ring_write(&s->to, bytes, len);
}

static void put_padding(struct sink *s, uint64_t size)
{
    static const unsigned char zeros[JP_TAR_BLOCK];
    put(s, zeros, (size_t)(-size % JP_TAR_BLOCK));
}

static void put_end(struct sink *s)
{
    static const unsigned char zeros[2 * JP_TAR_BLOCK];
    put(s, zeros, sizeof(zeros));
    jp_ring_write_end(&s->to);
}

static int put_header(struct sink *s, const struct jp_tar_entry *entry, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_tar_write_entry(&bytes, entry, err) != 0)
        return -1;
    put(s, jp_buf_text(&bytes), bytes.len);
    return 0;
}

static int put_own(struct sink *s, enum jp_tar_type type, const char *path, mode_t mode,
                   uint64_t size, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_tar_write_own(&bytes, type, path, mode, size, err) != 0)
        return -1;
    put(s, jp_buf_text(&bytes), bytes.len);
    return 0;
}

/* "bin/sh" -> "rootfs/bin/sh"; "" -> "rootfs". */
static char *moved(const char *path)
{
    return *path ? jp_format("%s/%s", JP_ACI_ROOTFS, path) : jp_strdup(JP_ACI_ROOTFS);
}

static int put_entry(struct sink *s, struct jp_tar *tar, const struct jp_tar_entry *entry,
                     struct jp_error *err)
{
    const unsigned char *bytes = NULL;
    size_t len = 0;
    int r;
    struct jp_tar_entry changed = *entry;
    JP_AUTO_FREE char *path = moved(entry->path);
    JP_AUTO_FREE char *link = entry->type == JP_TAR_HARDLINK ? moved(entry->link) : NULL;
    if (!path || (entry->type == JP_TAR_HARDLINK && !link))
        return jp_oom(err);
    changed.path = path;
    if (link)
        changed.link = link;
    if (put_header(s, &changed, err) != 0)
        return -1;
    while (!s->to.is_stopped && (r = jp_tar_content(tar, &bytes, &len, err)) != 0) {
        if (r < 0)
            return -1;
        put(s, bytes, len);
    }
    put_padding(s, entry->stored);
    return 0;
}

/* The directory that everything stands in, for a tar that does not begin with its "./". */
static int put_top(struct sink *s, struct jp_error *err)
{
    char path[] = JP_ACI_ROOTFS;
    const struct jp_image_layer *layer = s->assemble->layer;
    if (!layer || !layer->top)
        return put_own(s, JP_TAR_DIR, JP_ACI_ROOTFS, TOP_MODE, 0, err);
    struct jp_tar_entry top = *layer->top;
    top.path = path;
    return put_header(s, &top, err);
}

/* What is written of the root directory is written: a "./" that comes now can change nothing. */
static void leave_top_out(struct sink *s, const struct jp_tar_entry *entry)
{
    const struct jp_image_layer *layer = s->assemble->layer;
    static const struct jp_tar_entry own = {.mode = TOP_MODE};
    const struct jp_tar_entry *top = layer && layer->top ? layer->top : &own;
    bool is_same = entry->mode == top->mode && entry->uid == top->uid && entry->gid == top->gid &&
                   entry->n_xattrs == 0 && top->n_xattrs == 0;
    if (!is_same && s->assemble->ret_is_late)
        *s->assemble->ret_is_late = true;
}

/* The directories above an entry that no entry has named. */
static int put_parents(struct sink *s, const struct jp_tar_entry *entry, struct jp_error *err)
{
    for (const char *p = entry->path; s->named && (p = strchr(p, '/')); p++) {
        JP_AUTO_FREE char *dir = jp_memdup0(entry->path, (size_t)(p - entry->path));
        JP_AUTO_FREE char *path = dir ? moved(dir) : NULL;
        if (!path)
            return jp_oom(err);
        int r = jp_pathset_has(s->named, dir, err);
        if (r < 0 || (r == 0 && (jp_pathset_add(s->named, dir, err) < 0 ||
                                 put_own(s, JP_TAR_DIR, path, 0755, 0, err) != 0)))
            return -1;
    }
    return s->named && entry->type == JP_TAR_DIR ? jp_pathset_add(s->named, entry->path, err) : 0;
}

/* Unless the layer has another use for it. */
static int take_entry(struct sink *s, struct jp_tar *tar, const struct jp_tar_entry *entry,
                      struct jp_error *err)
{
    const struct jp_image_layer *layer = s->assemble->layer;
    int r = layer ? layer->entry(layer->context, entry, err) : 1;
    if (r <= 0)
        return r;
    return put_parents(s, entry, err) == 0 ? put_entry(s, tar, entry, err) : -1;
}

static int put_all(struct sink *s, struct jp_tar *tar, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    const struct jp_tar_entry *entry = NULL;
    bool is_first = true;
    bool is_ours = false;
    int r = 0;
    while (!s->to.is_stopped && (r = jp_tar_next(tar, &entry, err)) > 0) {
        bool is_top = entry->path[0] == '\0' && entry->type == JP_TAR_DIR;
        if (is_first && !is_top && put_top(s, err) != 0)
            return -1;
        is_ours |= is_first && !is_top;
        is_first = false;
        if (is_top && is_ours)
            leave_top_out(s, entry);
        else if (take_entry(s, tar, entry, err) != 0)
            return jp_wrap(err, "'%s'", jp_image_name_show(entry->path, shown));
    }
    if (r < 0 || !is_first || s->to.is_stopped)
        return r < 0 ? -1 : 0;
    if (!s->assemble->layer)
        return jp_fail(err, JP_EINVALID, 0, "the root file system is empty");
    return put_top(s, err);
}

static int put_manifest(struct sink *s, const char *text, size_t len, struct jp_error *err)
{
    if (put_own(s, JP_TAR_FILE, JP_ACI_MANIFEST, 0644, len, err) != 0)
        return -1;
    put(s, text, len);
    put_padding(s, len);
    return 0;
}

/* The last word of a layer, which has now seen everything. */
static int finish_layer(struct sink *s, struct jp_error *err)
{
    const struct jp_image_layer *layer = s->assemble->layer;
    const char *text = NULL;
    size_t len = 0;
    if (!layer || s->to.is_stopped)
        return 0;
    return layer->finish(layer->context, &text, &len, err) == 0 ? put_manifest(s, text, len, err)
                                                                : -1;
}

/* A manifest that cannot be read is refused when the image is unpacked. */
static bool is_alone(const struct jp_assemble *assemble)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (assemble->layer)
        return assemble->layer->is_alone;
    return jp_image_manifest_parse(assemble->manifest, assemble->manifest_len, &m, NULL) == 0 &&
           m.dependencies.count == 0;
}

int jp_assemble_run(const struct jp_assemble *assemble, struct jp_error *err)
{
    struct sink sink = {.assemble = assemble, .to = {.ring = assemble->ring}};
    bool names_all = is_alone(assemble);
    JP_AUTO_PTR(jp_pathset) named = names_all ? jp_pathset_new() : NULL;
    JP_AUTO_FREE unsigned char *in = jp_alloc(JP_RING_BLOCK);
    JP_AUTO_PTR(jp_tar)
    tar = jp_tar_new((struct jp_tar_input){next_piece, &sink}, (struct jp_tar_tap){NULL, NULL},
                     assemble->max_entries);
    if (!in || !tar || (names_all && !named))
        return jp_oom(err);
    if (assemble->layer)
        jp_tar_end_with_stream(tar);
    sink.in = in;
    sink.named = named;
    if (!assemble->layer &&
        put_manifest(&sink, assemble->manifest, assemble->manifest_len, err) != 0)
        return -1;
    if (put_all(&sink, tar, err) != 0 || finish_layer(&sink, err) != 0)
        return -1;
    put_end(&sink);
    return 0;
}
