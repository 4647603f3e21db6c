/*
 * gzip members (RFC 1952): header, deflate stream, CRC-32 and length. The header is read byte by
 * byte by a little state machine, because it may be cut anywhere by the pieces of the input.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/decoder.h"
#include "image/inflate.h"

enum {
    FLAG_CRC = 0x02,
    FLAG_EXTRA = 0x04,
    FLAG_NAME = 0x08,
    FLAG_COMMENT = 0x10,
    FLAG_RESERVED = 0xe0,
};

#define TEXT_MAX 65536U /* bytes of a name or comment in the header */

enum state {
    FIXED,      /* ten bytes */
    EXTRA_SIZE, /* two bytes */
    EXTRA,
    NAME,
    COMMENT,
    HEADER_CRC, /* two bytes */
    BODY,
    TRAILER, /* eight bytes */
    BETWEEN, /* after a member: another one, zeros, or the end */
    ZEROS,   /* nothing but zeros may follow */
};

struct gzip {
    struct jp_inflater *inflater;
    enum state state;
    unsigned flags;
    unsigned char field[10];
    size_t have;     /* bytes of the field, or of the text */
    size_t extra;    /* bytes of the extra field */
    uint32_t crc;    /* of the content */
    uint32_t length; /* of the content, modulo 2^32 */
    uint32_t header_crc;
    unsigned char spare[JP_INFLATE_SPARE];
    size_t spare_at, n_spare;
};

static void *gzip_open(struct jp_error *err)
{
    struct gzip *g = jp_calloc(1, sizeof(*g));
    if (g)
        g->inflater = jp_inflater_new();
    if (!g || !g->inflater) {
        free(g);
        (void)jp_oom(err);
        return NULL;
    }
    return g;
}

static void gzip_close(void *state)
{
    struct gzip *g = state;
    if (g)
        jp_inflater_free(g->inflater);
    free(g);
}

static bool next_byte(struct gzip *g, struct jp_decode *io, unsigned char *ret)
{
    if (g->spare_at < g->n_spare) {
        *ret = g->spare[g->spare_at++];
        return true;
    }
    if (io->in_len == 0)
        return false;
    *ret = *io->in++;
    io->in_len--;
    return true;
}

/* Goes to the next part of the header that this member has. */
static void enter(struct gzip *g, enum state state)
{
    static const unsigned needs[] = {
        [EXTRA_SIZE] = FLAG_EXTRA, [EXTRA] = FLAG_EXTRA,    [NAME] = FLAG_NAME,
        [COMMENT] = FLAG_COMMENT,  [HEADER_CRC] = FLAG_CRC,
    };
    while (state < BODY && state > FIXED && !(g->flags & needs[state]))
        state++;
    if (state == EXTRA && g->extra == 0) {
        enter(g, NAME);
        return;
    }
    g->state = state;
    g->have = 0;
    if (state == FIXED) {
        g->header_crc = 0;
        g->crc = 0;
        g->length = 0;
        jp_inflater_reset(g->inflater);
    }
}

static uint32_t little(const unsigned char *p, size_t width)
{
    uint32_t v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static int fixed_done(struct gzip *g, struct jp_error *err)
{
    g->flags = g->field[3];
    if (g->field[0] != 0x1f || g->field[1] != 0x8b || g->field[2] != 8 ||
        (g->flags & FLAG_RESERVED))
        return jp_decode_damaged("gzip", "its header is invalid", err);
    enter(g, EXTRA_SIZE);
    return 0;
}

static int trailer_done(struct gzip *g, struct jp_error *err)
{
    if (little(g->field, 4) != g->crc)
        return jp_decode_damaged("gzip", "the CRC differs", err);
    if (little(g->field + 4, 4) != g->length)
        return jp_decode_damaged("gzip", "the length differs", err);
    g->state = BETWEEN;
    return 0;
}

static int field_byte(struct gzip *g, unsigned char c, size_t size, struct jp_error *err)
{
    g->field[g->have++] = c;
    if (g->have < size)
        return 0;
    if (g->state == FIXED)
        return fixed_done(g, err);
    if (g->state == TRAILER)
        return trailer_done(g, err);
    if (g->state == EXTRA_SIZE) {
        g->extra = little(g->field, 2);
        enter(g, EXTRA);
        return 0;
    }
    if (little(g->field, 2) != (g->header_crc & 0xffff))
        return jp_decode_damaged("gzip", "the CRC of its header differs", err);
    enter(g, BODY);
    return 0;
}

static int text_byte(struct gzip *g, unsigned char c, struct jp_error *err)
{
    g->have++;
    bool ended = g->state == EXTRA ? g->have == g->extra : c == '\0';
    if (ended)
        enter(g, g->state + 1);
    else if (g->have > TEXT_MAX)
        return jp_decode_damaged("gzip", "its header is too long", err);
    return 0;
}

static int between_byte(struct gzip *g, unsigned char c, struct jp_error *err)
{
    if (g->state == BETWEEN && c == 0x1f) {
        enter(g, FIXED);
        g->header_crc = jp_crc32(0, &c, 1);
        return field_byte(g, c, 10, err);
    }
    if (c != 0)
        return jp_decode_damaged("gzip", "something else follows its end", err);
    g->state = ZEROS;
    return 0;
}

/* Everything but the deflate stream. */
static int one_byte(struct gzip *g, unsigned char c, struct jp_error *err)
{
    static const size_t sizes[] = {[FIXED] = 10, [EXTRA_SIZE] = 2, [HEADER_CRC] = 2, [TRAILER] = 8};
    if (g->state < HEADER_CRC)
        g->header_crc = jp_crc32(g->header_crc, &c, 1);
    switch (g->state) {
    case EXTRA:
    case NAME:
    case COMMENT:
        return text_byte(g, c, err);
    case BETWEEN:
    case ZEROS:
        return between_byte(g, c, err);
    default:
        return field_byte(g, c, sizes[g->state], err);
    }
}

static int body(struct gzip *g, struct jp_decode *io, struct jp_error *err)
{
    struct jp_inflate inflate = {
        .in = io->in, .in_len = io->in_len, .out = io->out, .out_len = io->out_len};
    bool from_spare = g->spare_at < g->n_spare; /* a tiny member: the next one was read ahead */
    if (from_spare) {
        inflate.in = g->spare + g->spare_at;
        inflate.in_len = g->n_spare - g->spare_at;
    }
    int r = jp_inflater_run(g->inflater, &inflate);
    if (r < 0)
        return jp_decode_damaged("gzip", "its data are invalid", err);
    size_t made = io->out_len - inflate.out_len;
    g->crc = jp_crc32(g->crc, io->out, made);
    g->length += (uint32_t)made;
    io->out = inflate.out;
    io->out_len = inflate.out_len;
    if (from_spare) {
        g->spare_at = g->n_spare - inflate.in_len;
    } else {
        io->in = inflate.in;
        io->in_len = inflate.in_len;
    }
    if (r == 0)
        return 0;
    /* What the inflater gives back stands before what it has not yet seen. */
    size_t unseen = from_spare ? g->n_spare - g->spare_at : 0;
    unsigned char rest[2 * JP_INFLATE_SPARE];
    memcpy(rest, inflate.spare, inflate.n_spare);
    memcpy(rest + inflate.n_spare, g->spare + g->spare_at, unseen);
    if (inflate.n_spare + unseen > JP_INFLATE_SPARE)
        return jp_decode_damaged("gzip", "its data are invalid", err);
    g->n_spare = inflate.n_spare + unseen;
    g->spare_at = 0;
    memcpy(g->spare, rest, g->n_spare);
    g->state = TRAILER;
    g->have = 0;
    return 0;
}

static int gzip_run(void *state, struct jp_decode *io, struct jp_error *err)
{
    struct gzip *g = state;
    unsigned char c = 0;
    while (io->out_len > 0) {
        if (g->state == BODY) {
            size_t in_before = io->in_len;
            size_t out_before = io->out_len;
            if (body(g, io, err) != 0)
                return -1;
            bool stuck = in_before == io->in_len && out_before == io->out_len;
            if (g->state == BODY && stuck && g->spare_at == g->n_spare)
                break;
            continue;
        }
        if (!next_byte(g, io, &c))
            break;
        if (one_byte(g, c, err) != 0)
            return -1;
    }
    if (!io->in_ended || io->in_len || g->spare_at < g->n_spare || io->out_len == 0)
        return 0;
    if (g->state == BETWEEN || g->state == ZEROS)
        return 1;
    return jp_decode_truncated("gzip", err);
}

const struct jp_decoder jp_decoder_gzip = {"gzip", gzip_open, gzip_run, gzip_close};
