/*
 * The codec: what is written is read again; what is cut, changed or too large is refused at every
 * place; memory may end at every allocation. Nothing leaks (the sanitizer builds watch).
 */
#include "base/codec.h"
#include "base/mem.h"
#include "tap.h"

#define MAX_PARTS 100
#define MAX_WORDS 50

struct part {
    char *name;
    uint64_t size;
};

struct thing {
    uint8_t small;
    uint32_t word;
    uint64_t wide;
    int64_t negative;
    int32_t number;
    bool is_on;
    char *text, *absent, *empty;
    unsigned char *bytes;
    size_t bytes_len;
    struct jp_strv words;
    struct part *parts;
    size_t n_parts;
};

static void thing_walk(struct jp_codec *c, struct thing *t)
{
    jp_codec_u8(c, &t->small);
    jp_codec_u32(c, &t->word);
    jp_codec_u64(c, &t->wide);
    jp_codec_i64(c, &t->negative);
    jp_codec_i32(c, &t->number);
    jp_codec_bool(c, &t->is_on);
    jp_codec_str(c, &t->text);
    jp_codec_str(c, &t->absent);
    jp_codec_str(c, &t->empty);
    jp_codec_bytes(c, &t->bytes, &t->bytes_len);
    jp_codec_strv(c, &t->words, MAX_WORDS);
    jp_codec_array(c, &t->parts, &t->n_parts, sizeof(*t->parts), MAX_PARTS);
    for (size_t i = 0; i < t->n_parts; i++) {
        jp_codec_str(c, &t->parts[i].name);
        jp_codec_u64(c, &t->parts[i].size);
    }
}

static void thing_clear(struct thing *t)
{
    free(t->text);
    free(t->absent);
    free(t->empty);
    free(t->bytes);
    jp_strv_clear(&t->words);
    for (size_t i = 0; i < t->n_parts; i++)
        free(t->parts[i].name);
    free(t->parts);
    *t = (struct thing){.small = 0};
}

#define AUTO_THING __attribute__((__cleanup__(thing_clear))) struct thing

static void thing_fill(struct thing *t)
{
    static char first[] = "first", second[] = "second", empty[] = "";
    char *const words[] = {first, empty, second};
    *t = (struct thing){.small = 255,
                        .word = 4000000000U,
                        .wide = UINT64_MAX - 1,
                        .negative = INT64_MIN,
                        .number = -7,
                        .is_on = true,
                        .text = jp_strdup("text \xc3\xa4"),
                        .empty = jp_strdup(""),
                        .bytes = (unsigned char *)jp_memdup0("\0\1\2\xff", 4),
                        .bytes_len = 4,
                        .parts = jp_calloc(2, sizeof(struct part)),
                        .n_parts = 2};
    if (!t->parts || jp_strv_extend(&t->words, words, 3) < 0)
        abort();
    t->parts[0] = (struct part){.name = jp_strdup("one"), .size = 1};
    t->parts[1] = (struct part){.name = NULL, .size = 2};
}

static bool thing_equal(const struct thing *a, const struct thing *b)
{
    return a->small == b->small && a->word == b->word && a->wide == b->wide &&
           a->negative == b->negative && a->number == b->number && a->is_on == b->is_on &&
           tap_same(a->text, b->text) && tap_same(a->absent, b->absent) &&
           tap_same(a->empty, b->empty) && a->bytes_len == b->bytes_len &&
           memcmp(a->bytes, b->bytes, a->bytes_len) == 0 && a->words.count == b->words.count &&
           strcmp(a->words.items[2], b->words.items[2]) == 0 && a->n_parts == b->n_parts &&
           tap_same(a->parts[0].name, b->parts[0].name) && b->parts[1].name == NULL &&
           a->parts[1].size == b->parts[1].size;
}

static bool thing_read(struct thing *t, const void *bytes, size_t len)
{
    struct jp_codec c = jp_codec_reader(bytes, len);
    thing_walk(&c, t);
    return jp_codec_done(&c);
}

static void thing_write(struct thing *t, struct jp_buf *out)
{
    struct jp_codec c = jp_codec_writer(out);
    thing_walk(&c, t);
    TAP_OK(jp_codec_done(&c), "written: %zu bytes", out->len);
}

static void try_bad_bytes(const struct jp_buf *good)
{
    unsigned cut = 0;
    for (size_t len = 0; len < good->len; len++) {
        /* A copy of exactly this size, so that a sanitizer sees a read beyond it. */
        JP_AUTO_FREE char *part = jp_memdup0(good->data, len);
        JP_AUTO_FREE char *exact = jp_alloc(len);
        memcpy(exact, part, len);
        AUTO_THING t = {.small = 0};
        cut += thing_read(&t, exact, len);
    }
    TAP_OK(cut == 0, "cut at each of %zu bytes: never read", good->len);
    JP_AUTO_FREE char *longer = jp_memdup0(good->data, good->len);
    AUTO_THING t = {.small = 0};
    TAP_OK(!thing_read(&t, longer, good->len + 1), "a byte too many is refused");
    unsigned accepted = 0;
    for (size_t i = 0; i < good->len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            JP_AUTO_FREE char *bad = jp_memdup0(good->data, good->len);
            bad[i] = (char)(bad[i] ^ 1 << bit);
            AUTO_THING other = {.small = 0};
            accepted += thing_read(&other, bad, good->len);
        }
    }
    /* Many are other valid values; what counts is that reading ends and frees everything. */
    TAP_OK(accepted < good->len * 8, "each bit turned: %u of %zu still read", accepted,
           good->len * 8);
}

/* Single fields with hostile content. */
static void try_hostile(void)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } texts[] = {
        {"NUL inside", "\3\0\0\0a\0b", 7},
        {"length beyond the end", "\4\0\0\0abc", 7},
        {"length of 4 GiB - 2",
         "\xfe\xff\xff\xff"
         "abc",
         7},
        {"length above the limit", "\1\0\0\4abc", 7},
        {"half a length", "\1\0", 2},
        {"nothing", "", 0},
    };
    for (size_t i = 0; i < JP_LEN(texts); i++) {
        struct jp_codec c = jp_codec_reader(texts[i].bytes, texts[i].len);
        JP_AUTO_FREE char *text = NULL;
        jp_codec_str(&c, &text);
        TAP_OK(!jp_codec_done(&c), "string: %s", texts[i].what);
        uint32_t after = 77;
        jp_codec_u32(&c, &after);
        TAP_OK(!jp_codec_done(&c) && after == 0, "and the first error sticks");
    }
    struct jp_codec c = jp_codec_reader("\2", 1);
    bool flag = false;
    jp_codec_bool(&c, &flag);
    TAP_OK(!jp_codec_done(&c) && !flag, "a boolean is 0 or 1");
    c = jp_codec_reader("\xff\xff\xff\x7f", 4);
    JP_AUTO_FREE struct part *parts = NULL;
    size_t count = 9;
    jp_codec_array(&c, &parts, &count, sizeof(*parts), MAX_PARTS);
    TAP_OK(!jp_codec_done(&c) && !parts && count == 0, "2,147,483,647 elements are refused");
    c = jp_codec_reader("\x33\0\0\0", 4);
    JP_AUTO(jp_strv) words = JP_STRV_INIT;
    jp_codec_strv(&c, &words, MAX_WORDS);
    TAP_OK(!jp_codec_done(&c) && words.count == 0, "51 of 50 strings are refused");
    c = jp_codec_reader("\1\0\0\0\xff\xff\xff\xff", 8);
    jp_codec_strv(&c, &words, MAX_WORDS);
    TAP_OK(!jp_codec_done(&c) && words.count == 0, "a list has no absent strings");
}

static void try_limits_of_writing(void)
{
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    JP_AUTO(jp_strv) words = JP_STRV_INIT;
    for (int i = 0; i < 3; i++)
        (void)!jp_strv_add(&words, "x");
    struct jp_codec c = jp_codec_writer(&out);
    jp_codec_strv(&c, &words, 2);
    TAP_OK(!jp_codec_done(&c), "what reading would refuse is not written");
}

static void try_memory(struct thing *t, const struct jp_buf *good)
{
    unsigned long n = 1;
    for (; n < 1000; n++) {
        AUTO_THING other = {.small = 0};
        jp_mem_fail_after(n);
        bool read = thing_read(&other, good->data, good->len);
        jp_mem_fail_after(0);
        if (read)
            break;
    }
    TAP_OK(n > 9 && n < 1000, "reading: each of %lu allocations may fail", n - 1);
    for (n = 1; n < 1000; n++) {
        JP_AUTO(jp_buf) out = JP_BUF_INIT;
        struct jp_codec c = jp_codec_writer(&out);
        jp_mem_fail_after(n);
        thing_walk(&c, t);
        jp_mem_fail_after(0);
        if (jp_codec_done(&c))
            break;
    }
    TAP_OK(n > 1 && n < 1000, "writing: each of %lu allocations may fail", n - 1);
}

int main(void)
{
    AUTO_THING t, back = {.small = 0};
    thing_fill(&t);
    JP_AUTO(jp_buf) out = JP_BUF_INIT;
    thing_write(&t, &out);
    TAP_OK(thing_read(&back, out.data, out.len) && thing_equal(&t, &back), "read again: equal");
    static const char expected[] = "\xff\0\x28\x6b\xee";
    TAP_OK(memcmp(out.data, expected, 5) == 0, "little-endian, one byte and four");
    try_bad_bytes(&out);
    try_hostile();
    try_limits_of_writing();
    try_memory(&t, &out);
    return tap_done();
}
