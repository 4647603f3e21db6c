#include "sys/detach.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "sys/fd.h"

#ifdef __linux__
#include <sys/syscall.h>

#include <linux/keyctl.h>
#include <sched.h>
#endif

#define MAX_FILES 4096       /* open at once: far above what the service lets in */
#define STACK     (8U << 20) /* bytes: everybody's default */

extern char **environ;

#ifdef __GLIBC__
typedef __rlimit_resource_t resource;
#else
typedef int resource;
#endif

static void reset_limits(void)
{
    static const struct {
        resource what;
        rlim_t value;
    } limits[] = {
        {RLIMIT_AS, RLIM_INFINITY},    {RLIMIT_CPU, RLIM_INFINITY}, {RLIMIT_DATA, RLIM_INFINITY},
        {RLIMIT_FSIZE, RLIM_INFINITY}, {RLIMIT_RSS, RLIM_INFINITY}, {RLIMIT_NPROC, RLIM_INFINITY},
        {RLIMIT_STACK, STACK},         {RLIMIT_NOFILE, MAX_FILES},  {RLIMIT_CORE, 0},
    };
    for (size_t i = 0; i < JP_LEN(limits); i++) {
        struct rlimit limit = {.rlim_cur = limits[i].value, .rlim_max = limits[i].value};
        if (setrlimit(limits[i].what, &limit) == 0 || getrlimit(limits[i].what, &limit) < 0)
            continue;
        /* Root without the right to raise it: as far as it goes. */
        limit.rlim_cur = limits[i].value < limit.rlim_max ? limits[i].value : limit.rlim_max;
        (void)setrlimit(limits[i].what, &limit);
    }
}

#ifdef __linux__
#define MAX_MOUNTS (1U << 20) /* bytes of a file below /proc/self */

/* Is `word` one of the words of a list that commas part? */
static bool is_in_list(const char *list, const char *word, size_t len)
{
    for (; *list; list += strcspn(list, ","), list += *list == ',') {
        if (strncmp(list, word, len) == 0 && (list[len] == ',' || list[len] == '\0'))
            return true;
    }
    return false;
}

/*
 * Does /proc/self/cgroup say "/" of the hierarchy with these mount options? A line is
 * NUMBER:CONTROLLERS:PATH, that of v2 without controllers.
 */
static bool is_at_top(const char *membership, bool is_v2, const char *options)
{
    for (const char *line = membership; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *controllers = strchr(line, ':');
        const char *path = controllers ? strchr(++controllers, ':') : NULL;
        if (!path)
            return false;
        size_t len = strcspn(controllers, ",:");
        if (is_v2 ? len == 0 : len > 0 && is_in_list(options, controllers, len))
            return strncmp(path, ":/\n", 3) == 0;
    }
    return false;
}

/*
 * To the root of every hierarchy: what ends the caller's group must not end us. A move takes the
 * kernel milliseconds, to where we are as well.
 */
static void leave_control_groups(void)
{
    JP_AUTO(jp_buf) mounts = JP_BUF_INIT;
    JP_AUTO(jp_buf) membership = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, "/proc/self/mounts", MAX_MOUNTS, &mounts, NULL) < 0 ||
        jp_file_read(AT_FDCWD, "/proc/self/cgroup", MAX_MOUNTS, &membership, NULL) < 0)
        return;
    char *rest = NULL;
    char *text = jp_buf_steal(&mounts);
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        char path[512], type[32], options[512], file[sizeof(path) + sizeof("/cgroup.procs")];
        if (sscanf(line, "%*s %511s %31s %511s", path, type, options) != 3 ||
            strncmp(type, "cgroup", 6) != 0 ||
            is_at_top(jp_buf_text(&membership), strcmp(type, "cgroup2") == 0, options))
            continue;
        (void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
        (void)jp_file_put(file, "0", NULL);
    }
    free(text);
}

static void leave_system(void)
{
    struct sched_param plain = {.sched_priority = 0};
    cpu_set_t all;
    memset(&all, 0xff, sizeof(all));
    (void)sched_setscheduler(0, SCHED_OTHER, &plain);
    (void)sched_setaffinity(0, sizeof(all), &all);
    (void)syscall(SYS_ioprio_set, 1, 0, 0); /* this process: none of its own */
    (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    (void)jp_file_put("/proc/self/oom_score_adj", "0", NULL);
    leave_control_groups();
}
#else
static void leave_system(void)
{
}
#endif

int jp_detach(struct jp_error *err)
{
    static char *nothing[] = {NULL};
    (void)setsid();
    (void)umask(077);
    environ = nothing;
    if (chdir("/") < 0)
        return jp_fail_sys(err, "change to '/'");
    (void)setpriority(PRIO_PROCESS, 0, 0);
    reset_limits();
    leave_system();
    return 0;
}
