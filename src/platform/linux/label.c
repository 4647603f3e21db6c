/*
 * Labels of security modules (ace.md "os/linux/selinux-context"). Where the host has no such module
 * they are ignored, as ace.md allows. Where it has one, this version cannot apply them, and a pod
 * must not run without: it is refused.
 */
#include <stdio.h>
#include <unistd.h>

#include "platform/linux/settle.h"

struct reporter {
    void (*report)(void *context, const struct jp_limit_report *);
    void *context;
};

static int settle(const struct reporter *r, const char *app, const struct jp_plan_labels *labels,
                  struct jp_error *err)
{
    static const char isolator[] = "os/linux/selinux-context";
    if (!labels->selinux)
        return 0;
    if (access("/sys/fs/selinux/enforce", F_OK) == 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0,
                       "%s: this host has SELinux, and this version cannot apply '%s'", isolator,
                       labels->selinux);
    struct jp_limit_report told = {
        .resource = isolator, .app = app, .verdict = JP_VERDICT_IGNORED};
    (void)snprintf(told.reason, sizeof(told.reason), "this host has no SELinux");
    r->report(r->context, &told);
    return 0;
}

int jp_linux_settle_labels(const struct jp_plan *plan,
                           void (*report)(void *context, const struct jp_limit_report *),
                           void *context, struct jp_error *err)
{
    const struct reporter r = {report, context};
    if (settle(&r, NULL, &plan->labels, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->n_apps; i++) {
        if (settle(&r, plan->apps[i].name, &plan->apps[i].confine.labels, err) < 0)
            return jp_wrap(err, "app %s", plan->apps[i].name);
    }
    return 0;
}
