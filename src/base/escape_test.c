#include <stdlib.h>

#include "base/escape.h"
#include "base/macros.h"
#include "tap.h"

static void test_shell_words(void)
{
    static const char *const table[][2] = {
        {"https://example.com:8080/a-b_c/x.asc%20@+", "https://example.com:8080/a-b_c/x.asc%20@+"},
        {"", "''"},
        {"a b", "'a b'"},
        {"https://example.com/k;id", "'https://example.com/k;id'"},
        {"$(id)&*?[x]#!~=", "'$(id)&*?[x]#!~='"},
        {"~root", "'~root'"},
        {"it's", "'it'\"'\"'s'"},
        {"';id;'", "''\"'\"';id;'\"'\"''"},
        {"a\\nb\nc", "'a\\nb\nc'"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO_FREE char *text = jp_shell_word(table[i][0]);
        TAP_STR(text, table[i][1], "row 46: a word of a shell: %zu", i);
    }
}

int main(void)
{
    static const char *const table[][2] = {
        {"", ""},
        {"Alice <alice@example.com>", "Alice <alice@example.com>"},
        {"Jos\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", "Jos\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac"},
        {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
        {"\x1b[2J\x7f", "\\x1b[2J\\x7f"},
        {"a\\x0ab", "a\\\\x0ab"},
        {"\xe2\x80\xae"
         "evil",
         "\\xe2\\x80\\xae"
         "evil"},                                                         /* right to left */
        {"\xe2\x80\x8b|\xef\xbb\xbf", "\\xe2\\x80\\x8b|\\xef\\xbb\\xbf"}, /* invisible */
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b"
         "2J"},                     /* a control character of 8 bits */
        {"\xc0\x8a", "\\xc0\\x8a"}, /* a newline, too long */
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xe6\x97", "\\xe6\\x97"}, /* cut short */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"e\xcc\x81", "e\\xcc\\x81"},
        {"a\xc2\xa0"
         "b",
         "a\\xc2\\xa0"
         "b"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO_FREE char *text = jp_escape(table[i][0]);
        TAP_STR(text, table[i][1], "escaped: %zu", i);
    }
    test_shell_words();
    return tap_done();
}
