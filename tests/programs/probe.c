/*
 * The program inside the images of the test suite, static and without needs. Its first argument
 * says what it does:
 *
 *   true | false | exit N           ends with that status
 *   echo TEXT... | err TEXT...      writes a line to standard output or error
 *   env [NAME...]                   NAME=VALUE lines, all or those
 *   id                              uid gid groups in ascending order
 *   pwd                             the working directory
 *   cat PATH... | -                 contents of files, or of standard input
 *   write PATH TEXT                 makes or replaces a file
 *   exists PATH...                  "yes" or "no" for each
 *   stat PATH                       type mode uid gid
 *   ls PATH                         names in order
 *   sleep SECONDS                   writes "ready" first
 *   catch SIGNAL...                 writes "ready", then "caught N" for each signal that comes;
 *                                   ends with status 7 after a TERM it was told to catch
 *   stubborn                        ignores TERM and INT, sleeps
 *   segv                            kills itself by a signal
 *   notify TEXT...                  sends each to $NOTIFY_SOCKET
 *   lines N                         N numbered lines
 *   both N PATH                     writes "ready" until PATH exists, then N numbered lines on each
 *                                   of the two outputs
 *   tty                             "tty ROWS COLUMNS" or "no tty"; then echoes lines until "quit"
 *   type                            types into its terminal, and says what came of each letter
 *   winch                           writes the new size whenever it changes, ends at the first
 *   orphan                          leaves a grandchild to PID 1 that ends at once; then sleeps
 *   race A B                        exchanges two names as fast as it can, until it is killed
 *   ruin PATH                       adds "clean" or "dirty" to a file, as it finds its root, and
 *                                   leaves that unfit for anything; ends with status 3
 *   fingerprint                     capabilities, seccomp, namespaces, limits, descriptors
 *   hosts | args ARG...             /etc/hosts; each argument on a line of its own
 *
 *   burn, eat, slurp, ...           what runs into limits: strain.c
 *
 * As /usr/bin/login it does what "args" does.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "strain.h"

extern char **environ;

static int copy_out(int fd)
{
    char bytes[8192];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        if (write(STDOUT_FILENO, bytes, (size_t)n) != n)
            return 1;
    return n < 0;
}

static int cat(const char *const *paths)
{
    int status = 0;
    for (; *paths; paths++) {
        int fd = strcmp(*paths, "-") == 0 ? STDIN_FILENO : open(*paths, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            fprintf(stderr, "%s: %s\n", *paths, strerror(errno));
            status = 1;
            continue;
        }
        status |= copy_out(fd);
        if (fd != STDIN_FILENO)
            close(fd);
    }
    return status;
}

/* One line after the other, so that each waits when nobody reads. */
static int both(int count, const char *path)
{
    while (path && access(path, F_OK) < 0) {
        dprintf(STDOUT_FILENO, "ready\n");
        usleep(100000);
    }
    for (int i = 1; i <= count; i++)
        if (dprintf(STDOUT_FILENO, "out %d\n", i) < 0 || dprintf(STDERR_FILENO, "err %d\n", i) < 0)
            return 1;
    return 0;
}

/* sd_notify(3) by hand. */
static int notify(char **texts)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (!path || strlen(path) >= sizeof(to.sun_path) || fd < 0) {
        puts("nobody listens");
        return 1;
    }
    strcpy(to.sun_path, path);
    for (; *texts; texts++) {
        if (sendto(fd, *texts, strlen(*texts), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return 1;
        }
    }
    return close(fd) != 0;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    return close(fd) != 0;
}

static int show_env(char **names)
{
    if (!*names)
        for (char **e = environ; *e; e++)
            puts(*e);
    for (; *names; names++)
        printf("%s=%s\n", *names, getenv(*names) ? getenv(*names) : "(unset)");
    return 0;
}

static int compare_gids(const void *a, const void *b)
{
    gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;
    return (x > y) - (x < y);
}

static int show_id(void)
{
    gid_t groups[1024];
    int n = getgroups(1024, groups);
    printf("%u %u", (unsigned)getuid(), (unsigned)getgid());
    if (n > 0)
        qsort(groups, (size_t)n, sizeof(groups[0]), compare_gids);
    for (int i = 0; i < n; i++)
        printf("%c%u", i ? ',' : ' ', (unsigned)groups[i]);
    puts("");
    return 0;
}

static int show_stat(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    const char *type = S_ISDIR(st.st_mode)   ? "dir"
                       : S_ISREG(st.st_mode) ? "file"
                       : S_ISLNK(st.st_mode) ? "link"
                       : S_ISCHR(st.st_mode) ? "char"
                                             : "other";
    printf("%s %04o %u %u\n", type, (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid,
           (unsigned)st.st_gid);
    return 0;
}

static int list_dir(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++)
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            puts(entries[i]->d_name);
    return n < 0;
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static int number_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } table[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"TERM", SIGTERM},
                 {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"QUIT", SIGQUIT}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].number;
    return atoi(name);
}

static int catch_signals(char **names)
{
    sigset_t set, old;
    sigemptyset(&set);
    struct sigaction action = {.sa_handler = on_signal};
    for (; *names; names++) {
        sigaddset(&set, number_of(*names));
        sigaction(number_of(*names), &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &set, &old);
    puts("ready");
    for (;;) {
        sigset_t none = old;
        sigsuspend(&none);
        if (!caught)
            continue;
        printf("caught %d\n", (int)caught);
        if (caught == SIGTERM)
            return 7;
        caught = 0;
    }
}

_Noreturn static void stubborn(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    puts("ready");
    for (;;)
        pause();
}

static int tty(void)
{
    struct winsize size;
    char line[256];
    if (!isatty(0) || ioctl(0, TIOCGWINSZ, &size) < 0)
        puts("no tty");
    else
        printf("tty %d %d\n", size.ws_row, size.ws_col);
    while (fgets(line, sizeof(line), stdin)) {
        if (strcmp(line, "quit\n") == 0)
            return 5;
        printf("got %s", line);
    }
    return 0;
}

/* As if the user had (CVE-2017-5226). */
static int type_ahead(void)
{
    static const char text[] = "typed\n";
    for (const char *p = text; *p; p++)
        printf("tiocsti %s\n", ioctl(0, TIOCSTI, p) < 0 ? strerror(errno) : "ok");
    sleep(1);
    return 0;
}

/* By turns, where the kernel cannot do it at once: one of them is missing for a moment. */
static int race(const char *a, const char *b)
{
    char aside[4096];
    snprintf(aside, sizeof(aside), "%s.aside", a);
    for (;;) {
        if (rename(a, aside) < 0 || rename(b, a) < 0 || rename(aside, b) < 0)
            return 1;
    }
}

static int winch(void)
{
    struct winsize size;
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, &old);
    sigaction(SIGWINCH, &action, NULL);
    puts("ready");
    while (!caught)
        sigsuspend(&old);
    if (ioctl(0, TIOCGWINSZ, &size) < 0)
        return 1;
    printf("now %d %d\n", size.ws_row, size.ws_col);
    return 0;
}

static int orphan(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            usleep(100000);
            _exit(0);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    sleep(1);
    puts("ready");
    sleep(1000);
    return 0;
}

static void show_status_line(const char *wanted)
{
    char line[512];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, wanted, strlen(wanted)) == 0)
            fputs(line, stdout);
    if (f)
        fclose(f);
}

/* Without its program, users and places for mounts nothing can be started in a root. */
static int replace_by_link(const char *dir, const char *target)
{
    struct dirent *entry;
    DIR *d = opendir(dir);
    while (d && (entry = readdir(d)))
        (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    return rmdir(dir) < 0 || symlink(target, dir) < 0 ? -1 : 0;
}

static int ruin(const char *path)
{
    int is_dirty = access("/gone", F_OK) == 0 || access("/etc/passwd", F_OK) != 0 ||
                   access("/bin/knock", F_OK) != 0;
    FILE *f = fopen(path, "ae");
    if (!f || fprintf(f, is_dirty ? "dirty\n" : "clean\n") < 0 || fclose(f) != 0)
        return 4;
    if (replace_by_link("/etc", "/nowhere") < 0 || replace_by_link("/bin", "/proc") < 0 ||
        mkdir("/gone", 0) < 0 || chmod("/tmp", 0) < 0 || chmod("/", 01) < 0)
        return 5;
    return 3;
}

/* What must be the same for the app, its handlers, exec and console. */
static int fingerprint(void)
{
    static const char *const status[] = {"CapInh:", "CapPrm:",     "CapEff:",  "CapBnd:",
                                         "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"};
    static const char *const spaces[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"};
    char path[64], target[256];
    for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++)
        show_status_line(status[i]);
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        printf("ns %s %.*s\n", spaces[i], n < 0 ? 1 : (int)n, n < 0 ? "?" : target);
    }
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit;
        if (getrlimit(i, &limit) == 0)
            printf("limit %d %ju %ju\n", i, (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_max);
    }
    mode_t mask = umask(0);
    printf("umask %04o\n", (unsigned)mask);
    cat((const char *const[]){"/proc/self/cgroup", NULL});
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("leaked descriptor %d\n", fd);
    return 0;
}

static int run(const char *what, char **rest)
{
    const char *first = rest[0] ? rest[0] : "";
    if (strcmp(what, "true") == 0 || strcmp(what, "false") == 0)
        return what[0] == 'f';
    if (strcmp(what, "exit") == 0)
        return atoi(first);
    if (strcmp(what, "echo") == 0 || strcmp(what, "err") == 0) {
        for (FILE *out = what[1] == 'c' ? stdout : stderr; *rest; rest++)
            fprintf(out, "%s%c", *rest, rest[1] ? ' ' : '\n');
        return 0;
    }
    if (strcmp(what, "args") == 0) {
        for (; *rest; rest++)
            printf("[%s]\n", *rest);
        return 0;
    }
    if (strcmp(what, "env") == 0)
        return show_env(rest);
    if (strcmp(what, "id") == 0)
        return show_id();
    if (strcmp(what, "pwd") == 0)
        return !getcwd((char[4096]){0}, 4096) ? 1 : (puts(getcwd((char[4096]){0}, 4096)), 0);
    if (strcmp(what, "cat") == 0)
        return cat((const char *const *)rest);
    if (strcmp(what, "hosts") == 0)
        return cat((const char *const[]){"/etc/hosts", NULL});
    if (strcmp(what, "write") == 0 && rest[0] && rest[1])
        return write_file(rest[0], rest[1]);
    if (strcmp(what, "notify") == 0)
        return notify(rest);
    if (strcmp(what, "ready-once") == 0 && rest[0]) {
        static char word[] = "READY=1";
        char *ready[] = {word, NULL};
        if (access(rest[0], F_OK) != 0 && (write_file(rest[0], "was ready") || notify(ready)))
            return 1;
        for (;;)
            pause();
    }
    if (strcmp(what, "exists") == 0) {
        for (; *rest; rest++)
            puts(access(*rest, F_OK) == 0 ? "yes" : "no");
        return 0;
    }
    if (strcmp(what, "stat") == 0)
        return show_stat(first);
    if (strcmp(what, "ls") == 0)
        return list_dir(first);
    if (strcmp(what, "sleep") == 0) {
        puts("ready");
        sleep((unsigned)atoi(first));
        return 0;
    }
    if (strcmp(what, "catch") == 0)
        return catch_signals(rest);
    if (strcmp(what, "stubborn") == 0)
        stubborn();
    if (strcmp(what, "segv") == 0)
        return raise(SIGSEGV);
    if (strcmp(what, "lines") == 0) {
        for (int i = 1; i <= atoi(first); i++)
            printf("line %d\n", i);
        return 0;
    }
    if (strcmp(what, "both") == 0)
        return both(atoi(first), rest[0] ? rest[1] : NULL);
    if (strcmp(what, "tty") == 0)
        return tty();
    if (strcmp(what, "type") == 0)
        return type_ahead();
    if (strcmp(what, "race") == 0 && rest[0] && rest[1])
        return race(rest[0], rest[1]);
    if (strcmp(what, "winch") == 0)
        return winch();
    if (strcmp(what, "orphan") == 0)
        return orphan();
    if (strcmp(what, "ruin") == 0)
        return ruin(first);
    if (strcmp(what, "fingerprint") == 0)
        return fingerprint();
    int strained = strain(what, rest);
    if (strained >= 0)
        return strained;
    fprintf(stderr, "probe: what is '%s'?\n", what);
    return 99;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 0 && strcmp(argv[0], "/usr/bin/login") == 0)
        return run("args", argv + 1);
    return argc < 2 ? 98 : run(argv[1], argv + 2);
}
