/*
 * Commands: what they are called, take and print. One table (commands.c) serves the parser, `help`,
 * the completions and the manual page; the functions that do the work are in cmd_*.c.
 *
 * Two programs share the table: `jetpack`, and `jetpack-image` with the commands that need a
 * decompressor or OpenSSL. `jetpack` becomes the helper when such a command is asked for, so that
 * `run` and `list` do not pay for libraries that they never use.
 */
#ifndef JP_CLI_COMMAND_H
#define JP_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"
#include "cli/options.h"
#include "config/conf.h"
#include "pod/network.h"
#include "pod/pod.h"
#include "store/driver/driver.h"
#include "store/store.h"

enum jp_group {
    JP_GROUP_HOST,
    JP_GROUP_IMAGES,
    JP_GROUP_TRUST,
    JP_GROUP_PODS,
    JP_N_GROUPS,
    JP_GROUP_NONE = JP_N_GROUPS, /* called by programs of ours: not shown */
};

enum {
    JP_COMMAND_ROOT = 1,    /* refused at once to anyone but root */
    JP_COMMAND_PODS = 2,    /* pod options and images with app options follow its own options */
    JP_COMMAND_PROGRAM = 4, /* options end at the first word: a program and its arguments follow */
    JP_COMMAND_STATUS = 8,  /* the exit status is the app's; 125, 126, 127 are failures of ours */
    JP_COMMAND_IMAGE = 16,  /* done by jetpack-image */
};

struct jp_cli;
struct jp_fetching;

struct jp_command {
    const char *name;
    enum jp_group group;
    unsigned flags;
    size_t min_words; /* how many words, options not counted */
    size_t max_words;
    const char *synopsis;
    const char *summary;                 /* a line for the list of commands */
    const char *text;                    /* paragraphs separated by an empty line; may be NULL */
    const struct jp_cli_option *options; /* never NULL */
    const char *examples;                /* lines "command # why" */
};

#define JP_NO_LIMIT ((size_t)-1)

/* The table, in the order of help; the end has a NULL name. */
extern const struct jp_command jp_commands[];
/* -config, -o, -help, -version. */
extern const struct jp_cli_option jp_global_options[];
const char *jp_group_title(enum jp_group group);

/* The command of that name or alias; NULL. */
const struct jp_command *jp_command_find(const char *name);

/*
 * `words` begin with what may be an older spelling: "image list", "pod POD show". Rewrites them in
 * place to "images", "show POD" and so on.
 */
int jp_command_rewrite(char **words, size_t count, struct jp_error *err);

/* What a command is done by. The result is the exit status, or -1 with an error. */
struct jp_command_function {
    const char *name;
    int (*run)(struct jp_cli *cli, struct jp_error *err);
};

/* Those of this program; the end has a NULL name. (main_jetpack.c, main_image.c) */
extern const struct jp_command_function jp_command_functions[];

/* One run of the program. */
struct jp_cli {
    const struct jp_command *command;
    struct jp_cli_args args; /* empty for JP_COMMAND_PODS, which read `rest` themselves */
    char **rest;             /* the words after the command's name, NULL-terminated */
    size_t n_rest;
    char **argv;                  /* all words, for the helper program */
    const char *const *overrides; /* the values of -o */
    size_t n_overrides;
    struct jp_config *config;
    struct jp_driver_zfs zfs;   /* what the configuration says about it */
    struct jp_store *store;     /* made by jp_cli_store() */
    struct jp_pod_context pods; /* filled by jp_cli_pods() */
    char *openpgp_program;      /* path, found by jp_cli_trust() */
    struct jp_pod_metadata metadata;
    struct jp_strv jail_parameters; /* of them */
    struct jp_networks networks;    /* of them */
    struct jp_fetching *fetching;   /* made by jp_cli_fetching() */
    char *passphrase;               /* read by jp_cli_passphrase() */
    void *command_data;             /* of the command that is running, for jp_cli_each_word() */
    struct jp_pod_signals signals;
    bool has_signals;
};

/* The store of the configuration, opened at the first call; valid as long as `cli`. */
struct jp_store *jp_cli_store(struct jp_cli *cli, struct jp_error *err);
struct jp_store_options jp_cli_store_options(const struct jp_cli *cli);

/* The context for the pod room: store, configuration, signals caught. */
struct jp_pod_context *jp_cli_pods(struct jp_cli *cli, struct jp_error *err);

/* The folder of our programs that the configuration names; NULL: it names none. */
const char *jp_cli_libexec(const struct jp_cli *cli);

/* Warnings and notes, on standard error: "jetpack: warning: ...". */
void jp_cli_warn(const char *text);

/* The error line. Only for commands that go on after a failure; otherwise return the error. */
void jp_cli_print_error(const struct jp_cli *cli, const struct jp_error *err);

/*
 * Calls `each` for every word of the command, also after one failed. -1 when one did: *err is the
 * last failure, earlier ones have been printed.
 */
int jp_cli_each_word(struct jp_cli *cli,
                     int (*each)(struct jp_cli *cli, const char *word, struct jp_error *err),
                     struct jp_error *err);

/* Makes id and newline the content of the file, replacing what it had. */
int jp_cli_save_id(const char *path, const char *id, struct jp_error *err);
struct jp_image_imported;
/* Of an image that has come: saves its id (-saveid), warns of each image that it lacks. */
int jp_cli_note_import(const struct jp_cli *cli, const struct jp_image_imported *imported,
                       struct jp_error *err);

/* The pod of a word, with the command's context. */
int jp_cli_find_pod(struct jp_cli *cli, const char *word, struct jp_store_pod *ret,
                    struct jp_error *err);

/* POD or POD:APP; *ret_app is the caller's, NULL when the word names no app. */
int jp_cli_find_pod_app(struct jp_cli *cli, const char *word, struct jp_store_pod *ret,
                        char **ret_app, struct jp_error *err);

/*
 * The words with which a supervisor calls us: program, the present configuration, an internal
 * command, the pod. Appended to *ret.
 */
int jp_cli_words_for(const struct jp_cli *cli, const char *command, const char *uuid,
                     struct jp_strv *ret, struct jp_error *err);

/* main() of both programs. */
int jp_cli_main(int argc, char **argv);

/* Texts (help.c). */
void jp_help_overview(void);
void jp_help_command(const struct jp_command *command);
int jp_cmd_help(struct jp_cli *cli, struct jp_error *err);
/* Tables of the pod room's options in the form of ours: of the pod, of an app. */
const struct jp_cli_option *jp_cli_pod_options(void);
const struct jp_cli_option *jp_cli_app_options(void);

#endif
