/* Which proxy an exchange goes through. */
#ifndef JP_FETCH_PROXY_H
#define JP_FETCH_PROXY_H

#include "fetch/url.h"

/*
 * The proxy for this URL, NULL for none; belongs to the arguments or the environment. `proxy` and
 * `no_proxy` are those of the configuration (fetch/transfer.h); where they are NULL, the
 * environment's https_proxy or http_proxy, then all_proxy, and no_proxy, in either case (but never
 * HTTP_PROXY, which a request can set in programs behind a web server).
 *
 * no_proxy is a list separated by commas: `*`, host names that stand for their subdomains too, and
 * addresses, each perhaps with a port.
 */
const char *jp_proxy_for(const struct jp_url *url, const char *proxy, const char *no_proxy);

#endif
