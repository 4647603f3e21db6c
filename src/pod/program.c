/*
 * Finding our own programs. A build tree works without being installed: the binaries of the rooms
 * lie in sibling directories there. A name from outside never gets here.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/self.h"

/* From the directory of the running binary: the same one, those of the build, an installation. */
static const char *const beside[] = {
    ".",      "../stage1", "../stage2",  "../cli",   "../image",           "../forward",
    "../mds", "../mdc",    "../openpgp", "../fetch", "../libexec/jetpack",
};

/* 1 opened, 0 not there, -1 error. */
static int try_path(char *path, int *ret_fd, char **ret_path, struct jp_error *err)
{
    JP_AUTO_FREE char *owned = path;
    if (!path)
        return jp_oom(err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    *ret_fd = fd;
    if (ret_path)
        *ret_path = jp_take(&owned);
    return 1;
}

/* Looked up once: it does not change, and the kernel takes its time. NULL: not known. */
static const char *directory_of_self(void)
{
    static char *directory;
    if (!directory) {
        directory = jp_self_path(NULL);
        char *slash = directory ? strrchr(directory, '/') : NULL;
        if (slash)
            *slash = '\0';
    }
    return directory;
}

int jp_pod_program(const struct jp_pod_context *ctx, const char *name, char **ret_path,
                   struct jp_error *err)
{
    int fd = -1;
    int found = 0;
    if (ctx->libexec) {
        found = try_path(jp_format("%s/%s", ctx->libexec, name), &fd, ret_path, err);
        if (found)
            return found < 0 ? -1 : fd;
    }
    const char *directory = directory_of_self();
    for (size_t i = 0; directory && i < JP_LEN(beside); i++) {
        found = try_path(jp_format("%s/%s/%s", directory, beside[i], name), &fd, ret_path, err);
        if (found)
            return found < 0 ? -1 : fd;
    }
    found = try_path(jp_format("%s/%s", JP_LIBEXECDIR, name), &fd, ret_path, err);
    if (found)
        return found < 0 ? -1 : fd;
    return jp_fail(err, JP_ENOTFOUND, 0,
                   "the program '%s' is neither beside '%s' nor in '%s': is Jetpack installed?",
                   name, directory ? directory : "?", ctx->libexec ? ctx->libexec : JP_LIBEXECDIR);
}
