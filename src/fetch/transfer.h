/*
 * HTTP for everybody in this program: one exchange is a request and its answer.
 *
 * What talks to the network, TLS and the parser of pages included, is `jetpack-fetch`, a process of
 * its own without files, rights or a user of worth (fetch/wire.h); it is started at the first
 * exchange and keeps connections for the next ones. What may be asked, and with which password, is
 * decided here, for each hop of a redirect anew:
 *
 *  - https always; http only when allow.http is on or the host is named, and from https back to
 * http only to a host that is named (row 47). No other scheme exists.
 *  - An Authorization header goes to the scheme, host and port it was given for, and nowhere else,
 *    also not after a redirect (row 49).
 *  - When an exchange has left this host's own and private networks, no redirect leads back into
 *    them (row 48), unless allow.private-addresses is on. A proxy resolves names itself: then this
 *    is the proxy's to refuse.
 *
 * Bodies come through a pipe; nothing that the helper could still change is ever trusted.
 */
#ifndef JP_FETCH_TRANSFER_H
#define JP_FETCH_TRANSFER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/strv.h"
#include "fetch/url.h"

enum jp_http_method {
    JP_HTTP_GET,
    JP_HTTP_HEAD,
    JP_HTTP_PUT,
    JP_HTTP_POST,
    JP_HTTP_PATCH,
    JP_HTTP_N_METHODS,
};

/* 0 stands for what the session's settings say, there for no limit. */
struct jp_transfer_limits {
    uint64_t bytes;           /* of a body that comes: JP_ELIMIT beyond */
    uint32_t seconds;         /* of a whole exchange */
    uint32_t connect_seconds; /* until a connection stands, TLS included */
    uint32_t low_bytes;       /* slower than so many bytes a second ... */
    uint32_t low_seconds;     /* ... for so many seconds: given up */
};

struct jp_transfer_settings {
    const char *program; /* path of jetpack-fetch */
    uint32_t uid;        /* what it runs as when we are root; not 0 */
    uint32_t gid;
    const char *ca_file;  /* bundle of certificates that are trusted; NULL: the system's */
    const char *proxy;    /* a URL; "none"; NULL: as https_proxy, http_proxy, all_proxy say */
    const char *no_proxy; /* hosts without one, separated by commas; NULL: no_proxy */
    bool allows_http;     /* allow.http */
    bool allows_private;  /* allow.private-addresses */
    const struct jp_strv
        *http_hosts; /* "HOST" or "HOST:PORT" that are named for http; may be NULL */
    struct jp_transfer_limits limits;
    /*
     * The value of an Authorization header for this scheme, host and port: *ret is the caller's,
     * NULL when there is none. Asked for each hop that has none of its own. May be NULL.
     */
    int (*authorize)(void *context, const struct jp_url *url, char **ret, struct jp_error *err);
    void *authorize_context;
    const volatile sig_atomic_t *cancel; /* set by a handler: JP_EINTERRUPTED. May be NULL */
};

/* A session: settings and perhaps a helper that runs. One exchange at a time. */
struct jp_transfer;

/* Starts nothing yet. The settings, and what they point to, must outlive the session. */
int jp_transfer_new(const struct jp_transfer_settings *settings, struct jp_transfer **ret,
                    struct jp_error *err);
/* Ends the helper, whatever it is doing, and waits for it. */
void jp_transfer_free(struct jp_transfer *transfer);
JP_DEFINE_AUTO_PTR(jp_transfer);

struct jp_transfer_request {
    enum jp_http_method method;
    const char *url;
    const char *const *headers; /* "Name: value"; not Authorization */
    size_t n_headers;
    const char *authorization; /* value of that header, for the origin of `url` only; NULL: asked */
    const char *etag;     /* If-None-Match, an answer 304 says that it is still so; may be NULL */
    uint64_t offset;      /* > 0: only what follows (Range), ... */
    const char *if_range; /* ... if this strong validator still holds; needed with an offset */
    int input_fd;         /* a body to send, from its start when it is a file; -1: none */
    uint64_t input_bytes; /* UINT64_MAX: until its end (a pipe) */
    bool keeps_redirect;  /* a redirect is an answer like any other */
    /*
     * A body that breaks off is continued, a few times, when the server vouches by a strong
     * validator that it is the rest of the same (Range, If-Range): body_fd shows nothing of it.
     * Not with an offset.
     */
    bool continues;
    bool is_from_public; /* a public site led here: as after a redirect from there */
    bool is_typed;       /* the user wrote this URL: for http, allow.http is enough */
    struct jp_transfer_limits limits;
    /* While a body is sent: bytes of it. May be NULL. */
    void (*sent)(void *context, uint64_t done, uint64_t total);
    void *sent_context;
};

#define JP_TRANSFER_REQUEST_INIT                                                                   \
    {                                                                                              \
        .method = JP_HTTP_GET, .input_fd = -1                                                      \
    }

struct jp_transfer_response {
    uint32_t status;        /* 200 to 599 */
    char *url;              /* which gave the answer, after redirects */
    struct jp_strv headers; /* "name: value", names in lower case */
    int64_t length;         /* of the body that comes; -1 unknown */
    bool is_public;         /* some hop was outside of this host and private networks */
    int body_fd;            /* a pipe to read it from: for 2xx, else -1 */
    char *note;             /* the beginning of the body of any other answer; NULL: none */
};

#define JP_TRANSFER_RESPONSE_INIT                                                                  \
    {                                                                                              \
        .url = NULL, .body_fd = -1                                                                 \
    }

void jp_transfer_response_clear(struct jp_transfer_response *response);

/* Is the host that a name (HOST or HOST/...) begins with one that http is permitted for by name? */
bool jp_transfer_is_named(const struct jp_transfer *transfer, const char *name);

/* The value of the first header of that name (lower case), or NULL. */
const char *jp_transfer_header(const struct jp_transfer_response *response, const char *name);

/*
 * Asks, follows redirects (at most ten), and returns when the answer's head has come: 0 whatever
 * its status. For 2xx the body follows in ret->body_fd: read it to its end, then call
 * jp_transfer_end(). Every other answer is complete, `note` included. Clear *ret in any case.
 *
 * JP_EUNTRUSTED: certificate, scheme or address that is not permitted; JP_ENOTFOUND: no such host;
 * JP_ELIMIT: too much, too slow, too many redirects; JP_EINTERRUPTED; JP_ESYS: network.
 */
int jp_transfer_begin(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                      struct jp_transfer_response *ret, struct jp_error *err);

/*
 * Whether the body came whole: what was read counts only after this. Fails also when it was not
 * read to its end. Not for answers without body_fd.
 */
int jp_transfer_end(struct jp_transfer *transfer, struct jp_transfer_response *response,
                    struct jp_error *err);

/*
 * For whoever read a body that made no sense: true, and the reason, when it has ended and did not
 * come whole. False while more of it would come: then it was the body.
 */
bool jp_transfer_has_failed(struct jp_transfer *transfer, struct jp_transfer_response *response,
                            struct jp_error *err);

/*
 * The whole of it: begin, the body appended to `out` (at most max bytes, else JP_ELIMIT), end. 0
 * whatever the status.
 */
int jp_transfer_get(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                    size_t max, struct jp_buf *out, struct jp_transfer_response *ret,
                    struct jp_error *err);

/*
 * The rest of an exchange that has begun: the body into out_fd, which only we write to, and end.
 * `progress` may be NULL; `done` counts from response's own beginning.
 */
int jp_transfer_copy(struct jp_transfer *transfer, struct jp_transfer_response *response,
                     int out_fd, void (*progress)(void *context, uint64_t done, uint64_t total),
                     void *context, struct jp_error *err);

/*
 * A page's meta tags: those in its first head whose name begins with "ac-", in order, name and
 * content alternating, of a page of at most 1 MiB. Parsed in the helper. 0 whatever the status
 * (then there are none).
 */
int jp_transfer_metas(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                      struct jp_strv *ret_metas, struct jp_transfer_response *ret,
                      struct jp_error *err);

/* The error that an answer means, "GET 'URL': 404 Not Found". Returns -1; JP_ENOTFOUND for 404. */
int jp_transfer_fail_status(const struct jp_transfer_response *response, struct jp_error *err);

#endif
