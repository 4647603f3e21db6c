/* import: an image from an archive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/archive.h"
#include "cli/cmd.h"
#include "cli/fetch_image.h"
#include "cli/location.h"
#include "cli/oci.h"
#include "cli/output.h"
#include "cli/passphrase.h"
#include "cli/progress.h"
#include "cli/signature.h"
#include "sys/fd.h"

static int report(const struct jp_cli *cli, const struct jp_image_imported *imported,
                  struct jp_error *err)
{
    if (jp_cli_note_import(cli, imported, err) < 0)
        return -1;
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

/* ---- what is imported ------------------------------------------------------------------------ */

struct source {
    const char *location;
    const char *name; /* what errors call it */
    int fd;
    struct jp_buf manifest;  /* with a root file system */
    struct jp_buf signature; /* its file; empty: none */
    struct jp_cli_signature judged;
};

static void source_clear(struct source *source)
{
    jp_fd_close(&source->fd);
    jp_buf_clear(&source->manifest);
    jp_buf_clear(&source->signature);
    jp_cli_signature_clear(&source->judged);
}

static bool allows_unsigned(const struct jp_cli *cli)
{
    return jp_cli_has(&cli->args, "allow-unsigned") ||
           jp_config_bool(cli->config, "allow.no-signature");
}

/* Where -sig says, else beside the archive. 1 there is one, 0 there is none. */
static int find_signature(const struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    const char *location = jp_cli_value(&cli->args, "sig");
    if (!location)
        return jp_cli_location_read_beside(source->location, JP_TRUST_SUFFIX,
                                           JP_TRUST_SIGNATURE_MAX, &source->signature, err);
    if (strcmp(location, "-") == 0 && strcmp(source->location, "-") == 0)
        return jp_fail(err, JP_EUSAGE, 0, "standard input cannot be archive and signature");
    if (jp_cli_location_read(location, JP_TRUST_SIGNATURE_MAX, &source->signature, err) < 0)
        return jp_wrap(err, "signature");
    return 1;
}

/* 1 it counts, 0 it is as good as none, -1. */
static int judge(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    if (jp_cli_spool(cli, &source->fd, source->name, err) < 0)
        return -1;
    const struct jp_trust_question question = {
        .name = jp_cli_value(&cli->args, "name"),
        .fd = source->fd,
        .what = source->name,
        .signature = jp_buf_text(&source->signature),
        .signature_len = source->signature.len,
    };
    if (allows_unsigned(cli) && !jp_cli_value(&cli->args, "sig"))
        return jp_cli_signature_judge_found(cli, &question, &source->judged, err);
    return jp_cli_signature_judge(cli, &question, &source->judged, err) < 0 ? -1 : 1;
}

static int check_unsigned(const struct jp_cli *cli, struct jp_error *err)
{
    if (allows_unsigned(cli))
        return 0;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "%s has no signature: use -allow-unsigned or set allow.no-signature = on",
                   cli->args.words[0]);
}

/* 1 signed by somebody who is trusted, 0 not, which is allowed; -1. */
static int check_trust(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    int r = cli->args.n_words > 1 ? 0 : find_signature(cli, source, err);
    if (r > 0)
        r = judge(cli, source, err);
    return r != 0 ? r : check_unsigned(cli, err);
}

/* That of a root file system: a place like any other. */
static int read_manifest(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    const char *manifest = cli->args.n_words > 1 ? cli->args.words[1] : NULL;
    uint64_t max = jp_config_u64(cli->config, "images.max-manifest");
    if (!manifest)
        return 0;
    if (jp_cli_has(&cli->args, "sig"))
        return jp_fail(err, JP_EUSAGE, 0, "-sig is for images, not for a root file system");
    if (!jp_url_is_web(manifest))
        return jp_cli_location_read(manifest, max, &source->manifest, err);
    struct jp_fetching *fetching = jp_cli_fetching(cli, err);
    return fetching ? jp_fetching_text(fetching, manifest, /* is_from_page= */ false,
                                       /* is_from_public= */ false, max, &source->manifest, err)
                    : -1;
}

static int open_source(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    source->fd = jp_cli_location_open(source->location, err);
    return source->fd < 0 ? -1 : read_manifest(cli, source, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int import(struct jp_cli *cli, struct jp_image_import_options *options, struct jp_error *err)
{
    struct jp_progress progress =
        jp_progress_new(options->source_name, jp_cli_has(&cli->args, "quiet"));
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    options->watch = jp_progress_watch(&progress, cli->signals.interrupted);
    int r = jp_cli_import_archive(cli, options, &imported, err);
    jp_progress_end(&progress);
    return r < 0 ? -1 : report(cli, &imported, err);
}

static int import_oci(struct jp_cli *cli, const char *location, struct jp_error *err)
{
    JP_AUTO(jp_image_imported) imported = {.id = NULL};
    if (cli->args.n_words > 1)
        return jp_fail(err, JP_EUSAGE, 0, "'%s' has a manifest already", location);
    if (jp_cli_has(&cli->args, "sig"))
        return jp_fail(err, JP_EUSAGE, 0, "-sig is for App Container images");
    if (check_unsigned(cli, err) < 0)
        return -1;
    return jp_cli_oci_import(cli, location, &imported, err) < 0 ? -1 : report(cli, &imported, err);
}

/* When the name was not known before: is the key trusted for that of the manifest? */
static int accept_name(void *context, const char *name, struct jp_error *err)
{
    struct jp_cli_signature *judged = context;
    return jp_trust_confirm(&judged->trust, name, &judged->answer, err);
}

static struct jp_image_import_options options_for(const struct jp_cli *cli,
                                                  const struct source *source)
{
    bool has_manifest = cli->args.n_words > 1;
    return (struct jp_image_import_options){
        .fd = source->fd,
        .source_name = source->name,
        .manifest = has_manifest ? jp_buf_text(&source->manifest) : NULL,
        .manifest_len = source->manifest.len,
        .expected_name = jp_cli_value(&cli->args, "name"),
        .keeps_archive = jp_config_bool(cli->config, "images.aci.store"),
        .limits = {.manifest_bytes = jp_config_u64(cli->config, "images.max-manifest"),
                   .entries = jp_config_u64(cli->config, "images.max-entries"),
                   .unpacked_bytes = jp_config_u64(cli->config, "images.max-size")},
    };
}

static int import_source(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    if (open_source(cli, source, err) < 0)
        return -1;
    int is_signed = check_trust(cli, source, err);
    if (is_signed < 0)
        return -1;
    struct jp_image_import_options options = options_for(cli, source);
    options.signature = is_signed ? &source->judged.image : NULL;
    options.accept = is_signed ? accept_name : NULL;
    options.accept_context = &source->judged;
    return import(cli, &options, err);
}

/* From the network it comes as for fetch, and whatever was fetched from there before. */
static int import_web(struct jp_cli *cli, struct source *source, struct jp_error *err)
{
    JP_AUTO(jp_fetched) fetched = {.is_unchanged = false};
    if (jp_cli_has(&cli->args, "sig"))
        return jp_fail(err, JP_EUSAGE, 0, "-sig is for files; of a URL it is what lies beside it");
    if (read_manifest(cli, source, err) < 0 ||
        (source->manifest.len > 0 && check_unsigned(cli, err) < 0))
        return -1;
    struct jp_fetching *fetching = jp_cli_fetching(cli, err);
    const struct jp_fetch_options options = {
        .import = options_for(cli, source),
        .allows_unsigned = allows_unsigned(cli),
        .ignores_records = true,
        .is_quiet = jp_cli_has(&cli->args, "quiet"),
    };
    if (!fetching || jp_fetch_url(fetching, source->location, &options, &fetched, err) < 0)
        return -1;
    return report(cli, &fetched.image, err);
}

int jp_cmd_import(struct jp_cli *cli, struct jp_error *err)
{
    const char *location = cli->args.words[0];
    struct source source = {
        .location = location,
        .name = strcmp(location, "-") == 0 ? "standard input" : location,
        .fd = -1,
    };
    const char *passphrase = NULL; /* a file that is missing or open to others is told at once */
    if (!jp_cli_pods(cli, err) || jp_cli_passphrase(cli, &passphrase, err) < 0)
        return -1;
    if (jp_cli_oci_is_location(location))
        return import_oci(cli, location, err);
    int r =
        jp_url_is_web(location) ? import_web(cli, &source, err) : import_source(cli, &source, err);
    source_clear(&source);
    return r;
}
