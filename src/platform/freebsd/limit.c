/*
 * Limits by rctl(4): rules on the jail for the pod, on a login class for each app that has limits
 * of its own (an app's processes carry it from before they enter the jail; nobody in a jail can
 * change to another one). Rules are kept by the kernel until they are removed, so `clean` removes
 * whatever is left under the names that follow from the UUID.
 */
#include <sys/param.h>
#include <sys/rctl.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/freebsd/freebsd.h"

#define MAX_RULE   256
#define SOME_RULES 65536      /* bytes of a listing, which grows */
#define MAX_RULES  (16 << 20) /* what the kernel lists at most */

static const char not_linux[] = "this is not Linux";
static const char racct_off[] = "RACCT is off: set kern.racct.enable=1 in loader.conf";

struct reporter {
    void (*report)(void *context, const struct jp_limit_report *);
    void *context;
    const char *app;
    const char *subject; /* "jail:NAME", "loginclass:NAME" */
};

static void tell(const struct reporter *r, const char *resource, enum jp_verdict verdict,
                 const char *reason)
{
    struct jp_limit_report report = {.resource = resource, .app = r->app, .verdict = verdict};
    (void)snprintf(report.reason, sizeof(report.reason), "%s", reason ? reason : "");
    r->report(r->context, &report);
}

static bool is_accounting(void)
{
    int is_on = 0;
    size_t len = sizeof(is_on);
    return sysctlbyname("kern.racct.enable", &is_on, &len, NULL, 0) == 0 && is_on == 1;
}

static int add_rule(const struct reporter *r, const char *resource, const char *action,
                    uint64_t amount)
{
    char rule[MAX_RULE];
    int len =
        snprintf(rule, sizeof(rule), "%s:%s:%s=%" PRIu64, r->subject, resource, action, amount);
    if (len < 0 || (size_t)len >= sizeof(rule)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return rctl_add_rule(rule, (size_t)len + 1, NULL, 0);
}

/* What stands for a limit of the plan. */
struct kind {
    const char *resource; /* as jp_plan_limit() knows it */
    const char *rctl[2];  /* none: there is nothing of that kind */
    const char *action;
    uint64_t divisor;
    const char *note; /* how it differs from what was asked for, or why it is ignored; NULL */
};

static const struct kind kinds[] = {
    {"memory",
     {"memoryuse"},
     "sigkill",
     1,
     "checked once a second: the process that is above it then is killed"},
    {"cpu", {"pcpu"}, "deny", 10, NULL},
    {"processes", {"maxproc"}, "deny", 1, NULL},
    {"block-bandwidth", {"readbps", "writebps"}, "throttle", 1, "of all devices together"},
    {"block-iops", {"readiops", "writeiops"}, "throttle", 1, "of all devices together"},
    {"os/linux/cpu-shares", {NULL}, NULL, 1, "this system has no shares of a processor"},
};

static void apply(const struct reporter *r, const struct kind *kind, uint64_t amount)
{
    if (!kind->rctl[0]) {
        tell(r, kind->resource, JP_VERDICT_IGNORED, kind->note);
        return;
    }
    amount = amount < kind->divisor ? 1 : amount / kind->divisor;
    for (size_t i = 0; i < JP_LEN(kind->rctl) && kind->rctl[i]; i++) {
        if (add_rule(r, kind->rctl[i], kind->action, amount) < 0) {
            char reason[120];
            (void)snprintf(reason, sizeof(reason), "rctl %s: %s", kind->rctl[i], strerror(errno));
            tell(r, kind->resource, JP_VERDICT_IGNORED, reason);
            return;
        }
    }
    tell(r, kind->resource, kind->note ? JP_VERDICT_MODIFIED : JP_VERDICT_ENFORCED, kind->note);
}

static void apply_all(const struct reporter *r, const struct jp_plan_limits *limits, bool is_on)
{
    static const char no_share[] = "this system has no guaranteed share";
    struct jp_plan_limits copy = *limits;
    for (size_t i = 0; i < JP_LEN(kinds); i++) {
        uint64_t amount = *jp_plan_limit(&copy, kinds[i].resource);
        if (amount > 0 && is_on)
            apply(r, &kinds[i], amount);
        else if (amount > 0)
            tell(r, kinds[i].resource, JP_VERDICT_IGNORED, racct_off);
    }
    if (copy.memory_bytes == 0 && copy.memory_request_bytes > 0)
        tell(r, "memory", JP_VERDICT_IGNORED, no_share);
    if (copy.cpu_milli == 0 && copy.cpu_request_milli > 0)
        tell(r, "cpu", JP_VERDICT_IGNORED, no_share);
}

/* 48 random bits of the UUID and the app's number: a login class has at most 32 bytes. */
static void class_of(const char *uuid, size_t app, char out[24])
{
    (void)snprintf(out, 24, "jp%.8s%.4s-%u", uuid, uuid + 9, (unsigned)app);
}

static int remove_rules(const char *uuid, struct jp_error *err);

/* Every app gets its class: limits that are set later bind the processes that run by then. */
static int setup(struct jp_isolation *pod,
                 void (*report)(void *context, const struct jp_limit_report *), void *context,
                 struct jp_error *err)
{
    const struct jp_plan *plan = pod->plan;
    bool is_on = is_accounting();
    JP_AUTO_FREE char *jail = jp_format("jail:%s%s", plan->jail_prefix, plan->uuid);
    if (!jail)
        return jp_oom(err);
    if (is_on && remove_rules(plan->uuid, err) < 0)
        return -1;
    struct reporter r = {.report = report, .context = context, .subject = jail};
    apply_all(&r, &plan->limits, is_on);
    for (size_t i = 0; i < plan->n_apps; i++) {
        char subject[48];
        if (is_on)
            class_of(plan->uuid, i, pod->apps[i].login_class);
        (void)snprintf(subject, sizeof(subject), "loginclass:%s", pod->apps[i].login_class);
        r.app = plan->apps[i].name;
        r.subject = subject;
        apply_all(&r, &plan->apps[i].limits, is_on);
    }
    return 0;
}

static void tell_labels(const struct reporter *r, const struct jp_plan_labels *labels)
{
    for (unsigned i = 0; i < JP_LABELS; i++) {
        if (labels->items[i])
            tell(r, jp_label_isolator(i), JP_VERDICT_IGNORED, not_linux);
    }
}

/* What belongs to Linux, or has no counterpart here. */
static int settle(struct jp_isolation *pod,
                  void (*report)(void *context, const struct jp_limit_report *), void *context,
                  JP_UNUSED struct jp_error *err)
{
    const struct jp_plan *plan = pod->plan;
    struct reporter r = {.report = report, .context = context};
    if (plan->limits.network_bytes > 0)
        tell(&r, "network-bandwidth", JP_VERDICT_IGNORED, "this system has no counterpart");
    if (plan->sysctls.count > 0)
        tell(&r, "os/unix/sysctl", JP_VERDICT_IGNORED,
             "a jail has no kernel parameters of its own");
    tell_labels(&r, &plan->labels);
    for (size_t i = 0; i < plan->n_apps; i++) {
        r.app = plan->apps[i].name;
        if (plan->apps[i].confine.has_oom_score)
            tell(&r, "os/linux/oom-score-adj", JP_VERDICT_IGNORED, not_linux);
        tell_labels(&r, &plan->apps[i].confine.labels);
    }
    return 0;
}

/* rctl tells nobody: the supervisor sees SIGKILL, as for any other reason. */
static bool was_out_of_memory(const struct jp_isolation *pod, size_t app)
{
    (void)pod;
    (void)app;
    return false;
}

static bool is_of(const char *rule, const char *uuid, const char *class_prefix)
{
    const char *subject = strchr(rule, ':');
    if (!subject)
        return false;
    if (strncmp(rule, "jail:", 5) == 0)
        return strstr(subject, uuid) != NULL;
    return strncmp(rule, "loginclass:", 11) == 0 &&
           strncmp(subject + 1, class_prefix, strlen(class_prefix)) == 0;
}

/* The rules of all subjects of a kind, joined by commas; the caller's. 1: this kernel has none. */
static int list_rules(const char *kind, char **ret, struct jp_error *err)
{
    for (size_t size = SOME_RULES; size <= MAX_RULES; size *= 2) {
        char *rules = jp_calloc(1, size);
        if (!rules)
            return jp_oom(err);
        if (rctl_get_rules(kind, strlen(kind) + 1, rules, size) == 0) {
            *ret = rules;
            return 0;
        }
        int saved = errno;
        free(rules);
        if (saved == ENOSYS)
            return 1;
        if (saved != ERANGE)
            return jp_fail(err, JP_ESYS, saved, "list the limits");
    }
    return jp_fail(err, JP_ELIMIT, 0, "there are too many limits to list");
}

static int remove_rules(const char *uuid, struct jp_error *err)
{
    static const char *const kinds_of[] = {"jail:", "loginclass:"};
    char class_prefix[24];
    (void)snprintf(class_prefix, sizeof(class_prefix), "jp%.8s%.4s-", uuid, uuid + 9);
    for (size_t i = 0; i < JP_LEN(kinds_of); i++) {
        JP_AUTO_FREE char *rules = NULL;
        char *rest = NULL;
        int r = list_rules(kinds_of[i], &rules, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
        for (char *rule = strtok_r(rules, ",", &rest); rule; rule = strtok_r(NULL, ",", &rest)) {
            if (is_of(rule, uuid, class_prefix) &&
                rctl_remove_rule(rule, strlen(rule) + 1, NULL, 0) < 0 && errno != ESRCH)
                return jp_fail_sys(err, "remove the limit '%s'", rule);
        }
    }
    return 0;
}

static int clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    return remove_rules(uuid, err);
}

static void teardown(struct jp_isolation *pod)
{
    if (pod)
        (void)remove_rules(pod->plan->uuid, NULL);
}

const struct jp_limit_ops jp_freebsd_limits = {.setup = setup,
                                               .settle = settle,
                                               .was_out_of_memory = was_out_of_memory,
                                               .teardown = teardown,
                                               .clean = clean};
