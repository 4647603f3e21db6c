/* Which meta tags count, and what becomes of their templates (appc discovery.md; row 41). */
#include <stdlib.h>
#include <string.h>

#include "appc/name.h"
#include "base/macros.h"
#include "base/mem.h"
#include "fetch/discovery.h"
#include "tap.h"

#define LABELS "os=linux,arch=amd64"

/* The URLs of images that the tags give, separated by blanks; signatures and keys after bars. */
static void expect(const char *word, const char *const *metas, const char *expected,
                   const char *what)
{
    JP_AUTO(jp_image_name) image = JP_IMAGE_NAME_INIT;
    JP_AUTO(jp_discovery) found = JP_DISCOVERY_INIT;
    JP_AUTO(jp_strv) list = JP_STRV_INIT;
    JP_AUTO(jp_buf) got = JP_BUF_INIT;
    for (size_t i = 0; metas[i]; i++)
        (void)!jp_strv_add(&list, metas[i]);
    if (!TAP_OK(jp_image_name_parse(word, &image, NULL) == 0 &&
                    jp_discovery_read(&image, &list, &found, NULL) == 0,
                "%s: read", what))
        return;
    const struct jp_strv *parts[] = {&found.images, &found.signatures, &found.keys};
    for (size_t i = 0; i < JP_LEN(parts); i++) {
        for (size_t k = 0; k < parts[i]->count; k++)
            jp_buf_printf(&got, "%s%s", k ? " " : "", parts[i]->items[k]);
        jp_buf_puts(&got, i < 2 ? "|" : "");
    }
    TAP_STR(jp_buf_text(&got), expected, "%s", what);
}

#define EXPECT(word, expected, what, ...)                                                          \
    expect(word, (const char *const[]){__VA_ARGS__, NULL}, expected, what)

static void test_specification(void)
{
    static const char *const page[] = {
        "ac-discovery",
        "example.com https://storage.example.com/{os}/{arch}/{name}-{version}.{ext}",
        "ac-discovery",
        "example.com https://mirror.storage.example.com/{os}/{arch}/{name}-{version}.{ext}",
        "ac-discovery",
        "example.com https://storage.example.com/{os}/{arch}/{name}-latest.{ext}",
        "ac-discovery-pubkeys",
        "example.com https://example.com/pubkeys.gpg",
        NULL};
    expect("example.com/reduce-worker:1.0.0," LABELS, page,
           "https://storage.example.com/linux/amd64/example.com/reduce-worker-1.0.0.aci "
           "https://mirror.storage.example.com/linux/amd64/example.com/reduce-worker-1.0.0.aci|"
           "https://storage.example.com/linux/amd64/example.com/reduce-worker-1.0.0.aci.asc "
           "https://mirror.storage.example.com/linux/amd64/example.com/reduce-worker-1.0.0.aci.asc|"
           "https://example.com/pubkeys.gpg",
           "the example of the specification");
    expect(
        "example.com/reduce-worker," LABELS, page,
        "https://storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci "
        "https://mirror.storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci "
        "https://storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci|"
        "https://storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci.asc "
        "https://mirror.storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci.asc "
        "https://storage.example.com/linux/amd64/example.com/reduce-worker-latest.aci.asc|"
        "https://example.com/pubkeys.gpg",
        "without a version");
}

static void test_templates(void)
{
    EXPECT("example.com/a,channel=beta," LABELS, "https://e/beta.aci|https://e/beta.aci.asc|",
           "another label is substituted, and counts", "ac-discovery",
           "example.com https://e/{channel}.{ext}", "ac-discovery",
           "example.com https://e/{name}.{ext}");
    EXPECT("example.com/a," LABELS, "||", "a label that was not asked for", "ac-discovery",
           "example.com https://e/{channel}.{ext}");
    EXPECT("example.com/a," LABELS, "||", "no {ext}", "ac-discovery",
           "example.com https://e/{name}.aci");
    EXPECT("example.com/a," LABELS, "||", "a brace that is not closed", "ac-discovery",
           "example.com https://e/{ext}{name");
    EXPECT("example.com/a," LABELS, "||", "one that is not opened", "ac-discovery",
           "example.com https://e/{ext}name}");
    EXPECT(
        "example.com/a:1.0+b/../c?d#e%," LABELS,
        "https://e/1.0%2Bb%2F..%2Fc%3Fd%23e%25.aci|https://e/1.0%2Bb%2F..%2Fc%3Fd%23e%25.aci.asc|",
        "values are escaped", "ac-discovery", "example.com https://e/{version}.{ext}");
    EXPECT("example.com/a," LABELS, "hdfs://e/example.com/a.aci|hdfs://e/example.com/a.aci.asc|",
           "schemes are somebody else's to refuse", "ac-discovery",
           "example.com hdfs://e/{name}.{ext}");
    EXPECT("example.com/a:1," LABELS,
           "https://e/example.com/a.aci|https://e/example.com/a.aci.asc|",
           "they hide no place of the web, however well they fit", "ac-discovery",
           "example.com hdfs://e/{name}-{version}-{os}.{ext}", "ac-discovery",
           "example.com https://e/{name}.{ext}");
    EXPECT("example.com/a," LABELS, "||", "what is no URL", "ac-discovery",
           "example.com http%//e/{name}.{ext}");
}

static void test_prefixes(void)
{
    static const struct {
        const char *prefix;
        bool covers;
    } table[] = {
        {"example.com/foo", true},
        {"example.com", true},
        {"example.com/fo", false},
        {"example.com/foo/bar", false},
        {"example.co", false},
        {"example.com/foobar", false},
        {"example.com/", false},
        {"example.com/foo/", false},
        {"EXAMPLE.com/foo", false},
        {"example.com/./foo", false},
        {"example.com//foo", false},
        {"", false},
        {"@", false},
        {"*", false},
        {"example.com.evil/foo", false},
        {"ex\xd0\xb0mple.com", false},
        {"https://example.com", false},
        {"com", false},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO_FREE char *content = jp_format("%s https://e/{ext}", table[i].prefix);
        JP_AUTO_FREE char *what =
            jp_format("row 41: the prefix '%s'", jp_show(table[i].prefix).text);
        EXPECT("example.com/foo," LABELS,
               table[i].covers ? "https://e/aci|https://e/aci.asc|" : "||", what, "ac-discovery",
               content);
    }
    EXPECT("example.com/foo," LABELS, "||", "row 41: keys for another prefix",
           "ac-discovery-pubkeys", "example.com/fo https://e/keys");
    EXPECT("example.com/foo," LABELS, "||https://e/keys", "keys, with blanks around",
           "ac-discovery-pubkeys", " \n example.com \t https://e/keys \n");
    EXPECT("example.com/foo," LABELS, "||", "other tags", "ac-something",
           "example.com https://e/{ext}", "ac-discovery", "example.com");
}

int main(void)
{
    test_specification();
    test_templates();
    test_prefixes();
    return tap_done();
}
