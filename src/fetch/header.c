#include "fetch/header.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"

#define DIGITS "0123456789"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *jp_header_read(const char *line, size_t len, bool *is_header)
{
    const char *colon = memchr(line, ':', len);
    const char *end = line + len;
    *is_header = colon != NULL && colon > line && !is_blank(*line);
    if (!*is_header)
        return NULL;
    const char *value = colon + 1;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    char *text = jp_format("%.*s: %.*s", (int)(colon - line), line, (int)(end - value), value);
    for (char *p = text; p && *p && *p != ':'; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    return text;
}

const char *jp_header_value(const struct jp_strv *headers, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < headers->count; i++) {
        const char *header = headers->items[i];
        if (strncmp(header, name, len) == 0 && header[len] == ':')
            return header + len + 1 + strspn(header + len + 1, " \t");
    }
    return NULL;
}

/* DQUOTE *etagc DQUOTE: no blank, no control character, no quote in between. */
const char *jp_header_strong_etag(const struct jp_strv *headers)
{
    const char *etag = jp_header_value(headers, "etag");
    if (!etag || *etag != '"')
        return NULL;
    const char *p = etag + 1;
    while ((unsigned char)*p > ' ' && *p != '"' && *p != 0x7f)
        p++;
    return p[0] == '"' && p[1] == '\0' ? etag : NULL;
}

/* The number that ends with that character, which is skipped. */
static bool take_number(const char **at, char end, uint64_t *ret)
{
    char digits[24];
    size_t len = strspn(*at, DIGITS);
    if (len >= sizeof(digits) || (*at)[len] != end)
        return false;
    memcpy(digits, *at, len);
    digits[len] = '\0';
    *at += len + (end != '\0');
    return jp_parse_u64(digits, 10, 0, UINT64_MAX, ret);
}

bool jp_header_range(const char *text, struct jp_range *ret)
{
    static const char unit[] = "bytes ";
    struct jp_range range;
    if (strncasecmp(text, unit, strlen(unit)) != 0)
        return false;
    text += strlen(unit);
    if (!take_number(&text, '-', &range.first) || !take_number(&text, '/', &range.last) ||
        !take_number(&text, '\0', &range.all))
        return false;
    if (range.first > range.last || range.last >= range.all)
        return false;
    *ret = range;
    return true;
}

/* What an answer says of its length, if it does, is the range's. */
static bool is_long_as(const struct jp_strv *headers, const struct jp_range *range)
{
    uint64_t length = 0;
    const char *text = jp_header_value(headers, "content-length");
    return !text || (jp_parse_u64(text, 10, 1, UINT64_MAX, &length) &&
                     length - 1 == range->last - range->first);
}

bool jp_header_is_rest(const struct jp_strv *headers, const struct jp_beginning *beginning,
                       uint64_t *ret_all)
{
    struct jp_range range;
    const char *etag = jp_header_strong_etag(headers);
    const char *text = jp_header_value(headers, "content-range");
    if (!etag || strcmp(etag, beginning->etag) != 0 || !text || !jp_header_range(text, &range))
        return false;
    if (range.first != beginning->size || range.last != range.all - 1 ||
        (beginning->all != 0 && range.all != beginning->all) || !is_long_as(headers, &range))
        return false;
    *ret_all = range.all;
    return true;
}
