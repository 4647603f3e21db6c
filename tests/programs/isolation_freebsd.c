/* What FreeBSD has to tell: isolation.c. */
#include "isolation.h"

#define _RLIMIT_IDENT /* the names of limits */

#include <sys/param.h>
#include <sys/capsicum.h>
#include <sys/cpuset.h>
#include <sys/mount.h>
#include <sys/procctl.h>
#include <sys/resource.h>
#include <sys/rtprio.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/user.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FDS 1024

static void add_numbers(const char *name, const unsigned *numbers, int count)
{
    char text[4096] = "";
    size_t len = 0;
    for (int i = 0; i < count && len < sizeof(text) - 16; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " %u", numbers[i]);
    add("%s%s", name, text);
}

static void credentials(void)
{
    uid_t users[3];
    gid_t list[NGROUPS_MAX + 1], ids[3];
    getresuid(&users[0], &users[1], &users[2]);
    getresgid(&ids[0], &ids[1], &ids[2]);
    add_numbers("users", users, 3);
    add_numbers("groups", ids, 3);
    add_numbers("list", list, getgroups(NGROUPS_MAX + 1, list));
}

static void add_signals(const char *name, bool (*is_so)(int number))
{
    unsigned numbers[NSIG];
    int count = 0;
    for (int i = 1; i < NSIG; i++)
        if (is_so(i))
            numbers[count++] = (unsigned)i;
    add_numbers(name, numbers, count);
}

static bool is_blocked(int number)
{
    sigset_t set;
    return sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, number) == 1;
}

static bool is_handled(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

static void add_control(const char *name, int command)
{
    int value = 0;
    if (procctl(P_PID, getpid(), command, &value) < 0)
        add("%s: %s", name, strerror(errno));
    else
        add("%s %d", name, value);
}

static void rights(void)
{
    unsigned is_in_capability_mode = 0;
    mode_t mask = umask(0);
    (void)umask(mask);
    add("umask %04o", (unsigned)mask);
    add_signals("signals blocked", is_blocked);
    add_signals("signals handled or ignored", is_handled);
    add_control("tracing", PROC_TRACE_STATUS);
    add_control("trap of capabilities", PROC_TRAPCAP_STATUS);
    add("set-id %d", issetugid());
    (void)cap_getmode(&is_in_capability_mode);
    add("capability mode %u", is_in_capability_mode);
}

static void add_sysctl(const char *name)
{
    int value = 0;
    size_t len = sizeof(value);
    if (sysctlbyname(name, &value, &len, NULL, 0) < 0)
        add("%s: %s", name, strerror(errno));
    else
        add("%s %d", name, value);
}

/* As far as a process in a jail is told. */
static void jail(void)
{
    static const char *const names[] = {
        "kern.securelevel",
        "security.jail.jailed",
        "security.jail.vnet",
        "security.jail.enforce_statfs",
        "security.jail.devfs_ruleset",
        "security.jail.set_hostname_allowed",
        "security.jail.socket_unixiproute_only",
        "security.jail.sysvipc_allowed",
        "security.jail.allow_raw_sockets",
        "security.jail.chflags_allowed",
        "security.jail.mount_allowed",
    };
    for (size_t i = 0; i < nitems(names); i++)
        add_sysctl(names[i]);
}

static void descriptors(void)
{
    struct stat st;
    for (int fd = 0; fd < MAX_FDS; fd++)
        if (fstat(fd, &st) == 0)
            add("%d %o", fd, (unsigned)st.st_mode);
}

/* The directory of terminals is there as long as there is a terminal. */
static void tell_lasting(int dir, const char *name)
{
    if (strcmp(name, "pts") != 0)
        tell_device(dir, name);
}

static void devices(void)
{
    each_name("/dev", tell_lasting);
}

/* Of other mounts than the root's a jail is told nothing, but a device number is no secret. */
static void mounts(void)
{
    static const char *const places[] = {"/dev", "/dev/fd", "/proc", "/tmp", "/tell"};
    struct statfs *all;
    struct stat root, st;
    int count = getmntinfo(&all, MNT_NOWAIT);
    for (int i = 0; i < count; i++)
        add("%s %s %lx", all[i].f_mntonname, all[i].f_fstypename,
            (unsigned long)(all[i].f_flags & (MNT_RDONLY | MNT_NOSUID | MNT_NOEXEC)));
    for (size_t i = 0; stat("/", &root) == 0 && i < nitems(places); i++)
        if (stat(places[i], &st) == 0)
            add("%s %s", places[i], st.st_dev == root.st_dev ? "the root's" : "its own");
}

static void limits(void)
{
    struct rlimit limit;
    for (int i = 0; i < RLIM_NLIMITS; i++)
        if (getrlimit(i, &limit) == 0)
            add("%s %jd %jd", rlimit_ident[i], (intmax_t)limit.rlim_cur, (intmax_t)limit.rlim_max);
}

static void place(void)
{
    char text[MAXPATHLEN] = "";
    add("cwd %s", getcwd(text, sizeof(text)) ? text : strerror(errno));
    (void)gethostname(text, sizeof(text));
    add("host %s", text);
    add("leads-session %d", getsid(0) == getpid());
    add_control("parent-death-signal", PROC_PDEATHSIG_STATUS);
}

/* What a process has from whoever started it, unless somebody takes it away. */
static void inherited(void)
{
    char login[MAXLOGNAME] = "", class[MAXLOGNAME] = "";
    struct rtprio priority = {.type = 0};
    cpuset_t processors;
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
    struct kinfo_proc self;
    size_t len = sizeof(self);
    add("nice %d", getpriority(PRIO_PROCESS, 0));
    (void)rtprio(RTP_LOOKUP, 0, &priority);
    add("scheduling class %u", (unsigned)priority.type);
    if (cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof(processors), &processors) ==
        0)
        add("processors %d of %ld", CPU_COUNT(&processors), sysconf(_SC_NPROCESSORS_ONLN));
    (void)getlogin_r(login, sizeof(login));
    add("login '%s'", login);
    (void)getloginclass(class, sizeof(class));
    add("login class '%s'", class);
    if (sysctl(name, nitems(name), &self, &len, NULL, 0) == 0)
        add("protected %d", (self.ki_flag & P_PROTECTED) != 0);
    add_control("address layout", PROC_ASLR_STATUS);
    add_control("stack gap", PROC_STACKGAP_STATUS);
}

const struct isolation_group isolation_groups[] = {
    {"credentials", credentials},
    {"rights", rights},
    {"jail", jail},
    {"descriptor", descriptors},
    {"device", devices},
    {"mount", mounts},
    {"limit", limits},
    {"place", place},
    {"inherited", inherited},
    {NULL, NULL},
};
