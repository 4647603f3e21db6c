#include "cli/output.h"

#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "sys/process.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static void clean(char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

void jp_print_clean(const char *text)
{
    JP_AUTO_FREE char *copy = jp_strdup(text);
    clean(copy);
    (void)fputs(copy ? copy : "?", stdout);
}

void jp_table_add(struct jp_table *table, const char *text)
{
    char *copy = jp_strdup(text && *text ? text : "-");
    clean(copy);
    if (!copy || jp_strv_add_owned(&table->cells, copy) < 0)
        table->failed = true;
}

void jp_table_addf(struct jp_table *table, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    jp_table_add(table, n < 0 ? "?" : text);
    if (n >= 0)
        free(text);
}

struct jp_table jp_table_new(const char *header, bool is_bare)
{
    struct jp_table table = {.is_bare = is_bare};
    for (const char *at = header; at; table.n_columns++) {
        size_t len = strcspn(at, "|");
        JP_AUTO_FREE char *name = jp_memdup0(at, len);
        jp_table_add(&table, name);
        at = at[len] ? at + len + 1 : NULL;
    }
    return table;
}

static void print_padded(const struct jp_table *table, const size_t *widths)
{
    for (size_t i = 0; i < table->cells.count; i++) {
        bool is_last = i % table->n_columns == table->n_columns - 1;
        const char *cell = table->cells.items[i];
        if (is_last)
            (void)printf("%s\n", cell);
        else
            (void)printf("%-*s  ", (int)widths[i % table->n_columns], cell);
    }
}

static void print_bare(const struct jp_table *table)
{
    for (size_t i = table->n_columns; i < table->cells.count; i++) {
        bool is_last = i % table->n_columns == table->n_columns - 1;
        (void)printf("%s%c", table->cells.items[i], is_last ? '\n' : '\t');
    }
}

int jp_table_print(struct jp_table *table, struct jp_error *err)
{
    size_t widths[JP_TABLE_MAX_COLUMNS] = {0};
    bool failed = table->failed || table->n_columns > JP_TABLE_MAX_COLUMNS;
    for (size_t i = 0; !failed && i < table->cells.count; i++) {
        size_t len = strlen(table->cells.items[i]);
        if (len > widths[i % table->n_columns])
            widths[i % table->n_columns] = len;
    }
    if (!failed && table->is_bare)
        print_bare(table);
    else if (!failed)
        print_padded(table, widths);
    jp_strv_clear(&table->cells);
    return failed ? jp_oom(err) : 0;
}

void jp_show_line(const char *title, const char *text)
{
    if (!text)
        return;
    (void)printf("%-20s ", title);
    jp_print_clean(text);
    (void)putchar('\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

bool jp_cli_wants_json(const struct jp_cli_args *args)
{
    const char *format = jp_cli_value(args, "format");
    return format && strcmp(format, "json") == 0;
}

int jp_print_json(json_t *value, struct jp_error *err)
{
    if (!value)
        return jp_oom(err);
    int r = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    (void)putchar('\n');
    json_decref(value);
    return r < 0 ? jp_fail(err, JP_ESYS, 0, "write JSON to standard output") : 0;
}

json_t *jp_json_text(const char *text)
{
    json_t *value = text ? json_string(text) : NULL; /* NULL for what is not UTF-8, too */
    return value ? value : json_null();
}

json_t *jp_json_time(int64_t time_ns)
{
    char text[JP_TIME_SIZE];
    if (time_ns == 0)
        return json_null();
    jp_time_format(time_ns, 9, text);
    return json_string(text);
}

json_t *jp_json_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return json_pack("{s:n, s:s}", "code", "signal", jp_signal_name(WTERMSIG(wait_status)));
    return json_pack("{s:i, s:n}", "code", WEXITSTATUS(wait_status), "signal");
}

json_t *jp_json_strings(const struct jp_strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < v->count; i++)
        (void)json_array_append_new(list, jp_json_text(v->items[i]));
    return list;
}

json_t *jp_json_labels(const struct jp_store_label *labels, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < count; i++)
        (void)json_object_set_new(object, labels[i].name, jp_json_text(labels[i].value));
    return object;
}

json_t *jp_json_image(const struct jp_store_image *image)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}", "id", image->id, "name",
                     jp_json_text(image->name), "labels",
                     jp_json_labels(image->labels, image->n_labels), "created",
                     jp_json_time(image->created_ns), "imported", jp_json_time(image->imported_ns),
                     "size", (json_int_t)image->size_bytes, "disk", (json_int_t)image->disk_bytes,
                     "dependencies", jp_json_strings(&image->dependencies), "tags",
                     jp_json_strings(&image->tags));
}

/* ---- words ----------------------------------------------------------------------------------- */

void jp_format_size(uint64_t bytes, char out[JP_WORD_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    uint64_t value = bytes, rest = 0;
    while (value >= 1024 && unit < JP_LEN(units) - 1) {
        rest = value % 1024;
        value /= 1024;
        unit++;
    }
    if (unit == 0)
        (void)snprintf(out, JP_WORD_SIZE, "%u B", (unsigned)value);
    else
        (void)snprintf(out, JP_WORD_SIZE, "%u.%u %s", (unsigned)value, (unsigned)(rest * 10 / 1024),
                       units[unit]);
}

void jp_format_time(int64_t time_ns, char out[JP_WORD_SIZE])
{
    char text[JP_TIME_SIZE];
    jp_time_format(time_ns, 0, text);
    text[10] = ' ';
    text[19] = '\0';
    (void)snprintf(out, JP_WORD_SIZE, "%s", time_ns ? text : "-");
}

void jp_format_age(int64_t time_ns, char out[JP_WORD_SIZE])
{
    int64_t s = (jp_time_now_ns() - time_ns) / 1000000000;
    if (s < 0)
        s = 0;
    if (time_ns == 0)
        (void)snprintf(out, JP_WORD_SIZE, "-");
    else if (s < 120)
        (void)snprintf(out, JP_WORD_SIZE, "%ds", (int)s);
    else if (s < 120 * 60)
        (void)snprintf(out, JP_WORD_SIZE, "%dm", (int)(s / 60));
    else if (s < 48 * 3600)
        (void)snprintf(out, JP_WORD_SIZE, "%dh", (int)(s / 3600));
    else
        (void)snprintf(out, JP_WORD_SIZE, "%dd", (int)(s / 86400));
}

void jp_format_status(int status, char out[JP_WORD_SIZE])
{
    if (WIFSIGNALED(status))
        (void)snprintf(out, JP_WORD_SIZE, "killed by %s", jp_signal_name(WTERMSIG(status)));
    else
        (void)snprintf(out, JP_WORD_SIZE, "%d", WEXITSTATUS(status));
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp((*(const struct jp_store_label *const *)a)->name,
                  (*(const struct jp_store_label *const *)b)->name);
}

char *jp_image_title(const struct jp_store_image *image)
{
    struct jp_buf out = JP_BUF_INIT;
    JP_AUTO_FREE const struct jp_store_label **sorted =
        jp_calloc(image->n_labels + 1, sizeof(*sorted));
    if (!sorted)
        return NULL;
    for (size_t i = 0; i < image->n_labels; i++)
        sorted[i] = &image->labels[i];
    qsort(sorted, image->n_labels, sizeof(*sorted), compare_labels);
    const char *version = jp_store_image_label(image, "version");
    jp_buf_puts(&out, image->name ? image->name : "?");
    if (version)
        jp_buf_printf(&out, ":%s", version);
    for (size_t i = 0; i < image->n_labels; i++)
        if (strcmp(sorted[i]->name, "version") != 0)
            jp_buf_printf(&out, ",%s=%s", sorted[i]->name, sorted[i]->value);
    for (size_t i = 0; i < image->tags.count; i++)
        jp_buf_printf(&out, "%c%s", i ? ',' : '@', image->tags.items[i]);
    return jp_buf_steal(&out);
}

bool jp_parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t digits = strspn(text, "0123456789");
    JP_AUTO_FREE char *number = jp_memdup0(text, digits);
    uint64_t value;
    if (!number || !jp_parse_u64(number, 10, 0, 1000000000, &value))
        return false;
    for (size_t i = 0; i < JP_LEN(units); i++)
        if (strcmp(text + digits, units[i].suffix) == 0) {
            *ret_ms = (int64_t)value * units[i].ms;
            return true;
        }
    return false;
}
