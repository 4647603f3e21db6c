/*
 * Text and trees. jansson parses; what it would let through or do without bounds is refused before
 * it sees a byte: size, depth (its parser recurses), a byte order mark. The printer is ours: it
 * writes real numbers as short as they were (0.3, not 0.29999999999999999), and appends to a
 * buffer. Answers the attacks of hostile JSON: duplicate keys that two readers understand
 * differently (CVE-2013-6401 is about their hashing), NUL, nesting, trailing data.
 */
#include "appc/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "appc/name.h"

/* Depth by counting brackets outside strings; what is not JSON is left to the parser. */
static int check_depth(const char *text, size_t len, struct jp_error *err)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JP_JSON_DEPTH_MAX)
                return jp_fail(err, JP_ELIMIT, 0, "JSON is nested deeper than %d levels",
                               JP_JSON_DEPTH_MAX);
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        }
    }
    return 0;
}

int jp_json_load_value(const char *text, size_t len, size_t max, json_t **ret, struct jp_error *err)
{
    if (len > max)
        return jp_fail(err, JP_ELIMIT, 0, "JSON is %zu bytes long; the limit is %zu", len, max);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return jp_fail(err, JP_EINVALID, 0, "JSON begins with a byte order mark");
    /* jansson 2.14 skips a NUL behind a number: {"a":1\0} passed. */
    if (len > 0 && memchr(text, '\0', len))
        return jp_fail(err, JP_EINVALID, 0, "JSON contains a NUL byte");
    if (check_depth(text, len, err) < 0)
        return -1;
    json_error_t why;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!root) {
        if (json_error_code(&why) == json_error_out_of_memory)
            return jp_oom(err);
        return jp_fail(err, JP_EINVALID, 0, "not valid JSON: line %d, column %d: %s", why.line,
                       why.column, jp_show(why.text).text);
    }
    *ret = root;
    return 0;
}

int jp_json_load(const char *text, size_t len, size_t max, json_t **ret, struct jp_error *err)
{
    json_t *root;
    if (jp_json_load_value(text, len, max, &root, err) < 0)
        return -1;
    if (!json_is_object(root)) {
        json_decref(root);
        return jp_fail(err, JP_EINVALID, 0, "the JSON text is not an object");
    }
    *ret = root;
    return 0;
}

static void dump_string(const char *text, size_t len, struct jp_buf *out)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    jp_buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *escape = NULL;
        for (size_t k = 0; k + 1 < sizeof(named) && !escape; k += 2) {
            if ((unsigned char)named[k] == c)
                escape = &named[k + 1];
        }
        if (escape)
            jp_buf_printf(out, "\\%c", *escape);
        else if (c < 0x20 || c == 0x7f)
            jp_buf_printf(out, "\\u%04x", c);
        else
            jp_buf_putc(out, (char)c);
    }
    jp_buf_putc(out, '"');
}

/* The shortest of 15 to 17 digits that reads back as the same number, always with '.' or 'e'. */
static void dump_real(double value, struct jp_buf *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    for (char *c = text; *c; c++) {
        if (*c == ',') /* some locales' decimal point */
            *c = '.';
    }
    jp_buf_puts(out, text);
    if (!strpbrk(text, ".e"))
        jp_buf_puts(out, ".0");
}

static void new_line(bool pretty, int depth, struct jp_buf *out)
{
    if (pretty)
        jp_buf_printf(out, "\n%*s", depth * 2, "");
}

static void dump(const json_t *value, bool pretty, int depth, struct jp_buf *out);

static void dump_array(const json_t *array, bool pretty, int depth, struct jp_buf *out)
{
    size_t count = json_array_size(array);
    jp_buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            jp_buf_putc(out, ',');
        new_line(pretty, depth + 1, out);
        dump(json_array_get(array, i), pretty, depth + 1, out);
    }
    if (count > 0)
        new_line(pretty, depth, out);
    jp_buf_putc(out, ']');
}

static void dump_object(const json_t *object, bool pretty, int depth, struct jp_buf *out)
{
    const char *key;
    json_t *value;
    bool is_first = true;
    jp_buf_putc(out, '{');
    /* The iterators take a pointer that is not const, and change nothing. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!is_first)
            jp_buf_putc(out, ',');
        is_first = false;
        new_line(pretty, depth + 1, out);
        dump_string(key, strlen(key), out);
        jp_buf_puts(out, pretty ? ": " : ":");
        dump(value, pretty, depth + 1, out);
    }
    if (!is_first)
        new_line(pretty, depth, out);
    jp_buf_putc(out, '}');
}

static void dump(const json_t *value, bool pretty, int depth, struct jp_buf *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        dump_object(value, pretty, depth, out);
        break;
    case JSON_ARRAY:
        dump_array(value, pretty, depth, out);
        break;
    case JSON_STRING:
        dump_string(json_string_value(value), json_string_length(value), out);
        break;
    case JSON_INTEGER:
        jp_buf_printf(out, "%" PRId64, (int64_t)json_integer_value(value));
        break;
    case JSON_REAL:
        dump_real(json_real_value(value), out);
        break;
    case JSON_TRUE:
        jp_buf_puts(out, "true");
        break;
    case JSON_FALSE:
        jp_buf_puts(out, "false");
        break;
    case JSON_NULL:
        jp_buf_puts(out, "null");
        break;
    }
}

void jp_json_dump(const json_t *value, bool pretty, struct jp_buf *out)
{
    dump(value, pretty, 0, out);
    if (pretty)
        jp_buf_putc(out, '\n');
}
