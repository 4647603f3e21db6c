#include "platform/linux/linux.h"

static int setup(struct jp_isolation *pod,
                 void (*report)(void *context, const struct jp_limit_report *), void *context,
                 struct jp_error *err)
{
    (void)pod;
    (void)report;
    (void)context;
    (void)err;
    return 0;
}

static bool oom(const struct jp_isolation *pod, size_t app)
{
    (void)pod;
    (void)app;
    return false;
}

static void teardown(struct jp_isolation *pod)
{
    (void)pod;
}

static int clean(const char *uuid, struct jp_error *err)
{
    (void)uuid;
    (void)err;
    return 0;
}

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

const struct jp_limit_ops jp_linux_limit = {setup, oom, teardown, clean};
const struct jp_host_ops jp_linux_host = {processes, examine};
