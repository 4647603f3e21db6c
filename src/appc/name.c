/* Hand-written matchers for the two regular expressions of types.md, and quoting for messages. */
#include "appc/name.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* ^[a-z0-9]+([SEPARATORS][a-z0-9]+)*$ */
static bool matches(const char *text, const char *separators)
{
    bool after_word = false;
    size_t i = 0;
    for (; i <= JP_NAME_MAX && text[i]; i++) {
        if (is_lower_or_digit(text[i]))
            after_word = true;
        else if (after_word && strchr(separators, text[i]))
            after_word = false;
        else
            return false;
    }
    return after_word && i <= JP_NAME_MAX;
}

bool jp_ac_identifier_valid(const char *text)
{
    return matches(text, "-._~/");
}

bool jp_ac_name_valid(const char *text)
{
    return matches(text, "-");
}

bool jp_environment_name_valid(const char *text)
{
    if (!*text || (*text >= '0' && *text <= '9') || *text == '.' || *text == '-')
        return false;
    for (const char *c = text; *c; c++) {
        bool is_upper = *c >= 'A' && *c <= 'Z';
        if (!is_upper && !is_lower_or_digit(*c) && !strchr("_.-", *c))
            return false;
    }
    return true;
}

int jp_ac_identifier_check(const char *text, struct jp_error *err)
{
    if (jp_ac_identifier_valid(text))
        return 0;
    return jp_fail(err, JP_EINVALID, 0,
                   "'%s' is not an AC Identifier (lower-case letters and digits, single - . _ ~ / "
                   "between them)",
                   jp_show(text).text);
}

int jp_ac_name_check(const char *text, struct jp_error *err)
{
    if (jp_ac_name_valid(text))
        return 0;
    return jp_fail(err, JP_EINVALID, 0,
                   "'%s' is not an AC Name (lower-case letters and digits, single hyphens between "
                   "them)",
                   jp_show(text).text);
}

int jp_environment_name_check(const char *text, struct jp_error *err)
{
    if (jp_environment_name_valid(text))
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not the name of an environment variable",
                   jp_show(text).text);
}

char *jp_ac_name_from(const char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        len--;
    size_t start = len;
    while (start > 0 && text[start - 1] != '/')
        start--;

    char *name = jp_alloc(len - start + sizeof("app"));
    if (!name)
        return NULL;
    size_t n = 0;
    for (size_t i = start; i < len && n < JP_NAME_MAX; i++) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (is_lower_or_digit(c))
            name[n++] = c;
        else if (n > 0 && name[n - 1] != '-')
            name[n++] = '-';
    }
    while (n > 0 && name[n - 1] == '-')
        n--;
    name[n] = '\0';
    return n > 0 ? name : memcpy(name, "app", sizeof("app"));
}

/* Appends one byte of foreign text, escaped when needed; false when it has no room. */
static bool show_byte(struct jp_shown *out, size_t *len, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    const size_t room = sizeof(out->text) - sizeof("\\xff...");
    if (*len >= room)
        return false;
    if (c >= 0x20 && c != 0x7f && c != '\\' && c < 0x80) {
        out->text[(*len)++] = (char)c;
        return true;
    }
    out->text[(*len)++] = '\\';
    if (c == '\\') {
        out->text[(*len)++] = '\\';
        return true;
    }
    out->text[(*len)++] = 'x';
    out->text[(*len)++] = digits[c >> 4];
    out->text[(*len)++] = digits[c & 15];
    return true;
}

struct jp_shown jp_show(const char *text)
{
    struct jp_shown out;
    size_t len = 0;
    for (const char *c = text ? text : ""; *c; c++) {
        if (c - text < 60 && show_byte(&out, &len, (unsigned char)*c))
            continue;
        memcpy(out.text + len, "...", 3);
        len += 3;
        break;
    }
    out.text[len] = '\0';
    return out;
}
