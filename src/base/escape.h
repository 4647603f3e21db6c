/*
 * Text from strangers, made fit for a terminal: whole, on one line, and unable to look otherwise;
 * or for a shell, should somebody paste it.
 */
#ifndef JP_BASE_ESCAPE_H
#define JP_BASE_ESCAPE_H

/*
 * A copy in which everything that is not a visible character is \xNN, byte by byte: control
 * characters, what is no UTF-8, and characters that are invisible or change the direction or order
 * of others (row 45). A backslash is doubled, so that nobody can write what looks like that. New
 * memory; NULL without memory.
 */
char *jp_escape(const char *text);

/*
 * A copy that is one word of a shell, and means nothing but itself there: as it is, or in quotes
 * when there is more in it than letters, digits and what no shell minds (row 46). No backslash is
 * added, which jp_escape() would double. New memory; NULL without memory.
 */
char *jp_shell_word(const char *text);

#endif
