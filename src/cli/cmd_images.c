/* images, show-image, image-manifest, destroy-image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/image_manifest.h"
#include "appc/imagename.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "image/image.h"
#include "store/views.h"
#include "sys/fd.h"

static int print_ids(const struct jp_store_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        (void)printf("%s\n", images->items[i].id);
    return 0;
}

/*
 * What the images that this one stands on take on disk, each once: *ret. False when that cannot be
 * told, because one of them is not here.
 */
static bool shared_bytes(struct jp_cli *cli, const struct jp_store_image *image, uint64_t *ret)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) seen = JP_STRV_INIT;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, NULL);
    *ret = 0;
    if (image->dependencies.count == 0)
        return true;
    if (!ctx || jp_pod_image_stack(ctx, image->id, NULL, &stack, NULL) < 0)
        return false;
    for (size_t i = 0; i < stack.count; i++) {
        const char *id = stack.items[i].image_id;
        JP_AUTO(jp_store_images) found = {NULL, 0};
        const struct jp_store_image_query query = {.id_prefix = id};
        if (strcmp(id, image->id) == 0 || jp_strv_contains(&seen, id))
            continue;
        if (jp_strv_add(&seen, id) < 0 ||
            jp_store_image_list(ctx->store, &query, &found, NULL) < 0 || found.count != 1)
            return false;
        *ret += found.items[0].disk_bytes;
    }
    return true;
}

static json_t *image_json(struct jp_cli *cli, const struct jp_store_image *image)
{
    uint64_t shared = 0;
    json_t *object = jp_json_image(image);
    json_t *value =
        shared_bytes(cli, image, &shared) ? json_integer((json_int_t)shared) : json_null();
    if (object && json_object_set_new(object, "shared", value) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int print_json(struct jp_cli *cli, const struct jp_store_images *images,
                      struct jp_error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < images->count; i++)
        (void)json_array_append_new(list, image_json(cli, &images->items[i]));
    return jp_print_json(list, err);
}

/* The further columns of -l. */
static void add_long(struct jp_cli *cli, struct jp_table *table, const struct jp_store_image *image)
{
    char word[JP_WORD_SIZE];
    uint64_t shared = 0;
    jp_format_size(image->disk_bytes, word);
    jp_table_add(table, word);
    bool is_known = shared_bytes(cli, image, &shared);
    jp_format_size(shared, word);
    jp_table_add(table, is_known ? word : NULL);
    jp_format_age(image->imported_ns, word);
    jp_table_add(table, word);
}

static int print_table(struct jp_cli *cli, const struct jp_store_images *images,
                       struct jp_error *err)
{
    const struct jp_cli_args *args = &cli->args;
    bool is_long = jp_cli_has(args, "long");
    struct jp_table table =
        jp_table_new(is_long ? "ID|NAME|SIZE|CREATED|DISK|SHARED|AGE" : "ID|NAME|SIZE|CREATED",
                     jp_cli_has(args, "no-header"));
    int digits = is_long ? -1 : JP_SHORT_ID;
    for (size_t i = 0; i < images->count; i++) {
        const struct jp_store_image *image = &images->items[i];
        char word[JP_WORD_SIZE];
        JP_AUTO_FREE char *title = jp_image_title(image);
        jp_table_addf(&table, "%.*s", digits, image->id);
        jp_table_add(&table, title);
        jp_format_size(image->size_bytes, word);
        jp_table_add(&table, word);
        jp_format_time(image->created_ns, word);
        jp_table_add(&table, word);
        if (is_long)
            add_long(cli, &table, image);
    }
    return jp_table_print(&table, err);
}

/* ---- which ones, and in which order ------------------------------------------------------------
 */

/* What -filter=NAME=VALUE asks for; 1, 0, or -1 for one that there is not. */
static int fits_filter(const struct jp_store_image *image, const char *filter, struct jp_error *err)
{
    static const char label[] = "label:";
    const char *equals = strchr(filter, '=');
    if (!equals)
        return jp_fail(err, JP_EUSAGE, 0, "-filter=%s: expected NAME=VALUE", filter);
    JP_AUTO_FREE char *name = strndup(filter, (size_t)(equals - filter));
    if (!name)
        return jp_oom(err);
    if (strcmp(name, "name") == 0)
        return strcmp(image->name, equals + 1) == 0;
    if (strncmp(name, label, strlen(label)) != 0)
        return jp_fail(err, JP_EUSAGE, 0, "-filter=%s: expected name or label:NAME", name);
    const char *value = jp_store_image_label(image, name + strlen(label));
    return value && strcmp(value, equals + 1) == 0;
}

/* Everything that was given must fit. */
static int fits(const struct jp_cli_args *args, const struct jp_store_image *image,
                struct jp_error *err)
{
    int r = 1;
    for (size_t i = 0; i < args->n_given && r > 0; i++) {
        const struct jp_cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "tag") == 0)
            r = jp_strv_contains(&image->tags, given->value);
        else if (strcmp(given->option->name, "filter") == 0)
            r = fits_filter(image, given->value, err);
    }
    return r;
}

/* What an image is to others can be told only among all of them. */
static bool wants_relations(const struct jp_cli_args *args)
{
    return jp_cli_has(args, "outdated") || jp_cli_has(args, "unused");
}

/* is_out[i]: images[i] is not to be shown, whatever else it is. */
static int leave_out_others(struct jp_cli *cli, const char *word,
                            const struct jp_store_images *images, bool *is_out,
                            struct jp_error *err)
{
    JP_AUTO(jp_store_images) named = {NULL, 0};
    if (jp_pod_list_images(cli->store, word, &named, err) < 0)
        return -1;
    /* Both are in the same order. */
    size_t next = 0;
    for (size_t i = 0; i < images->count; i++) {
        bool is_named =
            next < named.count && strcmp(images->items[i].id, named.items[next].id) == 0;
        next += is_named;
        is_out[i] = is_out[i] || !is_named;
    }
    return 0;
}

static int leave_out_used(struct jp_cli *cli, const struct jp_store_images *images, bool *is_out,
                          struct jp_error *err)
{
    static const struct jp_pod_unused everything = {.tagged = true};
    JP_AUTO_FREE size_t *unused = NULL;
    size_t count = 0;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_unused_images(ctx, &everything, images, &unused, &count, err) < 0)
        return -1;
    JP_AUTO_FREE bool *is_unused = jp_calloc(images->count + 1, sizeof(*is_unused));
    if (!is_unused)
        return jp_oom(err);
    for (size_t i = 0; i < count; i++)
        is_unused[unused[i]] = true;
    for (size_t i = 0; i < images->count; i++)
        is_out[i] = is_out[i] || !is_unused[i];
    return 0;
}

static int keep_wanted(struct jp_cli *cli, struct jp_store_images *images, struct jp_error *err)
{
    JP_AUTO_FREE bool *is_out = jp_calloc(images->count + 1, sizeof(*is_out));
    if (!is_out)
        return jp_oom(err);
    for (size_t i = 0; i < images->count && jp_cli_has(&cli->args, "outdated"); i++)
        is_out[i] = !jp_pod_image_is_outdated(images, i);
    if (jp_cli_has(&cli->args, "unused") && leave_out_used(cli, images, is_out, err) < 0)
        return -1;
    if (wants_relations(&cli->args) && cli->args.n_words > 0 &&
        leave_out_others(cli, cli->args.words[0], images, is_out, err) < 0)
        return -1;
    size_t kept = 0;
    int r = 0;
    for (size_t i = 0; i < images->count; i++) {
        int wanted = r < 0 || is_out[i] ? 0 : fits(&cli->args, &images->items[i], err);
        if (wanted < 0)
            r = -1;
        if (wanted > 0)
            images->items[kept++] = images->items[i];
        else
            jp_store_image_clear(&images->items[i]);
    }
    images->count = kept;
    return r;
}

static int by_size(const void *a, const void *b)
{
    const struct jp_store_image *one = a, *two = b;
    int order = (one->size_bytes < two->size_bytes) - (one->size_bytes > two->size_bytes);
    return order ? order : strcmp(one->id, two->id);
}

static int by_created(const void *a, const void *b)
{
    const struct jp_store_image *one = a, *two = b;
    int order = (one->created_ns < two->created_ns) - (one->created_ns > two->created_ns);
    return order ? order : strcmp(one->id, two->id);
}

static int by_imported(const void *a, const void *b)
{
    const struct jp_store_image *one = a, *two = b;
    int order = (one->imported_ns < two->imported_ns) - (one->imported_ns > two->imported_ns);
    return order ? order : strcmp(one->id, two->id);
}

/* Largest and newest first. */
static int sort(const struct jp_cli_args *args, struct jp_store_images *images,
                struct jp_error *err)
{
    static const struct {
        const char *name;
        int (*compare)(const void *a, const void *b);
    } orders[] = {
        {"name", NULL}, {"size", by_size}, {"created", by_created}, {"imported", by_imported}};
    const char *order = jp_cli_value(args, "sort");
    for (size_t i = 0; order && i < JP_LEN(orders); i++) {
        if (strcmp(order, orders[i].name) != 0)
            continue;
        if (orders[i].compare && images->count > 0)
            qsort(images->items, images->count, sizeof(*images->items), orders[i].compare);
        return 0;
    }
    return order ? jp_fail(err, JP_EUSAGE, 0, "-sort=%s: expected name, size, created or imported",
                           order)
                 : 0;
}

int jp_cmd_images(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_images) images = {NULL, 0};
    struct jp_store *store = jp_cli_store(cli, err);
    if (!store)
        return -1;
    int r = cli->args.n_words > 0 && !wants_relations(&cli->args)
                ? jp_pod_list_images(store, cli->args.words[0], &images, err)
                : jp_store_image_list(store, NULL, &images, err);
    if (r < 0 || keep_wanted(cli, &images, err) < 0 || sort(&cli->args, &images, err) < 0)
        return -1;
    if (jp_cli_wants_json(&cli->args))
        return print_json(cli, &images, err);
    if (jp_cli_has(&cli->args, "quiet"))
        return print_ids(&images);
    return print_table(cli, &images, err);
}

/* ---- one image ------------------------------------------------------------------------------- */

struct image {
    struct jp_store_images found;
    struct jp_image_manifest manifest;
    char *text;
    size_t len;
    json_t *signers; /* a list; empty: it was not signed */
};

static void image_clear(struct image *image)
{
    jp_store_images_clear(&image->found);
    jp_image_manifest_clear(&image->manifest);
    free(image->text);
    json_decref(image->signers);
}

static int image_load(struct jp_cli *cli, const char *word, struct image *ret, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_any_image(ctx, word, &ret->found, err) < 0)
        return -1;
    return jp_store_image_manifest(ctx->store, ret->found.items[0].id, &ret->text, &ret->len, err);
}

int jp_cmd_image_manifest(struct jp_cli *cli, struct jp_error *err)
{
    struct image image = {.text = NULL};
    JP_AUTO_FREE char *text = NULL;
    int r = image_load(cli, cli->args.words[0], &image, err);
    if (r == 0)
        r = jp_image_manifest_parse(image.text, image.len, &image.manifest, err);
    if (r == 0)
        r = jp_image_manifest_print(&image.manifest, true, &text, err);
    if (r == 0)
        (void)fputs(text, stdout);
    image_clear(&image);
    return r;
}

static void show_exec(const struct jp_app *app)
{
    struct jp_buf line = JP_BUF_INIT;
    jp_buf_printf(&line, "[%s:%s]", app->user, app->group);
    for (size_t i = 0; i < app->exec.count; i++)
        jp_buf_printf(&line, " %s", app->exec.items[i]);
    jp_show_line("Exec", jp_buf_text(&line));
    jp_buf_clear(&line);
}

static void show_ports(const struct jp_app *app)
{
    for (size_t i = 0; i < app->ports.count; i++) {
        const struct jp_port *port = &app->ports.items[i];
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s:%s/%u", port->name, port->protocol, port->port);
        if (port->count > 1)
            jp_buf_printf(&line, "+%u", port->count);
        jp_show_line(i ? "" : "Ports", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
}

static void show_app(const struct jp_app *app)
{
    show_exec(app);
    jp_show_line("Directory", app->working_directory);
    show_ports(app);
    for (size_t i = 0; i < app->mount_points.count; i++) {
        const struct jp_mount_point *point = &app->mount_points.items[i];
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s:%s%s", point->name, point->path,
                      point->is_read_only ? " (ro)" : "");
        jp_show_line(i ? "" : "Mount Points", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
}

/* Who signed it: what its import has written down (image/image.h). */
static int load_signers(struct jp_cli *cli, struct image *image, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int dir_fd = -1;
    const char *id = image->found.items[0].id;
    if (jp_store_image_open(jp_cli_store(cli, err), id, &dir_fd, err) < 0)
        return -1;
    if (jp_file_read(dir_fd, JP_IMAGE_SIGNED_FILE, JP_IMAGE_SIGNED_MAX, &text, &why) == 0)
        image->signers = json_loadb(jp_buf_text(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
    else if (why.code == JP_ENOTFOUND)
        image->signers = json_array();
    if (json_is_array(image->signers))
        return 0;
    if (why.code == JP_OK)
        return jp_fail(err, JP_ECORRUPT, 0, "'%s' of %.19s is damaged", JP_IMAGE_SIGNED_FILE, id);
    jp_error_move(err, &why);
    return -1;
}

static void show_signers(const json_t *signers)
{
    size_t i;
    const json_t *signer;
    json_array_foreach((json_t *)(uintptr_t)signers, i, signer)
    {
        const char *fingerprint = json_string_value(json_object_get(signer, "fingerprint"));
        const char *identity = json_string_value(json_object_get(signer, "identity"));
        JP_AUTO_FREE char *escaped = jp_escape(identity ? identity : "");
        JP_AUTO_FREE char *line =
            jp_format("%s %s", fingerprint ? fingerprint : "?", escaped ? escaped : "");
        jp_show_line(i ? "" : "Signed by", line);
    }
}

static void show_image(struct jp_cli *cli, const struct image *image)
{
    uint64_t shared = 0;
    const struct jp_store_image *entry = &image->found.items[0];
    const struct jp_image_manifest *manifest = &image->manifest;
    char word[JP_WORD_SIZE];
    JP_AUTO_FREE char *title = jp_image_title(entry);
    jp_show_line("ID", entry->id);
    jp_show_line("Name", title);
    jp_format_time(entry->created_ns, word);
    jp_show_line("Timestamp", word);
    jp_format_time(entry->imported_ns, word);
    jp_show_line("Imported", word);
    jp_format_size(entry->size_bytes, word);
    jp_show_line("Size", word);
    jp_format_size(entry->disk_bytes, word);
    jp_show_line("On disk", word);
    if (shared_bytes(cli, entry, &shared) && entry->dependencies.count > 0) {
        jp_format_size(shared, word);
        jp_show_line("Shared", word);
    }
    for (size_t i = 0; i < manifest->dependencies.count; i++)
        jp_show_line(i ? "" : "Dependencies", manifest->dependencies.items[i].image_name);
    for (size_t i = 0; i < manifest->annotations.count; i++) {
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s=%s", manifest->annotations.items[i].name,
                      manifest->annotations.items[i].value);
        jp_show_line(i ? "" : "Annotations", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
    show_signers(image->signers);
    if (manifest->has_app)
        show_app(&manifest->app);
}

int jp_cmd_show_image(struct jp_cli *cli, struct jp_error *err)
{
    struct image image = {.text = NULL};
    int r = image_load(cli, cli->args.words[0], &image, err);
    if (r == 0)
        r = jp_image_manifest_parse(image.text, image.len, &image.manifest, err);
    if (r == 0)
        r = load_signers(cli, &image, err);
    if (r == 0 && jp_cli_wants_json(&cli->args)) {
        json_t *object = image_json(cli, &image.found.items[0]);
        if (object)
            (void)json_object_set(object, "signed", image.signers);
        if (object)
            (void)json_object_set_new(object, "manifest", json_loads(image.text, 0, NULL));
        r = jp_print_json(object, err);
    } else if (r == 0) {
        show_image(cli, &image);
    }
    image_clear(&image);
    return r;
}

static int destroy_image(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_any_image(ctx, word, &found, err) < 0)
        return -1;
    return jp_store_image_destroy(ctx->store, found.items[0].id, err);
}

int jp_cmd_destroy_image(struct jp_cli *cli, struct jp_error *err)
{
    return jp_cli_each_word(cli, destroy_image, err);
}
