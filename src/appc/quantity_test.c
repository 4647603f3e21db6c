/* Quantities and timestamps: exact values, refusals, and the way back to text. */
#include "appc/quantity.h"
#include "appc/timestamp.h"
#include "base/macros.h"
#include "tap.h"

static const struct {
    const char *text;
    uint64_t whole;
    uint32_t milli;
    const char *printed;
} good[] = {
    {"128974848", 128974848, 0, "123Mi"},
    {"125952Ki", 128974848, 0, "123Mi"},
    {"123Mi", 128974848, 0, "123Mi"},
    {"500m", 0, 500, "500m"},
    {"0.5", 0, 500, "500m"},
    {"0.3", 0, 300, "300m"},
    {"300m", 0, 300, "300m"},
    {"1500m", 1, 500, "1500m"},
    {"1.5", 1, 500, "1500m"},
    {"2000m", 2, 0, "2"},
    {"1K", 1000, 0, "1000"},
    {"1k", 1000, 0, "1000"},
    {"1Ki", 1024, 0, "1Ki"},
    {"1M", 1000000, 0, "1M"},
    {"1G", 1000000000, 0, "1G"},
    {"1Gi", 1073741824, 0, "1Gi"},
    {"1.5Gi", 1610612736, 0, "1536Mi"},
    {"1.1Gi", 1181116006, 400, "1181116006400m"},
    {"0.5Ki", 512, 0, "512"},
    {"0.0001Ki", 0, 103, "103m"}, /* 0.1024, rounded up */
    {"1T", 1000000000000, 0, "1T"},
    {"1Ti", 1099511627776, 0, "1Ti"},
    {"1P", 1000000000000000, 0, "1P"},
    {"1Pi", 1125899906842624, 0, "1Pi"},
    {"1E", 1000000000000000000, 0, "1E"},
    {"1Ei", 1152921504606846976, 0, "1Ei"},
    {"7.999Ei", 9222219115350168961, 24, "9222219115350168961.024"},
    {"9223372036854775807", INT64_MAX, 0, "9223372036854775807"},
    {"0", 0, 0, "0"},
    {"000", 0, 0, "0"},
    {"007", 7, 0, "7"},
    {"0.0", 0, 0, "0"},
    {"0Ei", 0, 0, "0"},
    {"0e999999999999", 0, 0, "0"},
    {".5", 0, 500, "500m"},
    {"1.", 1, 0, "1"},
    {"+1", 1, 0, "1"},
    {"1n", 0, 1, "1m"},
    {"1u", 0, 1, "1m"},
    {"0.0001", 0, 1, "1m"},
    {"1e-999999999999", 0, 1, "1m"},
    {"999.9999999", 1000, 0, "1000"},
    {"1e3", 1000, 0, "1000"},
    {"1E3", 1000, 0, "1000"},
    {"1e+3", 1000, 0, "1000"},
    {"12e-3", 0, 12, "12m"},
    {"0.00000000000000000000000000000000000000000000000000000000000000000001", 0, 1, "1m"},
};

static const char *const bad[] = {
    "",    ".",    "-",   "+",     "-1",       "1 ",  " 1",    "1KB",  "1kB", "1B",  "1g",
    "1ki", "1Kib", "1e",  "1e1.5", "1ee3",     "1,5", "1_000", "0x10", "NaN", "inf", "1.2.3",
    "Ki",  "m",    "1m1", "1 Gi",  "\xd9\xa1", "1e+", "--1",   "1Mi5", "e3",
};

static const char *const large[] = {
    "9223372036854775808",
    "8Ei",
    "10E",
    "9223372036854775807.1u1",
    "1e19",
    "1e200",
    "1e999999999999",
    "99999999999999999999999999999999999999999999999999999999999999999999999",
};

static void test_quantities(void)
{
    for (size_t i = 0; i < JP_LEN(good); i++) {
        struct jp_quantity q = {.whole = 7, .milli = 7};
        struct jp_error err = JP_ERROR_INIT;
        int result = jp_quantity_parse(good[i].text, &q, &err);
        TAP_OK(result == 0 && q.whole == good[i].whole && q.milli == good[i].milli,
               "'%s' is %llu and %u", good[i].text, (unsigned long long)q.whole, q.milli);
        char text[JP_QUANTITY_SIZE];
        jp_quantity_format(q, text);
        TAP_STR(text, good[i].printed, "and is printed");
        struct jp_quantity again = {.whole = 1};
        TAP_OK(jp_quantity_parse(text, &again, &err) == 0 && jp_quantity_compare(q, again) == 0,
               "and read back");
        jp_error_clear(&err);
    }
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        struct jp_quantity q = {.whole = 7};
        struct jp_error err = JP_ERROR_INIT;
        TAP_OK(jp_quantity_parse(bad[i], &q, &err) < 0 && err.code == JP_EINVALID && q.whole == 7,
               "'%s' is refused", bad[i]);
        jp_error_clear(&err);
    }
    for (size_t i = 0; i < JP_LEN(large); i++) {
        struct jp_quantity q = {.whole = 7};
        struct jp_error err = JP_ERROR_INIT;
        TAP_OK(jp_quantity_parse(large[i], &q, &err) < 0 && q.whole == 7, "'%s' is too large",
               large[i]);
        jp_error_clear(&err);
    }
}

static void test_units(void)
{
    struct jp_quantity q = {.whole = 1, .milli = 1};
    TAP_OK(jp_quantity_ceil(q) == 2, "a fraction of a byte counts as one");
    TAP_OK(jp_quantity_milli(q) == 1001, "thousandths");
    q = (struct jp_quantity){.whole = INT64_MAX, .milli = 999};
    TAP_OK(jp_quantity_milli(q) == UINT64_MAX, "thousandths saturate");
    struct jp_quantity one = {.whole = 1};
    TAP_OK(jp_quantity_compare(one, q) < 0 && jp_quantity_compare(q, one) > 0, "order");
}

static void test_timestamps(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1970-01-01T00:00:00.0000000019Z", 1},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:59:59Z", -1000000000},
        {"1969-12-31T19:00:00-05:00", 0},
        {"2014-10-27T19:32:27.67021798Z", 1414438347670217980},
        {"2015-05-18T13:49:28.351729952-04:00", 1431971368351729952},
        {"2000-02-29T12:00:00Z", 951825600000000000},
        {"2016-12-31T23:59:60Z", 1483228799999999999},
        {"2017-01-01T00:59:60+01:00", 1483228799999999999},
        {"0001-01-01T00:00:00Z", INT64_MIN},
        {"0000-01-01T00:00:00Z", INT64_MIN},
        {"9999-12-31T23:59:59Z", INT64_MAX},
        {"1677-09-21T00:12:43Z", INT64_MIN},
        {"2262-04-11T23:47:16Z", 9223372036000000000},
    };
    static const char *const wrong[] = {
        "",
        "2014-10-27",
        "2014-10-27 19:32:27Z",
        "2014-10-27t19:32:27Z",
        "2014-10-27T19:32:27z",
        "2014-10-27T19:32:27",
        "2014-10-27T19:32Z",
        "2014-10-27T19:32:27.Z",
        "2014-10-27T19:32:27,5Z",
        "2014-13-01T00:00:00Z",
        "2014-00-01T00:00:00Z",
        "2014-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2014-04-31T00:00:00Z",
        "2014-10-00T00:00:00Z",
        "2014-10-27T24:00:00Z",
        "2014-10-27T23:60:00Z",
        "2014-10-27T23:59:61Z",
        "2014-10-27T12:00:60Z",
        "2014-10-27T19:32:27+1:00",
        "2014-10-27T19:32:27+0100",
        "2014-10-27T19:32:27+24:00",
        "2014-10-27T19:32:27ZZ",
        " 2014-10-27T19:32:27Z",
        "14-10-27T19:32:27Z",
        "12014-10-27T19:32:27Z",
        "2014-10-27T19:32:2",
    };
    for (size_t i = 0; i < JP_LEN(times); i++) {
        int64_t ns = 42;
        int result = jp_timestamp_parse(times[i].text, &ns, NULL);
        TAP_OK(result == 0 && ns == times[i].ns, "%s is %lld", times[i].text, (long long)ns);
    }
    for (size_t i = 0; i < JP_LEN(wrong); i++) {
        int64_t ns = 42;
        struct jp_error err = JP_ERROR_INIT;
        TAP_OK(jp_timestamp_parse(wrong[i], &ns, &err) < 0 && err.code == JP_EINVALID && ns == 42,
               "'%s' is refused", wrong[i]);
        jp_error_clear(&err);
    }
}

int main(void)
{
    test_quantities();
    test_units();
    test_timestamps();
    return tap_done();
}
