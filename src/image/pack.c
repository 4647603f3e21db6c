#include "image/pack.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "image/aci.h"
#include "image/name.h"
#include "image/tar_write.h"
#include "sys/attribute.h"
#include "sys/fd.h"
#include "sys/fileflags.h"
#include "sys/filesystem.h"
#include "sys/inodes.h"

#define CHUNK      65536U
#define HOLES_FROM (1 << 20) /* bytes: shorter files are packed as they are */

struct writer {
    const struct jp_pack *pack;
    struct jp_dirs **dirs; /* one for each tree */
    struct jp_tree_inodes links;
    unsigned char *chunk;
};

/* A file that is being packed. */
struct source {
    const struct jp_image_part *part;
    int dir_fd;
    const char *name;
    int fd; /* of a file or directory; -1 */
    struct stat st;
};

static int write_out(struct writer *w, const void *bytes, size_t len, struct jp_error *err)
{
    const volatile sig_atomic_t *cancel = w->pack->cancel;
    if (cancel && *cancel)
        return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
    return len > 0 ? w->pack->write(w->pack->context, bytes, len, err) : 0;
}

static int write_padding(struct writer *w, uint64_t size, struct jp_error *err)
{
    static const unsigned char zeros[JP_TAR_BLOCK];
    return write_out(w, zeros, (size_t)(-size % JP_TAR_BLOCK), err);
}

static int write_header(struct writer *w, const struct jp_tar_entry *entry, struct jp_error *err)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_tar_write_entry(&bytes, entry, err) != 0)
        return -1;
    return write_out(w, jp_buf_text(&bytes), bytes.len, err);
}

static int fail_changed(struct jp_error *err)
{
    return jp_fail(err, JP_EBUSY, 0, "it changes while it is read");
}

/* ---- attributes ------------------------------------------------------------------------------ */

static int add_attribute(int fd, const char *name, struct jp_tar_entry *entry, struct jp_error *err)
{
    JP_AUTO(jp_buf) value = JP_BUF_INIT;
    if (jp_xattr_get(fd, name, &value) != 0)
        return errno == JP_NO_XATTR ? fail_changed(err)
                                    : jp_fail_sys(err, "read attribute '%s'", name);
    struct jp_tar_xattr *x = &entry->xattrs[entry->n_xattrs++];
    x->name = jp_strdup(name);
    x->value = (unsigned char *)jp_memdup0(value.len ? jp_buf_text(&value) : "", value.len);
    x->len = value.len;
    return x->name && x->value ? 0 : jp_oom(err);
}

/* Sorted, so that the same file always gives the same bytes. */
static int read_attributes(int fd, struct jp_tar_entry *entry, struct jp_error *err)
{
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    if (jp_xattr_list(fd, &names) != 0)
        return jp_fail_sys(err, "list attributes");
    jp_strv_sort(&names);
    entry->xattrs = jp_calloc(names.count + 1, sizeof(*entry->xattrs));
    if (!entry->xattrs)
        return jp_oom(err);
    for (size_t i = 0; i < names.count; i++)
        if (!jp_xattr_is_hosts(names.items[i]) &&
            add_attribute(fd, names.items[i], entry, err) != 0)
            return -1;
    return 0;
}

/* ---- content --------------------------------------------------------------------------------- */

/* Fills the chunk from `at`; less than it holds only at the end of the file. */
static int read_at(struct writer *w, const struct source *s, uint64_t at, size_t len,
                   struct jp_error *err)
{
    for (size_t have = 0; have < len;) {
        ssize_t n = pread(s->fd, w->chunk + have, len - have, (off_t)(at + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read");
        if (n == 0)
            return fail_changed(err);
        have += (size_t)n;
    }
    return 0;
}

static size_t piece(uint64_t at, uint64_t end)
{
    return end - at < CHUNK ? (size_t)(end - at) : CHUNK;
}

static int add_extent(struct jp_tar_entry *entry, size_t *capacity, uint64_t at, size_t len,
                      struct jp_error *err)
{
    struct jp_tar_extent *last = entry->n_extents ? &entry->extents[entry->n_extents - 1] : NULL;
    if (last && last->offset + last->len == at) {
        last->len += len;
        return 0;
    }
    if (jp_grow(&entry->extents, capacity, entry->n_extents, sizeof(*entry->extents)) < 0)
        return jp_oom(err);
    entry->extents[entry->n_extents++] = (struct jp_tar_extent){.offset = at, .len = len};
    return 0;
}

/* Chunks that are nothing but zeros are holes. */
static int find_holes(struct writer *w, const struct source *s, struct jp_tar_entry *entry,
                      struct jp_error *err)
{
    size_t capacity = 0;
    entry->stored = 0;
    for (uint64_t at = 0; at < entry->size; at += CHUNK) {
        size_t len = piece(at, entry->size);
        if (read_at(w, s, at, len, err) != 0)
            return -1;
        bool is_hole = w->chunk[0] == 0 && memcmp(w->chunk, w->chunk + 1, len - 1) == 0;
        if (!is_hole && add_extent(entry, &capacity, at, len, err) != 0)
            return -1;
        entry->stored += is_hole ? 0 : len;
    }
    entry->is_sparse = entry->stored < entry->size && entry->n_extents <= JP_TAR_EXTENTS_MAX;
    if (!entry->is_sparse)
        entry->stored = entry->size;
    return 0;
}

static int write_run(struct writer *w, const struct source *s, uint64_t at, uint64_t end,
                     struct jp_error *err)
{
    while (at < end) {
        size_t len = piece(at, end);
        if (read_at(w, s, at, len, err) != 0 || write_out(w, w->chunk, len, err) != 0)
            return -1;
        at += len;
    }
    return 0;
}

static int write_content(struct writer *w, const struct source *s, const struct jp_tar_entry *entry,
                         struct jp_error *err)
{
    if (!entry->is_sparse && write_run(w, s, 0, entry->size, err) != 0)
        return -1;
    for (size_t i = 0; entry->is_sparse && i < entry->n_extents; i++) {
        const struct jp_tar_extent *e = &entry->extents[i];
        if (write_run(w, s, e->offset, e->offset + e->len, err) != 0)
            return -1;
    }
    return write_padding(w, entry->stored, err);
}

/* ---- entries --------------------------------------------------------------------------------- */

static bool type_of(mode_t mode, enum jp_tar_type *ret)
{
    static const struct {
        mode_t mode;
        enum jp_tar_type type;
    } types[] = {
        {S_IFREG, JP_TAR_FILE}, {S_IFDIR, JP_TAR_DIR},          {S_IFLNK, JP_TAR_SYMLINK},
        {S_IFCHR, JP_TAR_CHAR}, {S_IFBLK, JP_TAR_BLOCK_DEVICE}, {S_IFIFO, JP_TAR_FIFO},
    };
    for (size_t i = 0; i < JP_LEN(types); i++) {
        *ret = types[i].type;
        if ((mode & S_IFMT) == types[i].mode)
            return true;
    }
    return false;
}

/* What a path is called in the archive. */
static char *inside(const struct writer *w, const char *path)
{
    if (!w->pack->manifest)
        return jp_strdup(path);
    return strcmp(path, ".") == 0 ? jp_strdup(JP_ACI_ROOTFS)
                                  : jp_format("%s/%s", JP_ACI_ROOTFS, path);
}

static void entry_clear(struct jp_tar_entry *entry)
{
    free(entry->path);
    free(entry->link);
    free(entry->flags);
    free(entry->extents);
    for (size_t i = 0; i < entry->n_xattrs; i++) {
        free(entry->xattrs[i].name);
        free(entry->xattrs[i].value);
    }
    free(entry->xattrs);
}

static int read_link(const struct source *s, struct jp_tar_entry *entry, struct jp_error *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(s->dir_fd, s->name, target, sizeof(target));
    if (len < 0 || len >= (ssize_t)sizeof(target))
        return fail_changed(err);
    entry->link = jp_memdup0(target, (size_t)len);
    return entry->link ? 0 : jp_oom(err);
}

static int read_file(struct writer *w, const struct source *s, struct jp_tar_entry *entry,
                     struct jp_error *err)
{
    bool may_have_holes = w->pack->parts->has_latest || /* by content alone */
                          (uint64_t)s->st.st_blocks * 512 < entry->size;
    if (read_attributes(s->fd, entry, err) != 0)
        return -1;
    return may_have_holes && entry->size >= HOLES_FROM ? find_holes(w, s, entry, err) : 0;
}

static struct timespec time_of(const struct jp_image_parts *parts, const struct stat *st)
{
    if (parts->has_latest && (int64_t)st->st_mtim.tv_sec >= parts->latest)
        return (struct timespec){.tv_sec = (time_t)parts->latest};
    return st->st_mtim;
}

static int read_flags(const struct source *s, struct jp_tar_entry *entry, struct jp_error *err)
{
    uint32_t flags = s->part->flags ? 0 : jp_file_flags_of(&s->st, s->fd, s->dir_fd);
    if (!flags && !s->part->flags)
        return 0;
    entry->flags = flags ? jp_file_flags_words(flags) : jp_strdup(s->part->flags);
    return entry->flags ? 0 : jp_oom(err);
}

static int describe(struct writer *w, const struct source *s, struct jp_tar_entry *entry,
                    struct jp_error *err)
{
    const struct stat *st = &s->st;
    const struct jp_image_parts *parts = w->pack->parts;
    if (!type_of(st->st_mode, &entry->type))
        return jp_fail(err, JP_EINVALID, 0, "no file that an image can hold");
    entry->path = inside(w, s->part->path);
    if (!entry->path)
        return jp_oom(err);
    entry->uid = (uint32_t)st->st_uid;
    entry->gid = (uint32_t)st->st_gid;
    entry->mode = st->st_mode & 07777;
    entry->mtime = time_of(parts, st);
    entry->atime.tv_nsec = UTIME_OMIT;
    if (read_flags(s, entry, err) != 0)
        return -1;
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
        jp_device_split(st->st_rdev, &entry->major, &entry->minor);
    if (S_ISLNK(st->st_mode))
        return read_link(s, entry, err);
    if (S_ISDIR(st->st_mode))
        return read_attributes(s->fd, entry, err);
    if (!S_ISREG(st->st_mode))
        return 0;
    entry->size = entry->stored = (uint64_t)st->st_size;
    return read_file(w, s, entry, err);
}

/* 1 when the file stands in the archive already, under another name: then `entry` is a link. */
static int link_of(struct writer *w, const struct source *s, struct jp_tar_entry *entry,
                   struct jp_error *err)
{
    if (!S_ISREG(s->st.st_mode) || s->st.st_nlink < 2)
        return 0;
    const char *first = jp_tree_inodes_find(&w->links, &s->st);
    if (!first)
        return jp_tree_inodes_add(&w->links, &s->st, s->part->path, err);
    entry->type = JP_TAR_HARDLINK;
    entry->link = inside(w, first);
    entry->path = inside(w, s->part->path);
    entry->uid = (uint32_t)s->st.st_uid;
    entry->gid = (uint32_t)s->st.st_gid;
    entry->mode = s->st.st_mode & 07777;
    entry->mtime = time_of(w->pack->parts, &s->st); /* some set the file's by it */
    entry->atime.tv_nsec = UTIME_OMIT;
    return entry->link && entry->path ? 1 : jp_oom(err);
}

static int write_entry(struct writer *w, const struct source *s, struct jp_error *err)
{
    struct jp_tar_entry entry = {.type = JP_TAR_FILE};
    int r = link_of(w, s, &entry, err);
    bool is_link = r > 0;
    if (r == 0)
        r = describe(w, s, &entry, err);
    if (r >= 0)
        r = write_header(w, &entry, err);
    if (r == 0 && !is_link && entry.type == JP_TAR_FILE)
        r = write_content(w, s, &entry, err);
    entry_clear(&entry);
    return r;
}

/* ---- the way to a file ----------------------------------------------------------------------- */

static int open_source(struct writer *w, struct source *s, struct jp_error *err)
{
    const char *path = s->part->path;
    size_t tree = s->part->tree;
    s->dir_fd = w->pack->parts->tree_fds[tree];
    s->name = ".";
    if (strcmp(path, ".") != 0)
        s->dir_fd = jp_dirs_parent(w->dirs[tree], path, &s->name);
    if (s->dir_fd < 0 || fstatat(s->dir_fd, s->name, &s->st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EMLINK
                   ? fail_changed(err)
                   : jp_fail_sys(err, "open");
    if (!S_ISREG(s->st.st_mode) && !S_ISDIR(s->st.st_mode))
        return 0;
    mode_t type = s->st.st_mode & S_IFMT;
    s->fd = jp_fd_open(s->dir_fd, s->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
    if (s->fd < 0)
        return -1;
    if (fstat(s->fd, &s->st) != 0 || (s->st.st_mode & S_IFMT) != type)
        return fail_changed(err);
    return 0;
}

static int write_part(struct writer *w, const struct jp_image_part *part, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    struct source source = {.part = part, .fd = -1};
    int r = open_source(w, &source, err);
    if (r == 0)
        r = write_entry(w, &source, err);
    jp_fd_close(&source.fd);
    return r == 0 ? 0 : jp_wrap(err, "'%s'", jp_image_name_show(part->path, shown));
}

static int write_manifest(struct writer *w, struct jp_error *err)
{
    const struct jp_pack *pack = w->pack;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (jp_tar_write_own(&bytes, JP_TAR_FILE, JP_ACI_MANIFEST, 0644, pack->manifest_len, err) !=
            0 ||
        write_out(w, jp_buf_text(&bytes), bytes.len, err) != 0 ||
        write_out(w, pack->manifest, pack->manifest_len, err) != 0)
        return -1;
    return write_padding(w, pack->manifest_len, err);
}

static int write_all(struct writer *w, struct jp_error *err)
{
    static const unsigned char zeros[2 * JP_TAR_BLOCK];
    const struct jp_pack *pack = w->pack;
    if (pack->manifest && write_manifest(w, err) != 0)
        return -1;
    for (size_t i = 0; i < pack->parts->count; i++)
        if (pack->parts->items[i].is_packed && write_part(w, &pack->parts->items[i], err) != 0)
            return -1;
    return write_out(w, zeros, sizeof(zeros), err);
}

int jp_pack_run(const struct jp_pack *pack, struct jp_error *err)
{
    size_t n = pack->parts->n_trees;
    JP_AUTO_FREE unsigned char *chunk = jp_alloc(CHUNK);
    struct writer w = {.pack = pack, .chunk = chunk, .dirs = jp_calloc(n, sizeof(*w.dirs))};
    int r = chunk && w.dirs ? 0 : jp_oom(err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        w.dirs[i] = jp_dirs_new(pack->parts->tree_fds[i]);
        r = w.dirs[i] ? 0 : jp_oom(err);
    }
    if (r == 0)
        r = write_all(&w, err);
    for (size_t i = 0; w.dirs && i < n; i++)
        jp_dirs_free(w.dirs[i]);
    free(w.dirs);
    jp_tree_inodes_clear(&w.links);
    return r;
}
