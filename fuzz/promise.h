/* What every fuzz target shares: the entry that libFuzzer and replay.c call, and its oracle. */
#ifndef JP_FUZZ_PROMISE_H
#define JP_FUZZ_PROMISE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Aborts, naming the promise, when it does not hold. */
static inline void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

#endif
