/* zstd: frames one after the other; the window is limited, checksums are the library's. */
#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "image/decoder.h"

#define WINDOW_LOG_MAX 27 /* 128 MiB, what zstd itself accepts without being asked */

struct zstd {
    ZSTD_DCtx *context;
    bool in_frame;
};

static void zstd_close(void *state)
{
    struct zstd *z = state;
    if (z)
        (void)ZSTD_freeDCtx(z->context);
    free(z);
}

static void *zstd_open(struct jp_error *err)
{
    struct zstd *z = jp_calloc(1, sizeof(*z));
    if (z)
        z->context = ZSTD_createDCtx();
    if (!z || !z->context ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        zstd_close(z);
        (void)jp_oom(err);
        return NULL;
    }
    return z;
}

static int zstd_run(void *state, struct jp_decode *io, struct jp_error *err)
{
    struct zstd *z = state;
    while (io->out_len > 0) {
        if (!z->in_frame && io->in_len == 0)
            return io->in_ended ? 1 : 0;
        ZSTD_inBuffer in = {.src = io->in, .size = io->in_len};
        ZSTD_outBuffer out = {.dst = io->out, .size = io->out_len};
        size_t r = ZSTD_decompressStream(z->context, &out, &in);
        io->in += in.pos;
        io->in_len -= in.pos;
        io->out += out.pos;
        io->out_len -= out.pos;
        if (ZSTD_isError(r))
            return jp_decode_damaged("zstd", ZSTD_getErrorName(r), err);
        z->in_frame = r != 0;
        if (z->in_frame && in.pos == 0 && out.pos == 0)
            return io->in_ended ? jp_decode_truncated("zstd", err) : 0;
    }
    return 0;
}

const struct jp_decoder jp_decoder_zstd = {"zstd", zstd_open, zstd_run, zstd_close};
