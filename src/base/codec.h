/*
 * A small binary format for data that our own programs hand to each other: the plan (stage 0 to
 * stage 1), the shim's orders (stage 1 to stage 2), the messages of the control socket.
 *
 * One walk serves both directions: a structure has one function that names its fields in order,
 * called with a codec that either writes or reads. Integers are little-endian and of fixed size,
 * strings and bytes carry a 32-bit length, a string may be absent (NULL). Reading trusts nothing:
 * every length is checked against what is left and against JP_CODEC_MAX, every count against a
 * limit given by the caller, and the first error sticks. Values read are allocated and owned by
 * the structure, also when reading failed half-way, so that its clear function always works.
 */
#ifndef JP_BASE_CODEC_H
#define JP_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strv.h"

#define JP_CODEC_MAX (64U << 20) /* no string or byte field of ours comes near 64 MiB */

struct jp_codec {
    bool is_writing;
    bool failed;
    struct jp_buf *out;      /* writing: where to */
    const unsigned char *in; /* reading: what is left, not owned */
    size_t left;
};

struct jp_codec jp_codec_writer(struct jp_buf *out);
struct jp_codec jp_codec_reader(const void *bytes, size_t len);

void jp_codec_u8(struct jp_codec *c, uint8_t *v);
void jp_codec_u32(struct jp_codec *c, uint32_t *v);
void jp_codec_u64(struct jp_codec *c, uint64_t *v);
void jp_codec_i64(struct jp_codec *c, int64_t *v);
void jp_codec_i32(struct jp_codec *c, int32_t *v);
void jp_codec_bool(struct jp_codec *c, bool *v);
/* A string without NUL inside, or NULL. */
void jp_codec_str(struct jp_codec *c, char **v);
void jp_codec_bytes(struct jp_codec *c, unsigned char **v, size_t *len);
/* At most `max` strings. */
void jp_codec_strv(struct jp_codec *c, struct jp_strv *v, size_t max);

/*
 * The count of an array of structures. Reading: fails above `max`, otherwise allocates
 * `*count` zeroed elements of `size` bytes to *array. The caller then walks each element.
 */
void jp_codec_array(struct jp_codec *c, void *array, size_t *count, size_t size, size_t max);

/* True when nothing failed and, when reading, every byte was used. */
bool jp_codec_done(const struct jp_codec *c);

#endif
