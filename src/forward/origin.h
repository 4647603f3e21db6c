/*
 * Connections to the pod in the name of somebody else, so that an application sees its clients'
 * addresses. Linux, where we are in the pod's network namespace: a transparent socket (CAP_NET_RAW)
 * whose packets carry JP_FORWARD_MARK; the listener's answers carry it too (tcp_fwmark_accept) and
 * so stay in the namespace, whoever they are addressed to. Elsewhere: not.
 */
#ifndef JP_FORWARD_ORIGIN_H
#define JP_FORWARD_ORIGIN_H

#include <stdbool.h>

#include "sys/address.h"

/* Tries it on a socket: may this process, and can this kernel? */
bool jp_origin_works(void);

/*
 * A non-blocking TCP socket that connects to `to`, from `name` (NULL: from where the kernel likes),
 * from its port too when that is free and not reserved for root. Descriptor, or -1 with errno.
 */
int jp_origin_connect(const union jp_address *name, const union jp_address *to);

#endif
