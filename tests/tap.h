/*
 * The Test Anything Protocol for unit tests: TAP_OK(condition, "what"), at the end
 * `return tap_done();`. One file a test program; include it once.
 */
#ifndef JP_TESTS_TAP_H
#define JP_TESTS_TAP_H

#include <sys/types.h>

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned tap_count, tap_failures;

/* Signals a process of the test. What failed to start (-1) is nobody: kill(2) would mean all. */
__attribute__((__unused__)) static void tap_kill(pid_t pid, int signal)
{
    if (pid > 1)
        (void)kill(pid, signal);
}

__attribute__((__format__(__printf__, 4, 5), __unused__)) static bool
tap_report(bool ok, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tap_count++;
    printf("%sok %u - ", ok ? "" : "not ", tap_count);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    if (!ok) {
        tap_failures++;
        printf("# at %s:%d\n", file, line);
    }
    fflush(stdout);
    return ok;
}

#define TAP_OK(condition, ...) tap_report((condition), __FILE__, __LINE__, __VA_ARGS__)

/* Equal strings; both are shown when they differ. NULL equals only NULL. */
#define TAP_STR(got, expected, ...)                                                                \
    tap_compare((got), (expected), TAP_OK(tap_same((got), (expected)), __VA_ARGS__))

__attribute__((__unused__)) static bool tap_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

__attribute__((__unused__)) static bool tap_compare(const char *got, const char *expected, bool ok)
{
    if (!ok)
        printf("# got      %s\n# expected %s\n", got ? got : "NULL", expected ? expected : "NULL");
    return ok;
}

/* Says why something cannot be tried here. */
__attribute__((__unused__)) static void tap_skip(const char *what, const char *reason)
{
    printf("ok %u - %s # SKIP %s\n", ++tap_count, what, reason);
}

__attribute__((__unused__)) static int tap_done(void)
{
    printf("1..%u\n", tap_count);
    return tap_failures ? 1 : 0;
}

#endif
