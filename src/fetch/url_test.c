/* URLs, and what is the same place. */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "fetch/url.h"
#include "tap.h"

static const struct {
    const char *text;
    const char *host;
    unsigned port;
    const char *path;
} good[] = {
    {"https://example.com", "example.com", 443, ""},
    {"https://example.com/", "example.com", 443, "/"},
    {"HTTPS://Example.COM/A%20b?x=1", "example.com", 443, "/A%20b?x=1"},
    {"https://example.com?ac-discovery=1", "example.com", 443, "?ac-discovery=1"},
    {"http://example.com:8080/x#part", "example.com", 8080, "/x"},
    {"http://127.0.0.1/", "127.0.0.1", 80, "/"},
    {"https://[::1]:8443/x", "::1", 8443, "/x"},
    {"https://[2001:DB8::1]", "2001:db8::1", 443, ""},
    {"https://a-b_c.example.", "a-b_c.example.", 443, ""},
    {"https://3com.example/", "3com.example", 443, "/"},
};

static const char *const bad[] = {
    "",
    "example.com",
    "//example.com",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "hdfs://example.com/",
    "https:/example.com",
    "https:///x",
    "https://",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://good.example@evil.example/",
    "https://good.example\\@evil.example/",
    "https://good.example\\.evil.example/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nHost: evil",
    "https://example.com/\x7f",
    "https://ex\xc3\xa4mple.com/",
    "https://example.com:0/",
    "https://example.com:/",
    "https://example.com:65536/",
    "https://example.com:0443/",
    "https://example.com:443x/",
    "https://example..com/",
    "https://.example.com/",
    "https://-example.com/",
    "https://example-.com/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.0.0.1.1/",
    "https://256.0.0.1/",
    "https://[::1/",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://[example.com]/",
    "https://[127.0.0.1]/",
};

static void test_good(void)
{
    for (size_t i = 0; i < JP_LEN(good); i++) {
        JP_AUTO(jp_url) url = JP_URL_INIT;
        bool ok = jp_url_parse(good[i].text, &url, NULL) == 0 &&
                  strcmp(url.host, good[i].host) == 0 && url.port == good[i].port &&
                  strcmp(url.path, good[i].path) == 0;
        TAP_OK(ok, "%s", good[i].text);
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_url) url = JP_URL_INIT;
        TAP_OK(jp_url_parse(bad[i], &url, NULL) < 0, "bad URL %zu is refused", i);
    }
    char *text = jp_alloc(JP_URL_MAX + 2);
    if (text) {
        JP_AUTO(jp_url) url = JP_URL_INIT;
        memset(text, 'a', JP_URL_MAX + 1);
        text[JP_URL_MAX + 1] = '\0';
        memcpy(text, "https://a/", 10);
        TAP_OK(jp_url_parse(text, &url, NULL) < 0, "a URL that is too long");
        free(text);
    }
}

static bool is_at(const char *text, const char *place)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    return jp_url_parse(text, &url, NULL) == 0 && jp_url_is_at(&url, place);
}

static bool is_same(const char *a, const char *b)
{
    JP_AUTO(jp_url) one = JP_URL_INIT;
    JP_AUTO(jp_url) other = JP_URL_INIT;
    return jp_url_parse(a, &one, NULL) == 0 && jp_url_parse(b, &other, NULL) == 0 &&
           jp_url_is_same_origin(&one, &other);
}

static void test_places(void)
{
    TAP_OK(is_at("http://a.example/x", "a.example"), "a host");
    TAP_OK(is_at("http://a.example:81/x", "A.example"), "a host with any port, in other letters");
    TAP_OK(is_at("http://a.example:81/", "a.example:81"), "a host and its port");
    TAP_OK(is_at("http://[::1]:81/", "[::1]:81"), "an address in brackets");
    TAP_OK(!is_at("http://a.example:81/", "a.example:82"), "another port");
    TAP_OK(!is_at("http://a.example.evil/", "a.example"), "a longer host");
    TAP_OK(!is_at("http://a.exampl/", "a.example"), "a shorter one");
    TAP_OK(!is_at("http://a.example/", ""), "no place");
    TAP_OK(is_same("https://a.example/x", "https://A.example:443/y"), "one origin");
    TAP_OK(!is_same("https://a.example/x", "http://a.example:443/x"), "another scheme");
    TAP_OK(!is_same("https://a.example/x", "https://a.example:444/x"), "another port");
    TAP_OK(!is_same("https://a.example/x", "https://b.example/x"), "another host");
}

int main(void)
{
    test_good();
    test_bad();
    test_places();
    return tap_done();
}
