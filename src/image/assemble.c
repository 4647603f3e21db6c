#include "image/assemble.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/aci.h"
#include "image/name.h"
#include "image/tar_write.h"

struct sink {
    const struct jp_assemble *assemble;
    unsigned char *in; /* what was read from the stream */
    struct jp_ring_writer to;
};

static int next_piece(void *context, const unsigned char **ret, size_t *ret_len,
                      struct jp_error *err)
{
    struct sink *s = context;
    size_t len = 0;
    if (jp_stream_read(s->assemble->stream, s->in, JP_RING_BLOCK, &len, err) != 0)
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

static int put_all(struct sink *s, struct jp_tar *tar, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    const struct jp_tar_entry *entry = NULL;
    bool is_first = true;
    int r = 0;
    while (!s->to.is_stopped && (r = jp_tar_next(tar, &entry, err)) > 0) {
        bool is_top = entry->path[0] == '\0';
        /* A tar that does not begin with its "./" gets a directory to stand in. */
        if (is_first && !is_top && put_own(s, JP_TAR_DIR, JP_ACI_ROOTFS, 0755, 0, err) != 0)
            return -1;
        is_first = false;
        if (put_entry(s, tar, entry, err) != 0)
            return jp_wrap(err, "'%s'", jp_image_name_show(entry->path, shown));
    }
    if (r == 0 && is_first && !s->to.is_stopped)
        return jp_fail(err, JP_EINVALID, 0, "the root file system is empty");
    return r < 0 ? -1 : 0;
}

int jp_assemble_run(const struct jp_assemble *assemble, struct jp_error *err)
{
    struct sink sink = {.assemble = assemble, .to = {.ring = assemble->ring}};
    JP_AUTO_FREE unsigned char *in = jp_alloc(JP_RING_BLOCK);
    JP_AUTO_PTR(jp_tar)
    tar = jp_tar_new((struct jp_tar_input){next_piece, &sink}, (struct jp_tar_tap){NULL, NULL},
                     assemble->max_entries);
    if (!in || !tar)
        return jp_oom(err);
    sink.in = in;
    if (put_own(&sink, JP_TAR_FILE, JP_ACI_MANIFEST, 0644, assemble->manifest_len, err) != 0)
        return -1;
    put(&sink, assemble->manifest, assemble->manifest_len);
    put_padding(&sink, assemble->manifest_len);
    if (put_all(&sink, tar, err) != 0)
        return -1;
    put_end(&sink);
    return 0;
}
