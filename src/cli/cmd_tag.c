/* tag and untag: words for images that people move. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cmd.h"

/* The words after IMAGE: tags, also several parted by commas, as they stand after '@'. */
static int read_tags(const struct jp_cli *cli, struct jp_strv *ret, struct jp_error *err)
{
    for (size_t i = 1; i < cli->args.n_words; i++) {
        for (const char *p = cli->args.words[i]; *p;) {
            size_t len = strcspn(p, ",");
            JP_AUTO_FREE char *tag = jp_memdup0(p, len);
            if (!tag || (!jp_strv_contains(ret, tag) && jp_strv_add(ret, tag) < 0))
                return jp_oom(err);
            p += len + (p[len] == ',');
        }
    }
    return ret->count > 0 ? 0 : jp_fail(err, JP_EUSAGE, 0, "no tag given");
}

static int change(struct jp_cli *cli, struct jp_store_tagging *tagging, struct jp_error *err)
{
    JP_AUTO(jp_store_images) found = {NULL, 0};
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (!ctx || jp_pod_find_any_image(ctx, cli->args.words[0], &found, err) < 0)
        return -1;
    tagging->id = found.items[0].id;
    return jp_store_image_tag(ctx->store, tagging, err);
}

int jp_cmd_tag(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_strv) tags = JP_STRV_INIT;
    struct jp_store_tagging tagging = {.add = &tags, .is_unique = jp_cli_has(&cli->args, "unique")};
    return read_tags(cli, &tags, err) < 0 ? -1 : change(cli, &tagging, err);
}

int jp_cmd_untag(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_strv) tags = JP_STRV_INIT;
    struct jp_store_tagging tagging = {.remove = &tags};
    return read_tags(cli, &tags, err) < 0 ? -1 : change(cli, &tagging, err);
}
