/* export and verify: images out again, and whether they are still what they were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appc/derive.h"
#include "appc/removed.h"
#include "base/escape.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/oci.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "image/layers.h"
#include "store/views.h"
#include "sys/fd.h"

/* ---- export ---------------------------------------------------------------------------------- */

/* Packs the layers laid over each other, with a manifest that depends on nothing. */
static int pack_layers(struct jp_cli *cli, const struct jp_strv *layers, const int *fds,
                       const char *manifest, const struct jp_image_export_options *options,
                       struct jp_error *err)
{
    char id[7 + 128 + 1];
    JP_AUTO_PTR(jp_image_parts) parts = jp_image_parts_new(fds, layers->count, true);
    if (!parts)
        return jp_oom(err);
    if (jp_image_parts_add_layers(parts, cli->store, layers, err) < 0 ||
        jp_image_pack(parts, manifest, strlen(manifest), options, id, err) < 0)
        return -1;
    if (options->path)
        (void)printf("%s\n", id);
    return 0;
}

static int export_flat(struct jp_cli *cli, struct jp_image_manifest *m,
                       const struct jp_image_export_options *options, struct jp_error *err)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    JP_AUTO(jp_strv) layers = JP_STRV_INIT;
    JP_AUTO_FREE char *manifest = NULL;
    jp_image_manifest_make_flat(m);
    if (jp_image_manifest_print(m, true, &manifest, err) < 0 ||
        jp_pod_image_stack(&cli->pods, options->id, NULL, &stack, err) < 0 ||
        jp_store_stack_layers(cli->store, &stack, &layers, err) < 0)
        return -1;
    int *fds = jp_calloc(layers.count + 1, sizeof(*fds));
    if (!fds)
        return jp_oom(err);
    int r = jp_store_layers_open(cli->store, &layers, fds, err);
    if (r == 0) {
        r = pack_layers(cli, &layers, fds, manifest, options, err);
        for (size_t i = 0; i < layers.count; i++)
            jp_fd_close(&fds[i]);
    }
    free(fds);
    return r;
}

/* An archive is given back as it is; whoever else reads it should know what it says that is ours.
 */
static void warn_of_removed(struct jp_cli *cli, const char *id)
{
    JP_AUTO(jp_store_stack) stack = JP_STORE_STACK_INIT;
    struct jp_pod_context here = cli->pods;
    here.fetch = NULL; /* nothing is brought for a warning */
    if (jp_pod_image_stack(&here, id, NULL, &stack, NULL) < 0)
        return;
    for (size_t i = 0; i < stack.count; i++) {
        if (stack.items[i].removed.count == 0)
            continue;
        jp_cli_warn("it, or an image that it needs, takes paths away by the annotation "
                    "'" JP_REMOVED_ANNOTATION "', which other implementations do not know: for "
                    "them, export it with -flat");
        return;
    }
}

static int export_as_it_is(struct jp_cli *cli, const struct jp_image_export_options *options,
                           struct jp_error *err)
{
    if (jp_image_export(cli->store, options, err) < 0)
        return -1;
    warn_of_removed(cli, options->id);
    return 0;
}

/* An image that depends on nothing and filters nothing is flat as it is. */
static int export_one(struct jp_cli *cli, const struct jp_image_export_options *options,
                      struct jp_error *err)
{
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (jp_cli_has(&cli->args, "oci"))
        return jp_cli_oci_export(cli, options->id, options->path ? options->path : "-", err);
    if (!jp_cli_has(&cli->args, "flat"))
        return export_as_it_is(cli, options, err);
    if (jp_store_image_manifest(cli->store, options->id, &text, &len, err) < 0 ||
        jp_image_manifest_parse(text, len, &m, err) < 0)
        return -1;
    if (m.dependencies.count > 0 || m.path_whitelist.count > 0)
        return export_flat(cli, &m, options, err);
    if (jp_image_export(cli->store, options, err) < 0)
        return -1;
    if (options->path)
        (void)printf("%s\n", options->id);
    return 0;
}

int jp_cmd_export(struct jp_cli *cli, struct jp_error *err)
{
    const char *file = cli->args.n_words > 1 ? cli->args.words[1] : "-";
    const char *method = jp_cli_value(&cli->args, "compression");
    bool is_stdout = strcmp(file, "-") == 0;
    struct jp_image_export_options options = {.path = is_stdout ? NULL : file, .fd = STDOUT_FILENO};
    options.as_it_came = !method;
    if (!method)
        method = jp_config_get(cli->config, "images.aci.compression");
    if (!jp_compression_parse(method ? method : "none", &options.compression))
        return jp_fail(err, JP_EUSAGE, 0, "-compression=%s: must be none, gzip, bzip2, xz or zstd",
                       method);
    if (is_stdout && isatty(STDOUT_FILENO))
        return jp_fail(err, JP_EUSAGE, 0, "will not write an archive to a terminal");
    JP_AUTO(jp_store_images) found = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_any_image(ctx, cli->args.words[0], &found, err) < 0)
        return -1;
    struct jp_progress progress = jp_progress_new("export", jp_cli_has(&cli->args, "quiet"));
    options.id = found.items[0].id;
    options.watch = jp_progress_watch(&progress, cli->signals.interrupted);
    int r = export_one(cli, &options, err);
    jp_progress_end(&progress);
    return r;
}

/* ---- verify ---------------------------------------------------------------------------------- */

struct verification {
    struct jp_progress progress; /* first: the context of its callbacks, too */
    const char *id;
    json_t *list; /* differences; NULL: text */
};

static void differs(void *context, const char *path, const char *what)
{
    struct verification *verification = context;
    JP_AUTO_FREE char *escaped = jp_escape(path);
    const char *name = escaped ? escaped : "?";
    jp_progress_end(&verification->progress);
    if (verification->list)
        (void)json_array_append_new(verification->list,
                                    json_pack("{s:s, s:s}", "path", name, "what", what));
    else
        (void)printf("%.*s: %s: %s\n", JP_SHORT_ID, verification->id, name, what);
}

/* 1 when something differs. */
static int verify(struct jp_cli *cli, const char *id, json_t *results, struct jp_error *err)
{
    struct verification verification = {
        .progress = jp_progress_new("verify", jp_cli_has(&cli->args, "quiet")),
        .id = id,
        .list = results ? json_array() : NULL,
    };
    struct jp_image_verify_options options = {.id = id, .difference = differs};
    uint64_t differences = 0;
    options.watch = jp_progress_watch(&verification.progress, cli->signals.interrupted);
    options.watch.context = &verification;
    int r = jp_image_verify(jp_cli_store(cli, err), &options, &differences, err);
    jp_progress_end(&verification.progress);
    if (r < 0) {
        json_decref(verification.list);
        return -1;
    }
    if (results)
        (void)json_array_append_new(results, json_pack("{s:s, s:b, s:o}", "id", id, "intact",
                                                       (int)(differences == 0), "differences",
                                                       verification.list));
    else if (differences == 0 && !jp_cli_has(&cli->args, "quiet"))
        (void)printf("%.*s: intact\n", JP_SHORT_ID, id);
    return differences > 0;
}

static int collect(struct jp_cli *cli, struct jp_strv *ids, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    static const struct jp_store_image_query all;
    bool is_all = jp_cli_has(&cli->args, "all");
    if (!ctx)
        return -1;
    if (!is_all && cli->args.n_words == 0)
        return jp_fail(err, JP_EUSAGE, 0, "expected images, or -all");
    for (size_t i = 0; i < (is_all ? 1 : cli->args.n_words); i++) {
        JP_AUTO(jp_store_images) found = {NULL, 0};
        int r = is_all ? jp_store_image_list(ctx->store, &all, &found, err)
                       : jp_pod_find_any_image(ctx, cli->args.words[i], &found, err);
        for (size_t j = 0; r == 0 && j < found.count; j++)
            if (jp_strv_add(ids, found.items[j].id) < 0)
                r = jp_oom(err);
        if (r < 0)
            return -1;
    }
    return 0;
}

int jp_cmd_verify(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_strv) ids = JP_STRV_INIT;
    if (collect(cli, &ids, err) < 0)
        return -1;
    json_t *results = jp_cli_wants_json(&cli->args) ? json_array() : NULL;
    int status = 0;
    for (size_t i = 0; i < ids.count; i++) {
        int r = verify(cli, ids.items[i], results, err);
        if (r < 0) {
            json_decref(results);
            return -1;
        }
        status |= r;
    }
    if (results && jp_print_json(results, err) < 0)
        return -1;
    return status;
}
