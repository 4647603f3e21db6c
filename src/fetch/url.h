/*
 * URLs of the web, taken apart strictly: what a permission or a password depends on (scheme, host,
 * port) must be the same for us and for the library that connects, so everything that two parsers
 * could read differently (user information, blanks, backslashes, control characters, numbers as
 * hosts in other bases) is refused.
 */
#ifndef JP_FETCH_URL_H
#define JP_FETCH_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"

#define JP_URL_MAX 8192 /* bytes; longer ones are no addresses but attacks */

struct jp_url {
    char *text; /* the whole, without fragment */
    bool is_https;
    char *host;       /* lower case; an IPv6 address without its brackets */
    uint16_t port;    /* 443 or 80 where none is given */
    const char *path; /* of text: from the first slash behind the host, "" when there is none */
};

#define JP_URL_INIT                                                                                \
    {                                                                                              \
        .text = NULL                                                                               \
    }

/* JP_EUNSUPPORTED: neither https nor http; JP_EINVALID. Clear *ret also after a failure. */
int jp_url_parse(const char *text, struct jp_url *ret, struct jp_error *err);
void jp_url_clear(struct jp_url *url);

/* Scheme, host and port are the same: what belongs to one may be sent to the other. */
bool jp_url_is_same_origin(const struct jp_url *a, const struct jp_url *b);

/* Does "HOST" (any port) or "HOST:PORT" mean this URL's host? Letters of either case. */
bool jp_url_is_at(const struct jp_url *url, const char *place);

/* Has it the scheme https or http, whatever follows? */
bool jp_url_is_web(const char *text);

/* Has the text a scheme ("ftp://...")? Its length, else 0. */
unsigned jp_url_scheme_length(const char *text);

#endif
