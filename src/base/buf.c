#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Room for `more` bytes and the NUL. */
static bool reserve(struct jp_buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    size_t need;
    if (__builtin_add_overflow(buf->len, more, &need) || need >= SIZE_MAX / 2) {
        buf->failed = true;
        return false;
    }
    if (need < buf->capacity)
        return true;
    size_t wanted = buf->capacity ? buf->capacity * 2 : 64;
    if (wanted <= need)
        wanted = need + 1;
    char *grown = jp_realloc_array(buf->data, wanted, 1);
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->data = grown;
    buf->capacity = wanted;
    return true;
}

void jp_buf_add(struct jp_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void jp_buf_puts(struct jp_buf *buf, const char *text)
{
    jp_buf_add(buf, text, strlen(text));
}

void jp_buf_putc(struct jp_buf *buf, char c)
{
    jp_buf_add(buf, &c, 1);
}

void jp_buf_printf(struct jp_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0 || !reserve(buf, (size_t)len))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)len;
}

bool jp_buf_failed(const struct jp_buf *buf)
{
    return buf->failed;
}

const char *jp_buf_text(const struct jp_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *jp_buf_steal(struct jp_buf *buf)
{
    if (!buf->failed && !buf->data)
        jp_buf_add(buf, "", 0);
    char *data = buf->failed ? NULL : jp_take(&buf->data);
    jp_buf_clear(buf);
    return data;
}

void jp_buf_reset(struct jp_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

void jp_buf_clear(struct jp_buf *buf)
{
    free(buf->data);
    *buf = (struct jp_buf)JP_BUF_INIT;
}
