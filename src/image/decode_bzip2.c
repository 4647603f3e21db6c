/* bzip2: several streams may follow each other; block and stream CRCs are the library's. */
#include <bzlib.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/decoder.h"

struct bzip2 {
    bz_stream bz;
    bool is_open;
};

static void *bzip2_open(struct jp_error *err)
{
    struct bzip2 *b = jp_calloc(1, sizeof(*b));
    if (!b)
        (void)jp_oom(err);
    return b;
}

static void bzip2_close(void *state)
{
    struct bzip2 *b = state;
    if (b && b->is_open)
        (void)BZ2_bzDecompressEnd(&b->bz);
    free(b);
}

static int start(struct bzip2 *b, struct jp_error *err)
{
    b->bz = (bz_stream){.next_in = NULL};
    if (BZ2_bzDecompressInit(&b->bz, 0, 0) != BZ_OK)
        return jp_oom(err);
    b->is_open = true;
    return 0;
}

static int step(struct bzip2 *b, struct jp_decode *io)
{
    unsigned in_len = io->in_len < UINT_MAX ? (unsigned)io->in_len : UINT_MAX;
    unsigned out_len = io->out_len < UINT_MAX ? (unsigned)io->out_len : UINT_MAX;
    b->bz.next_in = (char *)(uintptr_t)io->in; /* only read from */
    b->bz.avail_in = in_len;
    b->bz.next_out = (char *)io->out;
    b->bz.avail_out = out_len;
    int r = BZ2_bzDecompress(&b->bz);
    io->in += in_len - b->bz.avail_in;
    io->in_len -= in_len - b->bz.avail_in;
    io->out += out_len - b->bz.avail_out;
    io->out_len -= out_len - b->bz.avail_out;
    return r;
}

static int bzip2_run(void *state, struct jp_decode *io, struct jp_error *err)
{
    struct bzip2 *b = state;
    while (io->out_len > 0) {
        if (!b->is_open && io->in_len == 0)
            return io->in_ended ? 1 : 0;
        if (!b->is_open && start(b, err) != 0)
            return -1;
        size_t in_before = io->in_len;
        size_t out_before = io->out_len;
        int r = step(b, io);
        if (r == BZ_STREAM_END) {
            (void)BZ2_bzDecompressEnd(&b->bz);
            b->is_open = false;
            continue;
        }
        if (r != BZ_OK)
            return r == BZ_MEM_ERROR ? jp_oom(err)
                                     : jp_decode_damaged("bzip2", "its data are invalid", err);
        if (in_before == io->in_len && out_before == io->out_len)
            return io->in_ended ? jp_decode_truncated("bzip2", err) : 0;
    }
    return 0;
}

const struct jp_decoder jp_decoder_bzip2 = {"bzip2", bzip2_open, bzip2_run, bzip2_close};
