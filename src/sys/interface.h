/* What is known of the host's network interfaces by their names. */
#ifndef JP_SYS_INTERFACE_H
#define JP_SYS_INTERFACE_H

#include <stdint.h>

#include "base/error.h"
#include "base/subnet.h"

/*
 * The IPv4 network that an interface is in, by the first of its addresses that has one of a usable
 * size (an alias of one pod has none): 1, 0 when there is none or no such interface, -1.
 * *ret_address: the host's address there, in host byte order.
 */
int jp_interface_subnet(const char *name, struct jp_subnet *ret, uint32_t *ret_address,
                        struct jp_error *err);

#endif
