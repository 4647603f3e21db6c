/*
 * What commands print: tables, JSON, times and sizes. Results go to standard output.
 */
#ifndef JP_CLI_OUTPUT_H
#define JP_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/macros.h"
#include "cli/options.h"
#include "store/store.h"

#define JP_SHORT_ID 39 /* characters of an image's id in tables: "sha512-" and 32 digits */

/* ---- tables ---------------------------------------------------------------------------------- */

#define JP_TABLE_MAX_COLUMNS 12

struct jp_table {
    size_t n_columns;
    struct jp_strv cells; /* row by row, the header first */
    bool is_bare;         /* no header, tabs */
    bool failed;
};

/* `header`: names separated by '|'. */
struct jp_table jp_table_new(const char *header, bool is_bare);
/* Appends a cell; NULL is shown as "-". Unprintable bytes become '?'. */
void jp_table_add(struct jp_table *table, const char *text);
void jp_table_addf(struct jp_table *table, const char *fmt, ...) JP_PRINTF(2, 3);
/* Prints and releases. -1 with JP_ENOMEM when a cell could not be kept. */
int jp_table_print(struct jp_table *table, struct jp_error *err);

/* A line of a show: the title in a column of its own. NULL text: nothing is printed. */
void jp_show_line(const char *title, const char *text);

/* Text from files and manifests with control bytes as '?'. */
void jp_print_clean(const char *text);

/* ---- JSON ------------------------------------------------------------------------------------ */

bool jp_cli_wants_json(const struct jp_cli_args *args);

/* Prints a value, indented by two, and releases it. NULL: JP_ENOMEM. */
int jp_print_json(json_t *value, struct jp_error *err);

/* Values that may be absent: null. */
json_t *jp_json_text(const char *text);
json_t *jp_json_time(int64_t time_ns); /* RFC 3339 with nanoseconds; 0: null */
json_t *jp_json_status(int wait_status);
json_t *jp_json_strings(const struct jp_strv *v);
/* {"name": "value", ...} */
json_t *jp_json_labels(const struct jp_store_label *labels, size_t count);
/* An image as `images` and `show-image` give it. */
json_t *jp_json_image(const struct jp_store_image *image);

/* ---- words ----------------------------------------------------------------------------------- */

#define JP_WORD_SIZE 48

/* "3.4 MiB" */
void jp_format_size(uint64_t bytes, char out[JP_WORD_SIZE]);
/* "2026-01-02 03:04:05" in UTC, "-" for 0 */
void jp_format_time(int64_t time_ns, char out[JP_WORD_SIZE]);
/* "5s", "3m", "2h", "4d" since then, "-" for 0 */
void jp_format_age(int64_t time_ns, char out[JP_WORD_SIZE]);
/* "0", "1", "killed by TERM" from a wait status */
void jp_format_status(int status, char out[JP_WORD_SIZE]);
/* name[:version][,label=value...] as the prototype printed it; the caller's. NULL without memory */
char *jp_image_title(const struct jp_store_image *image);

/* "30s", "10m", "2h", "7d" or a plain number of seconds; false when it is none. */
bool jp_parse_duration(const char *text, int64_t *ret_ms);

#endif
