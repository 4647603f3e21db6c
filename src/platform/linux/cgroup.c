#include "platform/linux/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "platform/linux/mountinfo.h"
#include "sys/fd.h"

const char *jp_cgroup_name(enum jp_cgroup_controller controller, bool is_v2)
{
    static const char *const names[JP_CGROUP_CONTROLLERS][2] = {
        {"memory", "memory"}, {"cpu", "cpu"}, {"pids", "pids"}, {"blkio", "io"}};
    return names[controller][is_v2];
}

/* Controllers of ours among words that `separators` part. */
static unsigned controllers_in(const char *words, const char *separators, bool is_v2)
{
    unsigned found = 0;
    for (const char *p = words; *p != '\0';) {
        size_t len = strcspn(p, separators);
        for (unsigned i = 0; i < JP_CGROUP_CONTROLLERS; i++) {
            const char *name = jp_cgroup_name(i, is_v2);
            if (strlen(name) == len && strncmp(p, name, len) == 0)
                found |= 1U << i;
        }
        p += len;
        p += strspn(p, separators);
    }
    return found;
}

static int add(struct jp_cgroup_layout *layout, const char *mount_point, bool is_v2,
               bool is_systemd, unsigned controllers)
{
    for (size_t i = 0; i < layout->count; i++) {
        const struct jp_cgroup_hierarchy *h = &layout->items[i];
        if (h->is_v2 == is_v2 && (is_v2 || h->controllers == controllers))
            return 0; /* mounted a second time somewhere */
    }
    if (layout->count == JP_CGROUP_MAX_HIERARCHIES || (!is_v2 && !is_systemd && controllers == 0))
        return 0;
    char *copy = jp_strdup(mount_point);
    if (!copy)
        return -1;
    layout->items[layout->count++] = (struct jp_cgroup_hierarchy){
        .mount_point = copy, .is_v2 = is_v2, .is_systemd = is_systemd, .controllers = controllers};
    return 0;
}

static int take_mount(void *context, const struct jp_mountinfo *mount)
{
    static const char systemd[] = "name=systemd";
    struct jp_cgroup_layout *layout = context;
    if (strcmp(mount->type, "cgroup2") == 0)
        return add(layout, mount->point, true, false, 0);
    if (strcmp(mount->type, "cgroup") == 0)
        return add(layout, mount->point, false,
                   jp_list_has(mount->options, systemd, strlen(systemd)),
                   controllers_in(mount->options, ",", false));
    return 0;
}

int jp_cgroup_parse(const char *mountinfo, struct jp_cgroup_layout *ret, struct jp_error *err)
{
    struct jp_cgroup_layout layout = {.count = 0};
    JP_AUTO_FREE char *text = jp_strdup(mountinfo);
    if (!text || jp_mountinfo_each(text, take_mount, &layout) < 0) {
        jp_cgroup_layout_clear(&layout);
        return jp_oom(err);
    }
    *ret = layout;
    return 0;
}

static void ask_v2(struct jp_cgroup_hierarchy *h)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int dir = open(h->mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0 && jp_file_read(dir, "cgroup.controllers", 4096, &text, NULL) == 0)
        h->controllers = controllers_in(jp_buf_text(&text), " \n", true);
}

int jp_cgroup_find(struct jp_cgroup_layout *ret, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self < 0)
        return jp_fail_sys(err, "open '/proc/self'");
    if (jp_file_read(self, "mountinfo", JP_MOUNTINFO_MAX, &text, err) < 0 ||
        jp_cgroup_parse(jp_buf_text(&text), ret, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->count; i++) {
        if (ret->items[i].is_v2)
            ask_v2(&ret->items[i]);
    }
    return 0;
}

const struct jp_cgroup_hierarchy *jp_cgroup_with(const struct jp_cgroup_layout *layout,
                                                 enum jp_cgroup_controller controller)
{
    const struct jp_cgroup_hierarchy *found = NULL;
    for (size_t i = 0; i < layout->count; i++) {
        const struct jp_cgroup_hierarchy *h = &layout->items[i];
        if ((h->controllers >> controller & 1) && (!found || found->is_v2))
            found = h;
    }
    return found;
}

void jp_cgroup_layout_clear(struct jp_cgroup_layout *layout)
{
    for (size_t i = 0; i < layout->count; i++)
        free(layout->items[i].mount_point);
    layout->count = 0;
}
