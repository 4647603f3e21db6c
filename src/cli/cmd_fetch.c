/* fetch: images from elsewhere, by name, URL or path. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appc/id.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/fetch_image.h"
#include "cli/location.h"
#include "cli/oci.h"
#include "cli/output.h"
#include "cli/passphrase.h"

struct run {
    struct jp_cli *cli;
    struct jp_fetch_options options;
    json_t *list; /* NULL: text */
    bool takes_paths;
};

/* A file that is there, where words may be paths: `fetch app.aci`. */
static bool is_file(const struct run *run, const char *word)
{
    struct stat st;
    return run->takes_paths && stat(word, &st) == 0 && S_ISREG(st.st_mode);
}

static int fetch_here(struct run *run, struct jp_fetching *fetching, const char *id,
                      struct jp_fetched *ret, struct jp_error *err)
{
    ret->is_unchanged = true;
    ret->image.was_here = true;
    ret->image.id = jp_strdup(id);
    if (!ret->image.id)
        return jp_oom(err);
    return jp_fetch_missing(fetching, id, &run->options, err);
}

/* They have no signatures of ours. */
static int fetch_oci(const struct run *run, const char *word, struct jp_fetched *ret,
                     struct jp_error *err)
{
    if (!run->options.allows_unsigned)
        return jp_fail(err, JP_EUNTRUSTED, 0,
                       "%s has no signature: use -allow-unsigned or set allow.no-signature = on",
                       word);
    return jp_cli_oci_import(run->cli, word, &ret->image, err);
}

static int fetch(struct run *run, const char *word, struct jp_fetched *ret, struct jp_error *err)
{
    struct jp_fetching *fetching = jp_cli_fetching(run->cli, err);
    if (!fetching)
        return -1;
    if (jp_image_id_valid(word))
        return fetch_here(run, fetching, word, ret, err);
    if (jp_cli_oci_is_location(word))
        return fetch_oci(run, word, ret, err);
    if (jp_url_is_web(word))
        return jp_fetch_url(fetching, word, &run->options, ret, err);
    if (jp_cli_location_is_place(word) || is_file(run, word))
        return jp_fetch_file(fetching, word, &run->options, ret, err);
    return jp_fetch_name(fetching, word, &run->options, ret, err);
}

static int report(struct run *run, const struct jp_fetched *fetched, struct jp_error *err)
{
    const struct jp_cli_args *args = &run->cli->args;
    const char *saveid = jp_cli_value(args, "saveid");
    const char *note = fetched->is_unchanged ? "not modified" : "the image is here already";
    if (saveid && jp_cli_save_id(saveid, fetched->image.id, err) < 0)
        return -1;
    if (run->list) {
        json_t *item =
            json_pack("{s:s, s:o, s:b, s:b}", "id", fetched->image.id, "name",
                      jp_json_text(fetched->image.name), "was_here", (int)fetched->image.was_here,
                      "not_modified", (int)fetched->is_unchanged);
        return json_array_append_new(run->list, item) < 0 ? jp_oom(err) : 0;
    }
    if (fetched->image.was_here && !run->options.is_quiet)
        (void)fprintf(stderr, "jetpack: %s\n", note);
    (void)printf("%s\n", fetched->image.id);
    return 0;
}

static int fetch_word(struct jp_cli *cli, const char *word, struct jp_error *err)
{
    struct run *run = cli->command_data;
    JP_AUTO(jp_fetched) fetched = {.is_unchanged = false};
    return fetch(run, word, &fetched, err) < 0 ? -1 : report(run, &fetched, err);
}

static struct jp_image_import_options import_options(const struct jp_cli *cli)
{
    return (struct jp_image_import_options){
        .fd = -1,
        .keeps_archive = jp_config_bool(cli->config, "images.aci.store"),
        .limits = {.manifest_bytes = jp_config_u64(cli->config, "images.max-manifest"),
                   .entries = jp_config_u64(cli->config, "images.max-entries"),
                   .unpacked_bytes = jp_config_u64(cli->config, "images.max-size")},
    };
}

static struct run new_run(struct jp_cli *cli)
{
    return (struct run){
        .cli = cli,
        .options = {.import = import_options(cli),
                    .allows_unsigned = jp_cli_has(&cli->args, "allow-unsigned") ||
                                       jp_config_bool(cli->config, "allow.no-signature"),
                    .ignores_records = jp_cli_has(&cli->args, "no-cache"),
                    .is_quiet = jp_cli_has(&cli->args, "quiet"),
                    .needs_whole = true},
    };
}

int jp_cmd_fetch(struct jp_cli *cli, struct jp_error *err)
{
    struct run run = new_run(cli);
    const char *passphrase = NULL; /* before anything is fetched that it should open */
    if (!jp_cli_pods(cli, err) || jp_cli_passphrase(cli, &passphrase, err) < 0)
        return -1;
    run.takes_paths = true;
    run.list = jp_cli_wants_json(&cli->args) ? json_array() : NULL;
    cli->command_data = &run;
    int r = jp_cli_each_word(cli, fetch_word, err);
    cli->command_data = NULL;
    if (run.list && jp_print_json(run.list, r < 0 ? NULL : err) < 0)
        r = -1;
    return r;
}

/* For jp_cli_bring(): what it reads is written here. */
int jp_cmd_bring(struct jp_cli *cli, struct jp_error *err)
{
    struct run run = new_run(cli);
    JP_AUTO(jp_fetched) fetched = {.is_unchanged = false};
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!jp_cli_pods(cli, err))
        return -1;
    if (fetch(&run, cli->args.words[0], &fetched, &why) < 0)
        (void)printf("%d %s\n", (int)why.code, jp_error_text(&why));
    else
        (void)printf("0 %s\n", fetched.image.id);
    return 0;
}
