/*
 * Words that every room shares: attributes, array length, scoped ownership.
 *
 * JP_AUTO_FREE, JP_AUTO_FD and JP_AUTO(type) release their variable when it leaves scope, so every
 * early return is safe. A cleanup does not run on _exit(2), execve(2) or longjmp(3). Initialise on
 * declaration, always. Hand a value over with jp_take().
 */
#ifndef JP_BASE_MACROS_H
#define JP_BASE_MACROS_H

#include <stddef.h>
#include <stdlib.h>

#define JP_PRINTF(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define JP_NORETURN          __attribute__((__noreturn__))
#define JP_MUST_USE          __attribute__((__warn_unused_result__))
#define JP_UNUSED            __attribute__((__unused__))

#define JP_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Releases with free(3) at the end of the scope. */
#define JP_AUTO_FREE __attribute__((__cleanup__(jp_auto_free)))

/*
 * JP_AUTO(jp_strv) v = JP_STRV_INIT; calls jp_strv_clear(&v) at the end of the scope.
 * JP_AUTO_PTR(jp_store) s = NULL; calls jp_store_free(s): the free function accepts NULL.
 */
#define JP_AUTO(type)     __attribute__((__cleanup__(type##_clear))) struct type
#define JP_AUTO_PTR(type) __attribute__((__cleanup__(type##_auto_free))) struct type *
#define JP_DEFINE_AUTO_PTR(type)                                                                   \
    JP_UNUSED static inline void type##_auto_free(struct type **p)                                 \
    {                                                                                              \
        type##_free(*p);                                                                           \
    }                                                                                              \
    struct type

static inline void jp_auto_free(void *p)
{
    free(*(void **)p);
}

/* Yields the pointer's value and leaves NULL behind: ownership moves to the reader. */
#define jp_take(p)                                                                                 \
    __extension__({                                                                                \
        __typeof__(*(p)) jp_taken_ = *(p);                                                         \
        *(p) = NULL;                                                                               \
        jp_taken_;                                                                                 \
    })

#endif
