/* Text from strangers, made fit for a terminal: whole, on one line, and unable to look otherwise.
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

#endif
