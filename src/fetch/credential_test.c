/* Passwords per host: what a netrc says, and for whom (row 49). */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fetch/credential.h"
#include "tap.h"

static const char *header_for(const struct jp_credentials *all, const char *text)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    const struct jp_credential *one =
        jp_url_parse(text, &url, NULL) == 0 ? jp_credentials_find(all, &url) : NULL;
    return one ? one->header : NULL;
}

static void test_netrc(void)
{
    static const char text[] = "# who we are\n"
                               "machine a.example login alice password open\n"
                               "machine B.example:8443\n  login bob\n  password \"s e\\\"same\"\n"
                               "macdef init\nmachine evil.example login x password y\n\n"
                               "machine c.example account z login carol password #1\n"
                               "default login anonymous password guest\n";
    JP_AUTO(jp_credentials) all = JP_CREDENTIALS_INIT;
    TAP_OK(jp_credentials_parse(&all, text, "netrc", NULL) == 0, "a netrc is read");
    TAP_STR(header_for(&all, "https://a.example/x"), "Basic YWxpY2U6b3Blbg==", "a machine");
    TAP_STR(header_for(&all, "https://A.EXAMPLE:443/"),
            "Basic YWxpY2U6b3Blbg==", "spelled differently");
    TAP_STR(header_for(&all, "https://b.example:8443/"), "Basic Ym9iOnMgZSJzYW1l",
            "one with a port, and quotes");
    TAP_STR(header_for(&all, "https://b.example/"), NULL, "its port is part of it");
    TAP_STR(header_for(&all, "https://a.example:8443/"), NULL, "row 49: another port");
    TAP_STR(header_for(&all, "http://a.example/"), NULL, "row 49: http");
    TAP_STR(header_for(&all, "http://a.example:443/"), NULL, "row 49: http on that port");
    TAP_STR(header_for(&all, "https://www.a.example/"), NULL, "row 49: a host below");
    TAP_STR(header_for(&all, "https://example/"), NULL, "row 49: a host above");
    TAP_STR(header_for(&all, "https://evil.example/"), NULL, "a macro is no machine");
    TAP_STR(header_for(&all, "https://other.example/"), NULL, "the default is not for everybody");
}

static void test_bad(void)
{
    static const char *const bad[] = {
        "machine",
        "machine a.example login",
        "machine a.example login alice password",
        "machine a.example login alice password \"open",
        "machine a.example user alice",
        "hello",
        "machine a@b login alice password open",
        "machine a.example/x login alice password open",
        "machine a.example:0 login alice password open",
    };
    for (size_t i = 0; i < JP_LEN(bad); i++) {
        JP_AUTO(jp_credentials) all = JP_CREDENTIALS_INIT;
        TAP_OK(jp_credentials_parse(&all, bad[i], "netrc", NULL) < 0, "bad netrc %zu", i);
    }
}

static void test_values(void)
{
    JP_AUTO(jp_credentials) all = JP_CREDENTIALS_INIT;
    TAP_OK(jp_credentials_add(&all, "a.example", "bearer abc.def", NULL) == 0, "a token");
    TAP_OK(jp_credentials_add(&all, "b.example:5000", "basic user:pass:word", NULL) == 0,
           "a password with a colon");
    TAP_OK(jp_credentials_add(&all, "c.example", "secret", NULL) < 0, "neither");
    TAP_OK(jp_credentials_add(&all, "c.example", "basic secret", NULL) < 0, "no user");
    TAP_OK(jp_credentials_add(&all, "https://c.example", "bearer x", NULL) < 0, "no host");
    TAP_STR(header_for(&all, "https://a.example/"), "Bearer abc.def", "bearer");
    TAP_STR(header_for(&all, "https://b.example:5000/"), "Basic dXNlcjpwYXNzOndvcmQ=", "basic");
}

int main(void)
{
    test_netrc();
    test_bad();
    test_values();
    return tap_done();
}
