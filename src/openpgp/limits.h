/* The part of confine.h that POSIX has: limits of resources. */
#ifndef JP_OPENPGP_LIMITS_H
#define JP_OPENPGP_LIMITS_H

#include <stdint.h>

#include "base/error.h"

int jp_openpgp_limit(uint64_t data_bytes, struct jp_error *err);

#endif
