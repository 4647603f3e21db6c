/* What registries say when they want a password, and the tokens that are given for it. */
#include <string.h>

#include "base/buf.h"
#include "oci/challenge.h"
#include "tap.h"

static const struct {
    const char *text;
    const char *expected; /* the URL of the token; "basic"; NULL: refused */
} challenges[] = {
    {"Bearer "
     "realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:a/b:pull\"",
     "https://auth.example/token?service=r.example&scope=repository:a/b:pull"},
    {"bearer realm=\"https://auth.example/token\"", "https://auth.example/token?scope=asked"},
    {"Bearer realm=\"https://a/t?x=1\", service=\"a b&c\"",
     "https://a/t?x=1&service=a%20b%26c&scope=asked"},
    {"Bearer realm=https://a/t , error=\"invalid_token\"", "https://a/t?scope=asked"},
    {"Bearer realm=\"https://a/t\",realm=\"https://b/t\"", "https://a/t?scope=asked"},
    {"Bearer realm=\"https://a/\\\"t\"", "https://a/\"t?scope=asked"},
    {"Basic realm=\"Registry\"", "basic"},
    {"Basic", "basic"},
    {"Bearer", NULL},
    {"Bearer service=\"x\"", NULL},
    {"Bearer realm=", NULL},
    {"Bearer realm=\"https://a/t", NULL},
    {"Bearer realm", NULL},
    {"Digest realm=\"x\"", NULL},
    {"Negotiate", NULL},
    {"", NULL},
};

static void test_challenges(void)
{
    for (size_t i = 0; i < JP_LEN(challenges); i++) {
        struct jp_oci_challenge c;
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FREE char *url = NULL;
        const char *got = "refused";
        if (jp_oci_challenge_parse(challenges[i].text, &c, &err) == 0) {
            got = "basic";
            if (c.is_bearer && jp_oci_challenge_url(&c, "asked", &url, &err) == 0)
                got = url;
            jp_oci_challenge_clear(&c);
        }
        TAP_STR(got, challenges[i].expected ? challenges[i].expected : "refused", "challenge %zu",
                i);
    }
}

static const struct {
    const char *text;
    const char *token; /* NULL: refused */
} tokens[] = {
    {"{\"token\": \"abc.DEF-1_2~+/=\"}", "abc.DEF-1_2~+/="},
    {"{\"access_token\": \"x\", \"expires_in\": 300}", "x"},
    {"{\"token\": \"x\", \"access_token\": \"y\"}", "x"},
    {"{\"token\": \"x\\r\\nHost: other\"}", NULL},
    {"{\"token\": \"a b\"}", NULL},
    {"{\"token\": \"\"}", NULL},
    {"{\"token\": 1}", NULL},
    {"{\"token\": \"x\", \"token\": \"y\"}", NULL},
    {"{}", NULL},
    {"[]", NULL},
    {"", NULL},
};

static void test_tokens(void)
{
    for (size_t i = 0; i < JP_LEN(tokens); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_FREE char *token = NULL;
        bool ok = jp_oci_token_parse(tokens[i].text, strlen(tokens[i].text), &token, &err) == 0;
        TAP_STR(ok ? token : "refused", tokens[i].token ? tokens[i].token : "refused", "token %zu",
                i);
    }
}

int main(void)
{
    test_challenges();
    test_tokens();
    return tap_done();
}
