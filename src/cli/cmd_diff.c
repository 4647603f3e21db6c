/* diff: what an app has written into its root file system. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "pod/inspect.h"

struct report {
    json_t *list; /* NULL: lines */
    bool failed;
};

static char *absolute(const char *path)
{
    return strcmp(path, ".") == 0 ? jp_strdup("/") : jp_format("/%s", path);
}

/* A name that is not UTF-8 has no text in JSON: null, and its bytes in hexadecimal. */
static int add_json(struct report *report, char what, const char *path)
{
    JP_AUTO(jp_buf) hex = JP_BUF_INIT;
    JP_AUTO_FREE char *full = absolute(path);
    char word[] = {what, '\0'};
    json_t *text = full ? jp_json_text(full) : NULL;
    json_t *object = json_pack("{s:s, s:o}", "change", word, "path", text);
    if (json_is_null(text)) {
        for (const char *c = full; *c; c++)
            jp_buf_printf(&hex, "%02x", (unsigned char)*c);
        (void)json_object_set_new(object, "path_hex", jp_json_text(jp_buf_text(&hex)));
    }
    return json_array_append_new(report->list, object);
}

static int tell(void *context, const struct jp_driver_change *change)
{
    struct report *report = context;
    if (change->what == 'T') /* what is in it is told */
        return 0;
    if (report->list) {
        report->failed = add_json(report, change->what, change->path) < 0;
        return report->failed;
    }
    JP_AUTO_FREE char *full = absolute(change->path);
    JP_AUTO_FREE char *shown = full ? jp_escape(full) : NULL;
    report->failed = !shown;
    if (shown)
        (void)printf("%c %s\n", change->what, shown);
    return report->failed;
}

static int print(const struct jp_pod_context *ctx, const struct jp_pod_tree *tree,
                 struct report *report, struct jp_error *err)
{
    const struct jp_driver_changes changes = {.each = tell, .context = report};
    int r = jp_pod_tree_changes(ctx, tree, &changes, err);
    if (report->failed)
        return jp_oom(err);
    if (r < 0 || jp_pod_tree_check(tree, err) < 0)
        return -1;
    return report->list ? jp_print_json(json_incref(report->list), err) : 0;
}

int jp_cmd_diff(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    struct jp_pod_tree tree = {.clone = JP_STORE_CLONE_INIT, .lock_fd = -1};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_app(ctx, cli->args.words[0], &pod, &app, err) < 0 ||
        jp_pod_tree_open(ctx, &pod, app, &tree, err) < 0)
        return -1;
    struct report report = {.list = jp_cli_wants_json(&cli->args) ? json_array() : NULL};
    int r = print(ctx, &tree, &report, err);
    json_decref(report.list);
    jp_pod_tree_clear(&tree);
    return r;
}
