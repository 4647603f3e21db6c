#include "image/compress.h"

#include <bzlib.h>
#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "sys/fd.h"

#define OUT_SIZE  262144U
#define ADD_MAX   (1U << 30) /* bytes handed to a library at once: their counters have 32 bits */
#define GZIP_BITS (15 + 16)  /* largest window, gzip wrapper */
/*
 * Level 6 takes three to four times as long as 2 for a sixth less. Blocks are what threads divide
 * and what a reader can decode in parallel; the result does not depend on their number.
 */
#define XZ_PRESET      2U
#define XZ_BLOCK       (4U << 20)
#define XZ_MAX_THREADS 8 /* some 20 MB each */

struct jp_compressor {
    enum jp_compression kind;
    int fd;
    bool is_open;
    union {
        z_stream gzip;
        bz_stream bzip2;
        lzma_stream xz;
        ZSTD_CCtx *zstd;
    } u;
    unsigned char out[OUT_SIZE];
};

/* What a step of a library did. */
struct step {
    const unsigned char *in;
    size_t in_len;
    size_t made;  /* bytes in `out` */
    bool is_done; /* only when ending */
};

const char *jp_compression_name(enum jp_compression compression)
{
    static const char *const names[JP_COMPRESSION_MAX] = {
        [JP_COMPRESSION_NONE] = "none",   [JP_COMPRESSION_GZIP] = "gzip",
        [JP_COMPRESSION_BZIP2] = "bzip2", [JP_COMPRESSION_XZ] = "xz",
        [JP_COMPRESSION_ZSTD] = "zstd",
    };
    return compression < JP_COMPRESSION_MAX ? names[compression] : NULL;
}

bool jp_compression_parse(const char *word, enum jp_compression *ret)
{
    for (enum jp_compression i = 0; i < JP_COMPRESSION_MAX; i++) {
        if (strcmp(word, jp_compression_name(i)) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static lzma_ret xz_start(lzma_stream *xz)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 1)
        processors = 1;
    lzma_mt options = {.threads =
                           (uint32_t)(processors < XZ_MAX_THREADS ? processors : XZ_MAX_THREADS),
                       .block_size = XZ_BLOCK,
                       .preset = XZ_PRESET,
                       .check = LZMA_CHECK_CRC64};
    *xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_encoder_mt(xz, &options);
}

static bool start(struct jp_compressor *c)
{
    switch (c->kind) {
    case JP_COMPRESSION_GZIP:
        return deflateInit2(&c->u.gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_BITS, 8,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    case JP_COMPRESSION_BZIP2:
        return BZ2_bzCompressInit(&c->u.bzip2, 9, 0, 0) == BZ_OK;
    case JP_COMPRESSION_XZ:
        return xz_start(&c->u.xz) == LZMA_OK;
    case JP_COMPRESSION_ZSTD:
        c->u.zstd = ZSTD_createCCtx();
        return c->u.zstd &&
               !ZSTD_isError(ZSTD_CCtx_setParameter(c->u.zstd, ZSTD_c_checksumFlag, 1));
    default:
        return true;
    }
}

int jp_compressor_open(enum jp_compression kind, int fd, struct jp_compressor **ret,
                       struct jp_error *err)
{
    JP_AUTO_PTR(jp_compressor) c = jp_calloc(1, sizeof(*c));
    if (!c)
        return jp_oom(err);
    c->kind = kind;
    c->fd = fd;
    c->is_open = start(c);
    if (!c->is_open)
        return jp_oom(err);
    *ret = jp_take(&c);
    return 0;
}

void jp_compressor_free(struct jp_compressor *c)
{
    if (c && c->kind == JP_COMPRESSION_ZSTD)
        (void)ZSTD_freeCCtx(c->u.zstd);
    if (c && c->is_open && c->kind == JP_COMPRESSION_GZIP)
        (void)deflateEnd(&c->u.gzip);
    if (c && c->is_open && c->kind == JP_COMPRESSION_BZIP2)
        (void)BZ2_bzCompressEnd(&c->u.bzip2);
    if (c && c->is_open && c->kind == JP_COMPRESSION_XZ)
        lzma_end(&c->u.xz);
    free(c);
}

static int step_gzip(struct jp_compressor *c, struct step *s, bool end)
{
    z_stream *z = &c->u.gzip;
    z->next_in = (Bytef *)(uintptr_t)s->in; /* only read from */
    z->avail_in = (uInt)s->in_len;
    z->next_out = c->out;
    z->avail_out = OUT_SIZE;
    int r = deflate(z, end ? Z_FINISH : Z_NO_FLUSH);
    s->in = z->next_in;
    s->in_len = z->avail_in;
    s->made = OUT_SIZE - z->avail_out;
    s->is_done = r == Z_STREAM_END;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -1;
}

static int step_bzip2(struct jp_compressor *c, struct step *s, bool end)
{
    bz_stream *b = &c->u.bzip2;
    b->next_in = (char *)(uintptr_t)s->in; /* only read from */
    b->avail_in = (unsigned)s->in_len;
    b->next_out = (char *)c->out;
    b->avail_out = OUT_SIZE;
    int r = BZ2_bzCompress(b, end ? BZ_FINISH : BZ_RUN);
    s->in = (const unsigned char *)b->next_in;
    s->in_len = b->avail_in;
    s->made = OUT_SIZE - b->avail_out;
    s->is_done = r == BZ_STREAM_END;
    return r >= 0 ? 0 : -1;
}

static int step_xz(struct jp_compressor *c, struct step *s, bool end)
{
    lzma_stream *x = &c->u.xz;
    x->next_in = s->in;
    x->avail_in = s->in_len;
    x->next_out = c->out;
    x->avail_out = OUT_SIZE;
    lzma_ret r = lzma_code(x, end ? LZMA_FINISH : LZMA_RUN);
    s->in = x->next_in;
    s->in_len = x->avail_in;
    s->made = OUT_SIZE - x->avail_out;
    s->is_done = r == LZMA_STREAM_END;
    return r == LZMA_OK || r == LZMA_STREAM_END ? 0 : -1;
}

static int step_zstd(struct jp_compressor *c, struct step *s, bool end)
{
    ZSTD_inBuffer in = {.src = s->in, .size = s->in_len};
    ZSTD_outBuffer out = {.dst = c->out, .size = OUT_SIZE};
    size_t left = ZSTD_compressStream2(c->u.zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    s->in += in.pos;
    s->in_len -= in.pos;
    s->made = out.pos;
    s->is_done = left == 0;
    return ZSTD_isError(left) ? -1 : 0;
}

static int step(struct jp_compressor *c, struct step *s, bool end, struct jp_error *err)
{
    int r;
    switch (c->kind) {
    case JP_COMPRESSION_GZIP:
        r = step_gzip(c, s, end);
        break;
    case JP_COMPRESSION_BZIP2:
        r = step_bzip2(c, s, end);
        break;
    case JP_COMPRESSION_XZ:
        r = step_xz(c, s, end);
        break;
    default:
        r = step_zstd(c, s, end);
        break;
    }
    if (r != 0)
        return jp_fail(err, JP_ESYS, 0, "compress by %s", jp_compression_name(c->kind));
    return s->made ? jp_fd_write_all(c->fd, c->out, s->made, "the archive", err) : 0;
}

int jp_compressor_add(struct jp_compressor *c, const void *bytes, size_t len, struct jp_error *err)
{
    if (c->kind == JP_COMPRESSION_NONE)
        return jp_fd_write_all(c->fd, bytes, len, "the archive", err);
    const unsigned char *from = bytes;
    while (len > 0) {
        size_t n = len < ADD_MAX ? len : ADD_MAX;
        struct step s = {.in = from, .in_len = n};
        while (s.in_len > 0) {
            if (step(c, &s, false, err) != 0)
                return -1;
        }
        from += n;
        len -= n;
    }
    return 0;
}

int jp_compressor_finish(struct jp_compressor *c, struct jp_error *err)
{
    struct step s = {.in = NULL, .is_done = c->kind == JP_COMPRESSION_NONE};
    while (!s.is_done) {
        if (step(c, &s, true, err) != 0)
            return -1;
    }
    return 0;
}
