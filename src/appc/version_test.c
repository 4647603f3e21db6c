/* SemVer with the specification's rule, and the order of image versions. */
#include "appc/version.h"
#include "base/macros.h"
#include "tap.h"

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void test_semver(void)
{
    static const char *const good[] = {
        "0.8.11",
        "1.2.3",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-0.3.7",
        "1.0.0-x.7.z.92",
        "1.0.0-x-y-z.-",
        "1.0.0+20130313144700",
        "1.0.0-beta+exp.sha.5114f85",
        "1.0.0+21AF26D3---117B344092BD",
        "10.20.30",
        "99999999999999999999999.999999999999999999.99999999999999999",
    };
    static const char *const bad[] = {
        "",       "1",      "1.2",    "1.2.3.4",        "01.2.3",     "1.02.3",     "1.2.03",
        "v1.2.3", "1.2.3-", "1.2.3+", "1.2.3-01",       "1.2.3-a..b", "1.2.3-a.01", " 1.2.3",
        "1.2.3 ", "1.2.x",  "-1.2.3", "1.2.3-\xc3\xa4", "1.2.3+a+b",  "1..3",       "1.2.",
    };
    for (size_t i = 0; i < JP_LEN(good); i++)
        TAP_OK(jp_semver_valid(good[i]), "'%s' is SemVer", good[i]);
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_semver_valid(bad[i]), "'%s' is not SemVer", bad[i]);

    /* SemVer item 11, in ascending order. */
    static const char *const order[] = {
        "0.8.10",      "0.8.11",        "1.0.0-0",
        "1.0.0-1",     "1.0.0-2",       "1.0.0-10",
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
        "1.0.0-rc.1",  "1.0.0",         "2.0.0",
        "2.1.0",       "2.1.1",         "10.0.0",
    };
    bool right = true;
    for (size_t i = 0; i < JP_LEN(order); i++) {
        for (size_t k = 0; k < JP_LEN(order); k++)
            right = right && sign(jp_semver_compare(order[i], order[k])) == (i > k) - (i < k);
    }
    TAP_OK(right, "the order of SemVer item 11");
    TAP_OK(jp_semver_compare("1.0.0+a", "1.0.0+b") == 0, "build metadata does not count");
}

static void test_compatibility(void)
{
    static const struct {
        const char *text;
        enum jp_code code;
    } table[] = {
        {"0.8.11", JP_OK},          {"0.8.10", JP_OK},       {"0.1.0", JP_OK},
        {"0.9.0", JP_OK},           {"0.8.11+git", JP_OK},   {"1.0.0", JP_EUNSUPPORTED},
        {"2.1.1", JP_EUNSUPPORTED}, {"0.0.0", JP_EINVALID},  {"", JP_EINVALID},
        {"0.8", JP_EINVALID},       {"latest", JP_EINVALID},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        struct jp_error err = JP_ERROR_INIT;
        int result = jp_ac_version_check(table[i].text, &err);
        TAP_OK((result == 0) == (table[i].code == JP_OK) && err.code == table[i].code,
               "acVersion '%s' -> %d", table[i].text, (int)table[i].code);
        jp_error_clear(&err);
    }
}

/* Ascending; every pair is compared both ways, which shows the order total and transitive. */
static const char *const versions[] = {
    NULL,
    "",
    "edge",
    "latest",
    "0.1",
    "0.9",
    "1.0~rc1",
    "1.0-alpha",
    "1.0-beta",
    "1.0-rc1",
    "1.0-rc2",
    "1.0-rc10",
    "1.0",
    "1.0+git5",
    "1.0a",
    "1.0-1",
    "1.0-2",
    "1.0-10",
    "1.0.0",
    "1.0.1",
    "1.1",
    "1.2",
    "v1.3",
    "1.9",
    "1.9.9",
    "1.10",
    "1.100",
    "2",
    "10",
    "20141027",
    "20150101",
    "99999999999999999999999999",
    "100000000000000000000000000",
};

static void test_image_versions(void)
{
    for (size_t i = 0; i < JP_LEN(versions); i++) {
        bool right = true;
        for (size_t k = 0; k < JP_LEN(versions); k++) {
            int expected = (i > k) - (i < k);
            int got = sign(jp_version_compare(versions[i], versions[k]));
            if (got != expected)
                printf("# %s against %s: %d\n", versions[i], versions[k], got);
            right = right && got == expected;
        }
        TAP_OK(right, "'%s' stands in its place", versions[i] ? versions[i] : "(none)");
    }
    TAP_OK(jp_version_compare("1.0", "1.00") != 0 && jp_version_compare("v1", "1") != 0,
           "0 for equal text only");
    TAP_OK(jp_version_compare(NULL, NULL) == 0, "none equals none");
}

int main(void)
{
    test_semver();
    test_compatibility();
    test_image_versions();
    return tap_done();
}
