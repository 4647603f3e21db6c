/*
 * Names of images as Docker writes them: [REGISTRY/]REPOSITORY[:TAG][@DIGEST], and what they become
 * here. "debian:12" is "library/debian" of the registry "registry-1.docker.io" with the tag "12".
 */
#ifndef JP_OCI_REFERENCE_H
#define JP_OCI_REFERENCE_H

#include <stdbool.h>

#include "base/error.h"

struct jp_oci_reference {
    char *registry;   /* host, perhaps with a port */
    char *repository; /* "library/debian" */
    char *tag;        /* NULL: none was given */
    char *digest;     /* NULL: none was given */
};

/* JP_EINVALID says what is wrong with the name. *ret is overwritten. */
int jp_oci_reference_parse(const char *text, struct jp_oci_reference *ret, struct jp_error *err);
void jp_oci_reference_clear(struct jp_oci_reference *reference);

bool jp_oci_tag_valid(const char *text);

/*
 * An AC Identifier made of any text: lower case, everything that cannot stand turned into single
 * hyphens: "localhost:5000/my__app" -> "localhost-5000/my-app". *ret is the caller's; JP_EINVALID
 * when nothing usable is left.
 */
int jp_oci_identifier_from(const char *text, char **ret, struct jp_error *err);

/* The name that the image has here: "registry-1.docker.io/library/debian". */
int jp_oci_reference_image_name(const struct jp_oci_reference *reference, char **ret,
                                struct jp_error *err);

#endif
