/* import: an image from an archive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/location.h"
#include "cli/oci.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "sys/fd.h"

/* Ruling 6: the same for every source. Signatures are checked from a later version on. */
static int check_trust(const struct jp_cli *cli, struct jp_error *err)
{
    if (jp_cli_has(&cli->args, "allow-unsigned") ||
        jp_config_bool(cli->config, "allow.no-signature"))
        return 0;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "%s has no signature: use -allow-unsigned or set allow.no-signature = on",
                   cli->args.words[0]);
}

static int report(const struct jp_cli *cli, const struct jp_image_imported *imported,
                  struct jp_error *err)
{
    const char *saveid = jp_cli_value(&cli->args, "saveid");
    if (saveid && jp_cli_save_id(saveid, imported->id, err) < 0)
        return -1;
    for (size_t i = 0; i < imported->missing.count; i++) {
        JP_AUTO_FREE char *text =
            jp_format("it needs the image %s, which is not here yet", imported->missing.items[i]);
        jp_cli_warn(text ? text : "an image that it needs is not here");
    }
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(
            json_pack("{s:s, s:o, s:b, s:I, s:I, s:o}", "id", imported->id, "name",
                      jp_json_text(imported->name), "was_here", (int)imported->was_here, "entries",
                      (json_int_t)imported->entries, "size", (json_int_t)imported->size_bytes,
                      "missing", jp_json_strings(&imported->missing)),
            err);
    if (imported->was_here && !jp_cli_has(&cli->args, "quiet"))
        (void)fprintf(stderr, "jetpack: the image is here already\n");
    (void)printf("%s\n", imported->id);
    return 0;
}

static int import(struct jp_cli *cli, struct jp_image_import_options *options, struct jp_error *err)
{
    struct jp_store *store = jp_cli_store(cli, err);
    struct jp_progress progress =
        jp_progress_new(options->source_name, jp_cli_has(&cli->args, "quiet"));
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    if (!store)
        return -1;
    options->watch = jp_progress_watch(&progress, cli->signals.interrupted);
    int r = jp_image_import(store, options, &imported, err);
    jp_progress_end(&progress);
    return r < 0 ? -1 : report(cli, &imported, err);
}

static int import_oci(struct jp_cli *cli, const char *location, struct jp_error *err)
{
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    if (cli->args.n_words > 1)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' has a manifest already", location);
    return jp_cli_oci_import(cli, location, &imported, err) < 0 ? -1 : report(cli, &imported, err);
}

int jp_cmd_import(struct jp_cli *cli, struct jp_error *err)
{
    const char *location = cli->args.words[0];
    const char *manifest_path = cli->args.n_words > 1 ? cli->args.words[1] : NULL;
    struct jp_buf manifest = JP_BUF_INIT;
    uint64_t max_manifest = jp_config_u64(cli->config, "images.max-manifest");
    if (check_trust(cli, err) < 0 || !jp_cli_pods(cli, err))
        return -1;
    if (jp_cli_oci_is_location(location))
        return import_oci(cli, location, err);
    JP_AUTO_FD int fd = jp_cli_location_open(location, err);
    JP_AUTO_FD int manifest_fd =
        manifest_path && fd >= 0 ? jp_cli_location_open(manifest_path, err) : -1;
    if (fd < 0 || (manifest_path && manifest_fd < 0))
        return -1;
    if (manifest_path &&
        jp_fd_read_all(manifest_fd, max_manifest, manifest_path, &manifest, err) < 0) {
        jp_buf_clear(&manifest);
        return -1;
    }
    struct jp_image_import_options options = {
        .fd = fd,
        .source_name = strcmp(location, "-") == 0 ? "standard input" : location,
        .manifest = manifest_path ? jp_buf_text(&manifest) : NULL,
        .manifest_len = manifest.len,
        .expected_name = jp_cli_value(&cli->args, "name"),
        .keeps_archive = jp_config_bool(cli->config, "images.aci.store"),
        .limits = {.manifest_bytes = max_manifest,
                   .entries = jp_config_u64(cli->config, "images.max-entries"),
                   .unpacked_bytes = jp_config_u64(cli->config, "images.max-size")},
    };
    int r = import(cli, &options, err);
    jp_buf_clear(&manifest);
    return r;
}
