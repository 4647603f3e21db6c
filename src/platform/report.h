/* What the shim says on its socket (plan/orders.h), heard and put into words: for every system. */
#ifndef JP_PLATFORM_REPORT_H
#define JP_PLATFORM_REPORT_H

#include "base/error.h"
#include "plan/orders.h"

/* Receives a report: 1, 0 at the end (somebody executed or died), -1. */
int jp_report_hear(int fd, struct jp_shim_report *ret, struct jp_error *err);

/* Always -1: what a report of a failure means (JP_ENOPROGRAM, JP_ENOEXEC, JP_EINVALID, JP_ESYS). */
int jp_report_failure(const struct jp_orders *orders, const struct jp_shim_report *r,
                      struct jp_error *err);

#endif
