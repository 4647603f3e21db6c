#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_named(const struct jp_cli_option *option, const char *name, size_t len)
{
    return (strncmp(option->name, name, len) == 0 && option->name[len] == '\0') ||
           (len == 1 && option->letter == name[0]);
}

static const struct jp_cli_option *find(const struct jp_cli_option *const *tables, const char *name,
                                        size_t len)
{
    for (; *tables; tables++)
        for (const struct jp_cli_option *option = *tables; option->name; option++)
            if (len > 0 && is_named(option, name, len))
                return option;
    return NULL;
}

/* True when every letter is an option without value: "it". */
static bool is_bundle(const struct jp_cli_option *const *tables, const char *letters)
{
    for (const char *c = letters; *c; c++) {
        const struct jp_cli_option *option = find(tables, c, 1);
        if (!option || option->argument)
            return false;
    }
    return strlen(letters) > 1;
}

/* Takes the value of an option from behind `=` or from the next word. */
static int read_value(struct jp_cli_reader *reader, const char *word, const char *equals,
                      struct jp_cli_given *given, struct jp_error *err)
{
    int shown = (int)(equals ? (size_t)(equals - word) : strlen(word));
    if (!given->option->argument) {
        if (equals)
            return jp_fail(err, JP_EUSAGE, 0, "option '%.*s' takes no value", shown, word);
        return 1;
    }
    if (equals) {
        given->value = equals + 1;
        return 1;
    }
    if (reader->at >= reader->count)
        return jp_fail(err, JP_EUSAGE, 0, "option '%s' needs a value: %s %s", word, word,
                       given->option->argument);
    given->value = reader->words[reader->at++];
    return 1;
}

int jp_cli_option_read(struct jp_cli_reader *reader, struct jp_cli_given *ret, struct jp_error *err)
{
    if (reader->bundle && *reader->bundle) {
        *ret = (struct jp_cli_given){find(reader->tables, reader->bundle++, 1), NULL};
        return 1;
    }
    const char *word = reader->at < reader->count ? reader->words[reader->at] : NULL;
    if (!word || word[0] != '-' || !word[1] || strcmp(word, "--") == 0 || strcmp(word, "---") == 0)
        return 0;
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    struct jp_cli_given given = {find(reader->tables, name, len), NULL};
    if (!given.option && word[1] != '-' && is_bundle(reader->tables, name)) {
        reader->at++;
        reader->bundle = name + 1;
        *ret = (struct jp_cli_given){find(reader->tables, name, 1), NULL};
        return 1;
    }
    if (!given.option)
        return jp_fail(err, JP_EUSAGE, 0, "unknown option '%.*s'", (int)(name - word) + (int)len,
                       word);
    reader->at++;
    int r = read_value(reader, word, equals, &given, err);
    if (r > 0)
        *ret = given;
    return r;
}

static int read_all(struct jp_cli_reader *reader, bool is_permuting, struct jp_cli_args *args,
                    struct jp_error *err)
{
    bool takes_options = true;
    for (;;) {
        int r = takes_options ? jp_cli_option_read(reader, &args->given[args->n_given], err) : 0;
        if (r < 0)
            return -1;
        args->n_given += (size_t)r;
        if (r > 0)
            continue;
        if (reader->at >= reader->count)
            return 0;
        char *word = reader->words[reader->at++];
        bool is_end = takes_options && strcmp(word, "--") == 0;
        takes_options = takes_options && is_permuting && !is_end;
        if (!is_end)
            args->words[args->n_words++] = word;
    }
}

int jp_cli_args_read(const struct jp_cli_option *table, char **words, size_t count,
                     bool is_permuting, struct jp_cli_args *ret, struct jp_error *err)
{
    size_t letters = 0; /* a bundle of n letters gives n options */
    for (size_t i = 0; i < count; i++)
        letters += words[i][0] == '-' ? strlen(words[i]) : 1;
    struct jp_cli_args args = {
        .given = jp_calloc(letters + 1, sizeof(*args.given)),
        .words = jp_calloc(count + 1, sizeof(*args.words)),
    };
    if (!args.given || !args.words) {
        jp_cli_args_clear(&args);
        return jp_oom(err);
    }
    const struct jp_cli_option *const tables[] = {table, NULL};
    struct jp_cli_reader reader = {.tables = tables, .words = words, .count = count};
    if (read_all(&reader, is_permuting, &args, err) < 0) {
        jp_cli_args_clear(&args);
        return -1;
    }
    *ret = args;
    return 0;
}

void jp_cli_args_clear(struct jp_cli_args *args)
{
    free(args->given);
    free(args->words);
    *args = (struct jp_cli_args){NULL, 0, NULL, 0};
}

static const struct jp_cli_given *last(const struct jp_cli_args *args, const char *name)
{
    for (size_t i = args->n_given; i > 0; i--)
        if (strcmp(args->given[i - 1].option->name, name) == 0)
            return &args->given[i - 1];
    return NULL;
}

bool jp_cli_has(const struct jp_cli_args *args, const char *name)
{
    return last(args, name) != NULL;
}

const char *jp_cli_value(const struct jp_cli_args *args, const char *name)
{
    const struct jp_cli_given *given = last(args, name);
    return given ? given->value : NULL;
}
