/* The restart policy of a pod (an annotation), and its grammar. */
#include <string.h>

#include "base/parse.h"
#include "pod/internal.h"

bool jp_pod_restart_parse(const char *text, uint8_t *ret, uint32_t *ret_limit)
{
    static const char counted[] = "on-failure:";
    uint64_t limit = 0;
    if (strcmp(text, "no") == 0)
        *ret = JP_RESTART_NO;
    else if (strcmp(text, "always") == 0)
        *ret = JP_RESTART_ALWAYS;
    else if (strcmp(text, "on-failure") == 0)
        *ret = JP_RESTART_ON_FAILURE;
    else if (strncmp(text, counted, sizeof(counted) - 1) == 0 &&
             jp_parse_u64(text + sizeof(counted) - 1, 10, 1, UINT32_MAX, &limit))
        *ret = JP_RESTART_ON_FAILURE;
    else
        return false;
    *ret_limit = (uint32_t)limit;
    return true;
}

int jp_pod_restart_policy(const struct jp_pod_manifest *m, uint8_t *ret, uint32_t *ret_limit,
                          struct jp_error *err)
{
    const char *text = jp_pod_manifest_annotation(m, JP_NOTE_RESTART);
    if (jp_pod_restart_parse(text ? text : "no", ret, ret_limit))
        return 0;
    return jp_fail(err, JP_EINVALID, 0,
                   "annotation %s: '%.80s' is not no, on-failure, on-failure:N or always",
                   JP_NOTE_RESTART, text);
}
