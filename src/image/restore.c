#include "image/restore.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "image/dirs.h"
#include "image/name.h"
#include "sys/fd.h"

#define CHUNK_SIZE  262144U
#define PROGRESS_MS 100

#ifndef O_NOATIME
#define O_NOATIME 0
#endif

struct run {
    const struct jp_restore *restore;
    struct jp_restored *result;
    struct jp_dirs *dirs;
    struct jp_hash *whole;
    struct jp_hash *file;
    unsigned char *chunk;
    int rootfs_fd;
    int64_t last_progress;
};

/* Every byte of the tar passes here. */
static int put(struct run *run, const void *bytes, size_t len, struct jp_error *err)
{
    const struct jp_image_watch *watch = &run->restore->watch;
    if (watch->cancel && *watch->cancel)
        return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
    if (jp_hash_add(run->whole, bytes, len, err) != 0)
        return -1;
    run->result->size += len;
    int64_t now = watch->progress ? jp_time_monotonic_ms() : 0;
    if (watch->progress && now - run->last_progress >= PROGRESS_MS) {
        run->last_progress = now;
        watch->progress(watch->context, run->result->size, run->result->expected_size);
    }
    return run->restore->write ? run->restore->write(run->restore->context, bytes, len, err) : 0;
}

static int put_raw(void *context, const unsigned char *bytes, size_t len, struct jp_error *err)
{
    return put(context, bytes, len, err);
}

static int damaged(struct run *run, const struct jp_tar_entry *entry, const char *what,
                   struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    if (run->restore->damaged)
        return run->restore->damaged(run->restore->context, entry, what, err);
    return jp_fail(err, JP_ECORRUPT, 0, "'%s' was changed after the import: %s",
                   jp_image_name_show(entry->path, shown), what);
}

/* ---- content --------------------------------------------------------------------------------- */

struct content {
    const struct jp_tar_entry *entry;
    int fd;            /* -1: there is nothing to read */
    uint64_t at;       /* in the file */
    const char *fault; /* the first thing that is wrong */
};

/* Reads from the file at c->at; zeros, and a fault, where it has nothing. */
static void read_chunk(struct run *run, struct content *c, size_t len)
{
    size_t have = 0;
    while (c->fd >= 0 && have < len) {
        ssize_t n = pread(c->fd, run->chunk + have, len - have, (off_t)(c->at + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            c->fault = "it cannot be read";
        if (n == 0)
            c->fault = "it is shorter";
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    memset(run->chunk + have, 0, len - have);
    c->at += len;
}

static int put_extent(struct run *run, struct content *c, uint64_t offset, uint64_t len,
                      struct jp_error *err)
{
    c->at = offset;
    while (len > 0) {
        size_t n = len < CHUNK_SIZE ? (size_t)len : CHUNK_SIZE;
        read_chunk(run, c, n);
        if (jp_hash_add(run->file, run->chunk, n, err) != 0 || put(run, run->chunk, n, err) != 0)
            return -1;
        len -= n;
    }
    return 0;
}

/* What a sparse file has between its pieces must still be nothing. */
static int check_hole(struct run *run, struct content *c, uint64_t from, uint64_t to,
                      struct jp_error *err)
{
    const volatile sig_atomic_t *cancel = run->restore->watch.cancel;
    while (c->fd >= 0 && from < to) {
        if (cancel && *cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
#ifdef SEEK_DATA
        off_t data = lseek(c->fd, (off_t)from, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= to)
            return 0;
        from = (uint64_t)data;
#endif
        uint64_t left = to - from;
        size_t n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        c->at = from;
        read_chunk(run, c, n);
        for (size_t i = 0; i < n; i++) {
            if (run->chunk[i]) {
                c->fault = "a hole has content";
                return 0;
            }
        }
        from += n;
    }
    return 0;
}

static int put_sparse(struct run *run, struct content *c, struct jp_error *err)
{
    const struct jp_tar_entry *e = c->entry;
    uint64_t end = 0;
    for (size_t i = 0; i < e->n_extents; i++) {
        const struct jp_tar_extent *x = &e->extents[i];
        if (check_hole(run, c, end, x->offset, err) != 0 ||
            put_extent(run, c, x->offset, x->len, err) != 0)
            return -1;
        end = x->offset + x->len;
    }
    return check_hole(run, c, end, e->size, err);
}

static int put_content(struct run *run, const struct jp_tar_entry *entry, int fd,
                       const unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err)
{
    unsigned char now[JP_HASH_SHA256_SIZE];
    struct content c = {.entry = entry, .fd = fd};
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || (uint64_t)st.st_size != entry->size))
        c.fault = "its size differs";
    int r = entry->is_sparse ? put_sparse(run, &c, err) : put_extent(run, &c, 0, entry->size, err);
    if (r != 0)
        return -1;
    if (entry->stored > 0) {
        if (jp_hash_finish(run->file, now, err) != 0)
            return -1;
        if (!c.fault && memcmp(now, digest, sizeof(now)) != 0)
            c.fault = "its content differs";
    }
    if (fd < 0 || !c.fault)
        return 0; /* a missing one was said before */
    return damaged(run, entry, c.fault, err);
}

/* ---- entries --------------------------------------------------------------------------------- */

struct place {
    int dir_fd; /* -1: its directory is not there */
    const char *name;
};

static struct place find_place(struct run *run, const struct jp_tar_entry *entry)
{
    struct place place = {.dir_fd = run->rootfs_fd, .name = "."};
    const char *inside = jp_aci_inside(entry->path);
    if (inside)
        place.dir_fd = jp_dirs_parent(run->dirs, inside, &place.name);
    if (strcmp(entry->path, JP_ACI_MANIFEST) == 0)
        place = (struct place){.dir_fd = run->restore->dir_fd, .name = JP_ACI_MANIFEST};
    return place;
}

/* A regular file, or -1 after saying what is there instead. O_NONBLOCK: it may be a FIFO now. */
static int open_content(struct run *run, const struct jp_tar_entry *entry, struct place place,
                        int *ret_fd, struct jp_error *err)
{
    struct stat st;
    if (place.dir_fd < 0 || fstatat(place.dir_fd, place.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return damaged(run, entry, "it is missing", err);
    if (!S_ISREG(st.st_mode))
        return damaged(run, entry, "it is not a file any more", err);
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(place.dir_fd, place.name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = openat(place.dir_fd, place.name, flags);
    if (fd < 0)
        return damaged(run, entry, "it cannot be opened", err);
    *ret_fd = fd;
    return 0;
}

static int restore_entry(struct run *run, const struct jp_tar_entry *entry,
                         const unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err)
{
    const struct jp_restore *restore = run->restore;
    struct place place = find_place(run, entry);
    bool is_top = entry->path[0] == '\0';
    if (restore->entry && !is_top &&
        restore->entry(restore->context, entry, place.dir_fd, place.name, err) != 0)
        return -1;
    if (entry->type != JP_TAR_FILE || (entry->stored == 0 && !entry->is_sparse && !restore->entry))
        return 0;
    JP_AUTO_FD int fd = -1;
    if (open_content(run, entry, place, &fd, err) != 0)
        return -1;
    return put_content(run, entry, fd, digest, err);
}

static int restore_all(struct run *run, struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA256_SIZE];
    const struct jp_tar_entry *entry = NULL;
    struct jp_tar_tap tap = {put_raw, run};
    JP_AUTO(jp_aci_reader) reader = JP_ACI_READER_INIT;
    if (jp_aci_reader_open(run->restore->dir_fd, tap, &reader, err) != 0)
        return -1;
    int r;
    while ((r = jp_aci_reader_next(&reader, &entry, digest, err)) > 0) {
        if (restore_entry(run, entry, digest, err) != 0)
            return -1;
    }
    if (r < 0)
        return -1;
    struct jp_restored *result = run->result;
    if (jp_skeleton_end(reader.skeleton, &result->expected_size, result->expected, err) != 0)
        return -1;
    return jp_hash_finish(run->whole, result->digest, err);
}

int jp_restore_run(const struct jp_restore *restore, struct jp_restored *ret, struct jp_error *err)
{
    JP_AUTO_FD int rootfs_fd = jp_fd_open_dir(restore->dir_fd, JP_ACI_ROOTFS, err);
    if (rootfs_fd < 0)
        return -1;
    JP_AUTO_PTR(jp_dirs) dirs = jp_dirs_new(rootfs_fd);
    JP_AUTO_PTR(jp_hash) whole = jp_hash_new(JP_HASH_SHA512);
    JP_AUTO_PTR(jp_hash) file = jp_hash_new(JP_HASH_SHA256);
    JP_AUTO_FREE unsigned char *chunk = jp_alloc(CHUNK_SIZE);
    if (!dirs || !whole || !file || !chunk)
        return jp_oom(err);
    struct jp_restored result = {.size = 0};
    struct run run = {
        .restore = restore,
        .result = &result,
        .dirs = dirs,
        .whole = whole,
        .file = file,
        .chunk = chunk,
        .rootfs_fd = rootfs_fd,
    };
    if (restore_all(&run, err) != 0)
        return -1;
    *ret = result;
    return 0;
}
