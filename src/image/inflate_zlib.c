#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "image/inflate.h"

struct jp_inflater {
    z_stream z;
};

struct jp_inflater *jp_inflater_new(void)
{
    struct jp_inflater *inflater = jp_calloc(1, sizeof(*inflater));
    if (!inflater)
        return NULL;
    if (inflateInit2(&inflater->z, -MAX_WBITS) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void jp_inflater_free(struct jp_inflater *inflater)
{
    if (inflater)
        (void)inflateEnd(&inflater->z);
    free(inflater);
}

void jp_inflater_reset(struct jp_inflater *inflater)
{
    (void)inflateReset(&inflater->z);
}

int jp_inflater_run(struct jp_inflater *inflater, struct jp_inflate *io)
{
    z_stream *z = &inflater->z;
    uInt in_len = io->in_len < UINT_MAX ? (uInt)io->in_len : UINT_MAX;
    uInt out_len = io->out_len < UINT_MAX ? (uInt)io->out_len : UINT_MAX;
    z->next_in = (Bytef *)(uintptr_t)io->in; /* only read from */
    z->avail_in = in_len;
    z->next_out = io->out;
    z->avail_out = out_len;
    int r = inflate(z, Z_NO_FLUSH);
    io->in += in_len - z->avail_in;
    io->in_len -= in_len - z->avail_in;
    io->out += out_len - z->avail_out;
    io->out_len -= out_len - z->avail_out;
    io->n_spare = 0;
    if (r == Z_STREAM_END)
        return 1;
    return r == Z_OK || r == Z_BUF_ERROR ? 0 : -1;
}

uint32_t jp_crc32(uint32_t crc, const unsigned char *bytes, size_t len)
{
    return (uint32_t)crc32_z(crc, bytes, len);
}
