/*
 * How a command line names an image by what it is:
 * name[:version][,label=value]...[@tag[,tag...]].
 */
#ifndef JP_APPC_IMAGENAME_H
#define JP_APPC_IMAGENAME_H

#include "appc/pairs.h"
#include "base/error.h"
#include "base/strv.h"

struct jp_image_name {
    char *name;             /* AC Identifier */
    struct jp_pairs labels; /* ":version" is the label "version"; in the order written */
    struct jp_strv tags;    /* AC Identifiers */
};

#define JP_IMAGE_NAME_INIT                                                                         \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* Reads one; JP_EINVALID says which part is wrong. *ret is overwritten. */
int jp_image_name_parse(const char *text, struct jp_image_name *ret, struct jp_error *err);

/* The canonical spelling, which parses to the same; new memory, NULL without memory. */
char *jp_image_name_print(const struct jp_image_name *name);

void jp_image_name_clear(struct jp_image_name *name);

#endif
