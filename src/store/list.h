/* Names in a directory. */
#ifndef JP_STORE_LIST_H
#define JP_STORE_LIST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

/*
 * The names in a directory for which `wanted` is true (NULL: all) without "." and "..", sorted.
 * JP_ELIMIT beyond a million.
 */
int jp_store_list_dir(int dir_fd, bool (*wanted)(const char *name), struct jp_strv *ret,
                      struct jp_error *err);

#endif
