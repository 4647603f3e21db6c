#include "oci/source.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/name.h"
#include "base/mem.h"
#include "base/random.h"
#include "image/stream.h"
#include "image/tar.h"
#include "image/tar_header.h"
#include "oci/digest.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/path.h"

#define ENTRIES_MAX 100000U /* of an archive: a layer is one, or three in Docker's old form */
#define COPY_SIZE   65536U

struct file {
    char *name;
    char *link; /* what it stands for, a name; NULL for a file */
    uint64_t offset;
    uint64_t size;
};

struct jp_oci_source {
    struct jp_oci_remote remote; /* open is NULL for what lies here */
    int dir_fd;                  /* of a layout; -1 */
    int fd;                      /* of an archive: ours or the caller's */
    int own_fd;                  /* -1 when it is the caller's */
    off_t start;                 /* where the archive begins in fd */
    struct file *files;          /* sorted by name */
    size_t count;
    size_t capacity;
};

void jp_oci_source_free(struct jp_oci_source *source)
{
    if (!source)
        return;
    jp_fd_close(&source->dir_fd);
    jp_fd_close(&source->own_fd);
    for (size_t i = 0; i < source->count; i++) {
        free(source->files[i].name);
        free(source->files[i].link);
    }
    free(source->files);
    free(source);
}

static struct jp_oci_source *new_source(void)
{
    struct jp_oci_source *source = jp_calloc(1, sizeof(*source));
    if (source)
        source->dir_fd = source->fd = source->own_fd = -1;
    return source;
}

int jp_oci_source_open_dir(const char *path, struct jp_oci_source **ret, struct jp_error *err)
{
    JP_AUTO_PTR(jp_oci_source) source = new_source();
    if (!source)
        return jp_oom(err);
    source->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source->dir_fd < 0)
        return jp_fail_sys(err, "open '%s'", path);
    if (!jp_oci_source_has(source, "index.json"))
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not an OCI image layout: it has no index.json",
                       path);
    *ret = jp_take(&source);
    return 0;
}

int jp_oci_source_open_remote(struct jp_oci_remote remote, struct jp_oci_source **ret,
                              struct jp_error *err)
{
    struct jp_oci_source *source = new_source();
    if (!source)
        return jp_oom(err);
    source->remote = remote;
    *ret = source;
    return 0;
}

/* ---- the archive's table of contents --------------------------------------------------------- */

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static const struct file *find(const struct jp_oci_source *source, const char *name)
{
    struct file key = {.name = (char *)(uintptr_t)name};
    if (source->count == 0)
        return NULL;
    return bsearch(&key, source->files, source->count, sizeof(key), compare_files);
}

/*
 * Reads the archive header by header: one block a piece, so that the reader never holds more than
 * it has used and the content can be jumped over.
 */
struct walk {
    struct jp_oci_source *source;
    uint64_t at; /* offset of the next block */
    unsigned char block[JP_TAR_BLOCK];
};

static int next_block(void *context, const unsigned char **ret, size_t *ret_len,
                      struct jp_error *err)
{
    struct walk *walk = context;
    size_t have = 0;
    size_t want =
        JP_TAR_BLOCK - (size_t)(walk->at % JP_TAR_BLOCK); /* behind content: its padding */
    while (have < want) {
        off_t at = walk->source->start + (off_t)(walk->at + have);
        ssize_t n = pread(walk->source->fd, walk->block + have, want - have, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read the archive");
        if (n == 0)
            break;
        have += (size_t)n;
    }
    walk->at += have;
    *ret = walk->block;
    *ret_len = have;
    return have > 0;
}

/* What a link in DIR/NAME means: "../other/layer.tar" -> "other/layer.tar". */
static char *link_target(const char *name, const char *link)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    const char *slash = strrchr(name, '/');
    size_t dir = slash ? (size_t)(slash - name) : 0;
    while (strncmp(link, "../", 3) == 0) {
        while (dir > 0 && name[--dir] != '/')
            ;
        link += 3;
    }
    jp_buf_add(&out, name, dir);
    if (dir > 0)
        jp_buf_putc(&out, '/');
    jp_buf_puts(&out, link);
    return jp_buf_steal(&out);
}

static int add_file(struct walk *walk, const struct jp_tar_entry *entry, struct jp_error *err)
{
    struct jp_oci_source *source = walk->source;
    bool is_link = entry->type == JP_TAR_SYMLINK || entry->type == JP_TAR_HARDLINK;
    if (entry->is_sparse || (entry->type != JP_TAR_FILE && !is_link))
        return 0;
    if (jp_grow(&source->files, &source->capacity, source->count, sizeof(*source->files)) < 0)
        return jp_oom(err);
    struct file *file = &source->files[source->count++];
    *file = (struct file){.name = jp_strdup(entry->path), .offset = walk->at, .size = entry->size};
    if (entry->type == JP_TAR_SYMLINK)
        file->link = link_target(entry->path, entry->link);
    else if (is_link)
        file->link = jp_strdup(entry->link);
    return file->name && (!is_link || file->link) ? 0 : jp_oom(err);
}

static int check_unique(struct jp_oci_source *source, struct jp_error *err)
{
    if (source->count > 0)
        qsort(source->files, source->count, sizeof(*source->files), compare_files);
    for (size_t i = 1; i < source->count; i++) {
        if (compare_files(&source->files[i - 1], &source->files[i]) == 0)
            return jp_fail(err, JP_EINVALID, 0, "'%s' is in the archive twice",
                           jp_show(source->files[i].name).text);
    }
    return 0;
}

static int read_contents(struct jp_oci_source *source, struct jp_error *err)
{
    struct walk walk = {.source = source};
    const struct jp_tar_entry *entry = NULL;
    JP_AUTO_PTR(jp_tar)
    tar = jp_tar_new((struct jp_tar_input){next_block, &walk}, (struct jp_tar_tap){NULL, NULL},
                     ENTRIES_MAX);
    int r;
    if (!tar)
        return jp_oom(err);
    while ((r = jp_tar_next(tar, &entry, err)) > 0) {
        if (add_file(&walk, entry, err) < 0)
            return -1;
        jp_tar_omit_content(tar);
        walk.at += entry->stored;
    }
    return r < 0 ? -1 : check_unique(source, err);
}

/* ---- opening an archive ---------------------------------------------------------------------- */

int jp_oci_unnamed_file(int dir_fd, struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    if (jp_uuid_new(uuid, err) < 0)
        return -1;
    int fd = jp_fd_open(dir_fd, uuid, O_RDWR | O_CREAT | O_EXCL, 0600, err);
    if (fd >= 0)
        (void)jp_sys.unlinkat(dir_fd, uuid, 0);
    return fd;
}

static int copy_plain(const struct jp_oci_archive *archive, int out_fd, struct jp_error *err)
{
    struct jp_stream_source from = {.fd = archive->fd, .cancel = archive->cancel};
    JP_AUTO_PTR(jp_stream) stream = NULL;
    JP_AUTO_FREE unsigned char *bytes = jp_alloc(COPY_SIZE);
    uint64_t total = 0;
    size_t len = 0;
    if (!bytes)
        return jp_oom(err);
    if (jp_stream_open(&from, &stream, err) != 0)
        return -1;
    do {
        if (jp_stream_read(stream, bytes, COPY_SIZE, &len, err) != 0 ||
            jp_fd_write_all(out_fd, bytes, len, "the unpacked archive", err) != 0)
            return -1;
        total += len;
        if (total > archive->max)
            return jp_fail(err, JP_ELIMIT, 0, "the archive is larger than %llu bytes",
                           (unsigned long long)archive->max);
    } while (len == COPY_SIZE);
    return 0;
}

/* A plain tar in a file can be read where it is. */
static bool is_plain_file(int fd, off_t *ret_start)
{
    struct stat st;
    unsigned char block[JP_TAR_BLOCK];
    *ret_start = lseek(fd, 0, SEEK_CUR);
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && *ret_start >= 0 &&
           pread(fd, block, sizeof(block), *ret_start) == (ssize_t)sizeof(block) &&
           jp_tar_checksum_ok(block);
}

int jp_oci_source_open_archive(const struct jp_oci_archive *archive, struct jp_oci_source **ret,
                               struct jp_error *err)
{
    JP_AUTO_PTR(jp_oci_source) source = new_source();
    if (!source)
        return jp_oom(err);
    source->fd = archive->fd;
    if (!is_plain_file(archive->fd, &source->start)) {
        source->start = 0;
        source->fd = source->own_fd = jp_oci_unnamed_file(archive->tmp_fd, err);
        if (source->own_fd < 0 || copy_plain(archive, source->own_fd, err) < 0)
            return -1;
    }
    if (read_contents(source, err) < 0)
        return -1;
    if (!find(source, "index.json") && !find(source, "manifest.json") &&
        !find(source, "repositories"))
        return jp_fail(err, JP_EINVALID, 0,
                       "neither an OCI image layout nor an archive of 'docker save' (a root file "
                       "system needs a manifest: jetpack import FILE MANIFEST)");
    *ret = jp_take(&source);
    return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

bool jp_oci_source_has(const struct jp_oci_source *source, const char *name)
{
    struct stat st;
    if (source->dir_fd < 0)
        return find(source, name) != NULL;
    return fstatat(source->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int open_in_archive(struct jp_oci_source *source, const char *name, struct jp_oci_blob *ret,
                           struct jp_error *err)
{
    const struct file *file = find(source, name);
    if (file && file->link)
        file = find(source, file->link);
    if (!file || file->link)
        return jp_fail(err, JP_ENOTFOUND, 0, "the archive has no '%s'", jp_show(name).text);
    /* The copies share one offset: they are read one after the other. */
    ret->fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 3);
    ret->size = file->size;
    if (ret->fd < 0 || lseek(ret->fd, source->start + (off_t)file->offset, SEEK_SET) < 0) {
        jp_fd_close(&ret->fd);
        return jp_fail_sys(err, "open '%s'", jp_show(name).text);
    }
    return 0;
}

static int open_in_dir(struct jp_oci_source *source, const char *name, struct jp_oci_blob *ret,
                       struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int fd = jp_path_open_regular(source->dir_fd, name, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "look at '%s'", name);
    ret->size = (uint64_t)st.st_size;
    ret->fd = jp_fd_take(&fd);
    return 0;
}

int jp_oci_source_open(struct jp_oci_source *source, const char *name, struct jp_oci_blob *ret,
                       struct jp_error *err)
{
    *ret = (struct jp_oci_blob){.fd = -1};
    if (source->dir_fd >= 0)
        return open_in_dir(source, name, ret, err);
    return open_in_archive(source, name, ret, err);
}

static int open_by_digest(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                          struct jp_oci_blob *ret, struct jp_error *err)
{
    if (jp_oci_digest_check(d->digest, err) < 0)
        return -1;
    if (source->remote.open)
        return source->remote.open(source->remote.context, d, ret, err);
    JP_AUTO_FREE char *name = jp_format("blobs/%.6s/%s", d->digest, d->digest + 7);
    return name ? jp_oci_source_open(source, name, ret, err) : jp_oom(err);
}

int jp_oci_source_blob(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                       struct jp_oci_blob *ret, struct jp_error *err)
{
    if (open_by_digest(source, d, ret, err) < 0)
        return -1;
    if (ret->size == d->size)
        return 0;
    jp_fd_close(&ret->fd);
    return jp_fail(err, JP_ECORRUPT, 0, "%.19s... has %llu bytes, not %llu", d->digest,
                   (unsigned long long)ret->size, (unsigned long long)d->size);
}

static int read_blob(const struct jp_oci_blob *blob, struct jp_buf *ret, struct jp_error *err)
{
    if (blob->size > JP_OCI_DOCUMENT_MAX)
        return jp_fail(err, JP_ELIMIT, 0, "a document of %llu bytes; the limit is %u",
                       (unsigned long long)blob->size, JP_OCI_DOCUMENT_MAX);
    while (ret->len < blob->size) {
        char bytes[4096];
        size_t want =
            blob->size - ret->len < sizeof(bytes) ? (size_t)(blob->size - ret->len) : sizeof(bytes);
        ssize_t n = read(blob->fd, bytes, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "read a document");
        if (n == 0)
            return jp_fail(err, JP_ECORRUPT, 0, "a document ends early");
        jp_buf_add(ret, bytes, (size_t)n);
        if (jp_buf_failed(ret))
            return jp_oom(err);
    }
    return 0;
}

int jp_oci_source_read(struct jp_oci_source *source, const char *name, struct jp_buf *ret,
                       struct jp_error *err)
{
    struct jp_oci_blob blob;
    if (jp_oci_source_open(source, name, &blob, err) < 0)
        return -1;
    int r = read_blob(&blob, ret, err);
    jp_fd_close(&blob.fd);
    return r < 0 ? jp_wrap(err, "'%s'", jp_show(name).text) : 0;
}

int jp_oci_source_document(struct jp_oci_source *source, const struct jp_oci_descriptor *d,
                           struct jp_buf *ret, struct jp_error *err)
{
    struct jp_oci_blob blob;
    struct jp_oci_hasher hasher = {.hash = NULL};
    if (jp_oci_source_blob(source, d, &blob, err) < 0)
        return -1;
    int r = read_blob(&blob, ret, err);
    jp_fd_close(&blob.fd);
    if (r == 0)
        r = jp_oci_hasher_start(&hasher, d->digest, err);
    if (r == 0)
        r = jp_oci_hasher_add(&hasher, jp_buf_text(ret), ret->len, err);
    if (r == 0)
        r = jp_oci_hasher_finish(&hasher, "a document", err);
    jp_oci_hasher_clear(&hasher);
    return r;
}
