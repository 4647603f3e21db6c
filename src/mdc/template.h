/*
 * Templates as the prototype's client expanded them: text with {{.UUID}}, {{.AppAnnotation "name"}}
 * and their like. Of Go's templates only this form is known: no conditions, no pipes.
 */
#ifndef JP_MDC_TEMPLATE_H
#define JP_MDC_TEMPLATE_H

#include "base/buf.h"
#include "base/error.h"

#define JP_TEMPLATE_MAX_ARGUMENTS 2

/*
 * Writes what stands for {{.NAME ARGUMENT...}}. -1 with JP_ENOTFOUND for a name that it does not
 * know, or for what is not there.
 */
typedef int jp_template_value(void *context, const char *name, char *const *arguments, size_t count,
                              struct jp_buf *ret, struct jp_error *err);

/* Appends the expanded text. JP_EINVALID tells where the template is broken. */
int jp_template_expand(const char *text, jp_template_value *value, void *context,
                       struct jp_buf *ret, struct jp_error *err);

#endif
