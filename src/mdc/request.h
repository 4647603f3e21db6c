/* One HTTP request to the metadata service: GET, over one connection, without any library. */
#ifndef JP_MDC_REQUEST_H
#define JP_MDC_REQUEST_H

#include "base/buf.h"
#include "base/error.h"

#define JP_MDC_TIMEOUT_MS 10000       /* for the whole of it */
#define JP_MDC_MAX_ANSWER (64U << 20) /* bytes: a manifest has at most 4 MiB */

/*
 * Asks for url ("http://172.23.0.1:1104/~TOKEN", numeric address) followed by path, and appends the
 * body. Returns the status of the answer (200, 404, ...), or -1: JP_EINVALID for a URL that is
 * none of ours, JP_ESYS, JP_ECORRUPT for an answer that cannot be read. Errors never show the URL:
 * it holds the token.
 */
int jp_mdc_get(const char *url, const char *path, struct jp_buf *ret, struct jp_error *err);

#endif
