#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned long fail_after;

void jp_mem_fail_after(unsigned long n)
{
    fail_after = n;
}

unsigned long jp_mem_fail_left(void)
{
    return fail_after;
}

static bool must_fail(void)
{
    if (fail_after == 0)
        return false;
    if (--fail_after > 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *jp_alloc(size_t size)
{
    if (must_fail())
        return NULL;
    return malloc(size ? size : 1);
}

void *jp_calloc(size_t count, size_t size)
{
    if (must_fail())
        return NULL;
    /* calloc(3) looks as well, but a sanitizer's stops the program there. */
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return calloc(1, bytes ? bytes : 1);
}

void *jp_realloc_array(void *old, size_t count, size_t size)
{
    if (must_fail())
        return NULL;
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes ? bytes : 1);
}

char *jp_strdup(const char *text)
{
    return text ? jp_memdup0(text, strlen(text)) : NULL;
}

char *jp_memdup0(const void *bytes, size_t len)
{
    char *copy = len < SIZE_MAX ? jp_alloc(len + 1) : NULL;
    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *jp_format(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = len < 0 ? NULL : jp_alloc((size_t)len + 1);
    if (!text)
        return NULL;
    va_start(ap, fmt);
    (void)vsnprintf(text, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return text;
}

int jp_grow(void *array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? *capacity * 2 : 8;
    void *old;
    memcpy(&old, array, sizeof(old));
    void *grown = jp_realloc_array(old, wanted, size);
    if (!grown)
        return -1;
    memcpy(array, &grown, sizeof(grown));
    *capacity = wanted;
    return 0;
}
