/*
 * Labels of security modules (ace.md "os/linux/selinux-context", "os/linux/apparmor-profile").
 * Where the host has no such module they are ignored, as ace.md allows. Where it has, one that it
 * does not know is refused before anything of the pod runs; the shim has the kernel apply it and
 * reads it back (shim_linux.c). What cannot be looked at here is looked at by the kernel then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/settle.h"
#include "sys/fd.h"

#define MAX_FILE (1U << 20) /* bytes of what the kernel lists: file systems, profiles */

/* What a file of the kernel says; empty when it cannot be read. */
static void read_list(const char *directory, const char *name, struct jp_buf *ret)
{
    JP_AUTO_FD int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && jp_file_read(fd, name, MAX_FILE, ret, NULL) < 0)
        jp_buf_clear(ret);
}

static bool has_selinux(void)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    read_list("/proc", "filesystems", &text);
    return strstr(jp_buf_text(&text), "\tselinuxfs\n") != NULL;
}

static bool has_apparmor(void)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    read_list("/sys/module/apparmor/parameters", "enabled", &text);
    return jp_buf_text(&text)[0] == 'Y';
}

/* The policy says which contexts there are. */
static int check_context(const char *context, struct jp_error *err)
{
    JP_AUTO_FD int fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC);
    if (fd < 0 || write(fd, context, strlen(context)) >= 0 || errno != EINVAL)
        return 0;
    return jp_fail(err, JP_EINVALID, 0, "the policy of this host has no context '%s'", context);
}

/* Lines "NAME (enforce)"; a name of several profiles, or of another namespace, is the kernel's. */
static int check_profile(const char *profile, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    size_t len = strlen(profile);
    read_list("/sys/kernel/security/apparmor", "profiles", &text);
    if (text.len == 0 || profile[0] == ':' || strstr(profile, "//&"))
        return 0;
    for (const char *line = jp_buf_text(&text); *line;) {
        if (strncmp(line, profile, len) == 0 && strncmp(line + len, " (", 2) == 0)
            return 0;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return jp_fail(err, JP_ENOTFOUND, 0,
                   "profile '%s' is not loaded on this host: 'apparmor_parser -r FILE' loads one",
                   profile);
}

static const struct {
    const char *name;
    bool (*is_here)(void);
    int (*check)(const char *label, struct jp_error *err);
} modules[JP_LABELS] = {
    [JP_LABEL_SELINUX] = {"SELinux", has_selinux, check_context},
    [JP_LABEL_APPARMOR] = {"AppArmor", has_apparmor, check_profile},
};

struct jp_plan_labels jp_linux_labels_of(const struct jp_plan *plan, size_t app)
{
    const struct jp_plan_labels *own = &plan->apps[app].confine.labels;
    struct jp_plan_labels all = {0};
    for (size_t i = 0; i < JP_LABELS; i++) {
        char *label = own->items[i] ? own->items[i] : plan->labels.items[i];
        if (label && modules[i].is_here())
            all.items[i] = label;
    }
    return all;
}

struct reporter {
    void (*report)(void *context, const struct jp_limit_report *);
    void *context;
};

static int settle(const struct reporter *r, const char *app, const struct jp_plan_labels *labels,
                  struct jp_error *err)
{
    for (unsigned i = 0; i < JP_LABELS; i++) {
        if (!labels->items[i])
            continue;
        struct jp_limit_report told = {
            .resource = jp_label_isolator(i), .app = app, .verdict = JP_VERDICT_ENFORCED};
        if (!modules[i].is_here()) {
            told.verdict = JP_VERDICT_IGNORED;
            (void)snprintf(told.reason, sizeof(told.reason), "this host has no %s",
                           modules[i].name);
        } else if (modules[i].check(labels->items[i], err) < 0) {
            return jp_wrap(err, "%s", told.resource);
        }
        r->report(r->context, &told);
    }
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
