/* The plan: what is written is read back; nothing broken is accepted or brings the reader down. */
#include "base/mem.h"
#include "plan/plan.h"
#include "tap.h"

static void fill_app(struct jp_plan_app *app)
{
    app->name = jp_strdup("redis");
    app->root.kind = JP_ROOT_OVERLAY;
    if (jp_strv_add(&app->root.layers, "/images/b") < 0 ||
        jp_strv_add(&app->root.layers, "/images/a") < 0 ||
        jp_strv_add(&app->argv, "/bin/redis") < 0 || jp_strv_add(&app->argv, "") < 0 ||
        jp_strv_add(&app->env, "A=b") < 0 || jp_strv_add(&app->pre_start.argv, "/bin/pre") < 0)
        abort();
    app->root.upper = jp_strdup("/pods/upper");
    app->root.work = jp_strdup("/pods/work");
    app->root.is_volatile = true;
    app->cwd = jp_strdup("/");
    app->user = jp_strdup("redis");
    app->group = jp_strdup("0");
    app->supplementary_gids = jp_calloc(2, sizeof(uint32_t));
    app->n_supplementary_gids = 2;
    app->supplementary_gids[1] = 4294967294U;
    app->mounts = jp_calloc(1, sizeof(*app->mounts));
    app->n_mounts = 1;
    app->mounts[0].path = jp_strdup("/data");
    app->files = jp_calloc(1, sizeof(*app->files));
    app->n_files = 1;
    app->files[0].path = jp_strdup("/etc/hosts");
    app->files[0].content = jp_strdup("127.0.0.1 localhost\n");
    app->limits.memory_bytes = 1ULL << 40;
    app->confine.capabilities = 0xa80425fb;
    app->confine.seccomp = (unsigned char *)jp_memdup0("12345678", 8);
    app->confine.seccomp_len = 8;
    app->stop_signal = 15;
    app->has_tty = true;
}

static void fill(struct jp_plan *plan)
{
    *plan = (struct jp_plan)JP_PLAN_INIT;
    plan->uuid = jp_strdup("01234567-89ab-4def-8123-456789abcdef");
    plan->name = jp_strdup("calm-otter");
    plan->hostname = jp_strdup("calm-otter");
    plan->net.mode = JP_NET_POD;
    plan->net.bridge = jp_strdup("jetpack0");
    plan->net.address = jp_strdup("172.23.0.2");
    plan->net.gateway = jp_strdup("172.23.0.1");
    plan->net.prefix_len = 16;
    plan->volumes = jp_calloc(1, sizeof(*plan->volumes));
    plan->n_volumes = 1;
    plan->volumes[0].name = jp_strdup("data");
    plan->volumes[0].source = jp_strdup("/srv/data");
    plan->volumes[0].is_host = true;
    plan->apps = jp_calloc(1, sizeof(*plan->apps));
    plan->n_apps = 1;
    fill_app(&plan->apps[0]);
    plan->stop_grace_ms = 10000;
    plan->restart = JP_RESTART_ON_FAILURE;
    plan->restart_limit = 3;
    plan->log_max_bytes = 10 << 20;
    plan->is_strict = true;
    plan->log_files = 5;
}

static void round_trip(void)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO(jp_plan) back = JP_PLAN_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO(jp_buf) again = JP_BUF_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    fill(&plan);
    TAP_OK(jp_plan_encode(&plan, &bytes, &err) == 0, "a plan is written");
    TAP_OK(jp_plan_decode(bytes.data, bytes.len, &back, &err) == 0, "and read");
    TAP_OK(jp_plan_encode(&back, &again, &err) == 0 && again.len == bytes.len &&
               memcmp(again.data, bytes.data, bytes.len) == 0,
           "both say the same");
    const struct jp_plan_app *app = &back.apps[0];
    TAP_STR(app->root.layers.items[1], "/images/a", "layers in order");
    TAP_OK(app->supplementary_gids[1] == 4294967294U && app->limits.memory_bytes == 1ULL << 40 &&
               app->confine.seccomp_len == 8 && app->post_stop.argv.count == 0,
           "numbers, bytes and empty lists");
    TAP_STR(app->argv.items[1], "", "an empty argument stays");
    TAP_OK(app->argv.items[2] == NULL, "argv ends with NULL");
    TAP_OK(back.jail_prefix == NULL, "an absent string stays absent");
}

/* Every prefix must be refused, every changed byte must be survived. */
static void hostile(void)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&plan);
    if (jp_plan_encode(&plan, &bytes, NULL) < 0)
        abort();
    unsigned accepted = 0;
    for (size_t len = 0; len < bytes.len; len++) {
        JP_AUTO_FREE char *copy = jp_memdup0(bytes.data, len);
        JP_AUTO(jp_plan) back = JP_PLAN_INIT;
        accepted += jp_plan_decode(copy, len, &back, NULL) == 0;
    }
    TAP_OK(accepted == 0, "no prefix of a plan is a plan");
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    for (size_t at = 0; at < bytes.len; at++) {
        for (size_t v = 0; v < JP_LEN(values); v++) {
            JP_AUTO_FREE char *copy = jp_memdup0(bytes.data, bytes.len);
            JP_AUTO(jp_plan) back = JP_PLAN_INIT;
            copy[at] = (char)values[v];
            accepted += jp_plan_decode(copy, bytes.len, &back, NULL) == 0;
        }
    }
    TAP_OK(accepted > 0, "changed bytes are survived");
    jp_buf_putc(&bytes, 'x');
    JP_AUTO(jp_plan) back = JP_PLAN_INIT;
    TAP_OK(jp_plan_decode(bytes.data, bytes.len, &back, NULL) < 0, "nothing may follow a plan");
    TAP_OK(back.uuid == NULL, "what was refused leaves no trace");
}

static void refused(void (*change)(struct jp_plan *), enum jp_code code, const char *what)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO(jp_plan) back = JP_PLAN_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    fill(&plan);
    change(&plan);
    if (jp_plan_encode(&plan, &bytes, &err) == 0)
        (void)jp_plan_decode(bytes.data, bytes.len, &back, &err);
    TAP_OK(err.code == code, "%s: %s", what, err.code ? jp_error_text(&err) : "accepted");
}

static void change_version(struct jp_plan *plan)
{
    plan->version = JP_PLAN_VERSION + 1;
}

static void change_uuid(struct jp_plan *plan)
{
    plan->uuid[0] = '/';
}

static void change_name(struct jp_plan *plan)
{
    plan->apps[0].name[2] = '/';
}

static void change_volume(struct jp_plan *plan)
{
    plan->apps[0].mounts[0].volume = 1;
}

static void change_cwd(struct jp_plan *plan)
{
    plan->apps[0].cwd[0] = 'x';
}

static void change_root(struct jp_plan *plan)
{
    plan->apps[0].root.kind = 3;
}

static void change_layers(struct jp_plan *plan)
{
    for (size_t i = 0; i < JP_PLAN_MAX_LAYERS; i++) {
        if (jp_strv_add(&plan->apps[0].root.layers, "/l") < 0)
            abort();
    }
}

static void change_user(struct jp_plan *plan)
{
    free(jp_take(&plan->apps[0].user));
}

static void large(void)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO(jp_plan) back = JP_PLAN_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&plan);
    for (size_t i = plan.apps[0].env.count; i < JP_PLAN_MAX_STRINGS; i++) {
        JP_AUTO_FREE char *text = jp_format("VARIABLE_%zu=%0100zu", i, i);
        if (jp_strv_add(&plan.apps[0].env, text) < 0)
            abort();
    }
    TAP_OK(jp_plan_encode(&plan, &bytes, NULL) == 0 &&
               jp_plan_decode(bytes.data, bytes.len, &back, NULL) == 0 &&
               strcmp(back.apps[0].env.items[65535], plan.apps[0].env.items[65535]) == 0,
           "row 24: %zu bytes of environment arrive whole", bytes.len);
}

static void out_of_memory(void)
{
    JP_AUTO(jp_plan) plan = JP_PLAN_INIT;
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    fill(&plan);
    if (jp_plan_encode(&plan, &bytes, NULL) < 0)
        abort();
    unsigned long n = 0;
    int result = -1;
    while (result < 0 && n < 1000) { /* a plan of this size takes fewer than 100 allocations */
        JP_AUTO(jp_plan) back = JP_PLAN_INIT;
        jp_mem_fail_after(++n);
        result = jp_plan_decode(bytes.data, bytes.len, &back, NULL);
        jp_mem_fail_after(0);
    }
    TAP_OK(result == 0 && n > 20, "each of %lu allocations may fail", n);
}

int main(void)
{
    round_trip();
    hostile();
    refused(change_version, JP_EUNSUPPORTED, "another version");
    refused(change_uuid, JP_ECORRUPT, "a uuid that is none");
    refused(change_name, JP_ECORRUPT, "an app name with a slash");
    refused(change_volume, JP_ECORRUPT, "a mount of no volume");
    refused(change_cwd, JP_ECORRUPT, "a relative working directory");
    refused(change_root, JP_ECORRUPT, "an unknown kind of root");
    refused(change_layers, JP_ELIMIT, "too many layers");
    refused(change_user, JP_ECORRUPT, "no user");
    large();
    out_of_memory();
    return tap_done();
}
