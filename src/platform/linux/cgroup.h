/*
 * Where this host keeps control groups: v1 with one directory per controller or several together,
 * v2, both beside each other with the controllers spread over them in any way, or nowhere.
 */
#ifndef JP_PLATFORM_LINUX_CGROUP_H
#define JP_PLATFORM_LINUX_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum jp_cgroup_controller {
    JP_CGROUP_MEMORY,
    JP_CGROUP_CPU,
    JP_CGROUP_PIDS,
    JP_CGROUP_BLOCK,       /* blkio of v1, io of v2 */
    JP_CGROUP_CONTROLLERS, /* their number */
};

/* The controller's name in the kernel. */
const char *jp_cgroup_name(enum jp_cgroup_controller controller, bool is_v2);

struct jp_cgroup_hierarchy {
    char *mount_point; /* owned */
    bool is_v2;
    bool is_systemd;      /* v1 without controllers, by which systemd follows processes */
    unsigned controllers; /* bit n = controller n; v2: filled in by jp_cgroup_find */
};

#define JP_CGROUP_MAX_HIERARCHIES 16 /* v1 has at most one per controller */

struct jp_cgroup_layout {
    struct jp_cgroup_hierarchy items[JP_CGROUP_MAX_HIERARCHIES];
    size_t count;
};

/* Reads the text of /proc/self/mountinfo. What is not a control group is passed over. */
int jp_cgroup_parse(const char *mountinfo, struct jp_cgroup_layout *ret, struct jp_error *err);

/* The layout of this host; v2 hierarchies know the controllers that they offer. */
int jp_cgroup_find(struct jp_cgroup_layout *ret, struct jp_error *err);

/* Who has a controller, v1 before v2 (it is in one place only); NULL: nobody. */
const struct jp_cgroup_hierarchy *jp_cgroup_with(const struct jp_cgroup_layout *layout,
                                                 enum jp_cgroup_controller controller);

void jp_cgroup_layout_clear(struct jp_cgroup_layout *layout);

#endif
