/*
 * Tells how its process is confined and what it inherited, one fact a line, as "group: text":
 *
 *   isolation            all of it, sorted within each group
 *   isolation GROUP...   only these
 *   isolation -to PATH   appended to a file: for event handlers, whose output is a log's
 *
 * Static, and without anything of libc that asks the system for more than is told. Facts are told
 * raw: what is different on every kernel is normalised by the test that compares.
 */
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IO_CLASS_SHIFT 13 /* linux/ioprio.h, which came late to the headers */
#define MAX_LINES      4096

static char *lines[MAX_LINES];
static int n_lines;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
    va_list args;
    char *line = NULL;
    __builtin_va_start(args, format);
    if (n_lines < MAX_LINES && vasprintf(&line, format, args) >= 0)
        lines[n_lines++] = line;
    __builtin_va_end(args);
}

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

static void each_name(const char *path, void (*tell)(int dir, const char *name))
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            tell(dirfd(dir), entry->d_name);
    if (dir)
        closedir(dir);
    else
        add("%s: %s", path, strerror(errno));
}

static void tell_link(int dir, const char *name)
{
    char target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    if (n >= 0)
        add("%s %.*s", name, (int)n, target);
}

static void tell_fd(int dir, const char *name)
{
    if (atoi(name) != dir)
        tell_link(dir, name);
}

static void tell_device(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISLNK(st.st_mode))
        tell_link(dir, name);
    else
        add("%s %o %lx", name, (unsigned)st.st_mode, (unsigned long)st.st_rdev);
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

static const struct {
    const char *name;
    void (*collect)(void);
} table[] = {
    {"credentials", credentials}, {"rights", rights},  {"namespace", namespaces},
    {"descriptor", descriptors},  {"device", devices}, {"mount", mounts},
    {"cgroup", groups},           {"limit", limits},   {"place", place},
    {"inherited", inherited},
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell(FILE *out, const char *group)
{
    qsort(lines, (size_t)n_lines, sizeof(lines[0]), by_text);
    for (int i = 0; i < n_lines; i++) {
        fprintf(out, "%s: %s\n", group, lines[i]);
        free(lines[i]);
    }
    n_lines = 0;
}

static int is_wanted(char **words, const char *name)
{
    if (!*words)
        return 1;
    for (; *words; words++)
        if (strcmp(*words, name) == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    char **words = argv + (argc > 0);
    char *text = NULL;
    size_t len = 0;
    const char *path = NULL;
    if (words[0] && words[1] && strcmp(words[0], "-to") == 0) {
        path = words[1];
        words += 2;
    }
    /* Collected before anything is opened for it. */
    FILE *out = open_memstream(&text, &len);
    for (size_t i = 0; out && i < sizeof(table) / sizeof(table[0]); i++) {
        if (!is_wanted(words, table[i].name))
            continue;
        table[i].collect();
        tell(out, table[i].name);
    }
    if (!out || fclose(out) != 0)
        return 1;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : STDOUT_FILENO;
    return fd < 0 || write(fd, text, len) != (ssize_t)len;
}
