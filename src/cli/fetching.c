#include "cli/fetching.h"

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/account.h"
#include "sys/fd.h"

/* ---- who talks to the network ---------------------------------------------------------------- */

/*
 * The metadata service's user with nobody's group: what that service may read is its group's, and
 * none of the network's business.
 */
static int find_user(const struct jp_config *config, struct jp_transfer_settings *settings,
                     struct jp_error *err)
{
    uint32_t unused;
    settings->uid = (uint32_t)geteuid();
    settings->gid = (uint32_t)getegid();
    if (settings->uid != 0)
        return 0;
    if (jp_account_ensure(jp_config_get(config, "mds.user"), &settings->uid, &settings->gid, NULL,
                          err) < 0)
        return jp_wrap(err, "mds.user");
    (void)jp_account_find("nobody", &unused, &settings->gid, NULL);
    return settings->uid ? 0 : jp_fail(err, JP_EINVALID, 0, "mds.user: must not be root");
}

/* ---- passwords ------------------------------------------------------------------------------- */

static int read_credentials(const struct jp_config *config, struct jp_credentials *ret,
                            struct jp_error *err)
{
    static const char family[] = "fetch.auth.";
    JP_AUTO(jp_strv) names = JP_STRV_INIT;
    const char *file = jp_config_get(config, "fetch.credentials");
    if (jp_config_names(config, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        const char *value = jp_config_get(config, name);
        if (strncmp(name, family, strlen(family)) != 0 || strchr(name, '*') || !value)
            continue;
        if (jp_credentials_add(ret, name + strlen(family), value, err) < 0)
            return jp_wrap(err, "%s", name);
    }
    return file && jp_credentials_read(ret, file, err) < 0 ? jp_wrap(err, "fetch.credentials") : 0;
}

int jp_cli_http_hosts(const struct jp_cli_args *args, struct jp_strv *ret, struct jp_error *err)
{
    for (size_t i = 0; i < args->n_given; i++) {
        const struct jp_cli_given *given = &args->given[i];
        if (strcmp(given->option->name, "allow-http") == 0 && jp_strv_add(ret, given->value) < 0)
            return jp_oom(err);
    }
    return 0;
}

/* ---- the session ----------------------------------------------------------------------------- */

static uint32_t seconds(const struct jp_config *config, const char *key)
{
    return (uint32_t)jp_config_u64(config, key);
}

static void fill_settings(struct jp_fetching *f, struct jp_transfer_settings *s)
{
    const struct jp_config *config = f->cli->config;
    uint64_t low = jp_config_u64(config, "fetch.low-speed");
    s->program = f->program;
    s->ca_file = jp_config_get(config, "fetch.ca-file");
    s->proxy = jp_config_get(config, "fetch.proxy");
    s->no_proxy = jp_config_get(config, "fetch.no-proxy");
    s->allows_http = jp_config_bool(config, "allow.http");
    s->allows_private = jp_config_bool(config, "allow.private-addresses");
    s->http_hosts = &f->http_hosts;
    s->limits = (struct jp_transfer_limits){
        .bytes = jp_config_u64(config, "fetch.max-size"),
        .seconds = seconds(config, "fetch.timeout"),
        .connect_seconds = seconds(config, "fetch.connect-timeout"),
        .low_bytes = low < UINT32_MAX ? (uint32_t)low : UINT32_MAX,
        .low_seconds = seconds(config, "fetch.low-speed-time"),
    };
    s->authorize = jp_credentials_authorize;
    s->authorize_context = &f->credentials;
    s->cancel = f->cli->signals.interrupted;
}

static int open_session(struct jp_fetching *f, const struct jp_pod_context *ctx,
                        struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_pod_program(ctx, "jetpack-fetch", &f->program, err);
    if (fd < 0 || find_user(f->cli->config, &f->settings, err) < 0 ||
        read_credentials(f->cli->config, &f->credentials, err) < 0 ||
        jp_cli_http_hosts(&f->cli->args, &f->http_hosts, err) < 0)
        return -1;
    fill_settings(f, &f->settings);
    return jp_transfer_new(&f->settings, &f->transfer, err);
}

struct jp_fetching *jp_cli_fetching(struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    if (cli->fetching || !ctx)
        return ctx ? cli->fetching : NULL;
    if (!JP_WITH_FETCH) {
        jp_fail(err, JP_EUNSUPPORTED, 0,
                "this build cannot fetch: libcurl or libxml2 was missing when it was made");
        return NULL;
    }
    struct jp_fetching *f = jp_calloc(1, sizeof(*f));
    if (!f) {
        jp_oom(err);
        return NULL;
    }
    f->cli = cli;
    if (open_session(f, ctx, err) == 0)
        return cli->fetching = f;
    jp_fetching_free(f);
    return NULL;
}

void jp_fetching_free(struct jp_fetching *fetching)
{
    if (!fetching)
        return;
    jp_transfer_free(fetching->transfer);
    jp_credentials_clear(&fetching->credentials);
    jp_strv_clear(&fetching->http_hosts);
    free(fetching->program);
    free(fetching);
}

int jp_fetching_text(struct jp_fetching *fetching, const char *url, bool is_from_page,
                     bool is_from_public, size_t max, struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_transfer_response) response = JP_TRANSFER_RESPONSE_INIT;
    struct jp_transfer_request request = JP_TRANSFER_REQUEST_INIT;
    request.url = url;
    request.is_typed = !is_from_page;
    request.is_from_public = is_from_public;
    if (jp_transfer_get(fetching->transfer, &request, max, ret, &response, err) < 0)
        return -1;
    return response.status / 100 == 2 ? 0 : jp_transfer_fail_status(&response, err);
}
