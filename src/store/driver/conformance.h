/* What the conformance suite needs of the system that it runs on. */
#ifndef JP_STORE_DRIVER_CONFORMANCE_H
#define JP_STORE_DRIVER_CONFORMANCE_H

#include "plan/plan.h"

/* Once, before anything: whatever is mounted later is seen by nobody else. NULL, or why not. */
const char *conformance_begin(void);

/*
 * Makes a place for the driver below `top` (a directory of the test's own): `root` is the path of a
 * root directory there, which is not made. NULL, or why this cannot be had.
 */
const char *conformance_place(const char *top, const char *driver, char root[300]);

/* Undoes conformance_place(). */
void conformance_leave_place(const char *top, const char *driver);

/* Makes the root accessible at `path`, and lets go of it. 0 or -1. */
int conformance_enter(const char *top, const struct jp_plan_root *root, char path[300]);
void conformance_leave(const struct jp_plan_root *root, const char *path);

#endif
