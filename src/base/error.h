/*
 * Errors with context.
 *
 * A function that can fail returns int (0, or a count, or -1) and takes `struct jp_error *err` as
 * its last parameter. The error is untouched on success. Where a failure happens, jp_fail() says
 * what was being done; on the way up jp_wrap() puts context before it. The program's edge prints
 * it once: "jetpack: run: import image sha512-...: open 'rootfs/etc': Permission denied".
 *
 * An error is initialised with JP_ERROR_INIT and released with jp_error_clear(); JP_AUTO(jp_error)
 * does both ends. Passing NULL for err is allowed everywhere: the text is then dropped.
 */
#ifndef JP_BASE_ERROR_H
#define JP_BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>

#include "base/macros.h"

/* What a caller can act on. Kept small: the text carries the rest. */
enum jp_code {
    JP_OK = 0,
    JP_ENOMEM,       /* no memory */
    JP_ESYS,         /* a system call failed; jp_error.sys is its errno */
    JP_EINVALID,     /* input that breaks its format or the specification */
    JP_EUSAGE,       /* the command line is wrong */
    JP_ENOTFOUND,    /* no such image, pod, app, file */
    JP_EAMBIGUOUS,   /* a name that fits several */
    JP_EEXISTS,      /* it is there already */
    JP_EBUSY,        /* in use; the text names by whom */
    JP_ECORRUPT,     /* stored or received data contradict themselves */
    JP_ELIMIT,       /* a documented limit was passed */
    JP_EUNTRUSTED,   /* signature or trust is missing */
    JP_EUNSUPPORTED, /* this host or build cannot do it */
    JP_EINTERRUPTED, /* the user or a signal asked to stop */
    JP_ENOEXEC,      /* the app's program cannot be executed: exit status 126 */
    JP_ENOPROGRAM,   /* the app's program was not found: exit status 127 */
    JP_EKILLED,      /* the pod died with its supervisor: exit status 137; no message has it */
};

struct jp_error {
    enum jp_code code;
    int sys;   /* errno of the failed call, 0 when none */
    char *msg; /* owned; may be NULL when memory ran out */
};

#define JP_ERROR_INIT                                                                              \
    {                                                                                              \
        .code = JP_OK                                                                              \
    }

/*
 * Records a failure. `sys` is an errno whose text is appended after ": ", or 0. An error that was
 * recorded before is replaced. Always returns -1, so that `return jp_fail(...)` reads well.
 * errno is preserved.
 */
int jp_fail(struct jp_error *err, enum jp_code code, int sys, const char *fmt, ...) JP_PRINTF(4, 5);
int jp_vfail(struct jp_error *err, enum jp_code code, int sys, const char *fmt, va_list ap)
    JP_PRINTF(4, 0);

/* Shorthand for the most frequent kind: JP_ESYS with the current errno. Returns -1. */
#define jp_fail_sys(err, ...) jp_fail((err), JP_ESYS, errno, __VA_ARGS__)

/* Records that memory ran out. Returns -1. */
int jp_oom(struct jp_error *err);

/* Puts "context: " before the text. Code and sys stay. Returns -1. */
int jp_wrap(struct jp_error *err, const char *fmt, ...) JP_PRINTF(2, 3);

/* The text, never NULL; valid until the error changes. */
const char *jp_error_text(const struct jp_error *err);

/* Releases the text and makes it JP_OK again. Accepts a cleared error. */
void jp_error_clear(struct jp_error *err);

/* Moves an error; one that `to` held is replaced, `from` is JP_OK afterwards. `to` may be NULL. */
void jp_error_move(struct jp_error *to, struct jp_error *from);

#endif
