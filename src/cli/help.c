/*
 * Help, in three forms from the one table: text for people, words for the completions of shells
 * mdoc for the manual page (the section COMMANDS of jetpack(1) is this output; a test compares).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/command.h"
#include "pod/request.h"

#define WIDTH 80 /* columns of a line of text */

/* ---- options of pods and apps ---------------------------------------------------------------- */

static struct jp_cli_option pod_table[JP_POD_N_OPTIONS + 1], app_table[JP_POD_N_OPTIONS + 1];

static const struct jp_cli_option *fill(struct jp_cli_option *table, enum jp_pod_scope scope)
{
    size_t n = 0;
    if (table[0].name)
        return table;
    for (size_t i = 0; i < JP_POD_N_OPTIONS; i++) {
        const struct jp_pod_option_info *info = &jp_pod_options[i];
        if (info->scope & scope)
            table[n++] = (struct jp_cli_option){info->name, info->letter, info->argument,
                                                info->help, (int)info->option};
    }
    return table;
}

const struct jp_cli_option *jp_cli_pod_options(void)
{
    return fill(pod_table, JP_POD_SCOPE_POD);
}

const struct jp_cli_option *jp_cli_app_options(void)
{
    return fill(app_table, JP_POD_SCOPE_APP);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Prints words, broken between blanks; `column` is where the first one begins. */
static void print_wrapped(const char *text, size_t indent, size_t column)
{
    while (*text) {
        size_t len = strcspn(text, " \n");
        if (column > indent && column + len + 1 > WIDTH) {
            (void)printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)len, text);
        column += len;
        text += len;
        if (strncmp(text, "\n\n", 2) == 0) {
            (void)printf("\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    (void)putchar('\n');
}

#define OPTION_COLUMN 26

static void print_options(const char *title, const struct jp_cli_option *option)
{
    if (!option->name)
        return;
    (void)printf("\n%s:\n", title);
    for (; option->name; option++) {
        char left[128];
        int n = option->letter
                    ? snprintf(left, sizeof(left), "  -%c, -%s", option->letter, option->name)
                    : snprintf(left, sizeof(left), "  -%s", option->name);
        if (option->argument && n > 0 && (size_t)n < sizeof(left))
            n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", option->argument);
        (void)printf("%-*s", OPTION_COLUMN - 1, left);
        if (n >= OPTION_COLUMN - 1)
            (void)printf("\n%*s", OPTION_COLUMN - 1, "");
        (void)putchar(' ');
        print_wrapped(option->help, OPTION_COLUMN, OPTION_COLUMN);
    }
}

static void print_examples(const char *examples)
{
    if (!examples)
        return;
    (void)printf("\nExamples:\n");
    while (*examples) {
        size_t len = strcspn(examples, "\n");
        (void)printf("  %.*s\n", (int)len, examples);
        examples += len + (examples[len] == '\n');
    }
}

void jp_help_overview(void)
{
    (void)printf("usage: jetpack [-config PATH] [-o VAR[=VALUE]]... COMMAND ...\n");
    for (int group = 0; group < JP_N_GROUPS; group++) {
        (void)printf("\n%s:\n", jp_group_title((enum jp_group)group));
        for (const struct jp_command *c = jp_commands; c->name; c++)
            if ((int)c->group == group)
                (void)printf("  %-15s %s\n", c->name, c->summary);
    }
    (void)printf("\n'jetpack help COMMAND' tells more.\n");
}

void jp_help_command(const struct jp_command *command)
{
    int n = printf("usage: jetpack %s ", command->name);
    print_wrapped(command->synopsis, (size_t)n, (size_t)n);
    (void)putchar('\n');
    if (command->text)
        print_wrapped(command->text, 0, 0);
    else
        (void)printf("%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
    print_options("Options", command->options);
    if (command->flags & JP_COMMAND_PODS) {
        print_options("Options of the pod, before the first image", jp_cli_pod_options());
        print_options("Options of an app, after its image", jp_cli_app_options());
    }
    print_examples(command->examples);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void print_option_words(const struct jp_cli_option *option)
{
    for (; option->name; option++) {
        if (option->letter)
            (void)printf("-%c\n", option->letter);
        (void)printf("-%s%s\n", option->name, option->argument ? "=" : "");
    }
}

static void print_words(const struct jp_command *command)
{
    for (const struct jp_command *c = jp_commands; !command && c->name; c++)
        if (c->group != JP_GROUP_NONE)
            (void)printf("%s\n", c->name);
    if (!command)
        return;
    print_option_words(command->options);
    if (command->flags & JP_COMMAND_PODS) {
        print_option_words(jp_cli_pod_options());
        print_option_words(jp_cli_app_options());
    }
}

/* Whether `word` stands in `text`; "APP-OPTION" is one word. */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    while (*text) {
        size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
        if (n == len && strncmp(text, word, len) == 0)
            return true;
        text += n > 0 ? n : 1;
    }
    return false;
}

/*
 * What the words of a command stand for, from the capitals in its synopsis: one kind a line. The
 * kinds are what the completions of shells know how to list.
 */
static void print_operands(const struct jp_command *command)
{
    static const char *const kinds[][2] = {
        {"COMMAND", "command"}, {"FILE", "file"}, {"FROM", "file"}, {"IMAGE", "image"},
        {"LOCATION", "file"},   {"POD", "pod"},   {"TO", "pod"},    {"VAR", "variable"},
    };
    for (size_t i = 0; command && i < JP_LEN(kinds); i++)
        if (has_word(command->synopsis, kinds[i][0]))
            (void)printf("%s\n", kinds[i][1]);
}

/* ---- mdoc ------------------------------------------------------------------------------------ */

#define MDOC_WIDTH 78

/*
 * The name of the system is a macro of its own line: "(FreeBSD)." becomes ".Pq Fx .". Returns how
 * much of the text that was, with the blank after it; 0 when another word stands there.
 */
static size_t print_mdoc_system(const char *text)
{
    static const char name[] = "FreeBSD";
    bool is_bracketed = *text == '(';
    const char *end = text + is_bracketed;
    if (strncmp(end, name, sizeof(name) - 1) != 0)
        return 0;
    end += sizeof(name) - 1;
    if (is_bracketed && *end++ != ')')
        return 0;
    size_t marks = strspn(end, ".,;:");
    if (end[marks] != ' ' && end[marks] != '\0')
        return 0;
    (void)printf("\n.%sFx%s%.*s", is_bracketed ? "Pq " : "", marks > 0 ? " " : "", (int)marks, end);
    if (end[marks] == ' ')
        (void)putchar('\n');
    return (size_t)(end - text) + marks + (end[marks] == ' ');
}

/* Text for lines of its own: a dot or quote at the start of one would be a request. */
static void print_mdoc_text(const char *text)
{
    size_t column = 0;
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", stdout);
    for (; *text; text++, column++) {
        size_t system = *text == ' ' ? print_mdoc_system(text + 1) : 0;
        if (system > 0) {
            column = 0;
            text += system;
            continue;
        }
        if (*text == ' ' && column + strcspn(text + 1, " \n") >= MDOC_WIDTH) {
            (void)fputs(text[1] == '.' || text[1] == '\'' ? "\n\\&" : "\n", stdout);
            column = 0;
            continue;
        }
        if (strncmp(text, "\n\n", 2) == 0) {
            (void)fputs("\n.Pp\n", stdout);
            column = 0;
            text++;
        } else if (*text == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*text == '-') {
            (void)fputs("\\-", stdout);
        } else if (strncmp(text, ". ", 2) == 0) {
            (void)fputs(".\n", stdout); /* one sentence a line */
            column = 0;
            text++;
        } else {
            (void)putchar(*text);
        }
    }
    (void)putchar('\n');
}

/* An argument of a macro: quoted, so that words which are macros themselves ("Ar") stay words. */
static void print_mdoc_word(const char *text)
{
    (void)fputs(" \"", stdout);
    for (; *text; text++)
        (void)fputs(*text == '-' ? "\\-" : (char[]){*text, '\0'}, stdout);
    (void)putchar('"');
}

static void print_mdoc_options(const struct jp_cli_option *option)
{
    if (!option->name)
        return;
    (void)printf(".Bl -tag -width Ds -compact\n");
    for (; option->name; option++) {
        (void)fputs(".It", stdout);
        if (option->letter)
            (void)printf(" Fl %c , Fl %s", option->letter, option->name);
        else
            (void)printf(" Fl %s", option->name);
        if (option->argument) {
            (void)fputs(" Ar", stdout);
            print_mdoc_word(option->argument);
        }
        (void)putchar('\n');
        print_mdoc_text(option->help);
    }
    (void)printf(".El\n");
}

static void print_mdoc_command(const struct jp_command *command)
{
    (void)printf(".It Cm %s", command->name);
    if (*command->synopsis) {
        (void)fputs(" Ar", stdout);
        print_mdoc_word(command->synopsis);
    }
    (void)putchar('\n');
    if (command->text) {
        print_mdoc_text(command->text);
    } else {
        char first[2] = {(char)toupper((unsigned char)command->summary[0]), '\0'};
        (void)fputs(first, stdout);
        (void)fputs(command->summary + 1, stdout);
        (void)fputs(".\n", stdout);
    }
    print_mdoc_options(command->options);
}

static void print_mdoc(void)
{
    for (int group = 0; group < JP_N_GROUPS; group++) {
        (void)printf(".Ss %s\n.Bl -tag -width Ds\n", jp_group_title((enum jp_group)group));
        for (const struct jp_command *c = jp_commands; c->name; c++)
            if ((int)c->group == group)
                print_mdoc_command(c);
        (void)printf(".El\n");
    }
    (void)printf(".Ss Options of a pod\n"
                 "They stand before the first image.\n");
    print_mdoc_options(jp_cli_pod_options());
    (void)printf(".Ss Options of an app\n"
                 "They stand after the image that they belong to, until the next image.\n");
    print_mdoc_options(jp_cli_app_options());
}

/* ---- configuration --------------------------------------------------------------------------- */

/* The list of jetpack.conf(5). */
static void print_keys(void)
{
    (void)printf(".Bl -tag -width Ds\n");
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++) {
        (void)fputs(".It Va", stdout);
        print_mdoc_word(key->name);
        (void)putchar('\n');
        print_mdoc_text(key->doc);
        if (key->choices) {
            (void)fputs("One of ", stdout);
            for (const char *c = key->choices; *c; c++)
                (void)fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, stdout);
            (void)fputs(".\n", stdout);
        }
        if (key->value) {
            (void)fputs("Default:\n.Li", stdout);
            print_mdoc_word(key->value);
            (void)putchar('\n');
        }
    }
    (void)printf(".El\n");
}

/* The sample file: every key with its default, as comments. */
static void print_sample(void)
{
    (void)printf("# Configuration of Jetpack; see jetpack.conf(5). Everything has a default.\n"
                 "# Keep this file 0600 when it holds keys.\n");
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++)
        (void)printf("\n# %s\n#%s =%s%s\n", key->doc, key->name, key->value ? " " : "",
                     key->value ? key->value : "");
}

static int print_form(const char *format, const struct jp_command *command, struct jp_error *err)
{
    if (strcmp(format, "words") == 0)
        print_words(command);
    else if (strcmp(format, "operands") == 0)
        print_operands(command);
    else if (strcmp(format, "mdoc") == 0)
        print_mdoc();
    else if (strcmp(format, "keys") == 0)
        print_keys();
    else if (strcmp(format, "sample") == 0)
        print_sample();
    else
        return jp_fail(err, JP_EUSAGE, 0,
                       "-format=%s: must be text, words, operands, mdoc, keys or sample", format);
    return 0;
}

int jp_cmd_help(struct jp_cli *cli, struct jp_error *err)
{
    const char *format = jp_cli_value(&cli->args, "format");
    const struct jp_command *command = NULL;
    if (cli->args.n_words > 0) {
        command = jp_command_find(cli->args.words[0]);
        if (!command)
            return jp_fail(err, JP_EUSAGE, 0, "unknown command '%s'", cli->args.words[0]);
    }
    if (format && strcmp(format, "text") != 0)
        return print_form(format, command, err);
    if (command)
        jp_help_command(command);
    else
        jp_help_overview();
    return 0;
}
