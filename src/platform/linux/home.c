/*
 * A home for the pod: control groups of its own instead of those that a service manager made for
 * whoever typed the command (a login's scope, a service), so that a pod in the background does not
 * end with them. Only the hierarchies by which systemd follows processes: v2 and name=systemd. Of
 * the controllers of v1 the caller's limits stay, as do all groups that nobody's unit is: a
 * container's, or those of another manager, are not left.
 *
 * The supervisor goes to MOUNT/PREFIX/UUID/_supervisor and everything it starts is born there; the
 * limits' groups (limit.c) are beside it, as v2 has no processes in a group that bounds others. No
 * app can be called "_supervisor". A host where nobody's unit is the caller's pays nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

#define MAX_MEMBERSHIP 65536 /* bytes of /proc/self/cgroup */
#define SUPERVISOR     "_supervisor"

/* True when some component of the path is a unit of systemd that holds processes. */
static bool is_of_unit(const char *path, size_t len)
{
    static const char *const kinds[] = {".scope", ".service", ".slice"};
    for (size_t i = 0; i < JP_LEN(kinds); i++) {
        size_t n = strlen(kinds[i]);
        for (size_t at = 0; at + n <= len; at++) {
            if (strncmp(path + at, kinds[i], n) == 0 && (at + n == len || path[at + n] == '/'))
                return true;
        }
    }
    return false;
}

/* "0::/user.slice/session-1.scope" or "1:name=systemd:/...": are we in a unit there? */
static bool is_in_unit(const char *membership, bool is_v2)
{
    const char *mark = is_v2 ? "::" : ":name=systemd:";
    for (const char *line = membership; *line;) {
        size_t len = strcspn(line, "\n");
        const char *at = strstr(line, mark);
        if (at && at < line + len && strspn(line, "0123456789") == (size_t)(at - line))
            return is_of_unit(at + strlen(mark), len - (size_t)(at + strlen(mark) - line));
        line += len + (line[len] == '\n');
    }
    return false;
}

static bool is_followed(const struct jp_cgroup_hierarchy *h)
{
    return h->is_v2 || h->is_systemd;
}

static int enter(int dir_fd)
{
    JP_AUTO_FD int procs = openat(dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return procs >= 0 && write(procs, "0", 1) == 1 ? 0 : -1;
}

#define MAKE_TRIES 10 /* another pod may remove the common directory meanwhile */

static int move_in(const struct jp_isolation *pod, const struct jp_cgroup_hierarchy *h)
{
    char prefix[NAME_MAX + 1];
    jp_linux_group_prefix(pod->plan->jail_prefix, prefix);
    JP_AUTO_FD int top = open(h->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; top >= 0 && i < MAKE_TRIES; i++) {
        JP_AUTO_FD int ours = jp_linux_group_make(top, prefix);
        JP_AUTO_FD int own = ours < 0 ? -1 : jp_linux_group_make(ours, pod->plan->uuid);
        JP_AUTO_FD int leaf = own < 0 ? -1 : jp_linux_group_make(own, SUPERVISOR);
        if (leaf >= 0)
            return enter(leaf);
        if (errno != ENOENT)
            break;
    }
    return -1;
}

static void warn(struct jp_isolation *pod, const struct jp_cgroup_hierarchy *h)
{
    char text[300];
    (void)snprintf(text, sizeof(text),
                   "the pod stays in the control group of whoever started it in '%.100s': %s",
                   h->mount_point, strerror(errno));
    if (jp_strv_add(&pod->warnings, text) < 0)
        return; /* no memory: the pod is worth more than the text */
}

int jp_linux_home_enter(struct jp_isolation *pod, struct jp_error *err)
{
    JP_AUTO(jp_buf) membership = JP_BUF_INIT;
    struct jp_cgroup_layout layout = {.count = 0};
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* Absent where the kernel has no control groups. */
    if (self < 0 || jp_file_read(self, "cgroup", MAX_MEMBERSHIP, &membership, NULL) < 0)
        return 0;
    const char *text = jp_buf_text(&membership);
    if (!is_in_unit(text, true) && !is_in_unit(text, false))
        return 0;
    if (jp_cgroup_find(&layout, err) < 0)
        return -1;
    for (size_t i = 0; i < layout.count; i++) {
        const struct jp_cgroup_hierarchy *h = &layout.items[i];
        if (!is_followed(h) || !is_in_unit(text, h->is_v2))
            continue;
        pod->has_home = true;
        if (move_in(pod, h) < 0)
            warn(pod, h);
    }
    jp_cgroup_layout_clear(&layout);
    return 0;
}

void jp_linux_home_leave(struct jp_isolation *pod)
{
    struct jp_cgroup_layout layout = {.count = 0};
    char prefix[NAME_MAX + 1];
    if (!pod->has_home || jp_cgroup_find(&layout, NULL) < 0)
        return;
    pod->has_home = false;
    jp_linux_group_prefix(pod->plan->jail_prefix, prefix);
    for (size_t i = 0; i < layout.count; i++) {
        const struct jp_cgroup_hierarchy *h = &layout.items[i];
        JP_AUTO_FD int top = open(h->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (is_followed(h) && top >= 0 && enter(top) == 0)
            (void)jp_linux_group_remove(h, prefix, pod->plan->uuid);
    }
    jp_cgroup_layout_clear(&layout);
}
