/* images, show-image, image-manifest, destroy-image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "appc/image_manifest.h"
#include "appc/imagename.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"

static int print_ids(const struct jp_store_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        (void)printf("%s\n", images->items[i].id);
    return 0;
}

static int print_json(const struct jp_store_images *images, struct jp_error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < images->count; i++)
        (void)json_array_append_new(list, jp_json_image(&images->items[i]));
    return jp_print_json(list, err);
}

static int print_table(const struct jp_store_images *images, const struct jp_cli_args *args,
                       struct jp_error *err)
{
    struct jp_table table = jp_table_new("ID|NAME|SIZE|CREATED", jp_cli_has(args, "no-header"));
    int digits = jp_cli_has(args, "long") ? -1 : JP_SHORT_ID;
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
    }
    return jp_table_print(&table, err);
}

static int list_name(struct jp_store *store, const char *text, struct jp_store_images *ret,
                     struct jp_error *err)
{
    JP_AUTO(jp_image_name) name = JP_IMAGE_NAME_INIT;
    if (jp_image_name_parse(text, &name, err) < 0)
        return -1;
    JP_AUTO_FREE struct jp_store_label *labels = jp_calloc(name.labels.count + 1, sizeof(*labels));
    if (!labels)
        return jp_oom(err);
    for (size_t i = 0; i < name.labels.count; i++)
        labels[i] = (struct jp_store_label){name.labels.items[i].name, name.labels.items[i].value};
    struct jp_store_image_query query = {
        .name = name.name,
        .labels = labels,
        .n_labels = name.labels.count,
        .tags = (const char *const *)name.tags.items,
        .n_tags = name.tags.count,
    };
    return jp_store_image_list(store, &query, ret, err);
}

/* Every image that a word fits, not only the newest one. */
static int list_word(struct jp_cli *cli, const char *word, struct jp_store_images *ret,
                     struct jp_error *err)
{
    struct jp_store *store = jp_cli_store(cli, err);
    if (!store)
        return -1;
    struct jp_store_image_query by_id = {.id_prefix = word};
    return jp_image_id_prefix_valid(word) ? jp_store_image_list(store, &by_id, ret, err)
                                          : list_name(store, word, ret, err);
}

/* Every -tag that was given must be there. */
static bool has_tags(const struct jp_cli_args *args, const struct jp_store_image *image)
{
    for (size_t i = 0; i < args->n_given; i++) {
        const struct jp_cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "tag") == 0 &&
            !jp_strv_contains(&image->tags, given->value))
            return false;
    }
    return true;
}

static void keep_wanted(const struct jp_cli_args *args, struct jp_store_images *images)
{
    size_t kept = 0;
    for (size_t i = 0; i < images->count; i++) {
        if (has_tags(args, &images->items[i]))
            images->items[kept++] = images->items[i];
        else
            jp_store_image_clear(&images->items[i]);
    }
    images->count = kept;
}

int jp_cmd_images(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_images) images = {NULL, 0};
    static const struct jp_store_image_query all;
    struct jp_store *store = jp_cli_store(cli, err);
    if (!store)
        return -1;
    int r = cli->args.n_words > 0 ? list_word(cli, cli->args.words[0], &images, err)
                                  : jp_store_image_list(store, &all, &images, err);
    if (r < 0)
        return -1;
    keep_wanted(&cli->args, &images);
    if (jp_cli_wants_json(&cli->args))
        return print_json(&images, err);
    if (jp_cli_has(&cli->args, "quiet"))
        return print_ids(&images);
    return print_table(&images, &cli->args, err);
}

/* ---- one image ------------------------------------------------------------------------------- */

struct image {
    struct jp_store_images found;
    struct jp_image_manifest manifest;
    char *text;
    size_t len;
};

static void image_clear(struct image *image)
{
    jp_store_images_clear(&image->found);
    jp_image_manifest_clear(&image->manifest);
    free(image->text);
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

static void show_image(const struct image *image)
{
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
    for (size_t i = 0; i < manifest->dependencies.count; i++)
        jp_show_line(i ? "" : "Dependencies", manifest->dependencies.items[i].image_name);
    for (size_t i = 0; i < manifest->annotations.count; i++) {
        struct jp_buf line = JP_BUF_INIT;
        jp_buf_printf(&line, "%s=%s", manifest->annotations.items[i].name,
                      manifest->annotations.items[i].value);
        jp_show_line(i ? "" : "Annotations", jp_buf_text(&line));
        jp_buf_clear(&line);
    }
    if (manifest->has_app)
        show_app(&manifest->app);
}

int jp_cmd_show_image(struct jp_cli *cli, struct jp_error *err)
{
    struct image image = {.text = NULL};
    int r = image_load(cli, cli->args.words[0], &image, err);
    if (r == 0)
        r = jp_image_manifest_parse(image.text, image.len, &image.manifest, err);
    if (r == 0 && jp_cli_wants_json(&cli->args)) {
        json_t *object = jp_json_image(&image.found.items[0]);
        if (object)
            (void)json_object_set_new(object, "manifest", json_loads(image.text, 0, NULL));
        r = jp_print_json(object, err);
    } else if (r == 0) {
        show_image(&image);
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
