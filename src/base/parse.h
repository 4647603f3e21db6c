/* Numbers and hexadecimal digits from text, without the surprises of strtol(3) and atoi(3). */
#ifndef JP_BASE_PARSE_H
#define JP_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a whole string of decimal digits (base 10) or octal digits (base 8): no sign, no blank, no
 * prefix, nothing after. True and *ret set when it lies within [min, max]; else false, *ret
 * untouched.
 */
bool jp_parse_u64(const char *text, int base, uint64_t min, uint64_t max, uint64_t *ret);

/* Is the word among those of a list that commas part? Letter for letter. */
bool jp_list_has(const char *list, const char *word, size_t word_len);

/* Writes 2 * len lower-case digits and a NUL to `out`. */
void jp_hex_encode(const void *bytes, size_t len, char *out);

/* Exactly 2 * len digits, either case. False when `text` is anything else. */
bool jp_hex_decode(const char *text, void *bytes, size_t len);

/* True for well-formed UTF-8 (no overlong forms, no surrogates): what JSON can hold. */
bool jp_utf8_valid(const char *text);

#endif
