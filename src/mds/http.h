/*
 * The network side of the service: one libmicrohttpd daemon for each listening socket, all in one
 * thread, with the limits that keep one pod from taking the service away from the others.
 *
 * Whoever is refused is refused in the same way, whatever the reason, before a byte of a body is
 * read; whoever is let in is looked up again when the body is complete.
 */
#ifndef JP_MDS_HTTP_H
#define JP_MDS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mds/access_log.h"
#include "mds/registry.h"
#include "plan/service.h"

/* Limits (row 56 of SECURITY.md). */
#define JP_HTTP_MAX_CONNECTIONS 900   /* at once: with what else is open they fit into select(2) */
#define JP_HTTP_MAX_OF_ADDRESS  64    /* ... and further ones wait (mds/door.h) */
#define JP_HTTP_MAX_HEADERS     8192  /* bytes; the connection's whole memory */
#define JP_HTTP_MAX_BODY        65536 /* bytes */
#define JP_HTTP_IDLE_S          5     /* without a byte */
#define JP_HTTP_REQUEST_MS      10000 /* from the beginning of a request to the end of its answer */

struct jp_http;

/* Takes the sockets over. `settings`, `registry` and `log` stay the caller's and must outlive it.
 */
int jp_http_new(const struct jp_service_settings *settings, const int *sockets,
                struct jp_registry *registry, struct jp_access_log *log, struct jp_http **ret,
                struct jp_error *err);
void jp_http_free(struct jp_http *http);

/* Serves for at most timeout_ms, or until wake_fd can be read. -1 when the sockets broke. */
int jp_http_serve(struct jp_http *http, int wake_fd, int timeout_ms, struct jp_error *err);

/* Ends connections whose request takes too long. Called about once a second. */
void jp_http_reap(struct jp_http *http);

/* Whether anybody is connected. */
bool jp_http_is_busy(const struct jp_http *http);

#endif
