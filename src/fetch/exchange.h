/* One exchange, carried out: libcurl. Only for jetpack-fetch, behind its walls. */
#ifndef JP_FETCH_EXCHANGE_H
#define JP_FETCH_EXCHANGE_H

#include "base/error.h"
#include "fetch/wire.h"

struct jp_exchanges; /* connections that are kept, certificates that were read */

int jp_exchanges_new(const struct jp_wire_settings *settings, struct jp_exchanges **ret,
                     struct jp_error *err);
void jp_exchanges_free(struct jp_exchanges *exchanges);

/*
 * Carries out the request and tells the socket: a head, progress, an end. The descriptors are
 * closed in any case, that of the body before the end is told. -1 when the asking side went away or
 * said anything meanwhile: then nobody waits for an answer.
 */
int jp_exchange_run(struct jp_exchanges *exchanges, int socket,
                    const struct jp_wire_request *request, const int fds[2], struct jp_error *err);

#endif
