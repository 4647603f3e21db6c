#include <string.h>

#include "base/buf.h"
#include "base/macros.h"
#include "cli/options.h"
#include "tap.h"

static const struct jp_cli_option table[] = {
    {"saveid", 0, "FILE", "", 0},      {"volume", 'v', "VOLUME", "", 0},
    {"interactive", 'i', NULL, "", 0}, {"tty", 't', NULL, "", 0},
    {"quiet", 'q', NULL, "", 0},       {NULL, 0, NULL, NULL, 0},
};

/* "name=value|name|:word|:word", or the error. */
static char *digest(char **words, bool is_permuting)
{
    size_t count = 0;
    while (words[count])
        count++;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_cli_args args;
    if (jp_cli_args_read(table, words, count, is_permuting, &args, &err) < 0)
        return strdup(jp_error_text(&err));
    struct jp_buf out = JP_BUF_INIT;
    for (size_t i = 0; i < args.n_given; i++)
        jp_buf_printf(&out, "%s%s%s|", args.given[i].option->name, args.given[i].value ? "=" : "",
                      args.given[i].value ? args.given[i].value : "");
    for (size_t i = 0; i < args.n_words; i++)
        jp_buf_printf(&out, ":%s|", args.words[i]);
    jp_cli_args_clear(&args);
    return jp_buf_steal(&out);
}

static void check(bool is_permuting, const char *line, const char *expected)
{
    char copy[200], *words[20] = {NULL}, *at = copy, *word;
    size_t n = 0;
    snprintf(copy, sizeof(copy), "%s", line);
    while ((word = strsep(&at, " ")) && n < JP_LEN(words) - 1)
        words[n++] = word;
    JP_AUTO_FREE char *got = digest(words, is_permuting);
    TAP_STR(got, expected, "%s%s", line, is_permuting ? "" : " (stops at the first word)");
}

int main(void)
{
    check(true, "-saveid x", "saveid=x|");
    check(true, "--saveid=x", "saveid=x|");
    check(true, "-saveid=", "saveid=|");
    check(true, "-v=-x:/y", "volume=-x:/y|");
    check(true, "-v -x:/y", "volume=-x:/y|");
    check(true, "--v a=b=c", "volume=a=b=c|");
    check(true, "a -q b", "quiet|:a|:b|");
    check(false, "-q a -q b", "quiet|:a|:-q|:b|");
    check(true, "a -- -q -- b", ":a|:-q|:--|:b|");
    check(true, "-it a", "interactive|tty|:a|");
    check(true, "a -itq", "interactive|tty|quiet|:a|");
    check(false, "-it sh -c x", "interactive|tty|:sh|:-c|:x|");
    check(true, "-", ":-|");
    check(true, "--it", "unknown option '--it'");
    check(true, "-save x", "unknown option '-save'");
    check(true, "--nonsense=3", "unknown option '--nonsense'");
    check(true, "-ix", "unknown option '-ix'");
    check(true, "-iv x", "unknown option '-iv'");
    check(true, "-q=on", "option '-q' takes no value");
    check(true, "a --saveid", "option '--saveid' needs a value: --saveid FILE");
    check(true, "-=x", "unknown option '-'");
    return tap_done();
}
