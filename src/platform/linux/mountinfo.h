/* Lines of /proc/PID/mountinfo (proc_pid_mountinfo(5)), of any length. */
#ifndef JP_PLATFORM_LINUX_MOUNTINFO_H
#define JP_PLATFORM_LINUX_MOUNTINFO_H

#include <stdint.h>

#include "base/error.h"

#define JP_MOUNTINFO_MAX (16U << 20) /* bytes; hosts with ten thousand mounts have 2 MiB */

struct jp_mountinfo {
    uint64_t id;
    uint64_t parent;
    char *point;   /* the kernel's \ooo undone */
    char *type;    /* of the file system */
    char *options; /* of the file system */
};

/*
 * Calls `each` for every line of the text, which is taken apart in place. A line that is none of
 * the kernel's is passed over. -1 when `each` says so: then the walk ends.
 */
int jp_mountinfo_each(char *text, int (*each)(void *context, const struct jp_mountinfo *mount),
                      void *context);

#endif
