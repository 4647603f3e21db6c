/*
 * Processes of a pod. The back end finds them from the supervisor, whose pid counts only together
 * with its start time: a pid alone may belong to a stranger by now.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/process.h"

static int find_supervisor(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                           struct jp_process *ret, struct jp_error *err)
{
    JP_AUTO_FD int pod_fd = -1;
    struct jp_pod_record record = {.is_there = false};
    if (jp_store_pod_open(ctx->store, pod->uuid, &pod_fd, err) < 0)
        return -1;
    int held = jp_lock_is_held(pod_fd, JP_POD_LOCK_FILE, err);
    if (held < 0)
        return -1;
    if (held == 0)
        return jp_fail(err, JP_EBUSY, 0, "pod '%s' is not running", pod->name);
    if (jp_pod_record_now(pod_fd, &record, err) < 0)
        return -1;
    pid_t pid = record.supervisor;
    uint64_t start = record.supervisor_start;
    jp_pod_record_clear(&record);
    if (pid <= 0)
        return jp_fail(err, JP_EBUSY, 0, "pod '%s' is only starting", pod->name);
    return jp_process_open_same(pid, start, ret, err);
}

int jp_pod_processes(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                     int (*each)(void *context, const struct jp_pod_process *process),
                     void *context, struct jp_error *err)
{
    JP_AUTO(jp_process) supervisor = JP_PROCESS_INIT;
    if (find_supervisor(ctx, pod, &supervisor, err) < 0)
        return -1;
    return jp_platform.host->processes(pod->uuid, supervisor.pid, each, context, err);
}

struct killing {
    const char *name;
    int signal;
    unsigned count;
    int result;
    struct jp_error *err;
};

/* The program's own name: without its directory, without what follows a setproctitle(3). */
static bool is_called(const char *command, const char *name)
{
    size_t len = strcspn(command, " ");
    const char *base = command;
    for (size_t i = 0; i < len; i++) {
        if (command[i] == '/')
            base = command + i + 1;
    }
    len -= (size_t)(base - command);
    if (len > 0 && base[len - 1] == ':')
        len--;
    return strlen(name) == len && strncmp(base, name, len) == 0;
}

static int kill_one(void *context, const struct jp_pod_process *process)
{
    struct killing *k = context;
    JP_AUTO(jp_process) handle = JP_PROCESS_INIT;
    if (!is_called(process->command, k->name))
        return 0;
    if (jp_process_open(process->pid, &handle, NULL) < 0)
        return 0; /* gone already */
    if (jp_process_signal(&handle, k->signal, k->err) < 0) {
        k->result = -1;
        return 1;
    }
    k->count++;
    return 0;
}

int jp_pod_killall(const struct jp_pod_context *ctx, const struct jp_store_pod *pod,
                   const char *name, int signal, unsigned *ret_count, struct jp_error *err)
{
    struct killing k = {.name = name, .signal = signal, .err = err};
    if (jp_pod_processes(ctx, pod, kill_one, &k, err) < 0 || k.result < 0)
        return -1;
    *ret_count = k.count;
    return 0;
}
