#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "tap.h"

static void test_sizes(void)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } table[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {(1U << 20) - 1, "1023.9 KiB"},
        {1U << 20, "1.0 MiB"},
        {UINT64_MAX, "15.9 EiB"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        char word[JP_WORD_SIZE];
        jp_format_size(table[i].bytes, word);
        TAP_STR(word, table[i].text, "size number %zu", i);
    }
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } table[] = {
        {"0", 0},   {"5", 5000},         {"5s", 5000}, {"250ms", 250}, {"2m", 120000},
        {"", -1},   {"1h", 3600000},     {"s", -1},    {"-1", -1},     {"7d", 604800000},
        {"1x", -1}, {"99999999999", -1}, {"1 s", -1},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        int64_t ms = -1;
        bool is_fine = jp_parse_duration(table[i].text, &ms);
        TAP_OK(is_fine == (table[i].ms >= 0) && ms == table[i].ms, "duration '%s'", table[i].text);
    }
}

static void test_words(void)
{
    char word[JP_WORD_SIZE];
    jp_format_status(3 << 8, word);
    TAP_STR(word, "3", "exit status");
    jp_format_status(15, word);
    TAP_STR(word, "killed by TERM", "signal");
    jp_format_time(1000000000LL * 1000000000, word);
    TAP_STR(word, "2001-09-09 01:46:40", "time");
    jp_format_time(0, word);
    TAP_STR(word, "-", "no time");
    static char words[][16] = {"os", "linux", "version", "1.2", "arch", "amd64", "example.com/x"};
    static char tag[] = "stable";
    struct jp_store_label labels[] = {
        {words[0], words[1]}, {words[2], words[3]}, {words[4], words[5]}};
    char *tags[] = {tag, NULL};
    struct jp_store_image image = {
        .name = words[6],
        .labels = labels,
        .n_labels = 3,
        .tags = {.items = tags, .count = 1},
    };
    JP_AUTO_FREE char *title = jp_image_title(&image);
    TAP_STR(title, "example.com/x:1.2,arch=amd64,os=linux@stable", "title of an image");
}

/* What a table prints, by way of a file in the place of standard output. */
static char *printed(bool is_bare)
{
    static char text[400];
    char path[] = "/tmp/jetpack-table-XXXXXX";
    int fd = mkstemp(path), saved = dup(STDOUT_FILENO);
    if (fd < 0 || saved < 0)
        exit(1);
    (void)fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    struct jp_table table = jp_table_new("A|LONG|C", is_bare);
    jp_table_add(&table, "1");
    jp_table_add(&table, NULL);
    jp_table_add(&table, "tab\there");
    jp_table_addf(&table, "%d", 12345);
    jp_table_add(&table, "b");
    jp_table_add(&table, "");
    int r = jp_table_print(&table, NULL);
    (void)fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 && r == 0 ? n : 0] = '\0';
    close(fd);
    close(saved);
    (void)unlink(path);
    return text;
}

int main(void)
{
    test_sizes();
    test_durations();
    test_words();
    TAP_OK(strcmp(printed(false), "A      LONG  C\n1      -     tab?here\n12345  b     -\n") == 0,
           "a table");
    TAP_OK(strcmp(printed(true), "1\t-\ttab?here\n12345\tb\t-\n") == 0, "a bare table");
    return tap_done();
}
