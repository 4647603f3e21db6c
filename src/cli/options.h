/*
 * Options of the command line.
 *
 * One or two dashes mean the same; a value follows after `=` or as the next word, also when it
 * begins with a dash (`-v -ports:/usr/ports`). A letter is a name like any other (`-p=www=80`), and
 * several letters that take no value may share a dash (`-it`). Names are never abbreviated: what
 * works today must not become ambiguous tomorrow. getopt_long_only(3) abbreviates, orders its
 * arguments by the environment and differs between systems; this is why we read options ourselves.
 */
#ifndef JP_CLI_OPTIONS_H
#define JP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct jp_cli_option {
    const char *name;     /* without dashes; NULL ends a table */
    char letter;          /* another name, or 0 */
    const char *argument; /* what the value is, for help; NULL: takes none */
    const char *help;     /* one line */
    int id;               /* for the owner of the table */
};

struct jp_cli_given {
    const struct jp_cli_option *option;
    const char *value; /* NULL when it takes none; belongs to the command line */
};

/* Reads options from a list of words, step by step. */
struct jp_cli_reader {
    const struct jp_cli_option *const *tables; /* NULL-terminated; the first match counts */
    char **words;
    size_t count;
    size_t at;          /* index of the next word */
    const char *bundle; /* letters of the current word that are still to be read */
};

/*
 * 1: an option was read into *ret; 0: the next word (if there is one) is no option; -1: JP_EUSAGE,
 * naming the option. `--` is not an option here: the caller looks at it.
 */
int jp_cli_option_read(struct jp_cli_reader *reader, struct jp_cli_given *ret,
                       struct jp_error *err);

/* What a whole command was given. */
struct jp_cli_args {
    struct jp_cli_given *given; /* in order */
    size_t n_given;
    char **words; /* what is no option, NULL-terminated; the list is owned, the words are not */
    size_t n_words;
};

/*
 * Reads all words. With `is_permuting`, options may stand anywhere before `--`, else they end at
 * the first word that is none.
 */
int jp_cli_args_read(const struct jp_cli_option *table, char **words, size_t count,
                     bool is_permuting, struct jp_cli_args *ret, struct jp_error *err);
void jp_cli_args_clear(struct jp_cli_args *args);

/* Was the option given? Its last value? NULL when not. `name` is the long one. */
bool jp_cli_has(const struct jp_cli_args *args, const char *name);
const char *jp_cli_value(const struct jp_cli_args *args, const char *name);

#endif
