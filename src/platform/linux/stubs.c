#include "platform/linux/linux.h"

static int processes(const char *uuid, pid_t supervisor,
                     int (*each)(void *context, const struct jp_pod_process *), void *context,
                     struct jp_error *err)
{
    (void)uuid;
    (void)supervisor;
    (void)each;
    (void)context;
    return jp_fail(err, JP_EUNSUPPORTED, 0, "not yet");
}

static void examine(void (*say)(void *context, const char *name, bool is_fine, const char *text,
                                const char *remedy),
                    void *context)
{
    (void)say;
    (void)context;
}

const struct jp_host_ops jp_linux_host = {processes, examine};
