/*
 * Isolators into numbers: capabilities, privileges, ceilings, the system call filter. And the
 * account of what became of each (ace.md: the executor MUST make it available).
 *
 * Ceilings and kernel parameters are reported by the supervisor, who alone knows whether the kernel
 * took them; everything else is decided here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pod/internal.h"

/* Linux's numbers (linux/capability.h is not for other systems; they are fixed for ever). */
static const char *const capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/* ace.md "os/linux/capabilities-remove-set": the 14 of the default set. */
static const char *const default_capabilities[] = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_NET_BIND_SERVICE", "CAP_SETUID",
    "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETFCAP",      "CAP_SYS_CHROOT",
};

int jp_pod_capability_number(const char *name)
{
    for (size_t i = 0; i < JP_LEN(capability_names); i++) {
        if (strcmp(name, capability_names[i]) == 0)
            return (int)i;
    }
    return -1;
}

static int mask_of(char *const *names, size_t count, uint64_t *ret, struct jp_error *err)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        int number = jp_pod_capability_number(names[i]);
        if (number < 0)
            return jp_fail(err, JP_EINVALID, 0, "there is no capability '%s'", names[i]);
        mask |= UINT64_C(1) << number;
    }
    *ret = mask;
    return 0;
}

static uint64_t default_mask(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < JP_LEN(default_capabilities); i++)
        mask |= UINT64_C(1) << jp_pod_capability_number(default_capabilities[i]);
    return mask;
}

static int report(const struct jp_pod_verdicts *verdicts, const char *app, const char *isolator,
                  const char *ignored, struct jp_error *err)
{
    if (!verdicts || !verdicts->each)
        return 0;
    return verdicts->each(verdicts->context, app, isolator,
                          ignored ? JP_VERDICT_IGNORED : JP_VERDICT_ENFORCED, ignored, err);
}

enum scope {
    SCOPE_APP = 1,
    SCOPE_POD = 2,
};

/*
 * Who an isolator can be given to. What is not listed is not acted on by this version.
 */
static const struct {
    enum jp_isolator_kind kind;
    unsigned scope;
    bool is_late; /* the supervisor knows what became of it, and reports */
} known[] = {
    {JP_ISOLATOR_MEMORY, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_CPU, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_CPU_SHARES, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_BLOCK_BANDWIDTH, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_BLOCK_IOPS, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_NETWORK_BANDWIDTH, SCOPE_POD, true},
    {JP_ISOLATOR_SYSCTL, SCOPE_POD, true},
    {JP_ISOLATOR_SELINUX, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_APPARMOR, SCOPE_APP | SCOPE_POD, true},
    {JP_ISOLATOR_CAPS_RETAIN, SCOPE_APP, false},
    {JP_ISOLATOR_CAPS_REMOVE, SCOPE_APP, false},
    {JP_ISOLATOR_SECCOMP_RETAIN, SCOPE_APP, false},
    {JP_ISOLATOR_SECCOMP_REMOVE, SCOPE_APP, false},
    {JP_ISOLATOR_NO_NEW_PRIVILEGES, SCOPE_APP, false},
    {JP_ISOLATOR_OOM_SCORE_ADJ, SCOPE_APP, true},
};

/* Why this version does not act on an isolator; NULL for those that it acts on. */
static const char *why_ignored(enum jp_isolator_kind kind, enum scope scope)
{
    for (size_t i = 0; i < JP_LEN(known); i++) {
        if (known[i].kind != kind || (known[i].scope & scope))
            continue;
        if (kind == JP_ISOLATOR_NETWORK_BANDWIDTH)
            return "the apps of a pod share one network: it can be given to the pod";
        return scope == SCOPE_POD ? "it belongs to an app, not to a pod"
                                  : "it belongs to a pod, not to an app";
    }
    for (size_t i = 0; i < JP_LEN(known); i++) {
        if (known[i].kind == kind)
            return NULL;
    }
    return kind == JP_ISOLATOR_UNKNOWN ? "unknown isolator" : "not supported by this version";
}

static bool is_late(enum jp_isolator_kind kind, enum scope scope)
{
    for (size_t i = 0; i < JP_LEN(known); i++) {
        if (known[i].kind == kind)
            return known[i].is_late && (known[i].scope & scope);
    }
    return false;
}

/* Why this system does not; NULL as above. */
static const char *why_absent(const char *isolator)
{
    for (const struct jp_absent *absent = jp_platform.absent; absent && absent->isolator;
         absent++) {
        if (strcmp(absent->isolator, isolator) == 0)
            return absent->reason;
    }
    return NULL;
}

static int report_now(const struct jp_pod_verdicts *verdicts, const char *app,
                      const struct jp_isolator *isolator, enum scope scope, struct jp_error *err)
{
    if (is_late(isolator->kind, scope))
        return 0;
    const char *why = why_ignored(isolator->kind, scope);
    return report(verdicts, app, isolator->name, why ? why : why_absent(isolator->name), err);
}

static void take_limit(const struct jp_isolator *isolator, struct jp_plan_limits *limits)
{
    struct jp_quantity request = isolator->has_request ? isolator->request : isolator->limit;
    uint64_t whole = isolator->has_limit ? jp_quantity_ceil(isolator->limit) : 0;
    switch (isolator->kind) {
    case JP_ISOLATOR_MEMORY:
        limits->memory_bytes = whole;
        if (isolator->has_request)
            limits->memory_request_bytes = jp_quantity_ceil(request);
        break;
    case JP_ISOLATOR_CPU:
        limits->cpu_milli = isolator->has_limit ? jp_quantity_milli(isolator->limit) : 0;
        if (isolator->has_request)
            limits->cpu_request_milli = jp_quantity_milli(request);
        break;
    case JP_ISOLATOR_CPU_SHARES:
        limits->cpu_shares = (uint64_t)isolator->number;
        break;
    case JP_ISOLATOR_BLOCK_BANDWIDTH:
        limits->block_bytes = whole;
        break;
    case JP_ISOLATOR_BLOCK_IOPS:
        limits->block_operations = whole;
        break;
    case JP_ISOLATOR_NETWORK_BANDWIDTH:
        limits->network_bytes = whole;
        break;
    default:
        break;
    }
}

static int take_sysctls(const struct jp_isolator *isolator, struct jp_strv *ret,
                        struct jp_error *err)
{
    for (size_t i = 0; i < isolator->sysctls.count; i++) {
        const struct jp_pair *pair = &isolator->sysctls.items[i];
        if (jp_strv_add_owned(ret, jp_format("%s=%s", pair->name, pair->value)) < 0)
            return jp_oom(err);
    }
    return 0;
}

static int take_label(const struct jp_isolator *isolator, struct jp_plan_labels *labels,
                      struct jp_error *err)
{
    bool is_selinux = isolator->kind == JP_ISOLATOR_SELINUX;
    if (!is_selinux && isolator->kind != JP_ISOLATOR_APPARMOR)
        return 0;
    char **label = &labels->items[is_selinux ? JP_LABEL_SELINUX : JP_LABEL_APPARMOR];
    free(*label);
    *label = is_selinux ? jp_format("%s:%s:%s:%s", isolator->selinux.user, isolator->selinux.role,
                                    isolator->selinux.type, isolator->selinux.level)
                        : jp_strdup(isolator->profile);
    return *label ? 0 : jp_oom(err);
}

/* ---- the filter ---- */

static int use_default_filter(struct jp_plan_confine *confine, struct jp_error *err)
{
    size_t len = 0;
    const unsigned char *bytes = jp_pod_seccomp_default(&len);
    if (len == 0)
        return 0;
    confine->seccomp = (unsigned char *)jp_memdup0(bytes, len);
    if (!confine->seccomp)
        return jp_oom(err);
    confine->seccomp_len = len;
    return 0;
}

static int use_filter(const struct jp_isolator *isolator, const char *app,
                      struct jp_plan_confine *confine, const struct jp_pod_verdicts *verdicts,
                      struct jp_error *err)
{
    char note[160] = "";
    JP_AUTO(jp_error) local = JP_ERROR_INIT;
    if (jp_pod_seccomp_compile(isolator, &confine->seccomp, &confine->seccomp_len, note, &local) <
        0) {
        if (local.code == JP_EUNSUPPORTED)
            return report(verdicts, app, isolator->name, jp_error_text(&local), err);
        jp_error_move(err, &local);
        return jp_wrap(err, "app '%s': %s", app, isolator->name);
    }
    if (!verdicts || !verdicts->each)
        return 0;
    return verdicts->each(verdicts->context, app, isolator->name,
                          note[0] ? JP_VERDICT_MODIFIED : JP_VERDICT_ENFORCED,
                          note[0] ? note : NULL, err);
}

/* ---- one app, one pod ---- */

static int take_isolator(const struct jp_isolator *isolator, const char *app,
                         struct jp_plan_confine *confine, const struct jp_pod_verdicts *verdicts,
                         struct jp_error *err)
{
    uint64_t mask = 0;
    switch (isolator->kind) {
    case JP_ISOLATOR_CAPS_RETAIN:
        if (mask_of(isolator->set.items, isolator->set.count, &mask, err) < 0)
            return -1;
        confine->capabilities = mask;
        break;
    case JP_ISOLATOR_CAPS_REMOVE:
        if (mask_of(isolator->set.items, isolator->set.count, &mask, err) < 0)
            return -1;
        confine->capabilities = default_mask() & ~mask;
        break;
    case JP_ISOLATOR_NO_NEW_PRIVILEGES:
        confine->no_new_privileges = isolator->flag;
        break;
    case JP_ISOLATOR_OOM_SCORE_ADJ:
        confine->has_oom_score = true;
        confine->oom_score = (int32_t)isolator->number;
        break;
    case JP_ISOLATOR_SECCOMP_RETAIN:
    case JP_ISOLATOR_SECCOMP_REMOVE:
        return use_filter(isolator, app, confine, verdicts, err);
    default:
        break;
    }
    return report_now(verdicts, app, isolator, SCOPE_APP, err);
}

int jp_pod_confine_app(const struct jp_app *app, const char *app_name,
                       struct jp_plan_confine *confine, struct jp_plan_limits *limits,
                       const struct jp_pod_verdicts *verdicts, struct jp_error *err)
{
    confine->capabilities = default_mask();
    bool has_filter = false;
    for (size_t i = 0; app && i < app->isolators.count; i++) {
        const struct jp_isolator *isolator = &app->isolators.items[i];
        has_filter |= isolator->kind == JP_ISOLATOR_SECCOMP_RETAIN ||
                      isolator->kind == JP_ISOLATOR_SECCOMP_REMOVE;
        take_limit(isolator, limits);
        if (take_label(isolator, &confine->labels, err) < 0 ||
            take_isolator(isolator, app_name, confine, verdicts, err) < 0)
            return -1;
    }
    return has_filter ? 0 : use_default_filter(confine, err);
}

int jp_pod_confine_pod(const struct jp_isolators *isolators, struct jp_plan *plan,
                       const struct jp_pod_verdicts *verdicts, struct jp_error *err)
{
    for (size_t i = 0; i < isolators->count; i++) {
        const struct jp_isolator *isolator = &isolators->items[i];
        if (report_now(verdicts, NULL, isolator, SCOPE_POD, err) < 0)
            return -1;
        take_limit(isolator, &plan->limits);
        if (take_label(isolator, &plan->labels, err) < 0 ||
            take_sysctls(isolator, &plan->sysctls, err) < 0)
            return -1;
    }
    return 0;
}
