/*
 * JSON as RFC 8259 has it, through our limits: shapes that a reader must take (y), must refuse (n),
 * and may do either (i, here: what we chose). As members of an object, for the top must be one.
 * The exceptions of the house: duplicate keys and NUL are refused although they are grammatical.
 */
#include "appc/image_manifest.h"
#include "appc/json.h"
#include "appc/name.h"
#include "base/macros.h"
#include "tap.h"

static const char *const good[] = {
    "{}",
    " \t\r\n{ \t\r\n} \t\r\n",
    "{\"a\":[]}",
    "{\"a\":[[]   ]}",
    "{\"a\":[\"\"]}",
    "{\"a\":[1\n]}",
    "{\"a\":[ 1]}",
    "{\"a\":[1,null,null,null,2]}",
    "{\"a\":[null, 1, \"1\", {}]}",
    "{\"a\":123e65}",
    "{\"a\":0e+1}",
    "{\"a\":0e1}",
    "{\"a\": 4}",
    "{\"a\":-0.000000000000000000000000000000000000000000000000000000000000000000000000000001}",
    "{\"a\":20e1}",
    "{\"a\":-0}",
    "{\"a\":-123}",
    "{\"a\":-1}",
    "{\"a\":1E22}",
    "{\"a\":1E-2}",
    "{\"a\":1E+2}",
    "{\"a\":123e45}",
    "{\"a\":123.456e78}",
    "{\"a\":1e-2}",
    "{\"a\":1e+2}",
    "{\"a\":123}",
    "{\"a\":123.456789}",
    "{\"a\":9223372036854775807}",
    "{\"a\":-9223372036854775808}",
    "{\"\":0}",
    "{\"a\":\"b\",\"c\":\"d\"}",
    "{\"min\":-1.0e+28,\"max\":1.0e+28}",
    "{\"title\":\"\\u041f\\u043e\\u043b\"}",
    "{\n\"a\": \"b\"\n}",
    "{\"a\":\"\\u0060\\u012a\\u12AB\"}",
    "{\"a\":\"\\uD801\\udc37\"}",
    "{\"a\":\"\\ud83d\\ude39\\ud83d\\udc8d\"}",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
    "{\"a\":\"\\\\u0000\"}",
    "{\"a\":\"\\\"\"}",
    "{\"a\":\"a/*b*/c/*d//e\"}",
    "{\"a\":\"\\\\a\"}",
    "{\"a\":\"\\\\n\"}",
    "{\"a\":\"\\u0012\"}",
    "{\"a\":\"\\uFFFF\"}",
    "{\"a\":\"\xf4\x8f\xbf\xbf\"}",
    "{\"a\":\"\xef\xbf\xbf\"}",
    "{\"a\":\"\\u0821\"}",
    "{\"a\":\"\xcf\x80\"}",
    "{\"a\":\"\xf0\x9b\xbf\xbf\"}",
    "{\"a\":\" \"}",
    "{\"a\":\"\\uDBFF\\uDFFE\"}",
    "{\"a\":\"\\u200B\"}",
    "{\"a\":\"\\uFDD0\"}",
    "{\"a\":\"\xe2\x82\xac\xf0\x9d\x84\x9e\"}",
    ("{\"a\":\"a\x7f"
     "a\"}"),
    "{\"a\":\"\xe2\x80\xa8\"}",
    "{\"a\":false,\"b\":true,\"c\":null,\"d\":-0.1}",
    "{\"a\":\"asd \"}",
};

static const char *const bad[] = {
    "",
    " ",
    "[]",
    "\"a\"",
    "42",
    "null",
    "true",
    "{\"a\":[1 true]}",
    "{\"a\":[a\xe5]}",
    "{\"a\":[\"\": 1]}",
    "{\"a\":[\"\"],}",
    "{\"a\":[,1]}",
    "{\"a\":[1,,2]}",
    "{\"a\":[\"x\",,]}",
    "{\"a\":[\"x\"]]}",
    "{\"a\":[\"\",]}",
    "{\"a\":[\"x\"",
    "{\"a\":[x",
    "{\"a\":[3[4]]}",
    "{\"a\":[\xff]}",
    "{\"a\":[1:2]}",
    "{\"a\":[,]}",
    "{\"a\":[-]}",
    "{\"a\":[   , \"\"]}",
    "{\"a\":[1,]}",
    "{\"a\":[*]}",
    "{\"a\":[1,\n1\n,1",
    "{\"a\":[{}",
    "{\"a\":[fals]}",
    "{\"a\":[nul]}",
    "{\"a\":[tru]}",
    "{\"a\":[True]}",
    "{\"a\":++1234}",
    "{\"a\":+1}",
    "{\"a\":+Inf}",
    "{\"a\":-01}",
    "{\"a\":-1.0.}",
    "{\"a\":-2.}",
    "{\"a\":-NaN}",
    "{\"a\":.-1}",
    "{\"a\":.2e-3}",
    "{\"a\":0.1.2}",
    "{\"a\":0.3e+}",
    "{\"a\":0.3e}",
    "{\"a\":0.e1}",
    "{\"a\":0e+}",
    "{\"a\":0E}",
    "{\"a\":1.0e-}",
    "{\"a\":1 000.0}",
    "{\"a\":1eE2}",
    "{\"a\":2.e+3}",
    "{\"a\":9.e+}",
    "{\"a\":Inf}",
    "{\"a\":NaN}",
    "{\"a\":\xef\xbc\x91}",
    "{\"a\":1+2}",
    "{\"a\":0x1}",
    "{\"a\":0x42}",
    "{\"a\":Infinity}",
    "{\"a\":0e+-1}",
    "{\"a\":-123.123foo}",
    "{\"a\":-Infinity}",
    "{\"a\":-foo}",
    "{\"a\":- 1}",
    "{\"a\":-012}",
    "{\"a\":-.123}",
    "{\"a\":-1x}",
    "{\"a\":1ea}",
    "{\"a\":1e\xe5}",
    "{\"a\":1.}",
    "{\"a\":.123}",
    "{\"a\":1.2a-3}",
    "{\"a\":1.8011670033376514H-308}",
    "{\"a\":012}",
    "{[: \"x\"}",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"a\":\"\xb9\"}",
    "{\"\xb9\":\"0\",}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\" \"b\"}",
    "{\"a\":",
    "{\"a\"",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\"}/**/",
    "{\"a\":\"b\"}/**//",
    "{\"a\":\"b\"}//",
    "{\"a\":\"b\"}#",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "{\"a\":\"b\"}#x",
    "{\"a\":\"\\uD800\\\"}",
    "{\"a\":\"\\uD800\\u\"}",
    "{\"a\":\"\\uD800\\u1\"}",
    "{\"a\":\"\\uD800\\u1x\"}",
    "{\"a\":[\xc3\xa9]}",
    "{\"a\":\"\\x00\"}",
    "{\"a\":\"\\\\\\\"}",
    "{\"a\":\"\\\t\"}",
    "{\"a\":\"\\\xf0\x9f\x8c\x80\"}",
    "{\"a\":\"\\\"}",
    "{\"a\":\"\\u00A\"}",
    "{\"a\":\"\\uD834\\uDd\"}",
    "{\"a\":\"\\uD800\\uD800\\x\"}",
    "{\"a\":\"\\u\xe5\"}",
    "{\"a\":\"\\a\"}",
    "{\"a\":\"\\uqqqq\"}",
    "{\"a\":\"\\\xe5\"}",
    "{\"a\":\\u0020\"asd\"}",
    "{\"a\":\\n}",
    "{\"a\":\"",
    "{\"a\":'single'}",
    "{\"a\":abc}",
    "{\"a\":\"new\nline\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\\U0041\"}",
    "{}x",
    "{}{}",
    "{}]",
    "{} \"x\"",
    "{\"a\":<.>}",
    "\xef\xbb\xbf{}",
    "\xff\xfe{\0}\0",
    "\xef\xbb\xbf",
    "{\"a\":true",
    "{\"a\":TRUE}",
    "{\"asd\":\"asd\"",
    "{\"a\":\xe2\x81\xa0}",
    "{\f}",
    "{\"a\":[\v]}",
    ("{\"a\":\xc2\xa0"
     "1}"),
    /* What RFC 8259 leaves open, and the house refuses. */
    "{\"a\":1,\"a\":1}",
    "{\"a\":{\"b\":1,\"b\":2}}",
    "{\"a\":1,\"\\u0061\":1}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\\u0000b\":1}",
    "{\"a\":1e999}",
    "{\"a\":-1e999}",
    "{\"a\":9223372036854775808}",
    "{\"a\":-9223372036854775809}",
    "{\"a\":100000000000000000000}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\udc00\"}",
    "{\"a\":\"\\ud800abc\"}",
    "{\"a\":\"\\uDd1e\\uD834\"}",
    "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\":\"\xc0\xaf\"}",
    "{\"a\":\"\xe0\x80\xaf\"}",
    "{\"a\":\"\xf4\xbf\xbf\xbf\"}",
    "{\"a\":\"\x80\"}",
    "{\"a\":\"\xe6\x97\xa5\xd1\x88\xfa\"}",
    "{\"a\":\"\xfc\x83\xbf\xbf\xbf\xbf\"}",
};

static bool loads(const char *text, size_t len, enum jp_code *ret_code)
{
    json_t *root = NULL;
    struct jp_error err = JP_ERROR_INIT;
    bool ok = jp_json_load(text, len, JP_MANIFEST_MAX, &root, &err) == 0;
    *ret_code = err.code;
    if (ok)
        json_decref(root);
    jp_error_clear(&err);
    return ok;
}

static void test_shapes(void)
{
    enum jp_code code;
    for (size_t i = 0; i < JP_LEN(good); i++)
        TAP_OK(loads(good[i], strlen(good[i]), &code), "taken: %s", jp_show(good[i]).text);
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!loads(bad[i], strlen(bad[i]), &code), "refused: %s", jp_show(bad[i]).text);
    TAP_OK(!loads("{}\0", 3, &code), "refused: NUL after the end");
    TAP_OK(!loads("{\"a\":\"x\0y\"}", 11, &code), "refused: NUL in a string");
    TAP_OK(!loads("{\"a\0b\":1}", 9, &code), "refused: NUL in a key");
    TAP_OK(!loads("{\"a\":1\0}", 8, &code), "refused: NUL between");
    TAP_OK(!loads("", 0, &code) && code == JP_EINVALID, "refused: nothing at all");
}

static char *nested(size_t depth, bool is_closed)
{
    char *text = malloc(depth * 6 + 3);
    size_t n = 0;
    for (size_t i = 0; i < depth; i++, n += 5)
        memcpy(text + n, "{\"a\":", 5);
    text[n++] = '1';
    for (size_t i = 0; is_closed && i < depth; i++)
        text[n++] = '}';
    text[n] = '\0';
    return text;
}

static void test_limits(void)
{
    enum jp_code code;
    char *text = nested(JP_JSON_DEPTH_MAX, true);
    TAP_OK(loads(text, strlen(text), &code), "the deepest nesting is taken");
    free(text);
    text = nested(JP_JSON_DEPTH_MAX + 1, true);
    TAP_OK(!loads(text, strlen(text), &code) && code == JP_ELIMIT, "one deeper is not");
    free(text);
    text = nested(500000, false);
    TAP_OK(!loads(text, strlen(text), &code) && code == JP_ELIMIT, "half a million levels");
    free(text);
    static const char quoted[] =
        "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        "\\\"[[[[[[[[[[[[[[[[[[[[[[\"}";
    TAP_OK(loads(quoted, strlen(quoted), &code), "brackets in strings do not count");

    size_t len = JP_MANIFEST_MAX + 1;
    text = malloc(len);
    memset(text, ' ', len);
    memcpy(text, "{}", 2);
    TAP_OK(loads(text, len - 1, &code), "the longest text is taken");
    TAP_OK(!loads(text, len, &code) && code == JP_ELIMIT, "one byte more is not");
    free(text);
}

/* Row 52: as many keys as fit, whatever their hashes are, and one of them twice. */
static void test_keys(void)
{
    const size_t count = 300000;
    enum jp_code code;
    struct jp_buf text = JP_BUF_INIT;
    jp_buf_putc(&text, '{');
    for (size_t i = 0; i < count; i++)
        jp_buf_printf(&text, "\"%zx\":1,", i);
    size_t len = text.len;
    jp_buf_puts(&text, "\"x\":1}");
    TAP_OK(loads(jp_buf_text(&text), text.len, &code), "row 52: 300,000 keys");
    TAP_OK(text.len < JP_MANIFEST_MAX, "... within the limit");
    text.len = len;
    jp_buf_puts(&text, "\"0\":1}");
    TAP_OK(!loads(jp_buf_text(&text), text.len, &code) && code == JP_EINVALID,
           "row 52: ... of which the last is the first again");
    jp_buf_clear(&text);
}

static void test_dump(void)
{
    static const struct {
        const char *in;
        const char *out;
    } table[] = {
        {"{ \"b\" : 1 , \"a\" : [ ] }", "{\"b\":1,\"a\":[]}"},
        {"{\"a\":0.3,\"b\":1.0,\"c\":1e22,\"d\":-0.0,\"e\":0.1}",
         "{\"a\":0.3,\"b\":1.0,\"c\":1e+22,\"d\":-0.0,\"e\":0.1}"},
        {"{\"a\":123456789.123456789}", "{\"a\":123456789.12345679}"},
        {"{\"a\":\"\\u001f\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u007f\"}",
         "{\"a\":\"\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa9\\u007f\"}"},
        {"{\"a\":-9223372036854775808,\"b\":[true,false,null,{}]}",
         "{\"a\":-9223372036854775808,\"b\":[true,false,null,{}]}"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        json_t *root = NULL;
        struct jp_buf out = JP_BUF_INIT;
        if (jp_json_load(table[i].in, strlen(table[i].in), 1000, &root, NULL) == 0)
            jp_json_dump(root, false, &out);
        TAP_STR(jp_buf_text(&out), table[i].out, "printed");
        json_t *again = NULL;
        bool ok = jp_json_load(jp_buf_text(&out), out.len, 1000, &again, NULL) == 0;
        TAP_OK(ok && json_equal(root, again), "and equal when read back");
        json_decref(root);
        json_decref(again);
        jp_buf_clear(&out);
    }
    json_t *root = NULL;
    struct jp_buf out = JP_BUF_INIT;
    static const char text[] = "{\"a\":[1,{}],\"b\":{\"c\":[]}}";
    (void)jp_json_load(text, strlen(text), 1000, &root, NULL);
    jp_json_dump(root, true, &out);
    TAP_STR(jp_buf_text(&out),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}\n", "pretty");
    json_decref(root);
    jp_buf_clear(&out);
}

int main(void)
{
    test_shapes();
    test_limits();
    test_keys();
    test_dump();
    return tap_done();
}
