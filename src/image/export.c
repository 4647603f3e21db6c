/* Export: the archive as it came, from the tree and the skeleton, compressed as wished. */
#include "image/export.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/random.h"
#include "image/compress.h"
#include "image/hash.h"
#include "image/kept.h"
#include "image/pack.h"
#include "image/restore.h"
#include "sys/calls.h"
#include "sys/fd.h"

static int write_out(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    return jp_compressor_add(context, bytes, len, err);
}

static int export_made(int dir_fd, int fd, const struct jp_image_export_options *options,
                       struct jp_error *err)
{
    char id[JP_IMAGE_ID_SIZE];
    struct jp_restored restored;
    JP_AUTO_PTR(jp_compressor) compressor = NULL;
    if (jp_compressor_open(options->compression, fd, &compressor, err) != 0)
        return -1;
    struct jp_restore restore = {
        .dir_fd = dir_fd,
        .write = write_out,
        .context = compressor,
        .watch = options->watch,
    };
    if (jp_restore_run(&restore, &restored, err) != 0)
        return -1;
    jp_image_id_format(restored.digest, id);
    if (strcmp(id, options->id) != 0)
        return jp_fail(err, JP_ECORRUPT, 0, "the image was changed after the import: see verify");
    return jp_compressor_finish(compressor, err);
}

static int export_to(int dir_fd, int fd, const struct jp_image_export_options *options,
                     struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int kept_fd = options->as_it_came ? jp_kept_open(dir_fd, &why) : -1;
    if (kept_fd >= 0)
        return jp_kept_copy(kept_fd, fd, options->id, &options->watch, err);
    if (why.code != JP_OK && why.code != JP_ENOTFOUND) {
        jp_error_move(err, &why);
        return -1;
    }
    return export_made(dir_fd, fd, options, err);
}

/* A name beside the file, so that the rename stays in one directory. */
static char *name_beside(const char *path, struct jp_error *err)
{
    char uuid[JP_UUID_SIZE];
    if (jp_uuid_new(uuid, err) != 0)
        return NULL;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    char *beside = jp_format("%.*s.jetpack-%s", folder, path, uuid);
    if (!beside)
        (void)jp_oom(err);
    return beside;
}

/* What makes the bytes, once it is known where they go. */
struct maker {
    int (*make)(void *context, int fd, struct jp_error *err);
    void *context;
};

static int write_new(const char *path, const struct maker *maker, struct jp_error *err)
{
    struct stat st;
    /* A device or a pipe is written to; anything else is replaced when the new file is whole. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        JP_AUTO_FD int fd = jp_sys.openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return jp_fail_sys(err, "open '%s'", path);
        return maker->make(maker->context, fd, err);
    }
    JP_AUTO_FREE char *beside = name_beside(path, err);
    if (!beside)
        return -1;
    JP_AUTO_FD int fd = jp_sys.openat(
        AT_FDCWD, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)0644);
    if (fd < 0)
        return jp_fail_sys(err, "write beside '%s'", path);
    int r = maker->make(maker->context, fd, err);
    if (r == 0 && jp_sys.fsync(fd) != 0)
        r = jp_fail_sys(err, "sync '%s'", path);
    if (r == 0 && jp_sys.renameat(AT_FDCWD, beside, AT_FDCWD, path) != 0)
        r = jp_fail_sys(err, "rename to '%s'", path);
    if (r != 0)
        (void)jp_sys.unlinkat(AT_FDCWD, beside, 0);
    return r;
}

struct export
{
    int dir_fd;
    const struct jp_image_export_options *options;
};

static int make_export(void *context, int fd, struct jp_error *err)
{
    const struct export *e = context;
    return export_to(e->dir_fd, fd, e->options, err);
}

int jp_export_run(int dir_fd, const struct jp_image_export_options *options, struct jp_error *err)
{
    struct export e = {dir_fd, options};
    const struct maker maker = {make_export, &e};
    return options->path ? write_new(options->path, &maker, err)
                         : make_export(&e, options->fd, err);
}

/* ---- archives that are made here ------------------------------------------------------------- */

struct packing {
    struct jp_pack pack;
    enum jp_compression compression;
    struct jp_compressor *compressor;
    struct jp_hash *hash;
    char *ret_id;
};

static int write_packed(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct packing *p = context;
    return jp_hash_add(p->hash, bytes, len, err) != 0
               ? -1
               : jp_compressor_add(p->compressor, bytes, len, err);
}

static int make_packed(void *context, int fd, struct jp_error *err)
{
    struct packing *p = context;
    unsigned char digest[JP_HASH_SHA512_SIZE];
    JP_AUTO_PTR(jp_compressor) compressor = NULL;
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA512);
    if (!hash)
        return jp_oom(err);
    if (jp_compressor_open(p->compression, fd, &compressor, err) != 0)
        return -1;
    p->compressor = compressor;
    p->hash = hash;
    if (jp_pack_run(&p->pack, err) != 0 || jp_hash_finish(hash, digest, err) != 0 ||
        jp_compressor_finish(compressor, err) != 0)
        return -1;
    jp_image_id_format(digest, p->ret_id);
    return 0;
}

int jp_image_pack(const struct jp_image_parts *parts, const char *manifest, size_t manifest_len,
                  const struct jp_image_export_options *options, char ret_id[7 + 128 + 1],
                  struct jp_error *err)
{
    struct packing packing = {
        .pack = {.parts = parts,
                 .manifest = manifest,
                 .manifest_len = manifest_len,
                 .write = write_packed,
                 .context = &packing,
                 .cancel = options->watch.cancel},
        .compression = options->compression,
        .ret_id = ret_id,
    };
    const struct maker maker = {make_packed, &packing};
    return options->path ? write_new(options->path, &maker, err)
                         : make_packed(&packing, options->fd, err);
}
