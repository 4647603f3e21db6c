/*
 * What one control group is told, and what the kernel made of it: one row for each limit that a
 * plan can ask for. Which group, and where, is limit.c's.
 */
#ifndef JP_PLATFORM_LINUX_CEILING_H
#define JP_PLATFORM_LINUX_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"
#include "platform/linux/cgroup.h"
#include "platform/platform.h"

enum jp_ceiling {
    JP_CEILING_MEMORY,
    JP_CEILING_CPU,
    JP_CEILING_CPU_SHARES,
    JP_CEILING_PROCESSES,
    JP_CEILING_BLOCK_BANDWIDTH,
    JP_CEILING_BLOCK_IOPS,
    JP_CEILINGS, /* their number */
};

/* How it is called in reports (struct jp_limit_report), and who enforces it. */
const char *jp_ceiling_resource(enum jp_ceiling ceiling);
enum jp_cgroup_controller jp_ceiling_controller(enum jp_ceiling ceiling);

bool jp_ceiling_is_asked(const struct jp_plan_limits *limits, enum jp_ceiling ceiling);

/*
 * ace.md: the pod's isolators bound those of its apps. Lowers what is above the pod's; returns bits
 * of those that were lowered.
 */
unsigned jp_ceilings_bound(struct jp_plan_limits *limits, const struct jp_plan_limits *pod);

struct jp_ceiling_verdict {
    enum jp_verdict verdict;
    char reason[160]; /* "" when enforced */
};

/* Writes the limit into the group and reads it back. Never fails: a refusal is "ignored". */
void jp_ceiling_apply(int group_fd, bool is_v2, enum jp_ceiling ceiling,
                      const struct jp_plan_limits *limits, struct jp_ceiling_verdict *ret);

#endif
