#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/inflate.h"

struct jp_inflater {
    struct inflate_state state;
};

struct jp_inflater *jp_inflater_new(void)
{
    struct jp_inflater *inflater = jp_calloc(1, sizeof(*inflater));
    if (inflater)
        jp_inflater_reset(inflater);
    return inflater;
}

void jp_inflater_free(struct jp_inflater *inflater)
{
    free(inflater);
}

void jp_inflater_reset(struct jp_inflater *inflater)
{
    isal_inflate_init(&inflater->state);
    inflater->state.crc_flag = ISAL_DEFLATE;
}

/* The library reads ahead into a bit buffer: whole bytes in it belong to the trailer. */
static void give_back(struct inflate_state *s, struct jp_inflate *io)
{
    size_t bits = s->read_in_length > 0 ? (size_t)s->read_in_length : 0;
    uint64_t ahead = s->read_in >> (bits % 8);
    io->n_spare = bits / 8;
    for (size_t i = 0; i < io->n_spare; i++)
        io->spare[i] = (unsigned char)(ahead >> (8 * i));
    s->read_in = 0;
    s->read_in_length = 0;
}

int jp_inflater_run(struct jp_inflater *inflater, struct jp_inflate *io)
{
    struct inflate_state *s = &inflater->state;
    uint32_t in_len = io->in_len < UINT32_MAX ? (uint32_t)io->in_len : UINT32_MAX;
    uint32_t out_len = io->out_len < UINT32_MAX ? (uint32_t)io->out_len : UINT32_MAX;
    s->next_in = (uint8_t *)(uintptr_t)io->in; /* only read from */
    s->avail_in = in_len;
    s->next_out = io->out;
    s->avail_out = out_len;
    int r = isal_inflate(s);
    io->in += in_len - s->avail_in;
    io->in_len -= in_len - s->avail_in;
    io->out += out_len - s->avail_out;
    io->out_len -= out_len - s->avail_out;
    io->n_spare = 0;
    if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT && r != ISAL_OUT_OVERFLOW)
        return -1;
    if (s->block_state != ISAL_BLOCK_FINISH)
        return 0;
    give_back(s, io);
    return 1;
}

uint32_t jp_crc32(uint32_t crc, const unsigned char *bytes, size_t len)
{
    return crc32_gzip_refl(crc, bytes, len);
}
