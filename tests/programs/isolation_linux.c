/* What Linux has to tell: isolation.c. */
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolation.h"

#define IO_CLASS_SHIFT 13 /* linux/ioprio.h, which came late to the headers */

/* Every line of a file, or those that begin with a word of the list. */
static void add_file(const char *path, const char *const *words)
{
    char line[65536];
    FILE *file = fopen(path, "re");
    if (!file) {
        add("%s: %s", path, strerror(errno));
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        int wanted = !words;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; words && words[i]; i++)
            wanted |= strncmp(line, words[i], strlen(words[i])) == 0;
        for (char *c = line; *c; c++)
            *c = *c == '\t' ? ' ' : *c;
        if (wanted)
            add("%s", line);
    }
    fclose(file);
}

static void tell_fd(int dir, const char *name)
{
    if (atoi(name) != dir)
        tell_link(dir, name);
}

static void credentials(void)
{
    static const char *const words[] = {"Uid:", "Gid:", "Groups:", "CapEff:", "CapPrm:", NULL};
    add_file("/proc/self/status", words);
}

static void rights(void)
{
    static const char *const words[] = {
        "CapInh:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp", "SigBlk:",
        "SigIgn:", "SigCgt:", "Umask:",  "TracerPid:",  NULL};
    add_file("/proc/self/status", words);
    add("securebits %d", prctl(PR_GET_SECUREBITS));
    add("keepcaps %d", prctl(PR_GET_KEEPCAPS));
}

static void namespaces(void)
{
    each_name("/proc/self/ns", tell_link);
}

static void descriptors(void)
{
    each_name("/proc/self/fd", tell_fd);
}

static void devices(void)
{
    each_name("/dev", tell_device);
}

static void mounts(void)
{
    add_file("/proc/self/mountinfo", NULL);
}

static void groups(void)
{
    add_file("/proc/self/cgroup", NULL);
}

static void limits(void)
{
    add_file("/proc/self/limits", NULL);
}

static void place(void)
{
    char text[4096] = "";
    int sig = -1, reaper = -1;
    add("cwd %s", getcwd(text, sizeof(text)) ? text : strerror(errno));
    (void)gethostname(text, sizeof(text));
    add("host %s", text);
    add("dumpable %d", prctl(PR_GET_DUMPABLE));
    prctl(PR_GET_PDEATHSIG, &sig);
    add("parent-death-signal %d", sig);
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    add("subreaper %d", reaper);
    add("leads-session %d", getsid(0) == getpid());
}

/* KEYCTL_SEARCH in the session keyring (-3), which must be another one than the caller's. */
static const char *find_key(void)
{
    long id = syscall(SYS_keyctl, 10, -3L, "user", "jetpack-test", 0L);
    return id >= 0 ? "found" : errno == ENOKEY ? "none" : strerror(errno);
}

/* What a process has from whoever started it, unless somebody takes it away. */
static void inherited(void)
{
    static const char *const words[] = {"Cpus_allowed_list:", "THP_enabled:", NULL};
    int mode = -1;
    errno = 0;
    add("nice %d", getpriority(PRIO_PROCESS, 0));
    add("policy %d", sched_getscheduler(0));
    /* Without a class the level means nothing, and Linux before 6.0 tells another one. */
    long priority = syscall(SYS_ioprio_get, 1, 0);
    add("io-priority %ld", priority >> IO_CLASS_SHIFT == 0 ? 0 : priority);
    add("timer-slack %d", prctl(PR_GET_TIMERSLACK));
    add("personality %x", (unsigned)personality(0xffffffff));
    add("transparent-huge-pages-off %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    add("memory-policy %d",
        syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) < 0 ? -errno : mode);
    add("key %s", find_key());
    add_file("/proc/self/status", words);
    add_file("/proc/self/oom_score_adj", NULL);
    add_file("/proc/self/coredump_filter", NULL);
}

const struct isolation_group isolation_groups[] = {
    {"credentials", credentials}, {"rights", rights},  {"namespace", namespaces},
    {"descriptor", descriptors},  {"device", devices}, {"mount", mounts},
    {"cgroup", groups},           {"limit", limits},   {"place", place},
    {"inherited", inherited},     {NULL, NULL},
};
