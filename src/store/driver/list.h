/* Names in a directory. */
#ifndef JP_STORE_DRIVER_LIST_H
#define JP_STORE_DRIVER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strv.h"

/*
 * The names in a directory for which `wanted` is true (NULL: all) without "." and "..", sorted.
 * JP_ELIMIT beyond a million.
 */
int jp_store_list_dir(int dir_fd, bool (*wanted)(const char *name), struct jp_strv *ret,
                      struct jp_error *err);

/*
 * Writes a file of an object in the making, 0600; it must not be there. Cheaper than replacing one,
 * which is right where nobody can see it before the object is renamed into place.
 */
int jp_store_write_new(int dir_fd, const char *name, const void *bytes, size_t len, bool durable,
                       struct jp_error *err);

/* True when there is an entry of that name, of whatever kind. */
bool jp_store_exists(int dir_fd, const char *name);

#endif
