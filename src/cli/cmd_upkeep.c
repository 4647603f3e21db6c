/* gc and fsck. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "fetch/record.h"

#define GOING    "would be removed" /* as the pod room says it */
#define MAX_KEPT 1000000

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

/* ---- gc -------------------------------------------------------------------------------------- */

struct gc {
    json_t *list;         /* NULL: lines */
    struct jp_strv going; /* pods that would be removed, when nothing is done */
    bool is_dry;
    bool has_failed;
};

static void say_of_pods(void *context, const char *kind, const char *what, const char *done)
{
    struct gc *gc = context;
    bool is_going = gc->is_dry && strcmp(kind, "pod") == 0 && strcmp(done, GOING) == 0;
    if (is_going && jp_strv_add(&gc->going, what) < 0)
        gc->has_failed = true;
    say(gc->list, kind, what, done);
}

/* One that came to be used meanwhile stays. */
static int remove_image(struct jp_store *store, struct gc *gc, const char *id, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (!gc->is_dry && jp_store_image_destroy(store, id, &why) < 0) {
        if (why.code == JP_EBUSY || why.code == JP_ENOTFOUND)
            return 0;
        jp_error_move(err, &why);
        return -1;
    }
    say(gc->list, "image", id, gc->is_dry ? GOING : "removed");
    return 0;
}

static int remove_images(struct jp_cli *cli, struct gc *gc, const struct jp_pod_unused *policy,
                         struct jp_error *err)
{
    JP_AUTO(jp_store_images) images = {NULL, 0};
    JP_AUTO_FREE size_t *found = NULL;
    size_t count = 0;
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_store_image_list(ctx->store, NULL, &images, err) < 0 ||
        jp_pod_unused_images(ctx, policy, &images, &found, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (remove_image(ctx->store, gc, images.items[found[i]].id, err) < 0)
            return -1;
    }
    return 0;
}

static int read_policy(const struct jp_cli *cli, struct jp_pod_unused *policy, struct jp_error *err)
{
    const struct jp_cli_args *args = &cli->args;
    const char *older = jp_cli_value(args, "older"), *keep = jp_cli_value(args, "keep");
    uint64_t count = 0;
    if (older && !jp_parse_duration(older, &policy->older_than_ms))
        return jp_fail(err, JP_EUSAGE, 0, "-older=%s: expected a time such as 30s, 10m, 2h, 7d",
                       older);
    if (keep && !jp_parse_u64(keep, 10, 0, MAX_KEPT, &count))
        return jp_fail(err, JP_EUSAGE, 0, "-keep=%s: expected a number up to %d", keep, MAX_KEPT);
    policy->keep = (size_t)count;
    policy->tagged = jp_cli_has(args, "tagged");
    if (!jp_cli_has(args, "images") && (keep || policy->tagged))
        return jp_fail(err, JP_EUSAGE, 0, "-keep and -tagged are about images: add -images");
    if (older && !jp_cli_has(args, "images") && !jp_cli_has(args, "exited"))
        return jp_fail(err, JP_EUSAGE, 0, "-older is about pods or images: add -exited or -images");
    return 0;
}

static void say_of_records(void *context, const char *name)
{
    const struct gc *gc = context;
    say(gc->list, "fetched", name, gc->is_dry ? GOING : "removed");
}

static int tidy_records(const struct jp_pod_context *ctx, struct gc *gc, struct jp_error *err)
{
    const struct jp_record_tidy tidy = {
        .now_s = (int64_t)time(NULL),
        .is_dry = gc->is_dry,
        .say = say_of_records,
        .context = gc,
    };
    return jp_record_tidy(jp_store_root_fd(ctx->store), &tidy, err);
}

static int collect(struct jp_cli *cli, struct gc *gc, struct jp_error *err)
{
    struct jp_pod_unused policy = {.without = &gc->going};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || read_policy(cli, &policy, err) < 0)
        return -1;
    struct jp_pod_gc options = {.exited = jp_cli_has(&cli->args, "exited"),
                                .older_than_ms = policy.older_than_ms,
                                .is_dry = gc->is_dry,
                                .say = say_of_pods,
                                .say_context = gc};
    if (jp_pod_gc(ctx, &options, err) < 0)
        return -1;
    if (gc->has_failed)
        return jp_oom(err);
    if (tidy_records(ctx, gc, err) < 0)
        return -1;
    return jp_cli_has(&cli->args, "images") ? remove_images(cli, gc, &policy, err) : 0;
}

int jp_cmd_gc(struct jp_cli *cli, struct jp_error *err)
{
    struct gc gc = {.list = jp_cli_wants_json(&cli->args) ? json_array() : NULL,
                    .going = JP_STRV_INIT,
                    .is_dry = jp_cli_has(&cli->args, "dry-run")};
    int r = collect(cli, &gc, err);
    jp_strv_clear(&gc.going);
    /* Also what was done before a failure. */
    if (gc.list && jp_print_json(gc.list, r < 0 ? NULL : err) < 0)
        r = -1;
    return r;
}

/* ---- fsck ------------------------------------------------------------------------------------ */

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
