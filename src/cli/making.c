#include "cli/making.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/derive.h"
#include "appc/timestamp.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "cli/output.h"
#include "cli/progress.h"

#define SECOND_NS      INT64_C(1000000000)
#define MAX_EPOCH      (UINT64_C(1) << 33)
#define EPOCH_VARIABLE "SOURCE_DATE_EPOCH" /* reproducible-builds.org */

/* ---- when ------------------------------------------------------------------------------------ */

/* When the parent was made, as it says itself. */
static int64_t time_of(const struct jp_image_manifest *parent)
{
    static const char *const names[] = {"timestamp", "created"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        int64_t ns = 0;
        const char *text = jp_image_manifest_annotation(parent, names[i]);
        if (text && jp_timestamp_parse(text, &ns, NULL) == 0 && ns > 0)
            return ns - ns % SECOND_NS;
    }
    return 0;
}

static int choose_time(struct jp_making *making, struct jp_error *err)
{
    const char *epoch = getenv(EPOCH_VARIABLE);
    uint64_t seconds = 0;
    making->time_ns = jp_time_now_ns();
    if (!making->is_reproducible)
        return 0;
    if (epoch && !jp_parse_u64(epoch, 10, 0, MAX_EPOCH, &seconds))
        return jp_fail(err, JP_EUSAGE, 0, EPOCH_VARIABLE " is not a number of seconds: '%s'",
                       epoch);
    making->time_ns = epoch ? (int64_t)seconds * SECOND_NS : time_of(&making->parent);
    return 0;
}

int jp_making_open(struct jp_cli *cli, struct jp_making *making, struct jp_error *err)
{
    JP_AUTO_FREE char *text = NULL;
    size_t len = 0;
    for (size_t i = 0; i < making->pod->n_apps; i++)
        if (strcmp(making->pod->apps[i].name, making->app) == 0)
            making->parent_id = making->pod->apps[i].image_id;
    if (!making->parent_id)
        return jp_fail(err, JP_ENOTFOUND, 0, "the pod has no app '%s'", making->app);
    if (jp_store_image_manifest(cli->store, making->parent_id, &text, &len, err) < 0 ||
        jp_image_manifest_parse(text, len, &making->parent, err) < 0)
        return -1;
    return choose_time(making, err);
}

void jp_making_clear(struct jp_making *making)
{
    jp_image_manifest_clear(&making->parent);
}

/* ---- what ------------------------------------------------------------------------------------ */

struct collection {
    const char *without;
    struct jp_image_parts *parts;
    struct jp_error *err;
};

static bool is_left_out(const char *path, const char *without)
{
    size_t len = without ? strlen(without) : 0;
    return len > 0 && strncmp(path, without, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int collect_one(void *context, const struct jp_driver_change *change)
{
    struct collection *c = context;
    if (is_left_out(change->path, c->without))
        return 0;
    int r = jp_image_parts_add(c->parts, change->what, change->path, change->tree, c->err);
    if (r > 0)
        jp_cli_warn("a socket was left out: an image holds none");
    return r < 0 ? -1 : 0;
}

static int collect(struct jp_cli *cli, const struct jp_making *making, struct jp_image_parts *parts,
                   struct jp_error *err)
{
    struct collection c = {making->without, parts, err};
    const struct jp_driver_changes changes = {.all = true, .each = collect_one, .context = &c};
    if (making->is_reproducible)
        jp_image_parts_clamp(parts, making->time_ns / SECOND_NS);
    if (jp_pod_tree_changes(&cli->pods, making->tree, &changes, err) < 0 ||
        jp_pod_tree_check(making->tree, err) < 0)
        return -1;
    return jp_image_parts_join(parts, err);
}

/* ---- the image ------------------------------------------------------------------------------- */

static int report(struct jp_cli *cli, const struct jp_image_imported *imported,
                  const struct jp_image_parts *parts, struct jp_error *err)
{
    if (jp_cli_note_import(cli, imported, err) < 0)
        return -1;
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(json_pack("{s:s, s:o, s:b, s:I, s:I}", "id", imported->id, "name",
                                       jp_json_text(imported->name), "was_here",
                                       (int)imported->was_here, "changes",
                                       (json_int_t)jp_image_parts_changes(parts), "size",
                                       (json_int_t)imported->size_bytes),
                             err);
    (void)printf("%s\n", imported->id);
    return 0;
}

static int import(struct jp_cli *cli, const struct jp_image_parts *parts,
                  struct jp_image_manifest *m, struct jp_error *err)
{
    JP_AUTO_FREE char *text = NULL;
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    if (jp_image_parts_tell_deleted(parts, m, err) < 0 || jp_image_manifest_check(m, err) < 0 ||
        jp_image_manifest_print(m, true, &text, err) < 0)
        return -1;
    struct jp_progress progress = jp_progress_new("image", true);
    struct jp_image_import_options options = {
        .fd = -1,
        .source_name = m->name,
        .manifest = text,
        .manifest_len = strlen(text),
        .parts = parts,
        .limits = {.manifest_bytes = jp_config_u64(cli->config, "images.max-manifest"),
                   .entries = jp_config_u64(cli->config, "images.max-entries"),
                   .unpacked_bytes = jp_config_u64(cli->config, "images.max-size")},
        .watch = jp_progress_watch(&progress, cli->signals.interrupted),
    };
    if (jp_image_import(cli->store, &options, &imported, err) < 0)
        return -1;
    return report(cli, &imported, parts, err);
}

int jp_making_finish(struct jp_cli *cli, struct jp_making *making, struct jp_image_manifest *m,
                     const bool takes[2], struct jp_error *err)
{
    const struct jp_derive derive = {
        .parent_id = making->parent_id,
        .parent = &making->parent,
        .time_ns = making->time_ns,
        .takes_os = takes[0],
        .takes_arch = takes[1],
    };
    JP_AUTO_PTR(jp_image_parts)
    parts = jp_image_parts_new(&making->tree->clone.fd, 1, false);
    if (!parts)
        return jp_oom(err);
    if (jp_image_manifest_derive(m, &derive, err) < 0 || collect(cli, making, parts, err) < 0)
        return -1;
    return import(cli, parts, m, err);
}
