/* Random bytes from the kernel, and UUIDs made of them. */
#ifndef JP_BASE_RANDOM_H
#define JP_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define JP_UUID_SIZE 37 /* canonical text with its NUL */

/* Fills `bytes` from the kernel's generator; 0, or -1 with JP_ESYS. */
int jp_random_bytes(void *bytes, size_t len, struct jp_error *err);

/* A random (version 4) UUID, RFC 4122 canonical form, lower case. */
int jp_uuid_new(char out[JP_UUID_SIZE], struct jp_error *err);

/* True for exactly the canonical form (8-4-4-4-12 lower-case digits). */
bool jp_uuid_valid(const char *text);

#endif
