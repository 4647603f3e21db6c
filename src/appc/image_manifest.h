/*
 * The image manifest (aci.md "Image Manifest Schema"). It comes from whoever made the image: size,
 * depth and every field are checked before anything else looks at it.
 */
#ifndef JP_APPC_IMAGE_MANIFEST_H
#define JP_APPC_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "appc/app.h"
#include "appc/pairs.h"
#include "base/error.h"
#include "base/strv.h"

#define JP_MANIFEST_MAX (4U << 20) /* bytes of a manifest (the default limit) */

struct jp_dependency {
    char *image_name; /* AC Identifier */
    char *image_id;   /* full id, or NULL */
    struct jp_pairs labels;
    bool has_size;
    uint64_t size_bytes;
    struct json_t *extra;
};

struct jp_dependencies {
    struct jp_dependency *items;
    size_t count;
    size_t capacity;
};

struct jp_image_manifest {
    char *ac_version;
    char *name; /* AC Identifier */
    struct jp_pairs labels;
    bool has_app;
    struct jp_app app; /* empty unless has_app */
    struct jp_dependencies dependencies;
    struct jp_strv path_whitelist; /* absolute paths; empty: no filter */
    struct jp_pairs annotations;
    struct json_t *extra; /* unknown fields, kept */
};

#define JP_IMAGE_MANIFEST_INIT                                                                     \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/*
 * Reads and checks a manifest: 0, or -1 with JP_EINVALID ("app.ports[1].port: ..."), JP_ELIMIT
 * (size, depth), JP_EUNSUPPORTED (acVersion of another series), JP_ENOMEM. Refused: a byte order
 * mark, duplicate keys, NUL, invalid UTF-8, anything after the object. *ret is overwritten, not
 * cleared.
 */
int jp_image_manifest_parse(const char *json, size_t len, struct jp_image_manifest *ret,
                            struct jp_error *err);

/* The rules that parse applies, for a manifest that was built or edited. */
int jp_image_manifest_check(const struct jp_image_manifest *m, struct jp_error *err);

/*
 * Canonical JSON: fields in the order of the specification, then unknown ones; `pretty`: indented
 * by two spaces, with a final newline. *ret is new memory, NUL-terminated.
 */
int jp_image_manifest_print(const struct jp_image_manifest *m, bool pretty, char **ret,
                            struct jp_error *err);

/* "version", "os", "arch" or any label; NULL when absent. */
const char *jp_image_manifest_label(const struct jp_image_manifest *m, const char *name);
const char *jp_image_manifest_annotation(const struct jp_image_manifest *m, const char *name);

/* Appends a zeroed dependency; NULL without memory. */
struct jp_dependency *jp_image_manifest_add_dependency(struct jp_image_manifest *m);

void jp_image_manifest_clear(struct jp_image_manifest *m);

/*
 * aci.md "Dependency Matching" without the image's id, which the caller has: name equal and labels
 * contained. JP_EINVALID says which differs.
 */
int jp_dependency_match(const struct jp_dependency *dependency, const struct jp_image_manifest *m,
                        struct jp_error *err);

#endif
