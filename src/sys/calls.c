/*
 * The seam: see calls.h. A release build has the plain table and nothing else. A test build gets a
 * wrapper for each call from one list; jp_sys_arm() puts them in when JETPACK_FAULT is set.
 * Counters are atomic: import works in several threads. The environment is the caller's, which is
 * why this must never be in a release build of a program that may be set-uid.
 */
#include "sys/calls.h"

#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/macros.h"

struct jp_sys_calls jp_sys = {
    .openat = openat,
    .write = write,
    .pwrite = pwrite,
    .ftruncate = ftruncate,
    .fsync = fsync,
    .mkdirat = mkdirat,
    .mknodat = mknodat,
    .mkfifoat = mkfifoat,
    .symlinkat = symlinkat,
    .linkat = linkat,
    .unlinkat = unlinkat,
    .renameat = renameat,
    .fchown = fchown,
    .fchownat = fchownat,
    .fchmod = fchmod,
    .fchmodat = fchmodat,
    .futimens = futimens,
    .utimensat = utimensat,
};

#ifdef JP_TEST_BUILD

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define FAULT_KILL (-1)
#define MAX_NAME   32 /* longer than the name of any call or errno */

static struct {
    char call[MAX_NAME]; /* "*" = any */
    unsigned long at;    /* the n-th such call, 1 = the first */
    int failure;         /* an errno, or FAULT_KILL */
    atomic_ulong count;
} fault;

/* True when this call is the one: then errno is set, or the process is gone. */
static bool trips(const char *call)
{
    if (strcmp(fault.call, "*") != 0 && strcmp(fault.call, call) != 0)
        return false;
    if (atomic_fetch_add(&fault.count, 1) + 1 != fault.at)
        return false;
    if (fault.failure == FAULT_KILL)
        (void)raise(SIGKILL);
    errno = fault.failure;
    return true;
}

/* return type, name, parameters, arguments */
#define CALLS(X)                                                                                   \
    X(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))                               \
    X(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))                \
    X(int, ftruncate, (int fd, off_t n), (fd, n))                                                  \
    X(int, fsync, (int fd), (fd))                                                                  \
    X(int, mkdirat, (int fd, const char *p, mode_t m), (fd, p, m))                                 \
    X(int, mknodat, (int fd, const char *p, mode_t m, dev_t d), (fd, p, m, d))                     \
    X(int, mkfifoat, (int fd, const char *p, mode_t m), (fd, p, m))                                \
    X(int, symlinkat, (const char *t, int fd, const char *p), (t, fd, p))                          \
    X(int, linkat, (int f, const char *p, int g, const char *q, int fl), (f, p, g, q, fl))         \
    X(int, unlinkat, (int fd, const char *p, int fl), (fd, p, fl))                                 \
    X(int, renameat, (int f, const char *p, int g, const char *q), (f, p, g, q))                   \
    X(int, fchown, (int fd, uid_t u, gid_t g), (fd, u, g))                                         \
    X(int, fchownat, (int fd, const char *p, uid_t u, gid_t g, int fl), (fd, p, u, g, fl))         \
    X(int, fchmod, (int fd, mode_t m), (fd, m))                                                    \
    X(int, fchmodat, (int fd, const char *p, mode_t m, int fl), (fd, p, m, fl))                    \
    X(int, futimens, (int fd, const struct timespec t[2]), (fd, t))                                \
    X(int, utimensat, (int fd, const char *p, const struct timespec t[2], int fl), (fd, p, t, fl))

#define WRAP(type, name, parameters, arguments)                                                    \
    static type armed_##name parameters                                                            \
    {                                                                                              \
        return trips(#name) ? -1 : name arguments;                                                 \
    }
CALLS(WRAP)

/* The only one with a varying number of arguments. */
static int armed_openat(int dir_fd, const char *path, int flags, ...)
{
    unsigned mode = 0; /* mode_t as it passes through "..." */
    va_list ap;
    va_start(ap, flags);
    if (flags & O_CREAT)
        mode = va_arg(ap, unsigned);
    va_end(ap);
    return trips("openat") ? -1 : openat(dir_fd, path, flags, (mode_t)mode);
}

static const struct {
    const char *name;
    int number;
} failures[] = {
    {"KILL", FAULT_KILL}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO},
    {"EROFS", EROFS},     {"EACCES", EACCES}, {"EPERM", EPERM},   {"EMFILE", EMFILE},
    {"ENFILE", ENFILE},   {"EEXIST", EEXIST}, {"ENOENT", ENOENT}, {"EINTR", EINTR},
    {"ENOMEM", ENOMEM},   {"EMLINK", EMLINK}, {"EFBIG", EFBIG},   {"EBUSY", EBUSY},
    {"ENOTSUP", ENOTSUP}, {"EXDEV", EXDEV},   {"ENOSYS", ENOSYS},
};

/* "CALL:N:WHAT" */
static bool parse_fault(const char *text)
{
    char count[MAX_NAME], what[MAX_NAME];
    uint64_t at;
    if (sscanf(text, "%31[^:]:%31[0-9]:%31[A-Z0-9]", fault.call, count, what) != 3 ||
        !jp_parse_u64(count, 10, 1, UINT32_MAX, &at))
        return false;
    fault.at = at;
    for (size_t i = 0; i < JP_LEN(failures); i++) {
        if (strcmp(failures[i].name, what) == 0) {
            fault.failure = failures[i].number;
            return true;
        }
    }
    return false;
}

void jp_sys_arm(void)
{
    const char *text = getenv("JETPACK_FAULT");
    if (!text)
        return;
    atomic_store(&fault.count, 0);
    if (!parse_fault(text)) {
        /* A test that injects nothing because of a typing error would pass. */
        (void)fprintf(stderr, "JETPACK_FAULT: cannot read '%s'\n", text);
        abort();
    }
#define ARM(type, name, parameters, arguments) jp_sys.name = armed_##name;
    CALLS(ARM)
    jp_sys.openat = armed_openat;
}

bool jp_sys_trips(const char *call)
{
    return fault.at > 0 && trips(call);
}

#else

void jp_sys_arm(void)
{
}

bool jp_sys_trips(JP_UNUSED const char *call)
{
    return false;
}

#endif
