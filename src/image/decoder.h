/*
 * What a decompressor is to image/stream.c. One file each: decode_gzip.c, decode_bzip2.c,
 * decode_xz.c, decode_zstd.c.
 */
#ifndef JP_IMAGE_DECODER_H
#define JP_IMAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct jp_decode {
    const unsigned char *in; /* moved on by what was used */
    size_t in_len;
    bool in_ended; /* nothing comes after `in` */
    unsigned char *out;
    size_t out_len;
};

struct jp_decoder {
    const char *name;
    void *(*open)(struct jp_error *err);
    /*
     * Uses input, makes output, both as far as possible. 1 when everything is decoded and checked
     * (only when in_ended and nothing is left), 0 to be called again, -1. A decoder that can do
     * nothing more although the input has ended says "truncated".
     */
    int (*run)(void *state, struct jp_decode *io, struct jp_error *err);
    void (*close)(void *state);
};

extern const struct jp_decoder jp_decoder_gzip;
extern const struct jp_decoder jp_decoder_bzip2;
extern const struct jp_decoder jp_decoder_xz;
extern const struct jp_decoder jp_decoder_zstd;

/* The errors that all share. Both return -1. */
int jp_decode_truncated(const char *name, struct jp_error *err);
int jp_decode_damaged(const char *name, const char *why, struct jp_error *err);

#endif
