/* What headers say of a body: lines, strong validators, ranges, and what is the rest (row 50). */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "fetch/header.h"
#include "tap.h"

static void test_lines(void)
{
    static const struct {
        const char *line;
        const char *text;
    } lines[] = {
        {"ETag: \"x\"\r\n", "etag: \"x\""},
        {"ETag:\"x\"\r\n", "etag: \"x\""},
        {"ETAG: \t \"x\" \t\r\n", "etag: \"x\""},
        {"etag:\"x\"", "etag: \"x\""},
        {"X-Empty:\r\n", "x-empty: "},
        {"X-A: B: C\n", "x-a: B: C"},
        {"HTTP/1.1 200 OK\r\n", NULL},
        {" folded: line\r\n", NULL},
        {": nameless\r\n", NULL},
        {"\r\n", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < JP_LEN(lines); i++) {
        bool is_header = false;
        JP_AUTO_FREE char *text = jp_header_read(lines[i].line, strlen(lines[i].line), &is_header);
        TAP_OK(is_header == (lines[i].text != NULL), "line %zu is a header, or is not", i);
        TAP_OK(is_header ? text && strcmp(text, lines[i].text) == 0 : !text, "... and read so");
    }
}

/* Headers out of texts, up to a NULL. */
static struct jp_strv headers_of(const char *const *texts)
{
    struct jp_strv headers = JP_STRV_INIT;
    for (; *texts; texts++)
        if (jp_strv_add(&headers, *texts) < 0)
            abort();
    return headers;
}

static void test_strong(void)
{
    static const struct {
        const char *header;
        bool is_strong;
    } tags[] = {
        {"etag: \"x\"", true},
        {"etag: \"\"", true},
        {"etag:\"x\"", true},
        {"etag: \"a-\xc3\xa4\"", true},
        {"etag: W/\"x\"", false},
        {"etag: w/\"x\"", false},
        {"etag: x", false},
        {"etag: \"", false},
        {"etag: ", false},
        {"etag: \"x", false},
        {"etag: x\"", false},
        {"etag: \"x\"y\"", false},
        {"etag: \"a b\"", false},
        {"etag: \"a\tb\"", false},
        {"etag: \"x\", \"y\"", false},
        {"etag: \"a\x7f\"", false},
        {"x-etag: \"x\"", false},
        {"etagged: \"x\"", false},
    };
    for (size_t i = 0; i < JP_LEN(tags); i++) {
        const char *const texts[] = {"x-first: \"y\"", tags[i].header, NULL};
        JP_AUTO(jp_strv) headers = headers_of(texts);
        const char *etag = jp_header_strong_etag(&headers);
        TAP_OK((etag != NULL) == tags[i].is_strong, "%s vouches %s", tags[i].header,
               tags[i].is_strong ? "for every byte" : "for nothing");
        TAP_OK(!etag || strcmp(etag, strchr(tags[i].header, '"')) == 0, "... with its quotes");
    }
}

static void test_ranges(void)
{
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes ",
        "bytes 1-2",
        "bytes 1-2/",
        "bytes 1-2/*",
        "bytes */10",
        "bytes */*",
        "bytes 1/10",
        "bytes -2/10",
        "bytes 1-/10",
        "bytes 2-1/10",
        "bytes 1-10/10",
        "bytes 0-0/0",
        "bytes 1-2/3 ",
        "bytes 1-2/3x",
        "bytes 1-2/3/4",
        "bytes 1-2/3,4-5/6",
        "bytes  1-2/3",
        "bytes 1 -2/3",
        "bytes +1-2/3",
        "bytes 0x1-2/3",
        "bytes=1-2/3",
        "items 1-2/3",
        "1-2/3",
        "bytes 1-2/18446744073709551616",
        "bytes 1-18446744073709551616/3",
        "bytes 18446744073709551617-2/3",
        "bytes 1-2/100000000000000000000000000000000000000",
    };
    struct jp_range range = {0, 0, 0};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_header_range(bad[i], &range) && range.all == 0, "'%s' is no range", bad[i]);
    TAP_OK(jp_header_range("bytes 500-999/1000", &range) && range.first == 500 &&
               range.last == 999 && range.all == 1000,
           "a range");
    TAP_OK(jp_header_range("Bytes 0-0/1", &range) && range.all == 1, "one byte, another spelling");
    TAP_OK(jp_header_range("bytes 1-18446744073709551614/18446744073709551615", &range) &&
               range.all == UINT64_MAX,
           "the largest");
}

static bool is_rest_so_long(const char *etag, const char *content_range, const char *length,
                            uint64_t all)
{
    struct jp_beginning beginning = {.etag = "\"a\"", .size = 500, .all = all};
    struct jp_strv headers = JP_STRV_INIT;
    uint64_t whole = 0;
    if ((etag && jp_strv_add(&headers, etag) < 0) ||
        (length && jp_strv_add(&headers, length) < 0) ||
        (content_range && jp_strv_add(&headers, content_range) < 0))
        abort();
    bool is = jp_header_is_rest(&headers, &beginning, &whole);
    jp_strv_clear(&headers);
    return is && whole == 1000;
}

static bool is_rest(const char *etag, const char *content_range, uint64_t all)
{
    return is_rest_so_long(etag, content_range, NULL, all);
}

static void test_rest(void)
{
    static const char tag[] = "etag: \"a\"", range[] = "content-range: bytes 500-999/1000";
    TAP_OK(is_rest(tag, range, 1000), "the rest");
    TAP_OK(is_rest(tag, range, 0), "... of what nobody said the size of");
    TAP_OK(!is_rest(NULL, range, 1000), "not without a validator");
    TAP_OK(!is_rest("etag: \"b\"", range, 1000), "not with another one");
    TAP_OK(!is_rest("etag: W/\"a\"", range, 1000), "not with a weak one");
    TAP_OK(!is_rest(tag, NULL, 1000), "not without a range");
    TAP_OK(!is_rest(tag, range, 1001) && !is_rest(tag, range, 999), "not of another size");
    TAP_OK(!is_rest(tag, "content-range: bytes 499-999/1000", 1000), "not from before");
    TAP_OK(!is_rest(tag, "content-range: bytes 501-999/1000", 1000), "not from behind");
    TAP_OK(!is_rest(tag, "content-range: bytes 500-998/1000", 1000), "not less than the rest");
    TAP_OK(!is_rest(tag, "content-range: bytes 500-998/1000", 0), "... ever");
    TAP_OK(!is_rest(tag, "content-range: bytes 500-999/*", 1000), "not of any size");
    TAP_OK(is_rest_so_long(tag, range, "content-length: 500", 1000), "it may say its length");
    static const char *const lengths[] = {
        "content-length: 499",  "content-length: 501",
        "content-length: 1000", "content-length: 0",
        "content-length: ",     "content-length: 500, 500",
        "content-length: +500", "content-length: 18446744073709552116",
    };
    for (size_t i = 0; i < JP_LEN(lengths); i++)
        TAP_OK(!is_rest_so_long(tag, range, lengths[i], 1000) &&
                   !is_rest_so_long(tag, range, lengths[i], 0),
               "not with another length: %s", lengths[i]);
}

int main(void)
{
    test_lines();
    test_strong();
    test_ranges();
    test_rest();
    return tap_done();
}
