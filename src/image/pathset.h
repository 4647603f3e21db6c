/*
 * A set of paths in eight bytes each (the start of their SHA-256), so that millions fit in memory.
 * Two paths fall together with a chance of one in 2^64 a pair.
 */
#ifndef JP_IMAGE_PATHSET_H
#define JP_IMAGE_PATHSET_H

#include "base/error.h"
#include "base/macros.h"

struct jp_pathset;

struct jp_pathset *jp_pathset_new(void);
void jp_pathset_free(struct jp_pathset *set);
JP_DEFINE_AUTO_PTR(jp_pathset);
int jp_pathset_add(struct jp_pathset *set, const char *path, struct jp_error *err);
/* 1, 0, or -1. */
int jp_pathset_has(struct jp_pathset *set, const char *path, struct jp_error *err);

#endif
