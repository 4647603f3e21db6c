/* A directory of its own for a test, removed at exit; and short words for making what is in it. */
#ifndef JP_SYS_SCRATCH_TEST_H
#define JP_SYS_SCRATCH_TEST_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "sys/tree.h"

static char scratch_path[256];
static pid_t scratch_owner;

JP_UNUSED static void scratch_remove(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (getpid() != scratch_owner)
        return;
    char *slash = strrchr(scratch_path, '/');
    *slash = '\0';
    int at = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_tree_remove(at, slash + 1, &err) < 0)
        fprintf(stderr, "# %s/%s: %s\n", scratch_path, slash + 1, jp_error_text(&err));
}

JP_NORETURN JP_UNUSED static void scratch_bail(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Makes the directory and opens it. */
JP_UNUSED static int scratch_make(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(scratch_path, sizeof(scratch_path), "%s/jetpack-test.XXXXXX",
                   tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    if (!mkdtemp(scratch_path))
        scratch_bail("mkdtemp");
    scratch_owner = getpid();
    (void)atexit(scratch_remove);
    int fd = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        scratch_bail(scratch_path);
    return fd;
}

JP_UNUSED static int scratch_dir(int at, const char *path)
{
    if (mkdirat(at, path, 0755) < 0)
        scratch_bail(path);
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        scratch_bail(path);
    return fd;
}

JP_UNUSED static void scratch_file(int at, const char *path, const char *text)
{
    int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
        scratch_bail(path);
}

JP_UNUSED static void scratch_link(int at, const char *path, const char *target)
{
    if (symlinkat(target, at, path) < 0)
        scratch_bail(path);
}

#endif
