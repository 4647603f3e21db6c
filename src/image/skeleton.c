#include "image/skeleton.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"
#include "sys/calls.h"
#include "sys/fd.h"

static const char magic[] = "jetpack skeleton 1\n";

#define LEVEL      1      /* headers are mostly zeros: more effort gains little */
#define RUN_SIZE   65536U /* bytes of one 'R' record at most */
#define CHUNK_SIZE 131072U

static void put_little(unsigned char *out, uint64_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        out[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_little(const unsigned char *in, size_t width)
{
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint64_t)in[i] << (8 * i);
    return v;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct jp_skeleton_writer {
    int fd;
    ZSTD_CCtx *zstd;
    size_t have; /* bytes in `run` */
    unsigned char run[RUN_SIZE];
    unsigned char chunk[CHUNK_SIZE];
};

void jp_skeleton_writer_free(struct jp_skeleton_writer *w)
{
    if (!w)
        return;
    (void)ZSTD_freeCCtx(w->zstd);
    jp_fd_close(&w->fd);
    free(w);
}

int jp_skeleton_writer_open(int dir_fd, struct jp_skeleton_writer **ret, struct jp_error *err)
{
    JP_AUTO_PTR(jp_skeleton_writer) w = jp_calloc(1, sizeof(*w));
    if (!w)
        return jp_oom(err);
    w->fd = jp_fd_open(dir_fd, JP_SKELETON_FILE, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    if (w->fd < 0)
        return -1;
    w->zstd = ZSTD_createCCtx();
    if (!w->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1)))
        return jp_oom(err);
    if (jp_fd_write_all(w->fd, magic, sizeof(magic) - 1, JP_SKELETON_FILE, err) != 0)
        return -1;
    *ret = jp_take(&w);
    return 0;
}

static int compress(struct jp_skeleton_writer *w, const void *bytes, size_t len,
                    ZSTD_EndDirective end, struct jp_error *err)
{
    ZSTD_inBuffer in = {.src = bytes, .size = len};
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = w->chunk, .size = CHUNK_SIZE};
        left = ZSTD_compressStream2(w->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            return jp_fail(err, JP_ESYS, 0, "compress the skeleton: %s", ZSTD_getErrorName(left));
        if (out.pos && jp_fd_write_all(w->fd, w->chunk, out.pos, JP_SKELETON_FILE, err) != 0)
            return -1;
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return 0;
}

static int flush_run(struct jp_skeleton_writer *w, struct jp_error *err)
{
    unsigned char head[5] = {'R'};
    if (w->have == 0)
        return 0;
    put_little(head + 1, w->have, 4);
    if (compress(w, head, sizeof(head), ZSTD_e_continue, err) != 0 ||
        compress(w, w->run, w->have, ZSTD_e_continue, err) != 0)
        return -1;
    w->have = 0;
    return 0;
}

int jp_skeleton_raw(void *writer, const unsigned char *bytes, size_t len, struct jp_error *err)
{
    struct jp_skeleton_writer *w = writer;
    while (len > 0) {
        size_t room = RUN_SIZE - w->have;
        size_t n = len < room ? len : room;
        memcpy(w->run + w->have, bytes, n);
        w->have += n;
        bytes += n;
        len -= n;
        if (w->have == RUN_SIZE && flush_run(w, err) != 0)
            return -1;
    }
    return 0;
}

int jp_skeleton_content(struct jp_skeleton_writer *w, uint64_t len,
                        const unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err)
{
    unsigned char record[9 + JP_HASH_SHA256_SIZE] = {'C'};
    put_little(record + 1, len, 8);
    memcpy(record + 9, digest, JP_HASH_SHA256_SIZE);
    if (flush_run(w, err) != 0)
        return -1;
    return compress(w, record, sizeof(record), ZSTD_e_continue, err);
}

int jp_skeleton_finish(struct jp_skeleton_writer *w, uint64_t total,
                       const unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err)
{
    unsigned char record[9 + JP_HASH_SHA512_SIZE] = {'E'};
    put_little(record + 1, total, 8);
    memcpy(record + 9, id, JP_HASH_SHA512_SIZE);
    if (flush_run(w, err) != 0)
        return -1;
    return compress(w, record, sizeof(record), ZSTD_e_end, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct jp_skeleton_reader {
    int fd;
    ZSTD_DCtx *zstd;
    ZSTD_inBuffer in;
    size_t at;   /* in `out` */
    size_t have; /* bytes in `out` */
    uint64_t run_left;
    unsigned char kind; /* of the record that was begun; 0: none */
    bool frame_done;
    unsigned char chunk[CHUNK_SIZE];
    unsigned char out[CHUNK_SIZE];
};

void jp_skeleton_reader_free(struct jp_skeleton_reader *r)
{
    if (!r)
        return;
    (void)ZSTD_freeDCtx(r->zstd);
    jp_fd_close(&r->fd);
    free(r);
}

static int damaged(struct jp_error *err)
{
    return jp_fail(err, JP_ECORRUPT, 0, "the image's skeleton is damaged");
}

int jp_skeleton_reader_open(int dir_fd, struct jp_skeleton_reader **ret, struct jp_error *err)
{
    char head[sizeof(magic) - 1];
    JP_AUTO_PTR(jp_skeleton_reader) r = jp_calloc(1, sizeof(*r));
    if (!r)
        return jp_oom(err);
    r->fd = jp_fd_open(dir_fd, JP_SKELETON_FILE, O_RDONLY, 0, err);
    if (r->fd < 0)
        return -1;
    r->zstd = ZSTD_createDCtx();
    if (!r->zstd)
        return jp_oom(err);
    if (read(r->fd, head, sizeof(head)) != (ssize_t)sizeof(head) ||
        memcmp(head, magic, sizeof(head)) != 0)
        return damaged(err);
    *ret = jp_take(&r);
    return 0;
}

/* One step of decompression into `out`, which is used up; reads the file as needed. */
static int step(struct jp_skeleton_reader *r, struct jp_error *err)
{
    if (r->frame_done)
        return damaged(err);
    ZSTD_outBuffer out = {.dst = r->out, .size = CHUNK_SIZE};
    size_t left = ZSTD_decompressStream(r->zstd, &out, &r->in);
    if (ZSTD_isError(left))
        return damaged(err);
    r->frame_done = left == 0;
    r->at = 0;
    r->have = out.pos;
    if (out.pos || r->frame_done || r->in.pos < r->in.size)
        return 0;
    ssize_t n;
    do
        n = read(r->fd, r->chunk, CHUNK_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return jp_fail_sys(err, "read the image's skeleton");
    r->in = (ZSTD_inBuffer){.src = r->chunk, .size = (size_t)n};
    return n > 0 ? 0 : damaged(err);
}

/* At least one byte in `out`. */
static int fill(struct jp_skeleton_reader *r, struct jp_error *err)
{
    while (r->at == r->have) {
        if (step(r, err) != 0)
            return -1;
    }
    return 0;
}

static int take(struct jp_skeleton_reader *r, unsigned char *to, size_t len, struct jp_error *err)
{
    while (len > 0) {
        if (fill(r, err) != 0)
            return -1;
        size_t n = r->have - r->at < len ? r->have - r->at : len;
        memcpy(to, r->out + r->at, n);
        r->at += n;
        to += n;
        len -= n;
    }
    return 0;
}

/* Reads the kind of the next record, and the length of a run. */
static int begin(struct jp_skeleton_reader *r, struct jp_error *err)
{
    unsigned char len[4];
    if (r->kind)
        return 0;
    if (take(r, &r->kind, 1, err) != 0)
        return -1;
    if (r->kind != 'R' && r->kind != 'C' && r->kind != 'E')
        return damaged(err);
    if (r->kind != 'R')
        return 0;
    if (take(r, len, sizeof(len), err) != 0)
        return -1;
    r->run_left = get_little(len, sizeof(len));
    if (r->run_left == 0 || r->run_left > RUN_SIZE)
        return damaged(err);
    return 0;
}

int jp_skeleton_next(void *reader, const unsigned char **ret, size_t *ret_len, struct jp_error *err)
{
    struct jp_skeleton_reader *r = reader;
    if (begin(r, err) != 0)
        return -1;
    if (r->kind == 'E')
        return 0;
    if (r->kind != 'R')
        return damaged(err);
    if (fill(r, err) != 0)
        return -1;
    size_t n = r->have - r->at;
    if (n > r->run_left)
        n = (size_t)r->run_left;
    *ret = r->out + r->at;
    *ret_len = n;
    r->at += n;
    r->run_left -= n;
    if (r->run_left == 0)
        r->kind = 0;
    return 1;
}

int jp_skeleton_take_content(struct jp_skeleton_reader *r, uint64_t len,
                             unsigned char digest[JP_HASH_SHA256_SIZE], struct jp_error *err)
{
    unsigned char size[8];
    if (begin(r, err) != 0)
        return -1;
    if (r->kind != 'C')
        return damaged(err);
    if (take(r, size, sizeof(size), err) != 0 || take(r, digest, JP_HASH_SHA256_SIZE, err) != 0)
        return -1;
    r->kind = 0;
    return get_little(size, sizeof(size)) == len ? 0 : damaged(err);
}

int jp_skeleton_end(struct jp_skeleton_reader *r, uint64_t *ret_total,
                    unsigned char id[JP_HASH_SHA512_SIZE], struct jp_error *err)
{
    unsigned char size[8];
    if (r->kind != 'E')
        return damaged(err);
    if (take(r, size, sizeof(size), err) != 0 || take(r, id, JP_HASH_SHA512_SIZE, err) != 0)
        return -1;
    *ret_total = get_little(size, sizeof(size));
    /* The last steps make zstd check the frame's end and checksum. */
    while (!r->frame_done) {
        if (step(r, err) != 0)
            return -1;
        if (r->at != r->have)
            return damaged(err);
    }
    return 0;
}
