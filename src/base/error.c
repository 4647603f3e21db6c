#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Shown when the text itself could not be allocated. */
static const char no_memory[] = "out of memory";

JP_PRINTF(1, 0)
static char *format(const char *fmt, va_list ap, const char *tail, const char *separator)
{
    va_list copy;
    va_copy(copy, ap);
    int head = vsnprintf(NULL, 0, fmt, copy);
    va_end(copy);
    if (head < 0)
        return NULL;
    size_t tail_len = tail ? strlen(separator) + strlen(tail) : 0;
    size_t size = (size_t)head + tail_len + 1;
    char *text = jp_alloc(size);
    if (!text)
        return NULL;
    (void)vsnprintf(text, size, fmt, ap);
    if (tail)
        (void)snprintf(text + head, tail_len + 1, "%s%s", separator, tail);
    return text;
}

int jp_vfail(struct jp_error *err, enum jp_code code, int sys, const char *fmt, va_list ap)
{
    if (!err)
        return -1;
    int saved = errno;
    char *text = format(fmt, ap, sys ? strerror(sys) : NULL, ": ");
    if (code == JP_ESYS && sys == ENOMEM)
        code = JP_ENOMEM; /* it is all one who ran out */
    free(err->msg);
    *err = (struct jp_error){.code = code, .sys = sys, .msg = text};
    errno = saved;
    return -1;
}

int jp_fail(struct jp_error *err, enum jp_code code, int sys, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = jp_vfail(err, code, sys, fmt, ap);
    va_end(ap);
    return r;
}

int jp_oom(struct jp_error *err)
{
    if (!err)
        return -1;
    free(err->msg);
    *err = (struct jp_error){.code = JP_ENOMEM, .sys = ENOMEM, .msg = NULL};
    return -1;
}

int jp_wrap(struct jp_error *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    int saved = errno;
    va_list ap;
    va_start(ap, fmt);
    char *text = format(fmt, ap, jp_error_text(err), ": ");
    va_end(ap);
    if (text) {
        free(err->msg);
        err->msg = text;
    }
    errno = saved;
    return -1;
}

const char *jp_error_text(const struct jp_error *err)
{
    return err->msg ? err->msg : no_memory;
}

void jp_error_clear(struct jp_error *err)
{
    free(err->msg);
    *err = (struct jp_error)JP_ERROR_INIT;
}

void jp_error_move(struct jp_error *to, struct jp_error *from)
{
    if (!to) { /* nobody asks */
        jp_error_clear(from);
        return;
    }
    jp_error_clear(to);
    *to = *from;
    *from = (struct jp_error)JP_ERROR_INIT;
}
