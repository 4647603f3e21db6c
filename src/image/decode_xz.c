/*
 * xz: liblzma checks blocks, index, padding and concatenated streams. Blocks are decoded in
 * parallel where the file has sizes in its block headers (xz -T writes them) and the library is new
 * enough.
 */
#include <lzma.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/decoder.h"
#include "image/stream.h"

#define THREADS 2U

struct xz {
    lzma_stream lzma;
};

static lzma_ret start(lzma_stream *lzma)
{
#ifdef JP_HAVE_LZMA_MT
    lzma_mt options = {
        .flags = LZMA_CONCATENATED,
        .threads = THREADS,
        .memlimit_threading = JP_STREAM_XZ_THREADS_MEMORY,
        .memlimit_stop = JP_STREAM_XZ_MEMORY,
    };
    return lzma_stream_decoder_mt(lzma, &options);
#else
    return lzma_stream_decoder(lzma, JP_STREAM_XZ_MEMORY, LZMA_CONCATENATED);
#endif
}

static void *xz_open(struct jp_error *err)
{
    struct xz *x = jp_calloc(1, sizeof(*x));
    if (x) {
        x->lzma = (lzma_stream)LZMA_STREAM_INIT;
        if (start(&x->lzma) == LZMA_OK)
            return x;
    }
    free(x);
    (void)jp_oom(err);
    return NULL;
}

static void xz_close(void *state)
{
    struct xz *x = state;
    if (x)
        lzma_end(&x->lzma);
    free(x);
}

static int failed(lzma_ret r, struct jp_error *err)
{
    if (r == LZMA_MEM_ERROR)
        return jp_oom(err);
    if (r == LZMA_MEMLIMIT_ERROR)
        return jp_fail(err, JP_ELIMIT, 0, "the xz stream needs more than %llu MiB of memory",
                       (unsigned long long)(JP_STREAM_XZ_MEMORY >> 20));
    if (r == LZMA_BUF_ERROR)
        return jp_decode_truncated("xz", err);
    if (r == LZMA_FORMAT_ERROR)
        return jp_decode_damaged("xz", "something else follows its end", err);
    if (r == LZMA_OPTIONS_ERROR)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "the xz stream uses options that are not known");
    return jp_decode_damaged("xz", "its data are invalid", err);
}

static int xz_run(void *state, struct jp_decode *io, struct jp_error *err)
{
    struct xz *x = state;
    x->lzma.next_in = io->in;
    x->lzma.avail_in = io->in_len;
    x->lzma.next_out = io->out;
    x->lzma.avail_out = io->out_len;
    lzma_ret r = lzma_code(&x->lzma, io->in_ended ? LZMA_FINISH : LZMA_RUN);
    io->in = x->lzma.next_in;
    io->in_len = x->lzma.avail_in;
    io->out = x->lzma.next_out;
    io->out_len = x->lzma.avail_out;
    if (r == LZMA_STREAM_END)
        return 1;
    if (r == LZMA_OK || (r == LZMA_BUF_ERROR && (!io->in_ended || io->out_len == 0)))
        return 0;
    return failed(r, err);
}

const struct jp_decoder jp_decoder_xz = {"xz", xz_open, xz_run, xz_close};
