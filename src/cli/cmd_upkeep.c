/* gc and fsck. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/output.h"

static void say(void *context, const char *kind, const char *what, const char *done)
{
    json_t *list = context;
    if (!list) {
        (void)printf("%s %s: %s\n", kind, what, done);
        return;
    }
    (void)json_array_append_new(
        list, json_pack("{s:s, s:o, s:s}", "kind", kind, "what", jp_json_text(what), "done", done));
}

/* Images that no pod and no other image uses; those that stand on others go first. */
static int remove_images(struct jp_store *store, json_t *list, struct jp_error *err)
{
    bool is_changed = true;
    while (is_changed) {
        JP_AUTO(jp_store_images) images = {NULL, 0};
        static const struct jp_store_image_query all;
        is_changed = false;
        if (jp_store_image_list(store, &all, &images, err) < 0)
            return -1;
        for (size_t i = 0; i < images.count; i++) {
            JP_AUTO(jp_error) why = JP_ERROR_INIT;
            if (jp_store_image_destroy(store, images.items[i].id, &why) == 0) {
                say(list, "image", images.items[i].id, "removed");
                is_changed = true;
            } else if (why.code != JP_EBUSY) {
                jp_error_move(err, &why);
                return -1;
            }
        }
    }
    return 0;
}

int jp_cmd_gc(struct jp_cli *cli, struct jp_error *err)
{
    struct jp_pod_gc options = {.exited = jp_cli_has(&cli->args, "exited"), .say = say};
    const char *older = jp_cli_value(&cli->args, "older");
    if (older && !jp_parse_duration(older, &options.older_than_ms))
        return jp_fail(err, JP_EUSAGE, 0, "-older=%s: expected a time such as 30s, 10m, 2h, 7d",
                       older);
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx)
        return -1;
    json_t *list = jp_cli_wants_json(&cli->args) ? json_array() : NULL;
    options.say_context = list;
    int r = jp_pod_gc(ctx, &options, err);
    if (r == 0 && jp_cli_has(&cli->args, "images"))
        r = remove_images(ctx->store, list, err);
    /* Also what was done before a failure. */
    if (list && jp_print_json(list, r < 0 ? NULL : err) < 0)
        r = -1;
    return r;
}

int jp_cmd_fsck(struct jp_cli *cli, struct jp_error *err)
{
    unsigned problems = 0;
    struct jp_store_options options = jp_cli_store_options(cli);
    bool wants_json = jp_cli_wants_json(&cli->args);
    json_t *list = wants_json ? json_array() : NULL;
    struct jp_store_report report = {.say = say, .context = list};
    if (jp_store_fsck(&options, jp_cli_has(&cli->args, "repair"), &report, &problems, err) < 0) {
        json_decref(list);
        return -1;
    }
    if (wants_json &&
        jp_print_json(json_pack("{s:i, s:o}", "problems", (int)problems, "report", list), err) < 0)
        return -1;
    if (!wants_json)
        (void)printf(problems ? "%u problem%s\n" : "the store is in order\n", problems,
                     problems == 1 ? "" : "s");
    return problems ? 1 : 0;
}
