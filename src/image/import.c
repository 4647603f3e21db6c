/*
 * The pipeline of an import. Three threads, so that two cores are busy all the time:
 *
 *   produce: read and decompress   ->  ring of blocks  ->  digest: SHA-512 of everything
 *                                                      ->  unpack: the caller's thread
 *
 * The id is known only at the end; what was unpacked until then lies in a draft that nobody else
 * sees. The end is reported to the consumers only when the decompressor has made its last check.
 */
#include "image/import.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/mem.h"
#include "base/time.h"
#include "image/aci.h"
#include "image/assemble.h"
#include "image/hash.h"
#include "image/kept.h"
#include "image/pack.h"
#include "image/ring.h"
#include "image/stream.h"
#include "image/unpack.h"
#include "sys/fd.h"
#include "sys/filesystem.h"

enum {
    CONSUMER_UNPACK,
    CONSUMER_DIGEST,
};

#define STACK_SIZE  (512U * 1024U) /* our threads are shallow */
#define PROGRESS_MS 100

struct pipeline {
    const struct jp_image_import_options *options;
    struct jp_ring *ring;
    struct jp_stream *stream;
    int kept_fd;           /* the archive as it came goes there; -1: not kept */
    uint64_t total;        /* bytes of the source, 0 unknown */
    int64_t last_progress; /* ms */
    unsigned char digest[JP_HASH_SHA512_SIZE];
    uint64_t size; /* bytes of the tar */
    bool is_top_late;
};

/* ---- produce --------------------------------------------------------------------------------- */

static int produce_aci(struct pipeline *p, struct jp_error *err)
{
    for (;;) {
        size_t len = 0;
        unsigned char *block = jp_ring_claim(p->ring);
        if (!block)
            return 0;
        if (jp_stream_read(p->stream, block, JP_RING_BLOCK, &len, err) != 0)
            return -1;
        bool last = len < JP_RING_BLOCK;
        jp_ring_publish(p->ring, len, last);
        if (last)
            return 0;
    }
}

static int put(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct jp_ring_writer *to = context;
    (void)err;
    jp_ring_write(to, bytes, len);
    return 0;
}

static int produce_parts(struct pipeline *p, struct jp_error *err)
{
    struct jp_ring_writer to = {.ring = p->ring};
    const struct jp_image_import_options *o = p->options;
    const struct jp_pack pack = {
        .parts = o->parts,
        .manifest = o->manifest,
        .manifest_len = o->manifest_len,
        .write = put,
        .context = &to,
        .cancel = o->watch.cancel,
    };
    if (jp_pack_run(&pack, err) != 0)
        return -1;
    jp_ring_write_end(&to);
    return 0;
}

static int produce_assembled(struct pipeline *p, struct jp_error *err)
{
    const struct jp_image_import_options *o = p->options;
    struct jp_assemble assemble = {
        .stream = p->stream,
        .ring = p->ring,
        .manifest = o->manifest,
        .manifest_len = o->manifest_len,
        .layer = o->layer,
        .max_entries = o->limits.entries,
        .ret_is_late = &p->is_top_late,
    };
    return jp_assemble_run(&assemble, err);
}

static void *produce(void *context)
{
    struct pipeline *p = context;
    struct jp_error err = JP_ERROR_INIT;
    const struct jp_image_import_options *o = p->options;
    int r = o->parts                  ? produce_parts(p, &err)
            : o->manifest || o->layer ? produce_assembled(p, &err)
                                      : produce_aci(p, &err);
    if (r != 0)
        jp_ring_stop(p->ring, &err);
    return NULL;
}

/* ---- digest ---------------------------------------------------------------------------------- */

static int digest_all(struct pipeline *p, struct jp_error *err)
{
    JP_AUTO_PTR(jp_hash) hash = jp_hash_new(JP_HASH_SHA512);
    if (!hash)
        return jp_oom(err);
    const unsigned char *bytes = NULL;
    size_t len = 0;
    int r;
    while ((r = jp_ring_next(p->ring, CONSUMER_DIGEST, &bytes, &len)) > 0) {
        p->size += len;
        if (jp_hash_add(hash, bytes, len, err) != 0)
            return -1;
    }
    return r < 0 ? 0 : jp_hash_finish(hash, p->digest, err);
}

static void *digest(void *context)
{
    struct pipeline *p = context;
    struct jp_error err = JP_ERROR_INIT;
    if (digest_all(p, &err) != 0)
        jp_ring_stop(p->ring, &err);
    return NULL;
}

/* ---- unpack ---------------------------------------------------------------------------------- */

static void show_progress(struct pipeline *p)
{
    const struct jp_image_watch *watch = &p->options->watch;
    if (!watch->progress || !p->stream)
        return;
    int64_t now = jp_time_monotonic_ms();
    if (now - p->last_progress < PROGRESS_MS)
        return;
    p->last_progress = now;
    watch->progress(watch->context, jp_stream_position(p->stream), p->total);
}

static int next_block(void *context, const unsigned char **ret, size_t *ret_len,
                      struct jp_error *err)
{
    struct pipeline *p = context;
    const volatile sig_atomic_t *cancel = p->options->watch.cancel;
    if (cancel && *cancel)
        return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
    show_progress(p);
    int r = jp_ring_next(p->ring, CONSUMER_UNPACK, ret, ret_len);
    /* Somebody else has failed; this text is dropped in favour of theirs. */
    return r < 0 ? jp_fail(err, JP_EINTERRUPTED, 0, "stopped") : r;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Signals are for the caller's thread: ours block them all. */
static int start(pthread_t *ret, void *(*run)(void *), void *context, struct jp_error *err)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(ret, &attributes, run, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return r == 0 ? 0 : jp_fail(err, JP_ESYS, r, "start a thread");
}

static int run_threads(struct pipeline *p, struct jp_unpack *unpack, struct jp_error *err)
{
    pthread_t threads[2];
    void *(*const runs[2])(void *) = {produce, digest};
    struct jp_error own = JP_ERROR_INIT;
    int r = 0;
    size_t started = 0;
    while (r == 0 && started < JP_LEN(threads)) {
        r = start(&threads[started], runs[started], p, &own);
        started += r == 0;
    }
    if (r == 0)
        r = jp_unpack_run(unpack, (struct jp_tar_input){next_block, p}, &own);
    if (r != 0)
        jp_ring_stop(p->ring, &own);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    return jp_ring_result(p->ring, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static uint64_t source_size(int fd)
{
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || at < 0 || at > st.st_size)
        return 0;
    return (uint64_t)(st.st_size - at);
}

static struct jp_image_limits with_defaults(struct jp_image_limits limits)
{
    if (limits.manifest_bytes == 0)
        limits.manifest_bytes = JP_IMAGE_LIMIT_MANIFEST;
    if (limits.entries == 0)
        limits.entries = JP_IMAGE_LIMIT_ENTRIES;
    if (limits.unpacked_bytes == 0)
        limits.unpacked_bytes = JP_IMAGE_LIMIT_UNPACKED;
    return limits;
}

static int finish(struct pipeline *p, struct jp_unpack *unpack,
                  const struct jp_import_target *target, struct jp_import_result *ret,
                  struct jp_error *err)
{
    const struct jp_buf *manifest = jp_unpack_manifest(unpack);
    if (jp_unpack_finish(unpack, p->size, p->digest, err) != 0)
        return -1;
    if (jp_file_replace(target->dir_fd, JP_ACI_MANIFEST, jp_buf_text(manifest), manifest->len, 0600,
                        false, err) != 0)
        return -1;
    if (!p->options->not_durable && jp_filesystem_sync(target->rootfs_fd) != 0)
        return jp_fail_sys(err, "bring the image to disk");
    jp_buf_add(&ret->manifest, jp_buf_text(manifest), manifest->len);
    if (jp_buf_failed(&ret->manifest))
        return jp_oom(err);
    jp_image_id_format(p->digest, ret->id);
    ret->entries = jp_unpack_entries(unpack);
    ret->size_bytes = p->size;
    ret->disk_bytes = jp_unpack_disk_bytes(unpack);
    if (p->kept_fd >= 0)
        ret->disk_bytes += jp_stream_position(p->stream);
    if (p->is_top_late && p->options->watch.warn)
        p->options->watch.warn(p->options->watch.context,
                               "the archive says only after other entries what its root directory "
                               "is: that is left out");
    return 0;
}

void jp_import_result_clear(struct jp_import_result *result)
{
    jp_buf_clear(&result->manifest);
}

static int hash_raw(void *context, const void *bytes, size_t len, struct jp_error *err)
{
    struct jp_hash *hash = context;
    return jp_hash_add(hash, bytes, len, err);
}

/* Row 42: what was unpacked is what was signed, to the last byte. */
static int check_signed(const struct jp_image_signature *signature, struct jp_hash *hash,
                        uint64_t read_bytes, struct jp_error *err)
{
    unsigned char digest[JP_HASH_SHA512_SIZE];
    if (jp_hash_finish(hash, digest, err) != 0)
        return -1;
    if (read_bytes == signature->size_bytes &&
        memcmp(digest, signature->digest, sizeof(digest)) == 0)
        return 0;
    return jp_fail(err, JP_ECORRUPT, 0,
                   "the archive is not what its signature was checked for: it "
                   "was changed meanwhile");
}

int jp_import_run(const struct jp_import_target *target,
                  const struct jp_image_import_options *options, struct jp_import_result *ret,
                  struct jp_error *err)
{
    struct jp_image_import_options o = *options;
    o.limits = with_defaults(o.limits);
    struct pipeline p = {.options = &o, .kept_fd = -1, .total = o.size_bytes};
    if (p.total == 0 && !o.parts)
        p.total = source_size(o.fd);
    JP_AUTO_PTR(jp_stream) stream = NULL;
    JP_AUTO_PTR(jp_ring) ring = jp_ring_new();
    JP_AUTO_PTR(jp_unpack) unpack = NULL;
    struct jp_unpack_target to = {
        .dir_fd = target->dir_fd,
        .rootfs_fd = target->rootfs_fd,
        .limits = o.limits,
        .watch = o.watch,
    };
    if (!ring)
        return jp_oom(err);
    struct jp_stream_source source = {
        .fd = o.fd,
        .size = o.size_bytes,
        .head = o.head,
        .head_len = o.head_len,
        .cancel = o.watch.cancel,
    };
    if (!o.parts && jp_stream_open(&source, &stream, err) != 0)
        return -1;
    if (o.layer && jp_stream_watch(stream, o.layer->raw, o.layer->context, err) != 0)
        return -1;
    bool is_compared = o.signature && !o.signature->is_of_envelope;
    JP_AUTO_PTR(jp_hash) hash = is_compared ? jp_hash_new(JP_HASH_SHA512) : NULL;
    if (is_compared && !hash)
        return jp_oom(err);
    if (is_compared && jp_stream_watch(stream, hash_raw, hash, err) != 0)
        return -1;
    JP_AUTO_FD int kept_fd = -1;
    if (o.keeps_archive && !o.manifest && !o.layer) {
        kept_fd = jp_fd_open(target->dir_fd, JP_KEPT_FILE, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
        if (kept_fd < 0 || jp_stream_keep(stream, kept_fd, err) != 0)
            return -1;
    }
    p.kept_fd = kept_fd;
    if (jp_unpack_open(&to, &unpack, err) != 0)
        return -1;
    p.stream = stream;
    p.ring = ring;
    if (run_threads(&p, unpack, err) != 0 ||
        (is_compared && check_signed(o.signature, hash, jp_stream_position(stream), err) != 0))
        return -1;
    if (o.watch.progress && stream)
        o.watch.progress(o.watch.context, jp_stream_position(stream), p.total);
    return finish(&p, unpack, target, ret, err);
}
