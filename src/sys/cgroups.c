#include "sys/cgroups.h"

#include "base/macros.h"

#ifdef __linux__
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sys/fd.h"

#define MAX_TEXT (1U << 20) /* bytes of a file below /proc */

/* The path of one line of /proc/PID/cgroup, NUMBER:CONTROLLERS:PATH; v2 has no controllers. */
static const char *split(const char *line, const char **ret_controllers)
{
    const char *controllers = strchr(line, ':');
    *ret_controllers = controllers ? controllers + 1 : NULL;
    const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    return path ? path + 1 : NULL;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end && end[1] != '\0' ? end + 1 : NULL;
}

static bool is_top(const char *path)
{
    return strncmp(path, "/\n", 2) == 0;
}

/* Is the process at the top of the hierarchy with these mount options? Also when it is in none. */
static bool is_at_top(const char *membership, bool is_v2, const char *options)
{
    for (const char *line = membership; line; line = next_line(line)) {
        const char *controllers;
        const char *path = split(line, &controllers);
        if (!path)
            break;
        size_t len = strcspn(controllers, ",:");
        if (is_v2 ? len == 0 : len > 0 && jp_list_has(options, controllers, len))
            return is_top(path);
    }
    return true;
}

bool jp_cgroups_are_foreign(void)
{
    JP_AUTO(jp_buf) membership = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, "/proc/self/cgroup", MAX_TEXT, &membership, NULL) < 0)
        return false;
    for (const char *line = jp_buf_text(&membership); line; line = next_line(line)) {
        const char *controllers;
        const char *path = split(line, &controllers);
        if (path && !is_top(path))
            return true;
    }
    return false;
}

static void leave(const char *mount, const char *membership, const char *pid)
{
    char path[512], type[32], options[512], file[sizeof(path) + sizeof("/cgroup.procs")];
    if (sscanf(mount, "%*s %511s %31s %511s", path, type, options) != 3 ||
        strncmp(type, "cgroup", strlen("cgroup")) != 0 ||
        is_at_top(membership, strcmp(type, "cgroup2") == 0, options))
        return;
    (void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    (void)jp_file_put(file, pid, NULL);
}

void jp_cgroups_leave(pid_t pid)
{
    JP_AUTO(jp_buf) mounts = JP_BUF_INIT;
    JP_AUTO(jp_buf) membership = JP_BUF_INIT;
    char number[32], file[64];
    (void)snprintf(number, sizeof(number), "%d", (int)pid);
    (void)snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
    if (jp_file_read(AT_FDCWD, "/proc/self/mounts", MAX_TEXT, &mounts, NULL) < 0 ||
        jp_file_read(AT_FDCWD, file, MAX_TEXT, &membership, NULL) < 0)
        return;
    for (const char *line = jp_buf_text(&mounts); line; line = next_line(line))
        leave(line, jp_buf_text(&membership), number);
}
#else
bool jp_cgroups_are_foreign(void)
{
    return false;
}

void jp_cgroups_leave(JP_UNUSED pid_t pid)
{
}
#endif
