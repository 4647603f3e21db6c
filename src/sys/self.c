/*
 * Two things that each system does its own way. A program of ours that is executed inside a pod is
 * always a sealed copy in memory: whoever reopens it through /proc/self/exe finds it immutable, and
 * the file on disk is never mapped (CVE-2019-5736).
 */
#include "sys/self.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>
#ifdef __FreeBSD__
#include <sys/sysctl.h>
#endif

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

#define MAX_PROGRAM (64 << 20) /* bytes; our stages have less than one */

char *jp_self_path(struct jp_error *err)
{
    char path[PATH_MAX];
#ifdef __FreeBSD__
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
    size_t len = sizeof(path);
    if (sysctl(name, 4, path, &len, NULL, 0) < 0) {
        jp_fail_sys(err, "find the path of this program");
        return NULL;
    }
#else
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len < 0) {
        jp_fail_sys(err, "find the path of this program");
        return NULL;
    }
    path[len] = '\0';
#endif
    char *copy = jp_strdup(path);
    if (!copy)
        jp_oom(err);
    return copy;
}

#define PATH_SIZE 64

#ifdef MFD_ALLOW_SEALING

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; older kernels refuse it and make files executable anyway */
#endif

static int begin(const char *name, bool is_program, char path[PATH_SIZE], struct jp_error *err)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    path[0] = '\0';
    int fd = is_program ? memfd_create(name, flags | MFD_EXEC) : -1;
    if (fd < 0)
        fd = memfd_create(name, flags);
    if (fd < 0)
        return jp_fail_sys(err, "make a file in memory");
    return fd;
}

/* Takes fd over, also when it fails. */
static int finish(int fd, const char *path, struct jp_error *err)
{
    (void)path;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        jp_fail_sys(err, "seal a file in memory");
        jp_fd_close(&fd);
    }
    return fd;
}

#else /* FreeBSD 12 has no memfd: an unlinked file that nobody has open for writing */

static int begin(const char *name, bool is_program, char path[PATH_SIZE], struct jp_error *err)
{
    (void)name;
    (void)snprintf(path, PATH_SIZE, "/tmp/.jetpack.XXXXXXXXXX");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "make a temporary file");
    if (fchmod(fd, is_program ? 0700 : 0600) < 0) {
        jp_fail_sys(err, "change the mode of a temporary file");
        (void)unlink(path);
        jp_fd_close(&fd);
    }
    return fd;
}

static int finish(int fd, const char *path, struct jp_error *err)
{
    int reader = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (reader < 0)
        jp_fail_sys(err, "open a temporary file");
    (void)unlink(path);
    jp_fd_close(&fd);
    return reader;
}

#endif

int jp_self_seal_bytes(const char *name, const void *bytes, size_t len, struct jp_error *err)
{
    char path[PATH_SIZE];
    int fd = begin(name, false, path, err);
    if (fd < 0)
        return -1;
    if (jp_fd_write_all(fd, bytes, len, name, err) < 0) {
        jp_fd_close(&fd);
        if (path[0] != '\0')
            (void)unlink(path);
        return -1;
    }
    return finish(fd, path, err);
}

#ifdef __FreeBSD__

/*
 * FreeBSD executes nothing that has no name. It needs no copy either: there are no magic links in a
 * pod through which its program could be opened, and the kernel keeps a running program from being
 * written to.
 */
int jp_self_seal_program(const char *name, int from, struct jp_error *err)
{
    int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? jp_fail_sys(err, "duplicate the descriptor of '%s'", name) : fd;
}

#else

/* A mapping saves one copy against read(2); the file is ours and does not shrink meanwhile. */
static int copy_file(int to, int from, const char *name, struct jp_error *err)
{
    struct stat st;
    if (fstat(from, &st) < 0)
        return jp_fail_sys(err, "look at '%s'", name);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > MAX_PROGRAM)
        return jp_fail(err, JP_EINVALID, 0, "'%s' is not a program", name);
    size_t len = (size_t)st.st_size;
    void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, from, 0);
    if (bytes == MAP_FAILED)
        return jp_fail_sys(err, "map '%s'", name);
    int result = jp_fd_write_all(to, bytes, len, name, err);
    (void)munmap(bytes, len);
    return result;
}

int jp_self_seal_program(const char *name, int from, struct jp_error *err)
{
    char path[PATH_SIZE];
    int fd = begin(name, true, path, err);
    if (fd < 0)
        return -1;
    if (copy_file(fd, from, name, err) < 0) {
        jp_fd_close(&fd);
        if (path[0] != '\0')
            (void)unlink(path);
        return -1;
    }
    return finish(fd, path, err);
}

#endif
