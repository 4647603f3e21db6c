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
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/freebsd/freebsd.h"

#define MAX_RULE  256
#define MAX_RULES 65536 /* bytes of a listing */

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
    int len = snprintf(rule, sizeof(rule), "%s:%s:%s=%" PRIu64, r->subject, resource, action,
                       amount);
    if (len < 0 || (size_t)len >= sizeof(rule)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return rctl_add_rule(rule, (size_t)len + 1, NULL, 0);
}

/* One limit: the rule, and what became of it. `note`: how it differs from what was asked for. */
static void apply(const struct reporter *r, const char *name, const char *resource,
                  const char *action, uint64_t amount, const char *note)
{
    if (add_rule(r, resource, action, amount) < 0) {
        char reason[120];
        (void)snprintf(reason, sizeof(reason), "rctl %s: %s", resource, strerror(errno));
        tell(r, name, JP_VERDICT_IGNORED, reason);
        return;
    }
    tell(r, name, note ? JP_VERDICT_MODIFIED : JP_VERDICT_ENFORCED, note);
}

static void apply_all(const struct reporter *r, const struct jp_plan_limits *l)
{
    static const char no_request[] = "this system has no guaranteed share";
    if (l->memory_bytes > 0)
        apply(r, "memory", "memoryuse", "sigkill", l->memory_bytes,
              "checked once a second: the process that is above it then is killed");
    else if (l->memory_request_bytes > 0)
        tell(r, "memory", JP_VERDICT_IGNORED, no_request);
    if (l->cpu_milli > 0)
        apply(r, "cpu", "pcpu", "deny", l->cpu_milli < 10 ? 1 : l->cpu_milli / 10,
              l->cpu_milli % 10 ? "in hundredths of a processor" : NULL);
    else if (l->cpu_request_milli > 0)
        tell(r, "cpu", JP_VERDICT_IGNORED, no_request);
    if (l->processes > 0)
        apply(r, "processes", "maxproc", "deny", l->processes, NULL);
}

static void ignore_all(const struct reporter *r, const struct jp_plan_limits *l)
{
    if (l->memory_bytes > 0 || l->memory_request_bytes > 0)
        tell(r, "memory", JP_VERDICT_IGNORED, racct_off);
    if (l->cpu_milli > 0 || l->cpu_request_milli > 0)
        tell(r, "cpu", JP_VERDICT_IGNORED, racct_off);
    if (l->processes > 0)
        tell(r, "processes", JP_VERDICT_IGNORED, racct_off);
}

static bool has_limits(const struct jp_plan_limits *l)
{
    return l->memory_bytes > 0 || l->memory_request_bytes > 0 || l->cpu_milli > 0 ||
           l->cpu_request_milli > 0 || l->processes > 0;
}

/* 48 random bits of the UUID and the app's number: a login class has at most 32 bytes. */
static void class_of(const char *uuid, size_t app, char out[24])
{
    (void)snprintf(out, 24, "jp%.8s%.4s-%u", uuid, uuid + 9, (unsigned)app);
}

static int setup(struct jp_isolation *pod,
                 void (*report)(void *context, const struct jp_limit_report *), void *context,
                 struct jp_error *err)
{
    const struct jp_plan *plan = pod->plan;
    void (*act)(const struct reporter *, const struct jp_plan_limits *) =
        is_accounting() ? apply_all : ignore_all;
    JP_AUTO_FREE char *jail = jp_format("jail:%s%s", plan->jail_prefix, plan->uuid);
    if (!jail)
        return jp_oom(err);
    struct reporter r = {.report = report, .context = context, .subject = jail};
    act(&r, &plan->limits);
    for (size_t i = 0; i < plan->n_apps; i++) {
        char subject[48];
        if (!has_limits(&plan->apps[i].limits))
            continue;
        class_of(plan->uuid, i, pod->apps[i].login_class);
        (void)snprintf(subject, sizeof(subject), "loginclass:%s", pod->apps[i].login_class);
        r.app = plan->apps[i].name;
        r.subject = subject;
        act(&r, &plan->apps[i].limits);
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

static int remove_rules(const char *uuid, struct jp_error *err)
{
    char all_of[][16] = {"jail:", "loginclass:"};
    char class_prefix[24];
    (void)snprintf(class_prefix, sizeof(class_prefix), "jp%.8s%.4s-", uuid, uuid + 9);
    JP_AUTO_FREE char *rules = jp_calloc(1, MAX_RULES);
    if (!rules)
        return jp_oom(err);
    for (size_t i = 0; i < JP_LEN(all_of); i++) {
        if (rctl_get_rules(all_of[i], strlen(all_of[i]) + 1, rules, MAX_RULES) < 0)
            return errno == ENOSYS ? 0 : jp_fail_sys(err, "list the limits");
        char *rest = NULL;
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

const struct jp_limit_ops jp_freebsd_limits = {
    .setup = setup, .was_out_of_memory = was_out_of_memory, .teardown = teardown, .clean = clean};
