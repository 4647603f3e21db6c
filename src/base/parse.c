#include "base/parse.h"

#include <string.h>

#include "base/macros.h"

bool jp_parse_u64(const char *text, int base, uint64_t min, uint64_t max, uint64_t *ret)
{
    if (!text || !*text)
        return false;
    uint64_t value = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p >= '0' + base)
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    }
    if (value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool jp_list_has(const char *list, const char *word, size_t word_len)
{
    for (const char *p = list; *p != '\0'; p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len == word_len && memcmp(p, word, len) == 0)
            return true;
        p += len;
    }
    return false;
}

void jp_hex_encode(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * len] = '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool jp_hex_decode(const char *text, void *bytes, size_t len)
{
    unsigned char *b = bytes;
    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        b[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool jp_utf8_valid(const char *text)
{
    /* First bytes from..to, bytes that follow, and the range of the first of these (RFC 3629). */
    static const struct {
        unsigned char from, to, n, low, high;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
        {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
        {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
    };
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t i = 0;
        while (i < JP_LEN(forms) && (*c < forms[i].from || *c > forms[i].to))
            i++;
        if (i == JP_LEN(forms) || (forms[i].n > 0 && (c[1] < forms[i].low || c[1] > forms[i].high)))
            return false;
        for (unsigned k = 2; k <= forms[i].n; k++)
            if (c[k] < 0x80 || c[k] > 0xbf)
                return false;
        c += 1U + forms[i].n;
    }
    return true;
}
