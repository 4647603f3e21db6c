/*
 * Runs inside a pod and tells what it is there: identity, capabilities, namespaces, limits,
 * descriptors, mounts, devices. One line a fact, "name value". Static, so that it can be the only
 * file of a root. Other first arguments do small jobs for tests: see `jobs`.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lines of a file that begin with one of the given words. */
static void lines_of(const char *path, const char *const *words)
{
    FILE *file = fopen(path, "re");
    char line[4096];
    if (!file) {
        printf("cannot-read %s\n", path);
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        bool wanted = !words;
        for (size_t i = 0; words && words[i]; i++)
            wanted = wanted || strncmp(line, words[i], strlen(words[i])) == 0;
        if (wanted)
            printf("%s%s", words ? "" : "file ", line);
    }
    fclose(file);
}

static void namespaces(void)
{
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64], target[128];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n > 0)
            printf("ns %.*s\n", (int)n, target);
    }
}

static void descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            printf("fd %d\n", fd);
    }
}

static void devices(void)
{
    DIR *dir = opendir("/dev");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        struct stat st;
        if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0)
            printf("dev %s %o %lx\n", entry->d_name, st.st_mode, (unsigned long)st.st_rdev);
    }
    if (dir)
        closedir(dir);
}

static int show_all(char **argv)
{
    static const char *const status[] = {"Uid:",    "Gid:",    "Groups:", "CapInh:",     "CapPrm:",
                                         "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp",
                                         "SigBlk:", "SigIgn:", "Umask:",  NULL};
    (void)argv;
    char cwd[4096];
    lines_of("/proc/self/status", status);
    namespaces();
    descriptors();
    devices();
    printf("cwd %s\n", getcwd(cwd, sizeof(cwd)) ? cwd : "?");
    printf("pid %d ppid %d sid %d\n", (int)getpid(), (int)getppid(), (int)getsid(0));
    printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    printf("host %s\n", host);
    return 0;
}

static int show_mounts(char **argv)
{
    (void)argv;
    lines_of("/proc/self/mountinfo", NULL);
    return 0;
}

static int show_file(char **argv)
{
    for (; *argv; argv++) {
        char bytes[4096];
        int fd = open(*argv, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
        if (n < 0)
            printf("error %s %s\n", *argv, strerror(errno));
        else
            printf("content %s %.*s\n", *argv, (int)n, bytes);
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

/* Tries to write each file; says what came of it. */
static int try_write(char **argv)
{
    for (; *argv; argv++) {
        int fd = open(*argv, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        printf("write %s %s\n", *argv, fd < 0 ? strerror(errno) : "ok");
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

static int list(char **argv)
{
    for (; *argv; argv++) {
        DIR *dir = opendir(*argv);
        struct dirent *entry;
        while (dir && (entry = readdir(dir)))
            printf("entry %s/%s\n", *argv, entry->d_name);
        if (dir)
            closedir(dir);
    }
    return 0;
}

static _Noreturn int sleep_long(char **argv)
{
    (void)argv;
    for (;;)
        pause();
}

/* Leaves an orphan for PID 1 and ends. */
static int orphan(char **argv)
{
    (void)argv;
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        _exit(0);
    }
    printf("orphan %d\n", (int)pid);
    return 0;
}

static int eat_memory(char **argv)
{
    size_t size = strtoul(argv[0], NULL, 10) << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
        p[i] = 1;
    printf("ate\n");
    return 0;
}

/* Unmounts, chmods and mounts must fail; a node that was made must not open. */
static int be_evil(char **argv)
{
    (void)argv;
    printf("chmod-null %s\n", chmod("/dev/null", 0) < 0 ? strerror(errno) : "ok");
    printf("mknod %s\n", mknod("/disk", S_IFBLK | 0600, 0xfe00) < 0 ? strerror(errno) : "ok");
    printf("open-disk %s\n", open("/disk", O_RDONLY) < 0 ? strerror(errno) : "ok");
    printf("mount %s\n", mount("none", "/proc", "tmpfs", 0, "") < 0 ? strerror(errno) : "ok");
    printf("chroot-escape %s\n", access("/../../../../etc/hostname", F_OK) < 0 ? "no" : "yes");
    return 0;
}

/* Looks at every process that appears, as often as it can: what is not our program is a shim. */
static int spy(char **argv)
{
    (void)argv;
    unsigned long looks = 0;
    for (int round = 0; round < 3000; round++) {
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            char path[300], target[512];
            if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
                continue;
            looks++;
            snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
            ssize_t n = readlink(path, target, sizeof(target) - 1);
            if (n > 0 && !memmem(target, (size_t)n, "/fingerprint", 12))
                printf("spied %s %.*s\n", entry->d_name, (int)n, target);
            snprintf(path, sizeof(path), "/proc/%s/fd/3", entry->d_name);
            n = readlink(path, target, sizeof(target) - 1);
            if (n > 0 && strcmp(entry->d_name, "self") != 0 &&
                strtol(entry->d_name, NULL, 10) != getpid())
                printf("spied %s %.*s\n", path, (int)n, target);
        }
        if (dir)
            closedir(dir);
    }
    printf("looked %s\n", looks > 3000 ? "often" : "rarely");
    printf("root-of-1 %s\n", access("/proc/1/root/etc", F_OK) < 0 ? strerror(errno) : "ok");
    return 0;
}

static int say_tty(char **argv)
{
    (void)argv;
    printf("tty %s %d\n", ttyname(0) ? ttyname(0) : "?", (int)(tcgetpgrp(0) == getpgrp()));
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    printf("dev-tty %s\n", fd < 0 ? strerror(errno) : "ok");
    return 0;
}

static int give_status(char **argv)
{
    return (int)strtol(argv[0], NULL, 10);
}

/* The pod's own file, which it may write once that does not run any more. */
static bool is_own_program(const char *path)
{
    char target[512];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    return n == (ssize_t)strlen("/bin/probe") && memcmp(target, "/bin/probe", (size_t)n) == 0;
}

/*
 * Row 1: looks N times for a program of somebody else in /proc and tries to open it for writing, in
 * both ways of CVE-2019-5736. Tells what came of it.
 */
static int attack_programs(char **argv)
{
    size_t looks = 0, tries = 0, opened = 0;
    puts("ready");
    fflush(stdout);
    for (long round = strtol(argv[0], NULL, 10); round > 0; round--) {
        DIR *dir = opendir("/proc");
        const struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            char path[300];
            if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
                strtol(entry->d_name, NULL, 10) == getpid())
                continue;
            looks++;
            snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            tries += fd >= 0;
            opened += fd >= 0 && fcntl(fd, F_GET_SEALS) >= 0; /* a memfd: the shim */
            snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
            bool is_foreign = fd >= 0 && !is_own_program(path);
            int again = is_foreign ? open(path, O_WRONLY | O_CLOEXEC) : -1;
            if (again >= 0 && write(again, "x", 1) == 1)
                printf("wrote %s\n", path);
            close(again);
            close(fd);
        }
        if (dir)
            closedir(dir);
    }
    printf("looked %zu read %zu shims %zu\n", looks, tries, opened);
    return 0;
}

static int show_seals(char **argv)
{
    int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
    printf("seals%s%s%s%s\n", seals & F_SEAL_SEAL ? " seal" : "",
           seals & F_SEAL_SHRINK ? " shrink" : "", seals & F_SEAL_GROW ? " grow" : "",
           seals & F_SEAL_WRITE ? " write" : "");
    close(fd);
    fd = open(argv[0], O_WRONLY | O_CLOEXEC);
    printf("write %s\n", fd >= 0 && write(fd, "x", 1) == 1 ? "ok" : strerror(errno));
    return seals < 0;
}

/* Exchanges two names as fast as it can, until it is killed. */
static int race(char **argv)
{
    for (;;) {
        if (syscall(SYS_renameat2, AT_FDCWD, argv[0], AT_FDCWD, argv[1], 2 /* EXCHANGE */) < 0)
            return 1;
    }
}

static const struct {
    const char *name;
    int (*run)(char **argv);
} jobs[] = {
    {"race", race},     {"exes", attack_programs}, {"seals", show_seals}, {"mounts", show_mounts},
    {"cat", show_file}, {"write", try_write},      {"ls", list},          {"sleep", sleep_long},
    {"orphan", orphan}, {"eat", eat_memory},       {"evil", be_evil},     {"tty", say_tty},
    {"spy", spy},       {"exit", give_status},     {"all", show_all},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOFBF, 65536);
    for (size_t i = 0; argc > 1 && i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(argv[1], jobs[i].name) == 0) {
            int r = jobs[i].run(argv + 2);
            fflush(stdout);
            return r;
        }
    }
    return show_all(argv);
}
