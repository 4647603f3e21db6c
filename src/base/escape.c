#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* The bytes of a character in UTF-8 (2 to 4), in its shortest form; 0 when it is none. */
static size_t decode(const unsigned char *at, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = (at[0] & 0xe0) == 0xc0   ? 2
                 : (at[0] & 0xf0) == 0xe0 ? 3
                 : (at[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (len == 0)
        return 0;
    *ret = at[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) { /* a NUL stops it */
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *ret = *ret << 6 | (at[i] & 0x3fU);
    }
    return *ret >= least[len] && *ret <= 0x10ffff ? len : 0;
}

/* Characters that are not seen, or that move others. */
static bool is_tricky(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x80, 0xa0},     /* control characters, the space that is none */
        {0xad, 0xad},     /* soft hyphen */
        {0x300, 0x36f},   /* marks that pile up on what is before */
        {0x61c, 0x61c},   /* direction */
        {0x115f, 0x1160}, /* fillers */
        {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x1ab0, 0x1aff},    {0x1dc0, 0x1dff},
        {0x2000, 0x200f}, /* spaces, joiners, direction */
        {0x2028, 0x202f}, /* ends of lines, direction */
        {0x205f, 0x206f}, {0x20d0, 0x20ff},   {0x3000, 0x3000},    {0x3164, 0x3164},
        {0xd800, 0xf8ff}, /* halves, private ones */
        {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},   {0xfeff, 0xfeff},    {0xffa0, 0xffa0},
        {0xfff0, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
    };
    for (size_t i = 0; i < JP_LEN(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

char *jp_escape(const char *text)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        uint32_t c = 0;
        size_t len = decode(at, &c);
        if (*at == '\\') {
            jp_buf_puts(&out, "\\\\");
            at++;
        } else if (*at >= ' ' && *at < 127) {
            jp_buf_putc(&out, (char)*at++);
        } else if (len > 0 && !is_tricky(c)) {
            jp_buf_add(&out, at, len);
            at += len;
        } else {
            jp_buf_printf(&out, "\\x%02x", *at++);
        }
    }
    return out.len > 0 || jp_buf_failed(&out) ? jp_buf_steal(&out) : jp_memdup0("", 0);
}

char *jp_shell_word(const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/:._%@+-";
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    if (*text && text[strspn(text, plain)] == '\0')
        return jp_strdup(text);
    jp_buf_putc(&out, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'')
            jp_buf_puts(&out, "'\"'\"'");
        else
            jp_buf_putc(&out, *c);
    }
    jp_buf_putc(&out, '\'');
    return jp_buf_steal(&out);
}
