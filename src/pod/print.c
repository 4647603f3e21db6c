/* A plan as text: for golden tests, and for whoever wants to see what was planned. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "pod/internal.h"

static void print_words(struct jp_buf *out, const char *name, const struct jp_strv *words)
{
    if (words->count == 0)
        return;
    jp_buf_printf(out, "  %s", name);
    for (size_t i = 0; i < words->count; i++)
        jp_buf_printf(out, " [%s]", words->items[i]);
    jp_buf_putc(out, '\n');
}

static void print_limits(struct jp_buf *out, const char *indent,
                         const struct jp_plan_limits *limits)
{
    if (limits->memory_bytes || limits->memory_request_bytes)
        jp_buf_printf(out, "%smemory %" PRIu64 " request %" PRIu64 "\n", indent,
                      limits->memory_bytes, limits->memory_request_bytes);
    if (limits->cpu_milli || limits->cpu_request_milli)
        jp_buf_printf(out, "%scpu %" PRIu64 "m request %" PRIu64 "m\n", indent, limits->cpu_milli,
                      limits->cpu_request_milli);
    if (limits->cpu_shares)
        jp_buf_printf(out, "%scpu shares %" PRIu64 "\n", indent, limits->cpu_shares);
    if (limits->block_bytes || limits->block_operations)
        jp_buf_printf(out, "%sblock %" PRIu64 " operations %" PRIu64 "\n", indent,
                      limits->block_bytes, limits->block_operations);
    if (limits->network_bytes)
        jp_buf_printf(out, "%snetwork %" PRIu64 "\n", indent, limits->network_bytes);
}

static void print_mounts(struct jp_buf *out, const struct jp_plan *plan,
                         const struct jp_plan_app *app)
{
    for (size_t i = 0; i < app->n_mounts; i++) {
        const struct jp_plan_mount *mount = &app->mounts[i];
        jp_buf_printf(out, "  mount %s on %s%s\n", plan->volumes[mount->volume].name, mount->path,
                      mount->is_read_only ? " ro" : "");
    }
    for (size_t i = 0; i < app->n_files; i++)
        jp_buf_printf(out, "  file %s%s\n", app->files[i].path,
                      app->files[i].only_if_missing ? " if missing" : "");
}

static void print_app(struct jp_buf *out, const struct jp_plan *plan, const struct jp_plan_app *app)
{
    jp_buf_printf(out, "app %s%s%s%s%s\n", app->name, app->is_linux ? " linux" : "",
                  app->has_tty ? " tty" : "", app->has_stdin ? " stdin" : "",
                  app->root.is_read_only ? " ro" : "");
    print_words(out, "exec", &app->argv);
    print_words(out, "env", &app->env);
    jp_buf_printf(out, "  cwd %s user %s group %s", app->cwd, app->user, app->group);
    for (size_t i = 0; i < app->n_supplementary_gids; i++)
        jp_buf_printf(out, " +%u", app->supplementary_gids[i]);
    jp_buf_printf(out, "\n  capabilities %" PRIx64 "%s seccomp %s stop %d\n",
                  app->confine.capabilities, app->confine.no_new_privileges ? " nnp" : "",
                  app->confine.seccomp ? "yes" : "no", (int)app->stop_signal);
    print_words(out, "pre-start", &app->pre_start.argv);
    print_words(out, "post-stop", &app->post_stop.argv);
    print_mounts(out, plan, app);
    print_limits(out, "  ", &app->limits);
}

char *jp_pod_plan_print(const struct jp_plan *plan)
{
    static const char *const nets[] = {"pod", "none", "host"};
    struct jp_buf out = JP_BUF_INIT;
    jp_buf_printf(&out, "pod %s hostname %s net %s", plan->name, plan->hostname,
                  plan->net.mode < 3 ? nets[plan->net.mode] : "?");
    if (plan->net.address)
        jp_buf_printf(&out, " %s/%u gateway %s", plan->net.address, plan->net.prefix_len,
                      plan->net.gateway);
    if (plan->net.address6)
        jp_buf_printf(&out, " %s/%u", plan->net.address6, plan->net.prefix_len6);
    jp_buf_printf(&out, " grace %u%s\n", plan->stop_grace_ms,
                  plan->without_apps ? " without apps" : "");
    print_limits(&out, "", &plan->limits);
    for (size_t i = 0; i < plan->n_volumes; i++)
        jp_buf_printf(&out, "volume %s %s%s%s%s\n", plan->volumes[i].name, plan->volumes[i].source,
                      plan->volumes[i].is_host ? " host" : " empty",
                      plan->volumes[i].is_read_only ? " ro" : "",
                      plan->volumes[i].is_recursive ? " recursive" : "");
    for (size_t i = 0; i < plan->n_apps; i++)
        print_app(&out, plan, &plan->apps[i]);
    return jp_buf_steal(&out);
}
