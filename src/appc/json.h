/*
 * JSON for this room: text to a tree under limits, a tree to text, and structures from and to trees
 * by tables. Private to appc/.
 *
 * A structure is described once, by a table of its fields {name, kind, offset, ...}; reading,
 * checking, printing and releasing are four walks of that table. So a field cannot be read and
 * forgotten in print, every error knows its place ("apps[1].mounts[0].path: missing"), and unknown
 * fields all pass through one function that keeps them.
 */
#ifndef JP_APPC_JSON_H
#define JP_APPC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define JP_JSON_DEPTH_MAX 64      /* nested arrays and objects; manifests need 8 */
#define JP_JSON_LIST_MAX  10000   /* objects in one list: apps, labels, mounts, ... */
#define JP_JSON_ITEMS_MAX 1000000 /* strings or numbers in one list: path whitelists are long */

/*
 * Text to a tree, at most `max` bytes, the top a JSON object. Duplicate keys, NUL, a byte order
 * mark, invalid UTF-8, anything behind the end, more than JP_JSON_DEPTH_MAX levels: refused with
 * JP_EINVALID or JP_ELIMIT. *ret is a new reference.
 */
int jp_json_load(const char *text, size_t len, size_t max, json_t **ret, struct jp_error *err);

/* The same for any JSON value (an isolator's). */
int jp_json_load_value(const char *text, size_t len, size_t max, json_t **ret,
                       struct jp_error *err);

/* Prints a tree: two spaces of indent when pretty, else without blanks. Keys stay in their order.
 */
void jp_json_dump(const json_t *value, bool pretty, struct jp_buf *out);

enum jp_json_kind {
    JP_JSON_CONST,  /* must be the string `text`; not stored */
    JP_JSON_STRING, /* char * */
    JP_JSON_BOOL,   /* bool */
    JP_JSON_U32,    /* uint32_t, min..max */
    JP_JSON_U64,    /* uint64_t, min..max */
    JP_JSON_STRV,   /* struct jp_strv */
    JP_JSON_GIDS,   /* struct jp_gids */
    JP_JSON_MAP,    /* struct jp_pairs from an object whose values are strings */
    JP_JSON_OBJECT, /* the structure `type` */
    JP_JSON_LIST,   /* a list {items, count, capacity} of `type` */
    JP_JSON_ANY,    /* json_t *, as it came */
    JP_JSON_CUSTOM, /* read() and print() */
};

struct jp_json_type;

struct jp_json_field {
    const char *name;
    const char *alias; /* another spelling that is read */
    enum jp_json_kind kind;
    bool is_required;
    size_t offset; /* in the structure */
    size_t has;    /* 1 + offset of a bool that says "given"; 0: none */

    const struct jp_json_type *type;
    bool is_unique; /* LIST: names must differ (the first member of each element) */
    int (*check_list)(const void *list, struct jp_error *err); /* LIST: "[2]...", or ": ..." */
    const char *text;                                     /* CONST; STRING: written when NULL */
    int (*check)(const char *text, struct jp_error *err); /* STRING, each of STRV */
    uint64_t min, max, fallback;                          /* numbers; fallback when absent */
    int (*read)(void *object, const json_t *value, struct jp_error *err);
    /* CUSTOM: a new reference; NULL with *ret_absent when there is nothing to print */
    json_t *(*print)(const void *object, bool *ret_absent);
};

struct jp_json_type {
    size_t size;
    const struct jp_json_field *fields;
    size_t n_fields;
    size_t extra; /* offset of the json_t * that keeps unknown fields */
    /* Derives more from what was read. Its error begins with a place below: "value.limit: ..." */
    int (*loaded)(void *object, struct jp_error *err);
    /* Rules across fields; errors as for loaded. */
    int (*check)(const void *object, struct jp_error *err);
    void (*clear)(void *object); /* releases what `loaded` made */
};

#define JP_JSON_HAS(type, member) (offsetof(type, member) + 1)

/*
 * Reads a zeroed object; on failure it is half-built, and jp_json_clear() releases it. `lenient`
 * lets required fields be absent (copies of objects in the making).
 */
int jp_json_read(const struct jp_json_type *type, const json_t *value, bool lenient, void *object,
                 struct jp_error *err);
int jp_json_check(const struct jp_json_type *type, const void *object, struct jp_error *err);
/* *ret is a new reference. JP_EINVALID when a string is not UTF-8. */
int jp_json_print(const struct jp_json_type *type, const void *object, json_t **ret,
                  struct jp_error *err);
void jp_json_clear(const struct jp_json_type *type, void *object);
/* Replaces `to` by a deep copy of `from`. */
int jp_json_copy(const struct jp_json_type *type, void *to, const void *from, struct jp_error *err);

/* text -> checked object, and back; what the manifests' parse and print functions are. */
int jp_json_parse_object(const struct jp_json_type *type, const char *text, size_t len,
                         void *object, struct jp_error *err);
int jp_json_print_object(const struct jp_json_type *type, const void *object, bool pretty,
                         char **ret, struct jp_error *err);

/*
 * The first member of each element of a list must be a name (char *), unique in the list; `field`
 * is what JSON calls it: "[3].name: 'x' is there twice". In n log n: lists come from strangers.
 */
int jp_json_check_unique(const void *list, size_t element_size, const char *field,
                         struct jp_error *err);

/* Appends a zeroed element to a list {items, count, capacity}; NULL without memory. */
void *jp_json_list_add(void *list, size_t element_size);

/* Finds by that first member; NULL when absent. */
void *jp_json_list_find(const void *list, size_t element_size, const char *name);

/* Tables that several manifests share. */
extern const struct jp_json_type jp_label_type;
extern const struct jp_json_type jp_annotation_type;
extern const struct jp_json_type jp_isolator_type;
extern const struct jp_json_type jp_app_type;
extern const struct jp_json_type jp_port_type;
extern const struct jp_json_type jp_mount_point_type;
extern const struct jp_json_type jp_event_handler_type;
extern const struct jp_json_type jp_image_manifest_type;
extern const struct jp_json_type jp_volume_type;
extern const struct jp_json_type jp_mount_type;
extern const struct jp_json_type jp_exposed_port_type;
extern const struct jp_json_type jp_runtime_app_type;
extern const struct jp_json_type jp_pod_manifest_type;

#endif
