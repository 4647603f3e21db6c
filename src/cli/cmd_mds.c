/* mds: the metadata service: is it healthy, and run it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "mdc/request.h"

/* Asks it at one of its addresses, as root can; *ret_info is what it says of itself. */
static int ask(const struct jp_pod_service *service, const char *at, json_t **ret_info,
               struct jp_error *err)
{
    JP_AUTO(jp_buf) body = JP_BUF_INIT;
    JP_AUTO_FREE char *url = jp_format("http://%s/~%s", at, service->token);
    if (!url)
        return jp_oom(err);
    int status = jp_mdc_get(url, "/_info", &body, err);
    if (status < 0)
        return -1;
    json_t *info = status == 200 ? json_loadb(jp_buf_text(&body), body.len, 0, NULL) : NULL;
    if (!json_is_object(info)) {
        json_decref(info);
        return jp_fail(err, JP_ECORRUPT, 0, "%s answers with status %d", at, status);
    }
    *ret_info = info;
    return 0;
}

static long long number(const json_t *info, const char *name)
{
    return (long long)json_integer_value(json_object_get(info, name));
}

static int check(const struct jp_pod_service *service, const json_t *info, struct jp_error *err)
{
    const char *version = json_string_value(json_object_get(info, "Version"));
    if (number(info, "Pid") != service->pid)
        return jp_fail(err, JP_ECORRUPT, 0, "process %lld answers in the place of process %d",
                       number(info, "Pid"), service->pid);
    if (!version || strcmp(version, JP_VERSION) != 0)
        return jp_fail(err, JP_ECORRUPT, 0,
                       "version %s runs, not %s: stop it, the next pod starts the new one",
                       version ? version : "?", JP_VERSION);
    return 0;
}

static int show(struct jp_cli *cli, json_t *info, struct jp_error *err)
{
    if (jp_cli_wants_json(&cli->args))
        return jp_print_json(json_incref(info), err);
    (void)printf("Metadata service OK: MDS[%lld] (u%lld g%lld %s:%lld %s), %lld pods\n",
                 number(info, "Pid"), number(info, "Uid"), number(info, "Gid"),
                 json_string_value(json_object_get(info, "IP")), number(info, "Port"),
                 json_string_value(json_object_get(info, "Version")), number(info, "Pods"));
    return 0;
}

/* The loopback is always there, the bridge's address once a pod has had a network. */
static int examine(struct jp_cli *cli, const struct jp_pod_service *service, struct jp_error *err)
{
    const char *at = strrchr(service->listeners, ' ');
    json_t *info = NULL;
    if (ask(service, at ? at + 1 : service->listeners, &info, err) < 0)
        return -1;
    int r = check(service, info, err);
    if (r == 0)
        r = show(cli, info, err);
    json_decref(info);
    return r;
}

int jp_cmd_mds(struct jp_cli *cli, struct jp_error *err)
{
    const struct jp_pod_context *ctx = jp_cli_pods(cli, err);
    struct jp_pod_service service = {.is_running = false};
    if (!ctx)
        return -1;
    if (!ctx->metadata)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "this build has no metadata service");
    if (jp_cli_has(&cli->args, "serve"))
        return jp_pod_service_become(ctx, err);
    int r = jp_pod_service_find(ctx, &service, err);
    if (r == 0 && !service.is_running)
        r = jp_fail(err, JP_ENOTFOUND, 0,
                    "no metadata service is running: the next pod with a network starts it");
    else if (r == 0)
        r = examine(cli, &service, err);
    jp_pod_service_clear(&service);
    return r;
}
