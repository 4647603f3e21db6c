/* What every room stands on: errors, text, lists, numbers, clocks, randomness, memory that ends. */
#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "base/strv.h"
#include "base/time.h"
#include "tap.h"

static int deeper(struct jp_error *err)
{
    errno = EBADF;
    return jp_fail(err, JP_ENOTFOUND, EACCES, "open '%s'", "x");
}

static void try_errors(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(deeper(&err) == -1 && err.code == JP_ENOTFOUND && err.sys == EACCES,
           "fail: code, errno");
    TAP_OK(errno == EBADF, "fail: errno is preserved");
    TAP_STR(jp_error_text(&err), "open 'x': Permission denied", "fail: text");
    TAP_OK(jp_wrap(&err, "import %d", 7) == -1 && err.code == JP_ENOTFOUND, "wrap: code stays");
    TAP_STR(jp_error_text(&err), "import 7: open 'x': Permission denied", "wrap: text");
    (void)jp_fail(&err, JP_ELIMIT, 0, "%s", "100%");
    TAP_STR(jp_error_text(&err), "100%", "fail again: replaced");
    JP_AUTO(jp_error) other = JP_ERROR_INIT;
    jp_error_move(&other, &err);
    TAP_OK(err.code == JP_OK && !err.msg && other.code == JP_ELIMIT, "move");
    jp_error_clear(&other);
    jp_error_clear(&other);
    TAP_OK(other.code == JP_OK && other.sys == 0 && !other.msg, "clear twice");
    TAP_OK(jp_oom(&err) == -1 && err.code == JP_ENOMEM && err.sys == ENOMEM, "oom");
    TAP_STR(jp_error_text(&err), "out of memory", "oom: text");
    errno = ENOMEM;
    TAP_OK(jp_fail_sys(&err, "open") == -1 && err.code == JP_ENOMEM && err.sys == ENOMEM,
           "a system that is out of memory");
    TAP_OK(jp_fail(NULL, JP_ESYS, 1, "x") == -1 && jp_wrap(NULL, "x") == -1 && jp_oom(NULL) == -1,
           "no error asked for");
    jp_mem_fail_after(1);
    (void)jp_fail(&err, JP_EBUSY, 0, "lost");
    TAP_OK(err.code == JP_EBUSY && !err.msg, "fail without memory: the code is there");
    (void)jp_fail(&err, JP_EBUSY, 0, "kept");
    jp_mem_fail_after(1);
    (void)jp_wrap(&err, "lost");
    TAP_STR(jp_error_text(&err), "kept", "wrap without memory: the text before is there");
}

static void try_buf(void)
{
    JP_AUTO(jp_buf) b = JP_BUF_INIT;
    TAP_STR(jp_buf_text(&b), "", "empty text");
    jp_buf_add(&b, "", 0);
    jp_buf_add(&b, NULL, 0);
    jp_buf_puts(&b, "ab");
    jp_buf_putc(&b, 'c');
    jp_buf_printf(&b, "%d%s", 42, "!");
    TAP_STR(jp_buf_text(&b), "abc42!", "appended");
    jp_buf_add(&b, "x\0y", 3);
    TAP_OK(b.len == 9 && b.data[7] == '\0' && b.data[9] == '\0', "NUL inside, NUL after");
    jp_buf_reset(&b);
    TAP_OK(b.len == 0 && jp_buf_text(&b)[0] == '\0', "reset");
    for (int i = 0; i < 10000; i++)
        jp_buf_printf(&b, "%04d", i);
    TAP_OK(b.len == 40000 && memcmp(b.data + 39996, "9999", 5) == 0, "grows");
    char *stolen = jp_buf_steal(&b);
    TAP_OK(stolen && strlen(stolen) == 40000 && b.len == 0 && !b.data, "steal");
    free(stolen);
    jp_mem_fail_after(1);
    jp_buf_puts(&b, "lost");
    jp_buf_puts(&b, "also lost");
    TAP_OK(jp_buf_failed(&b), "a failure is remembered");
    TAP_OK(jp_buf_steal(&b) == NULL, "and nothing can be stolen");
    jp_buf_clear(&b);
    jp_buf_puts(&b, "again");
    TAP_OK(!jp_buf_failed(&b) && strcmp(jp_buf_text(&b), "again") == 0, "cleared: works again");
}

static void try_strv(void)
{
    JP_AUTO(jp_strv) v = JP_STRV_INIT, w = JP_STRV_INIT;
    TAP_OK(v.items == NULL && !jp_strv_contains(&v, "a"), "empty list");
    int failed = 0;
    for (int i = 99; i >= 0; i--)
        failed |= jp_strv_add_owned(&v, jp_format("%02d", i));
    TAP_OK(failed == 0 && v.count == 100 && v.items[100] == NULL, "100 added, NULL at the end");
    jp_strv_sort(&v);
    TAP_OK(strcmp(v.items[0], "00") == 0 && strcmp(v.items[99], "99") == 0, "sorted");
    TAP_OK(jp_strv_contains(&v, "57") && !jp_strv_contains(&v, "5"), "contains");
    TAP_OK(jp_strv_extend(&w, v.items, v.count) == 0 && w.count == 100 && w.items[7] != v.items[7],
           "extended by copies");
    TAP_OK(jp_strv_add_owned(&w, NULL) < 0 && w.count == 100, "NULL is no string");
    jp_strv_clear(&v);
    jp_strv_sort(&v);
    TAP_OK(v.count == 0 && v.items == NULL, "cleared");
    size_t steps = 0;
    for (unsigned long n = 1; n < 100; n++) {
        JP_AUTO(jp_strv) u = JP_STRV_INIT;
        jp_mem_fail_after(n);
        int r = jp_strv_extend(&u, w.items, 20);
        jp_mem_fail_after(0);
        if (r == 0)
            break;
        steps++;
        if (u.items && u.items[u.count] != NULL)
            failed = 1;
    }
    TAP_OK(steps > 20 && !failed, "each of %zu allocations may fail", steps);
}

static void try_numbers(void)
{
    static const struct {
        const char *text;
        int base;
        uint64_t min, max;
        bool good;
        uint64_t value;
    } list[] = {
        {"0", 10, 0, 10, true, 0},
        {"10", 10, 0, 10, true, 10},
        {"11", 10, 0, 10, false, 0},
        {"4", 10, 5, 10, false, 0},
        {"007", 10, 0, 10, true, 7},
        {"18446744073709551615", 10, 0, UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", 10, 0, UINT64_MAX, false, 0},
        {"99999999999999999999999", 10, 0, UINT64_MAX, false, 0},
        {"755", 8, 0, 07777, true, 0755},
        {"8", 8, 0, 07777, false, 0},
        {"1777777777777777777777", 8, 0, UINT64_MAX, true, UINT64_MAX},
        {"2000000000000000000000", 8, 0, UINT64_MAX, false, 0},
        {"", 10, 0, 10, false, 0},
        {NULL, 10, 0, 10, false, 0},
        {" 1", 10, 0, 10, false, 0},
        {"1 ", 10, 0, 10, false, 0},
        {"+1", 10, 0, 10, false, 0},
        {"-1", 10, 0, UINT64_MAX, false, 0},
        {"0x1", 10, 0, 10, false, 0},
        {"1\n", 10, 0, 10, false, 0},
        {"\xd9\xa1", 10, 0, 10, false, 0}, /* a digit elsewhere: ARABIC-INDIC ONE */
    };
    for (size_t i = 0; i < JP_LEN(list); i++) {
        uint64_t value = 4711;
        bool good = jp_parse_u64(list[i].text, list[i].base, list[i].min, list[i].max, &value);
        TAP_OK(good == list[i].good && value == (good ? list[i].value : 4711), "number %zu", i);
    }
}

static void try_lists(void)
{
    static const struct {
        const char *list, *word;
        bool has;
    } cases[] = {
        {"rw,memory", "memory", true},
        {"memory", "memory", true},
        {"rw,memory,x", "memory", true},
        {"rw,mem", "memory", false},
        {"rw,memory2", "memory", false},
        {"", "memory", false},
        {"rw,,x", "", true},
        {",", "x", false},
    };
    for (size_t i = 0; i < JP_LEN(cases); i++)
        TAP_OK(jp_list_has(cases[i].list, cases[i].word, strlen(cases[i].word)) == cases[i].has,
               "'%s' in '%s'", cases[i].word, cases[i].list);
}

static void try_utf8(void)
{
    static const char *const good[] = {"",
                                       "a/b",
                                       "caf\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xed\x9f\xbf",
                                       "\xf0\x9f\x98\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\xff",
                                      "\x80",
                                      "\xc3",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xe2\x82",
                                      "\xf5\x80\x80\x80"};
    for (size_t i = 0; i < JP_LEN(good); i++)
        TAP_OK(jp_utf8_valid(good[i]), "UTF-8: good %zu", i);
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_utf8_valid(bad[i]), "UTF-8: bad %zu", i);
}

static void try_hex(void)
{
    unsigned char bytes[4] = {0, 0x7f, 0x80, 0xff}, back[4] = {1, 1, 1, 1};
    char text[9];
    jp_hex_encode(bytes, 4, text);
    TAP_STR(text, "007f80ff", "hex");
    TAP_OK(jp_hex_decode("007F80fF", back, 4) && memcmp(bytes, back, 4) == 0, "hex back");
    static const char *const bad[] = {"",         "007f80f",  "007f80ff0",
                                      "007f80fg", "0x7f80ff", " 07f80ff"};
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_hex_decode(bad[i], back, 4), "'%s' is no hex of 4 bytes", bad[i]);
    jp_hex_encode(bytes, 0, text);
    TAP_STR(text, "", "hex of nothing");
}

static void try_uuid(void)
{
    char a[JP_UUID_SIZE], b[JP_UUID_SIZE];
    TAP_OK(jp_uuid_new(a, NULL) == 0 && jp_uuid_valid(a), "a new UUID is valid");
    TAP_OK(jp_uuid_new(b, NULL) == 0 && strcmp(a, b) != 0, "another one differs");
    TAP_OK(a[14] == '4' && strchr("89ab", a[19]), "version 4, RFC variant: %s", a);
    static const char *const bad[] = {
        "",
        "123e4567-e89b-12d3-a456-42661417400",
        "123e4567-e89b-12d3-a456-4266141740000",
        "123E4567-e89b-12d3-a456-426614174000",
        "123e4567e-89b-12d3-a456-426614174000",
        "../../../../../../../../../etc/passwd",
        "123e4567-e89b-12d3-a456-42661417400/",
        "{123e4567-e89b-12d3-a456-4266141740}",
    };
    TAP_OK(jp_uuid_valid("123e4567-e89b-12d3-a456-426614174000"), "any version is valid");
    TAP_OK(!jp_uuid_valid(NULL), "NULL is no UUID");
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_uuid_valid(bad[i]), "'%s' is no UUID", bad[i]);
    unsigned char bytes[64] = {0}, zero[64] = {0};
    TAP_OK(jp_random_bytes(bytes, sizeof(bytes), NULL) == 0 && memcmp(bytes, zero, 64) != 0,
           "64 random bytes are not all zero");
    TAP_OK(jp_random_bytes(NULL, 0, NULL) == 0, "no random bytes");
}

static void try_time(void)
{
    static const struct {
        int64_t ns;
        int digits;
        const char *text;
    } list[] = {
        {0, 0, "1970-01-01T00:00:00Z"},
        {0, 9, "1970-01-01T00:00:00.000000000Z"},
        {1767323045123456789, 0, "2026-01-02T03:04:05Z"},
        {1767323045123456789, 3, "2026-01-02T03:04:05.123Z"},
        {1767323045123456789, 9, "2026-01-02T03:04:05.123456789Z"},
        {-1, 9, "1969-12-31T23:59:59.999999999Z"},
        {951782400000000000, 0, "2000-02-29T00:00:00Z"},
        {INT64_MAX, 9, "2262-04-11T23:47:16.854775807Z"},
        {INT64_MIN, 9, "1677-09-21T00:12:43.145224192Z"},
    };
    for (size_t i = 0; i < JP_LEN(list); i++) {
        char text[JP_TIME_SIZE];
        jp_time_format(list[i].ns, list[i].digits, text);
        TAP_STR(text, list[i].text, "time %zu", i);
    }
    int64_t before = jp_time_monotonic_ms();
    TAP_OK(jp_time_now_ns() > 1500000000000000000 && jp_time_monotonic_ms() >= before,
           "clocks run");
}

static void try_memory(void)
{
    JP_AUTO_FREE void *none = jp_alloc(0);
    TAP_OK(none != NULL, "no bytes are memory too");
    TAP_OK(jp_calloc(SIZE_MAX / 2, 3) == NULL, "calloc: the product overflows");
    TAP_OK(jp_realloc_array(NULL, SIZE_MAX / 2, 3) == NULL, "realloc: the product overflows");
    TAP_OK(jp_strdup(NULL) == NULL, "copy of NULL");
    JP_AUTO_FREE char *copy = jp_memdup0("ab\0c", 4);
    TAP_OK(copy && memcmp(copy, "ab\0c", 5) == 0, "copy with a NUL inside and after");
    JP_AUTO_FREE char *text = jp_format("%s-%05d", "x", 42);
    TAP_STR(text, "x-00042", "format");
    jp_mem_fail_after(2);
    JP_AUTO_FREE void *first = jp_alloc(1);
    JP_AUTO_FREE void *second = jp_alloc(1);
    JP_AUTO_FREE void *third = jp_alloc(1);
    TAP_OK(first && !second && third, "exactly the second allocation fails");
    int *array = NULL;
    size_t capacity = 0;
    int failed = 0;
    for (size_t i = 0; i < 1000; i++) {
        failed |= jp_grow(&array, &capacity, i, sizeof(*array));
        array[i] = (int)i;
    }
    TAP_OK(failed == 0 && capacity >= 1000 && array[999] == 999 && array[0] == 0, "grow");
    jp_mem_fail_after(1);
    size_t kept = capacity;
    TAP_OK(jp_grow(&array, &capacity, capacity, sizeof(*array)) < 0 && capacity == kept &&
               array[999] == 999,
           "grow without memory: the array is as before");
    int *owner = array;
    int *taken = jp_take(&owner);
    TAP_OK(taken == array && owner == NULL, "take");
    free(taken);
}

int main(void)
{
    try_errors();
    try_buf();
    try_strv();
    try_numbers();
    try_lists();
    try_hex();
    try_utf8();
    try_uuid();
    try_time();
    try_memory();
    return tap_done();
}
