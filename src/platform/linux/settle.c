#include "platform/linux/settle.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

#define WORLD (CLONE_NEWIPC | CLONE_NEWUTS)

static int enter(const struct jp_isolation *pod)
{
    if (setns(pod->init_fd, WORLD) < 0)
        return -1;
    return pod->net_fd < 0 ? 0 : setns(pod->net_fd, CLONE_NEWNET);
}

static int open_own(const char *path, struct jp_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? jp_fail_sys(err, "open '%s'", path) : fd;
}

int jp_linux_inside(struct jp_isolation *pod, int (*work)(void *context, struct jp_error *err),
                    void *context, struct jp_error *err)
{
    JP_AUTO_FD int net = open_own("/proc/self/ns/net", err);
    JP_AUTO_FD int ipc = net < 0 ? -1 : open_own("/proc/self/ns/ipc", err);
    JP_AUTO_FD int uts = ipc < 0 ? -1 : open_own("/proc/self/ns/uts", err);
    if (uts < 0)
        return -1;
    int r = enter(pod) < 0 ? jp_fail_sys(err, "enter the pod's namespaces") : work(context, err);
    /* In the wrong world nothing may go on, whoever called. */
    if (setns(net, CLONE_NEWNET) < 0 || setns(ipc, CLONE_NEWIPC) < 0 ||
        setns(uts, CLONE_NEWUTS) < 0)
        abort();
    return r;
}

bool jp_linux_may_score(const struct jp_isolation *pod, size_t app)
{
    JP_AUTO(jp_buf) own = JP_BUF_INIT;
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (pod->capabilities >> CAP_SYS_RESOURCE & 1)
        return true;
    return self >= 0 && jp_file_read(self, "oom_score_adj", 32, &own, NULL) == 0 &&
           pod->plan->apps[app].confine.oom_score >= (int)strtol(jp_buf_text(&own), NULL, 10);
}

int jp_linux_settle(struct jp_isolation *pod,
                    void (*report)(void *context, const struct jp_limit_report *), void *context,
                    struct jp_error *err)
{
    struct jp_limit_report told = {.resource = "os/unix/sysctl"};
    if (pod->plan->sysctls.count > 0) {
        jp_linux_set_sysctls(pod, &told);
        report(context, &told);
    }
    told = (struct jp_limit_report){.resource = "network-bandwidth"};
    if (pod->plan->limits.network_bytes > 0) {
        jp_linux_limit_bandwidth(pod, &told);
        report(context, &told);
    }
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        if (!pod->plan->apps[i].confine.has_oom_score)
            continue;
        bool may = jp_linux_may_score(pod, i);
        told = (struct jp_limit_report){
            .resource = "os/linux/oom-score-adj",
            .app = pod->plan->apps[i].name,
            .verdict = may ? JP_VERDICT_ENFORCED : JP_VERDICT_IGNORED,
        };
        if (!may)
            (void)snprintf(told.reason, sizeof(told.reason),
                           "it is lower than that of who started the pod, and CAP_SYS_RESOURCE is "
                           "not held");
        report(context, &told);
    }
    return jp_linux_settle_labels(pod->plan, report, context, err);
}
