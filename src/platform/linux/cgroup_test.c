/* The many ways in which control groups can be mounted, as text. No privileges. */
#include <stdio.h>

#include "platform/linux/cgroup.h"
#include "tap.h"

static const struct {
    const char *name;
    const char *mountinfo;
    /* Expected place of memory, cpu, pids; NULL: nowhere. */
    const char *places[JP_CGROUP_CONTROLLERS];
    size_t count;
} cases[] = {
    {"nothing is mounted", "22 27 0:21 / /proc rw,relatime - proc proc rw\n", {NULL}, 0},
    {"no text at all", "", {NULL}, 0},
    {"v1, one controller each, and v2 without any",
     "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
     "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
     "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
     "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
     "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
     "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
     "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
     {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids"},
     5},
    {"v1, controllers together, optional fields",
     "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:3 - cgroup cgroup "
     "rw,cpu,cpuacct\n",
     {NULL, "/sys/fs/cgroup/cpu,cpuacct", NULL},
     1},
    {"a blank in a path, a last line without end",
     "35 31 0:32 / /my\\040groups\\134x rw - cgroup cgroup rw,memory",
     {"/my groups\\x", NULL, NULL},
     1},
    {"a controller of a similar name is another",
     "35 31 0:32 / /x rw - cgroup cgroup rw,memoryx\n36 31 0:33 / /y rw - cgroup cgroup "
     "rw,cpuset\n",
     {NULL},
     0},
    {"mounted twice counts once",
     "35 31 0:32 / /a rw - cgroup cgroup rw,pids\n36 31 0:32 / /b rw - cgroup cgroup rw,pids\n",
     {NULL, NULL, "/a"},
     1},
    {"broken lines are passed over", "- - -\n35 31 0:32 / /a rw - cgroup\n\n \n35\n", {NULL}, 0},
};

/* A line longer than any path: bound layers make such options. It must not be skipped. */
static void test_long_line(void)
{
    static char text[70000];
    struct jp_cgroup_layout layout = {.count = 0};
    size_t at = (size_t)snprintf(text, sizeof(text), "35 31 0:32 / /a rw - cgroup cgroup rw,");
    while (at < 66000)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "x%zu,", at);
    (void)snprintf(text + at, sizeof(text) - at, "pids\n");
    TAP_OK(jp_cgroup_parse(text, &layout, NULL) == 0 && layout.count == 1 &&
               jp_cgroup_with(&layout, JP_CGROUP_PIDS),
           "a line of 66,000 bytes");
    jp_cgroup_layout_clear(&layout);
}

int main(void)
{
    test_long_line();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jp_cgroup_layout layout = {.count = 0};
        bool fine = jp_cgroup_parse(cases[i].mountinfo, &layout, NULL) == 0;
        fine = fine && layout.count == cases[i].count;
        for (unsigned c = 0; c < JP_CGROUP_CONTROLLERS; c++) {
            const struct jp_cgroup_hierarchy *h = jp_cgroup_with(&layout, c);
            fine = fine && tap_same(h ? h->mount_point : NULL, cases[i].places[c]);
        }
        TAP_OK(fine, "%s", cases[i].name);
        jp_cgroup_layout_clear(&layout);
    }
    struct jp_cgroup_layout both = {.count = 2};
    both.items[0] = (struct jp_cgroup_hierarchy){.is_v2 = true, .controllers = 7};
    both.items[1] = (struct jp_cgroup_hierarchy){.controllers = 1U << JP_CGROUP_CPU};
    TAP_OK(jp_cgroup_with(&both, JP_CGROUP_CPU) == &both.items[1] &&
               jp_cgroup_with(&both, JP_CGROUP_PIDS) == &both.items[0],
           "v1 is asked before v2");
    return tap_done();
}
