/*
 * Raw deflate streams, by ISA-L where it was found at build time (inflating is the wall of an
 * import: 0.6 s against zlib's 2.1 s for the same file), else by zlib.
 */
#ifndef JP_IMAGE_INFLATE_H
#define JP_IMAGE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JP_INFLATE_SPARE 8U

struct jp_inflate {
    const unsigned char *in;
    size_t in_len;
    unsigned char *out;
    size_t out_len;
    /* At the end of a stream: bytes that were taken in but belong to what follows it. */
    unsigned char spare[JP_INFLATE_SPARE];
    size_t n_spare;
};

struct jp_inflater;

struct jp_inflater *jp_inflater_new(void);
void jp_inflater_free(struct jp_inflater *inflater);
void jp_inflater_reset(struct jp_inflater *inflater);
/* 1 at the end of the deflate stream, 0 when more input or room is needed, -1 damaged. */
int jp_inflater_run(struct jp_inflater *inflater, struct jp_inflate *io);

/* CRC-32 of gzip, continued from `crc` (0 at the start). */
uint32_t jp_crc32(uint32_t crc, const unsigned char *bytes, size_t len);

#endif
