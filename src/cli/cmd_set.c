/* set: limits of a running pod are changed. */
#include <inttypes.h>
#include <string.h>

#include "appc/isolator.h"
#include "appc/quantity.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "pod/pod.h"

/* Options in the order of the table of commands, and what the supervisor calls them. */
static const struct {
    const char *option;
    const char *limit;
    bool is_milli;
    uint64_t min, max;
} limits[] = {
    {"memory", "memory", false, 1, UINT64_MAX},
    {"cpu", "cpu", true, 1, UINT64_MAX},
    {"cpu-shares", "os/linux/cpu-shares", false, JP_CPU_SHARES_MIN, JP_CPU_SHARES_MAX},
    {"block-bandwidth", "block-bandwidth", false, 1, UINT64_MAX},
    {"block-iops", "block-iops", false, 1, UINT64_MAX},
    {"network-bandwidth", "network-bandwidth", false, 1, UINT64_MAX},
};

static int add_limit(const struct jp_cli *cli, size_t index, struct jp_strv *ret,
                     struct jp_error *err)
{
    struct jp_quantity quantity;
    const char *text = jp_cli_value(&cli->args, limits[index].option);
    if (!text)
        return 0;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_quantity_parse(text, &quantity, &why) < 0)
        return jp_fail(err, JP_EUSAGE, 0, "-%s: %s", limits[index].option, jp_error_text(&why));
    uint64_t number =
        limits[index].is_milli ? jp_quantity_milli(quantity) : jp_quantity_ceil(quantity);
    if (number == 0)
        return jp_fail(err, JP_EUSAGE, 0, "-%s=%s: a limit cannot be nothing", limits[index].option,
                       text);
    if (number < limits[index].min || number > limits[index].max)
        return jp_fail(err, JP_EUSAGE, 0, "-%s=%s: must be between %" PRIu64 " and %" PRIu64,
                       limits[index].option, text, limits[index].min, limits[index].max);
    return jp_strv_add_owned(ret, jp_format("%s=%" PRIu64, limits[index].limit, number)) < 0
               ? jp_oom(err)
               : 0;
}

int jp_cmd_set(struct jp_cli *cli, struct jp_error *err)
{
    JP_AUTO(jp_store_pod) pod = {.uuid = NULL};
    JP_AUTO_FREE char *app = NULL;
    JP_AUTO(jp_strv) wanted = JP_STRV_INIT;
    for (size_t i = 0; i < JP_LEN(limits); i++) {
        if (add_limit(cli, i, &wanted, err) < 0)
            return -1;
    }
    if (wanted.count == 0)
        return jp_fail(err, JP_EUSAGE, 0, "no limit named");
    if (jp_cli_find_pod_app(cli, cli->args.words[0], &pod, &app, err) < 0)
        return -1;
    return jp_pod_set_limits(jp_cli_pods(cli, err), &pod, app, &wanted, err);
}
