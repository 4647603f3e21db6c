/*
 * Tells how its process is confined and what it inherited, one fact a line, as "group: text":
 *
 *   isolation            all of it, sorted within each group
 *   isolation GROUP...   only these
 *   isolation -to PATH   appended to a file: for event handlers, whose output is a log's
 *
 * Static, and without anything of libc that asks the system for more than is told. Facts are told
 * raw: what is different on every kernel is normalised by the test that compares. What there is to
 * tell is isolation_SYSTEM.c's.
 */
#include "isolation.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINES 4096

static char *lines[MAX_LINES];
static int n_lines;

void add(const char *format, ...)
{
    va_list args;
    char *line = NULL;
    va_start(args, format);
    if (n_lines < MAX_LINES && vasprintf(&line, format, args) >= 0)
        lines[n_lines++] = line;
    va_end(args);
}

void each_name(const char *path, void (*tell)(int dir, const char *name))
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

void tell_link(int dir, const char *name)
{
    char target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    if (n >= 0)
        add("%s %.*s", name, (int)n, target);
}

void tell_device(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISLNK(st.st_mode))
        tell_link(dir, name);
    else
        add("%s %o %lx", name, (unsigned)st.st_mode, (unsigned long)st.st_rdev);
}

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
    for (const struct isolation_group *group = isolation_groups; out && group->name; group++) {
        if (!is_wanted(words, group->name))
            continue;
        group->collect();
        tell(out, group->name);
    }
    if (!out || fclose(out) != 0)
        return 1;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : STDOUT_FILENO;
    return fd < 0 || write(fd, text, len) != (ssize_t)len;
}
