#include "mds/form.h"

#include <string.h>

#include "base/parse.h"

long jp_form_decode(char *text, size_t len, bool is_form)
{
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            char digits[3] = {0};
            if (len - i < 3)
                return -1;
            memcpy(digits, text + i + 1, 2);
            if (!jp_hex_decode(digits, &c, 1))
                return -1;
            i += 2;
        } else if (c == '+' && is_form) {
            c = ' ';
        }
        text[to++] = c;
    }
    return (long)to;
}

static bool read_field(char *field, size_t len, const char *const *names, struct jp_form_field *ret,
                       size_t count)
{
    char *equals = memchr(field, '=', len);
    size_t name_len = equals ? (size_t)(equals - field) : len;
    char *value = equals ? equals + 1 : field + len;
    long name_decoded = jp_form_decode(field, name_len, true);
    long decoded = jp_form_decode(value, len - (size_t)(value - field), true);
    if (name_decoded < 0 || decoded < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) != (size_t)name_decoded ||
            memcmp(names[i], field, (size_t)name_decoded) != 0)
            continue;
        if (ret[i].is_there)
            return false;
        ret[i] = (struct jp_form_field){value, (size_t)decoded, true};
    }
    return true;
}

bool jp_form_read(char *body, size_t len, const char *const *names, struct jp_form_field *ret,
                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct jp_form_field){NULL, 0, false};
    for (size_t at = 0; at < len;) {
        char *end = memchr(body + at, '&', len - at);
        size_t field_len = end ? (size_t)(end - body) - at : len - at;
        if (field_len > 0 && !read_field(body + at, field_len, names, ret, count))
            return false;
        at += field_len + 1;
    }
    return true;
}
