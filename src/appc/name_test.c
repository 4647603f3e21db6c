/* Identifiers and image ids: what passes and what must never become a path or a key. */
#include "appc/id.h"
#include "appc/name.h"
#include "base/macros.h"
#include "tap.h"

static const struct {
    const char *text;
    bool is_identifier;
    bool is_name;
} names[] = {
    {"database", true, true},
    {"example.com/database", true, false},
    {"example.com/ourapp", true, false},
    {"example.com/~user/app_v1", false, false}, /* "/~": two separators, against the expression */
    {"example.com/user~1/app_v1", true, false},
    {"sub-domain.example.com/org/product/release", true, false},
    {"product-database-release", true, true},
    {"a", true, true},
    {"0", true, true},
    {"", false, false},
    {"-a", false, false},
    {"a-", false, false},
    {"a--b", false, false},
    {"a.", false, false},
    {"a..b", false, false},
    {"..", false, false},
    {".", false, false},
    {"/", false, false},
    {"/a", false, false},
    {"a/", false, false},
    {"a/../b", false, false},
    {"a/./b", false, false},
    {"a//b", false, false},
    {"A", false, false},
    {"aB", false, false},
    {"a b", false, false},
    {"a%2fb", false, false},
    {"a\nb", false, false},
    {"a\n", false, false},
    {"a:b", false, false},
    {"a,b", false, false},
    {"a@b", false, false},
    {"a\\b", false, false},
    {"\xc3\xa4", false, false},
    {"a_b", true, false},
    {"a~b", true, false},
};

static void test_names(void)
{
    for (size_t i = 0; i < JP_LEN(names); i++) {
        struct jp_shown shown = jp_show(names[i].text);
        TAP_OK(jp_ac_identifier_valid(names[i].text) == names[i].is_identifier,
               "identifier '%s' is %s", shown.text, names[i].is_identifier ? "good" : "bad");
        TAP_OK(jp_ac_name_valid(names[i].text) == names[i].is_name, "name '%s' is %s", shown.text,
               names[i].is_name ? "good" : "bad");
    }
    char *longest = malloc(JP_NAME_MAX + 2);
    memset(longest, 'a', JP_NAME_MAX + 1);
    longest[JP_NAME_MAX + 1] = '\0';
    TAP_OK(!jp_ac_name_valid(longest), "a name longer than the limit is bad");
    longest[JP_NAME_MAX] = '\0';
    TAP_OK(jp_ac_name_valid(longest), "the longest name is good");
    free(longest);
}

static void test_environment(void)
{
    static const char *const good[] = {"PATH", "_", "a1", "A.b-c", "REDUCE_WORKER_DEBUG"};
    static const char *const bad[] = {"", "1A", "-A", ".A", "A=B", "A B", "\xc3\x84"};
    for (size_t i = 0; i < JP_LEN(good); i++)
        TAP_OK(jp_environment_name_valid(good[i]), "variable '%s' is good", good[i]);
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_environment_name_valid(bad[i]), "variable '%s' is bad", jp_show(bad[i]).text);
}

static void test_name_from(void)
{
    static const struct {
        const char *text;
        const char *name;
    } made[] = {
        {"example.com/redis", "redis"},
        {"redis", "redis"},
        {"example.com/My_App.v2", "my-app-v2"},
        {"a/b/", "b"},
        {"___", "app"},
        {"", "app"},
        {"///", "app"},
        {"x/--a--b--", "a-b"},
    };
    for (size_t i = 0; i < JP_LEN(made); i++) {
        char *name = jp_ac_name_from(made[i].text);
        TAP_STR(name, made[i].name, "a name made of '%s'", made[i].text);
        TAP_OK(name && jp_ac_name_valid(name), "and it is an AC Name");
        free(name);
    }
}

static void test_ids(void)
{
    unsigned char digest[64];
    for (size_t i = 0; i < sizeof(digest); i++)
        digest[i] = (unsigned char)(i * 5);
    char id[JP_IMAGE_ID_SIZE + 1] = "";
    jp_image_id_format(digest, id);
    TAP_OK(strlen(id) == JP_IMAGE_ID_LEN, "an id has its length");
    TAP_OK(jp_image_id_valid(id) && jp_image_id_prefix_valid(id), "a formatted id is valid");
    id[7] = 'A';
    TAP_OK(!jp_image_id_valid(id), "an upper-case digit is refused");
    id[7] = 'g';
    TAP_OK(!jp_image_id_valid(id) && !jp_image_id_prefix_valid(id), "no digit is refused");
    id[7] = '0';
    memcpy(id + JP_IMAGE_ID_LEN, "0", 2);
    TAP_OK(!jp_image_id_valid(id) && !jp_image_id_prefix_valid(id), "129 digits are refused");
    id[JP_IMAGE_ID_LEN - 1] = '\0';
    TAP_OK(!jp_image_id_valid(id) && jp_image_id_prefix_valid(id), "127 digits are a prefix");

    static const char *const bad[] = {
        "",          "sha512",     "sha512-",      "sha256-00", "sha512-../../etc",
        "SHA512-0",  "sha512-0/1", "sha512-0\n",   "0",         " sha512-0",
        "sha512-0 ", "sha512--0",  "sha512-%2f00", "sha512-0x",
    };
    for (size_t i = 0; i < JP_LEN(bad); i++)
        TAP_OK(!jp_image_id_valid(bad[i]) && !jp_image_id_prefix_valid(bad[i]),
               "'%s' is neither id nor prefix", jp_show(bad[i]).text);
    TAP_OK(jp_image_id_prefix_valid("sha512-0"), "one digit is a prefix");
    TAP_OK(!jp_image_id_valid("sha512-0"), "but no id");
}

static void test_show(void)
{
    TAP_STR(jp_show("plain").text, "plain", "plain text is shown as it is");
    TAP_STR(jp_show("a\x1b[2J\\").text, "a\\x1b[2J\\\\", "an escape sequence is made harmless");
    TAP_STR(jp_show(NULL).text, "", "nothing is shown as nothing");
    char text[300];
    memset(text, '\x01', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct jp_shown shown = jp_show(text);
    size_t len = strlen(shown.text);
    TAP_OK(len < sizeof(shown.text) && strcmp(shown.text + len - 3, "...") == 0,
           "long text is cut");
    memset(text, 'x', sizeof(text) - 1);
    TAP_OK(strlen(jp_show(text).text) == 63, "plain long text too");
}

int main(void)
{
    test_names();
    test_environment();
    test_name_from();
    test_ids();
    test_show();
    return tap_done();
}
