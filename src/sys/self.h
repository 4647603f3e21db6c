/* The running program itself: where its file lies, and executables that nobody can overwrite. */
#ifndef JP_SYS_SELF_H
#define JP_SYS_SELF_H

#include <stddef.h>

#include "base/error.h"

/* Absolute path of the running program's file; the caller's. */
char *jp_self_path(struct jp_error *err);

/*
 * An anonymous file in memory that holds `len` bytes and can no longer be changed by anybody, where
 * the system has such a thing (Linux: sealed memfd; FreeBSD 13: the same; else an unlinked file
 * opened for reading only). Its offset is 0. `is_program`: it will be executed. -1 with JP_ESYS.
 */
int jp_self_seal_bytes(const char *name, const void *bytes, size_t len, struct jp_error *err);

/*
 * The same with a copy of the regular file `fd`, executable (CVE-2019-5736). On FreeBSD, where a
 * program cannot be opened through its process, the file itself.
 */
int jp_self_seal_program(const char *name, int fd, struct jp_error *err);

#endif
