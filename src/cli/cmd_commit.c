/* commit: an image of what an app has written into its root. */
#include <string.h>

#include "appc/imagename.h"
#include "appc/pod_manifest.h"
#include "appc/version.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/making.h"

/* The app object that the pod runs: its own, else the image's. */
static int take_app(struct jp_cli *cli, const struct jp_making *making, struct jp_image_manifest *m,
                    struct jp_error *err)
{
    JP_AUTO(jp_pod_manifest) manifest = JP_POD_MANIFEST_INIT;
    JP_AUTO_FREE char *text = NULL;
    if (jp_pod_manifest(&cli->pods, making->pod->uuid, &text, err) < 0 ||
        jp_pod_manifest_parse(text, strlen(text), &manifest, err) < 0)
        return -1;
    const struct jp_runtime_app *app = jp_pod_manifest_find_app(&manifest, making->app);
    const struct jp_app *from = app && app->has_app      ? &app->app
                                : making->parent.has_app ? &making->parent.app
                                                         : NULL;
    m->has_app = from != NULL;
    return from ? jp_app_copy(&m->app, from, err) : 0;
}

static int name_it(const char *word, struct jp_image_manifest *m, struct jp_error *err)
{
    struct jp_image_name name = JP_IMAGE_NAME_INIT;
    if (jp_image_name_parse(word, &name, err) < 0)
        return -1;
    int r = name.tags.count > 0
                ? jp_fail(err, JP_EUSAGE, 0, "'%s': an image is made without tags", word)
                : jp_pairs_copy(&m->labels, &name.labels, err);
    m->ac_version = jp_strdup(JP_APPC_SPEC_VERSION);
    m->name = jp_take(&name.name);
    jp_image_name_clear(&name);
    return r < 0 ? -1 : m->ac_version ? 0 : jp_oom(err);
}

static int commit(struct jp_cli *cli, struct jp_making *making, struct jp_error *err)
{
    static const bool takes[2] = {true, true};
    JP_AUTO(jp_image_manifest) m = JP_IMAGE_MANIFEST_INIT;
    if (name_it(cli->args.words[1], &m, err) < 0 || jp_making_open(cli, making, err) < 0 ||
        take_app(cli, making, &m, err) < 0)
        return -1;
    return jp_making_finish(cli, making, &m, takes, err);
}

int jp_cmd_commit(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    struct jp_pod_tree tree = {.clone = JP_STORE_CLONE_INIT, .lock_fd = -1};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_app(ctx, cli->args.words[0], &pod, &app, err) < 0 ||
        jp_pod_tree_open(ctx, &pod, app, &tree, err) < 0)
        return -1;
    struct jp_making making = {
        .pod = &pod,
        .app = app,
        .tree = &tree,
        .parent = JP_IMAGE_MANIFEST_INIT,
        .is_reproducible = jp_cli_has(&cli->args, "reproducible"),
    };
    int r = commit(cli, &making, err);
    jp_making_clear(&making);
    jp_pod_tree_clear(&tree);
    return r;
}
