/* Forms as ace.md has them posted: application/x-www-form-urlencoded. */
#ifndef JP_MDS_FORM_H
#define JP_MDS_FORM_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX and, in forms, '+', in place. The new length, or -1 when a '%' is not followed by two
 * digits. Zero bytes may come out. */
long jp_form_decode(char *text, size_t len, bool is_form);

struct jp_form_field {
    char *value; /* in the body */
    size_t len;
    bool is_there;
};

/*
 * Finds the `count` fields named in `names` in a body, which is decoded in place and must have a
 * byte to spare after its end. False when the body is no form, or has one of them twice.
 */
bool jp_form_read(char *body, size_t len, const char *const *names, struct jp_form_field *ret,
                  size_t count);

#endif
