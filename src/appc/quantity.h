/*
 * Quantities of resources (ace.md "Resource Isolators"): "128974848", "125952Ki", "123Mi", "500m",
 * "0.3", "1G". Kept exactly as whole units and thousandths (no floating point); what is finer than
 * a thousandth is rounded up.
 */
#ifndef JP_APPC_QUANTITY_H
#define JP_APPC_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct jp_quantity {
    uint64_t whole; /* base units: bytes, cores, operations a second */
    uint32_t milli; /* 0 to 999 thousandths */
};

#define JP_QUANTITY_SIZE 32 /* bytes for a printed quantity with its NUL */

/*
 * Reads a quantity: digits with an optional fraction, then one of n u m (nothing) k K M G T P E,
 * Ki Mi Gi Ti Pi Ei, or an exponent e3 / E-3. JP_EINVALID for anything else (negative ones
 * included), JP_ELIMIT beyond 2^63 - 1 whole units.
 */
int jp_quantity_parse(const char *text, struct jp_quantity *ret, struct jp_error *err);

/* Whole base units, a fraction rounded up (bytes). */
uint64_t jp_quantity_ceil(struct jp_quantity q);

/* Thousandths (milli-cores); UINT64_MAX when that does not fit. */
uint64_t jp_quantity_milli(struct jp_quantity q);

int jp_quantity_compare(struct jp_quantity a, struct jp_quantity b);

/* The shortest exact spelling: "1Gi", "2G", "500m", "128974849". */
void jp_quantity_format(struct jp_quantity q, char out[JP_QUANTITY_SIZE]);

#endif
