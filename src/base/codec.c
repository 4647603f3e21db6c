#include "base/codec.h"

#include <string.h>

#include "base/mem.h"

#define ABSENT UINT32_MAX /* the length of a NULL string */

struct jp_codec jp_codec_writer(struct jp_buf *out)
{
    return (struct jp_codec){.is_writing = true, .out = out};
}

struct jp_codec jp_codec_reader(const void *bytes, size_t len)
{
    return (struct jp_codec){.in = bytes, .left = len};
}

/* The next len bytes, or NULL after the end. */
static const unsigned char *next(struct jp_codec *c, size_t len)
{
    if (c->failed || len > c->left) {
        c->failed = true;
        return NULL;
    }
    const unsigned char *p = c->in;
    c->in += len;
    c->left -= len;
    return p;
}

static void integer(struct jp_codec *c, uint64_t *v, size_t width)
{
    if (c->is_writing) {
        unsigned char bytes[8];
        for (size_t i = 0; i < width; i++)
            bytes[i] = (unsigned char)(*v >> (8 * i));
        jp_buf_add(c->out, bytes, width);
        return;
    }
    const unsigned char *p = next(c, width);
    *v = 0;
    for (size_t i = 0; p && i < width; i++)
        *v |= (uint64_t)p[i] << (8 * i);
}

void jp_codec_u8(struct jp_codec *c, uint8_t *v)
{
    uint64_t wide = *v;
    integer(c, &wide, 1);
    *v = (uint8_t)wide;
}

void jp_codec_u32(struct jp_codec *c, uint32_t *v)
{
    uint64_t wide = *v;
    integer(c, &wide, 4);
    *v = (uint32_t)wide;
}

void jp_codec_u64(struct jp_codec *c, uint64_t *v)
{
    integer(c, v, 8);
}

void jp_codec_i64(struct jp_codec *c, int64_t *v)
{
    uint64_t wide = (uint64_t)*v;
    integer(c, &wide, 8);
    *v = (int64_t)wide;
}

void jp_codec_i32(struct jp_codec *c, int32_t *v)
{
    uint32_t wide = (uint32_t)*v;
    jp_codec_u32(c, &wide);
    *v = (int32_t)wide;
}

void jp_codec_bool(struct jp_codec *c, bool *v)
{
    uint8_t byte = *v ? 1 : 0;
    jp_codec_u8(c, &byte);
    if (byte > 1)
        c->failed = true;
    *v = byte == 1;
}

static void write_bytes(struct jp_codec *c, const void *bytes, size_t len)
{
    if (len > JP_CODEC_MAX) {
        c->failed = true;
        return;
    }
    uint32_t size = (uint32_t)len;
    jp_codec_u32(c, &size);
    jp_buf_add(c->out, bytes, len);
}

/* Reads a length and that many bytes into new memory with a NUL after; NULL when absent. */
static char *read_bytes(struct jp_codec *c, size_t *len)
{
    uint32_t size = 0;
    *len = 0;
    jp_codec_u32(c, &size);
    if (c->failed || size == ABSENT)
        return NULL;
    const unsigned char *p = size <= JP_CODEC_MAX ? next(c, size) : NULL;
    char *copy = p ? jp_memdup0(p, size) : NULL;
    if (!copy) {
        c->failed = true;
        return NULL;
    }
    *len = size;
    return copy;
}

void jp_codec_str(struct jp_codec *c, char **v)
{
    if (c->is_writing) {
        uint32_t absent = ABSENT;
        if (*v)
            write_bytes(c, *v, strlen(*v));
        else
            jp_codec_u32(c, &absent);
        return;
    }
    size_t len;
    char *text = read_bytes(c, &len);
    if (text && strlen(text) != len)
        c->failed = true;
    free(*v);
    *v = text;
}

void jp_codec_bytes(struct jp_codec *c, unsigned char **v, size_t *len)
{
    if (c->is_writing) {
        write_bytes(c, *v, *len);
        return;
    }
    free(*v);
    *v = (unsigned char *)read_bytes(c, len);
}

void jp_codec_strv(struct jp_codec *c, struct jp_strv *v, size_t max)
{
    uint32_t count = (uint32_t)v->count;
    if (v->count > max)
        c->failed = true;
    jp_codec_u32(c, &count);
    if (c->is_writing) {
        for (size_t i = 0; i < v->count; i++)
            jp_codec_str(c, &v->items[i]);
        return;
    }
    jp_strv_clear(v);
    if (count > max)
        c->failed = true;
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        char *text = NULL;
        jp_codec_str(c, &text);
        if (jp_strv_add_owned(v, text) < 0)
            c->failed = true;
    }
}

void jp_codec_array(struct jp_codec *c, void *array, size_t *count, size_t size, size_t max)
{
    uint32_t wide = (uint32_t)*count;
    if (c->is_writing && *count > max)
        c->failed = true;
    jp_codec_u32(c, &wide);
    if (c->is_writing)
        return;
    *count = 0;
    void *items = NULL;
    if (wide > max)
        c->failed = true;
    if (!c->failed && wide > 0) {
        items = jp_calloc(wide, size);
        if (items)
            *count = wide;
        else
            c->failed = true;
    }
    memcpy(array, &items, sizeof(items));
}

bool jp_codec_done(const struct jp_codec *c)
{
    if (c->is_writing)
        return !c->failed && !jp_buf_failed(c->out);
    return !c->failed && c->left == 0;
}
