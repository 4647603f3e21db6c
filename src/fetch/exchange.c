/*
 * One request of HTTP at a time, one hop: redirects are the asking side's to permit. The protocols
 * that libcurl may speak are set to the request's own scheme, for redirects too, although it
 * follows none: a second lock on the same door (row 47).
 *
 * A body goes on at the pace of its reader: while the pipe is full the transfer is paused, and time
 * that a slow disk takes is not held against the server.
 *
 * A body that breaks off is continued by the same request, where that is wanted and the answer says
 * that it is the rest of the same (header.h, row 50); whoever reads the pipe sees nothing of it.
 */
#include "fetch/exchange.h"

#include "config.h"

#include <sys/stat.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "fetch/header.h"
#include "fetch/inner.h"
#include "fetch/page.h"
#include "fetch/transfer.h"
#include "sys/fd.h"

#define TICK_MS       1000
#define PROGRESS_MS   200
#define BUFFER_BYTES  (256L * 1024L)
#define MAX_IDLE_BODY (1024U * 1024U) /* what is read, and thrown away, of a body nobody wants */
#define MAX_TRIES     5               /* to continue, with less than this in between: */
#define WORTH_A_TRY   (1024U * 1024U)

struct jp_exchanges {
    CURLM *multi; /* keeps connections and certificates */
    char *ca_file;
    char *agent;
};

/* A body that broke off, and the answer that would continue it. */
struct rest {
    char *tag;      /* strong validator of what came first; NULL: it cannot be continued */
    bool is_wanted; /* this request is one for the rest */
    bool was_inner; /* where the beginning came from */
    unsigned tries; /* since it came `mark` bytes far */
    uint64_t mark;
    uint64_t all;           /* bytes that the whole has; 0: nobody said */
    bool has_head;          /* of this answer */
    struct jp_strv headers; /* of this answer */
    bool may_come_later;    /* no rest now; the server may have one when asked again */
};

struct exchange {
    struct jp_exchanges *all;
    CURL *easy; /* a new one each time: one that failed takes no settings any more (7.88) */
    const struct jp_wire_request *request;
    int socket;
    int body_fd;
    int input_fd;
    bool is_input_file;
    bool is_paused;
    bool has_head; /* told already */
    bool is_gone;  /* the asking side */
    uint32_t status;
    uint64_t received;
    uint64_t sent;
    int64_t told_ms;
    int64_t end_ms;  /* of the time that it may take; 0: any */
    CURLcode result; /* of the transfer, when that is what failed */
    struct rest rest;
    size_t header_bytes;
    struct jp_strv headers;
    struct jp_buf waiting; /* did not fit into the pipe */
    size_t waiting_at;
    struct jp_buf page;
    struct jp_buf note;
    struct jp_error failure; /* found by one of the callbacks */
    char text[CURL_ERROR_SIZE];
};

int jp_exchanges_new(const struct jp_wire_settings *settings, struct jp_exchanges **ret,
                     struct jp_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return jp_fail(err, JP_ESYS, 0, "libcurl does not start");
    struct jp_exchanges *all = jp_calloc(1, sizeof(*all));
    if (!all)
        return jp_oom(err);
    all->multi = curl_multi_init();
    all->ca_file = jp_strdup(settings->ca_file);
    all->agent = jp_strdup(settings->agent ? settings->agent : "jetpack/" JP_VERSION);
    if (!all->multi || !all->agent || (settings->ca_file && !all->ca_file)) {
        jp_exchanges_free(all);
        return jp_oom(err);
    }
    *ret = all;
    return 0;
}

void jp_exchanges_free(struct jp_exchanges *exchanges)
{
    if (!exchanges)
        return;
    (void)curl_multi_cleanup(exchanges->multi);
    free(exchanges->ca_file);
    free(exchanges->agent);
    free(exchanges);
}

/* ---- telling --------------------------------------------------------------------------------- */

static bool is_inner(const struct exchange *x)
{
    const char *address = NULL;
    if (x->request->proxy)
        return false; /* only the proxy knows */
    return curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &address) != CURLE_OK || !address ||
           jp_address_text_is_inner(address);
}

static int tell_head(struct exchange *x)
{
    curl_off_t length = -1;
    char *redirect = NULL;
    (void)curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void)curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &redirect);
    struct jp_wire_event head = {
        .kind = JP_WIRE_HEAD,
        .status = x->status,
        .redirect = redirect,
        .length = length,
        .is_inner = is_inner(x),
        .headers = x->headers,
    };
    x->has_head = true;
    x->rest.was_inner = head.is_inner;
    x->rest.all = length > 0 ? (uint64_t)length : 0;
    return jp_wire_send_event(x->socket, &head, false, &x->failure);
}

static void tell_progress(struct exchange *x)
{
    int64_t now = jp_time_monotonic_ms();
    if (x->input_fd < 0 || x->has_head || now - x->told_ms < PROGRESS_MS)
        return;
    struct jp_wire_event progress = {.kind = JP_WIRE_PROGRESS, .done = x->sent};
    x->told_ms = now;
    (void)jp_wire_send_event(x->socket, &progress, true, NULL);
}

/* ---- headers --------------------------------------------------------------------------------- */

static int keep_header(struct exchange *x, struct jp_strv *headers, const char *line, size_t len)
{
    bool is_header = false;
    JP_AUTO_FREE char *text = jp_header_read(line, len, &is_header);
    if (!is_header)
        return 0; /* folded lines and noise */
    if (!text)
        return jp_oom(&x->failure);
    x->header_bytes += len;
    if (x->header_bytes > JP_WIRE_HEADER_BYTES || headers->count >= JP_WIRE_MAX_HEADERS)
        return jp_fail(&x->failure, JP_ELIMIT, 0, "the answer has too many headers");
    return jp_strv_add_owned(headers, jp_take(&text)) < 0 ? jp_oom(&x->failure) : 0;
}

/* The head is complete. Where a redirect leads is known only at the end: it is told then. */
static int end_of_head(struct exchange *x)
{
    long status = 0;
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return 0;
    if (status > 599)
        return jp_fail(&x->failure, JP_EINVALID, 0, "the answer has the status %ld", status);
    x->status = (uint32_t)status;
    return status / 100 == 3 ? 0 : tell_head(x);
}

/* The head of an answer that should be the rest: fails when it is not, before its body comes. */
static int end_of_head_of_rest(struct exchange *x)
{
    long status = 0;
    struct jp_beginning here = {.etag = x->rest.tag, .size = x->received, .all = x->rest.all};
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return 0;
    x->rest.has_head = true;
    if (status == 206 && jp_header_is_rest(&x->rest.headers, &here, &x->rest.all))
        return 0;
    x->rest.may_come_later = status / 100 == 5 || status == 429;
    if (status / 100 == 2)
        return jp_fail(&x->failure, JP_ECORRUPT, 0,
                       "it broke off after %llu bytes, and what is there now is something else",
                       (unsigned long long)x->received);
    return jp_fail(&x->failure, JP_ECORRUPT, 0,
                   "it broke off after %llu bytes, and the rest is answered with %ld",
                   (unsigned long long)x->received, status);
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    size_t len = size * count;
    bool is_rest = x->rest.is_wanted;
    struct jp_strv *headers = is_rest ? &x->rest.headers : &x->headers;
    int r = 0;
    if (is_rest ? x->rest.has_head : x->has_head)
        return len; /* trailers */
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        jp_strv_clear(headers);
        x->header_bytes = 0;
    } else if (len <= 2 && (line[0] == '\r' || line[0] == '\n')) {
        r = is_rest ? end_of_head_of_rest(x) : end_of_head(x);
    } else {
        r = keep_header(x, headers, line, len);
    }
    return r < 0 ? CURL_WRITEFUNC_ERROR : len;
}

/* ---- the body that comes --------------------------------------------------------------------- */

/* Writes what can be written now: 0 all, 1 some is left, -1. */
static int drain(struct exchange *x)
{
    while (x->waiting_at < x->waiting.len) {
        ssize_t n =
            write(x->body_fd, x->waiting.data + x->waiting_at, x->waiting.len - x->waiting_at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 1;
        if (n < 0)
            return jp_fail_sys(&x->failure, "hand on what comes");
        x->waiting_at += (size_t)n;
    }
    jp_buf_reset(&x->waiting);
    x->waiting_at = 0;
    return 0;
}

static int keep(struct exchange *x, struct jp_buf *where, const char *bytes, size_t len)
{
    jp_buf_add(where, bytes, len);
    return jp_buf_failed(where) ? jp_oom(&x->failure) : 0;
}

static int keep_note(struct exchange *x, const char *bytes, size_t len)
{
    size_t room = JP_WIRE_NOTE_BYTES - x->note.len;
    if (x->received > MAX_IDLE_BODY)
        return jp_fail(&x->failure, JP_ELIMIT, 0, "the answer %u has an endless body", x->status);
    return keep(x, &x->note, bytes, len < room ? len : room);
}

static int take_body(struct exchange *x, const char *bytes, size_t len)
{
    uint64_t max = x->request->max_bytes;
    if (x->status / 100 != 2)
        return keep_note(x, bytes, len);
    if (max > 0 && x->received > max)
        return jp_fail(&x->failure, JP_ELIMIT, 0, "it is larger than %llu bytes",
                       (unsigned long long)max);
    if (x->rest.is_wanted && x->received > x->rest.all)
        return jp_fail(&x->failure, JP_ECORRUPT, 0,
                       "it broke off, and what came then is more than the rest");
    if (x->request->wants_metas)
        return keep(x, &x->page, bytes, len);
    if (x->body_fd < 0)
        return 0;
    return keep(x, &x->waiting, bytes, len) < 0 || drain(x) < 0 ? -1 : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    size_t len = size * count;
    if (x->waiting.len > 0) {
        x->is_paused = true; /* the same bytes come again */
        return CURL_WRITEFUNC_PAUSE;
    }
    x->received += len;
    return take_body(x, bytes, len) < 0 ? CURL_WRITEFUNC_ERROR : len;
}

/* ---- the body that is sent ------------------------------------------------------------------- */

static size_t on_input(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    const struct jp_wire_request *request = x->request;
    uint64_t left = request->input_bytes - x->sent;
    size_t want = size * count;
    ssize_t n;
    if (want > left)
        want = (size_t)left;
    do {
        n = x->is_input_file
                ? pread(x->input_fd, bytes, want, (off_t)(request->input_offset + x->sent))
                : read(x->input_fd, bytes, want);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        (void)jp_fail_sys(&x->failure, "read what is to be sent");
        return CURL_READFUNC_ABORT;
    }
    x->sent += (uint64_t)n;
    return (size_t)n;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct exchange *x = context;
    if (!x->is_input_file || origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* Row 48: asked with the address itself, after every name was resolved. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *x = context;
    bool is_internet = address->family == AF_INET || address->family == AF_INET6;
    if (purpose != CURLSOCKTYPE_IPCXN || !is_internet)
        return CURL_SOCKET_BAD;
    bool refuses_inner = x->request->refuses_inner || (x->rest.is_wanted && !x->rest.was_inner);
    if (refuses_inner && !x->request->proxy && jp_address_is_inner(&address->addr)) {
        (void)jp_fail(&x->failure, JP_EUNTRUSTED, 0,
                      "a public site leads to an address of this host or of a private network "
                      "(allow.private-addresses)");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- setting up ------------------------------------------------------------------------------ */

static CURLcode set_method(CURL *easy, const struct jp_wire_request *request)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "POST", "PATCH"};
    CURLcode r = CURLE_OK;
    curl_off_t bytes = -1;
    if (request->method == JP_HTTP_GET)
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (request->method == JP_HTTP_HEAD)
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!request->has_input)
        bytes = 0;
    else if (request->input_bytes <= INT64_MAX)
        bytes = (curl_off_t)request->input_bytes;
    r = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    if (r == CURLE_OK)
        r = curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, bytes);
    return r != CURLE_OK ? r
                         : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, names[request->method]);
}

/* Of a request that has an end. */
static int64_t time_left_ms(const struct exchange *x)
{
    return x->end_ms - jp_time_monotonic_ms();
}

static bool is_over_time(const struct exchange *x)
{
    return x->end_ms > 0 && time_left_ms(x) <= 0;
}

/* As libcurl takes it: 0 is any time, so that none is a millisecond. */
static long timeout_ms(const struct exchange *x)
{
    if (x->end_ms == 0)
        return 0;
    int64_t left = time_left_ms(x);
    return left > 0 ? (long)left : 1;
}

static CURLcode set_rules(struct exchange *x, CURL *easy)
{
    const struct jp_wire_request *request = x->request;
    const char *schemes = request->allows_http ? "http" : "https";
    CURLcode r = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy ? request->proxy : "");
    if (x->all->ca_file)
        r = r ? r : curl_easy_setopt(easy, CURLOPT_CAINFO, x->all->ca_file);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 3600L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)request->connect_seconds);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms(x));
    r = r ? r : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)request->low_bytes);
    return r ? r : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)request->low_seconds);
}

static CURLcode set_callbacks(struct exchange *x, CURL *easy)
{
    CURLcode r = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->text);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_input);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_READDATA, x);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    return r ? r : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
}

static int add_header(struct exchange *x, struct curl_slist **headers, const char *line)
{
    struct curl_slist *more = line ? curl_slist_append(*headers, line) : NULL;
    if (!more)
        return jp_oom(&x->failure);
    *headers = more;
    return 0;
}

static int add_headers(struct exchange *x, struct curl_slist **headers)
{
    /* No waiting for a permission to send. */
    int r = add_header(x, headers, "Expect:");
    for (size_t i = 0; r == 0 && i < x->request->headers.count; i++)
        r = add_header(x, headers, x->request->headers.items[i]);
    if (r < 0 || !x->rest.is_wanted)
        return r;
    JP_AUTO_FREE char *range = jp_format("Range: bytes=%llu-", (unsigned long long)x->received);
    JP_AUTO_FREE char *same = jp_format("If-Range: %s", x->rest.tag);
    return add_header(x, headers, range) < 0 || add_header(x, headers, same) < 0 ? -1 : 0;
}

static int set_up(struct exchange *x, struct curl_slist **headers)
{
    CURL *easy = x->easy = curl_easy_init();
    if (!easy)
        return jp_oom(&x->failure);
    if (add_headers(x, headers) < 0)
        return -1;
    CURLcode r = curl_easy_setopt(easy, CURLOPT_URL, x->request->url);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
    r = r ? r : curl_easy_setopt(easy, CURLOPT_USERAGENT, x->all->agent);
    r = r ? r : set_method(easy, x->request);
    r = r ? r : set_rules(x, easy);
    r = r ? r : set_callbacks(x, easy);
    return r == CURLE_OK && *headers
               ? 0
               : jp_fail(&x->failure, JP_EUNSUPPORTED, 0, "libcurl: %s", curl_easy_strerror(r));
}

/* ---- running --------------------------------------------------------------------------------- */

/* Sleeps until there is something to do: the network, the reader of the body, the asking side. */
static int wait_for_something(struct exchange *x)
{
    struct curl_waitfd also[2] = {{.fd = x->socket, .events = CURL_WAIT_POLLIN},
                                  {.fd = x->body_fd, .events = CURL_WAIT_POLLOUT}};
    unsigned n_also = x->waiting.len > 0 ? 2 : 1;
    if (curl_multi_poll(x->all->multi, also, n_also, TICK_MS, NULL) != CURLM_OK)
        return jp_fail(&x->failure, JP_ESYS, 0, "wait for the network");
    struct pollfd asking = {.fd = x->socket, .events = POLLIN};
    x->is_gone = poll(&asking, 1, 0) > 0;
    if (x->is_gone)
        return -1;
    if (x->waiting.len > 0 && drain(x) < 0)
        return -1;
    if (x->is_paused && x->waiting.len == 0) {
        x->is_paused = false;
        if (curl_easy_pause(x->easy, CURLPAUSE_CONT) != CURLE_OK)
            return x->failure.code ? -1 : jp_fail(&x->failure, JP_ESYS, 0, "go on");
    }
    return 0;
}

static enum jp_code code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OUT_OF_MEMORY:
        return JP_ENOMEM;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return JP_ENOTFOUND;
    case CURLE_OPERATION_TIMEDOUT:
        return JP_ELIMIT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return JP_EUNTRUSTED;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return JP_ECORRUPT;
    default:
        return JP_ESYS;
    }
}

/* libcurl takes any end for the end of a body that does not say its length. */
static bool is_short_rest(const struct exchange *x)
{
    return x->rest.is_wanted && x->received < x->rest.all;
}

/* The result of the transfer; what a callback found says more than libcurl's "write error". */
static int judge(struct exchange *x)
{
    CURLMsg *message;
    int left;
    CURLcode result = CURLE_OK;
    while ((message = curl_multi_info_read(x->all->multi, &left))) {
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    }
    if (result == CURLE_OK) {
        jp_error_clear(&x->failure); /* another address of the host was as good */
        if (!is_short_rest(x))
            return 0;
        result = CURLE_PARTIAL_FILE;
    }
    if (x->failure.code != JP_OK)
        return -1;
    x->result = result;
    const char *more = x->text[0] ? x->text : curl_easy_strerror(result);
    bool has_no_tls = strstr(more, "wrong version number") != NULL; /* as OpenSSL says it */
    return jp_fail(&x->failure, code_of(result), 0, "%s%s", more,
                   has_no_tls ? " (it speaks no TLS: -allow-http is for plain http)" : "");
}

static int perform(struct exchange *x)
{
    int running = 1;
    while (running) {
        if (curl_multi_perform(x->all->multi, &running) != CURLM_OK)
            return jp_fail(&x->failure, JP_ESYS, 0, "libcurl does not go on");
        tell_progress(x);
        if (running && wait_for_something(x) < 0)
            return -1;
    }
    return judge(x);
}

/* The transfer is complete, the pipe's reader may not be. */
static int drain_all(struct exchange *x)
{
    while (x->waiting.len > 0) {
        struct pollfd waiting[2] = {{.fd = x->socket, .events = POLLIN},
                                    {.fd = x->body_fd, .events = POLLOUT}};
        if (poll(waiting, 2, -1) < 0 && errno != EINTR)
            return jp_fail_sys(&x->failure, "wait for the reader");
        x->is_gone = waiting[0].revents != 0;
        if (x->is_gone || drain(x) < 0)
            return -1;
    }
    return 0;
}

static int complete(struct exchange *x, struct jp_strv *metas)
{
    if (drain_all(x) < 0)
        return -1;
    if (!x->request->wants_metas || x->status / 100 != 2)
        return 0;
    return jp_page_metas(jp_buf_text(&x->page), x->page.len, metas, &x->failure);
}

/* What came before a failure came: somebody may continue behind it. */
static void hand_on_rest(struct exchange *x)
{
    struct jp_error failure = x->failure;
    x->failure = (struct jp_error)JP_ERROR_INIT;
    if (!x->is_gone)
        (void)drain_all(x);
    jp_error_clear(&x->failure);
    x->failure = failure;
}

/* ---- continuing ------------------------------------------------------------------------------ */

/* The validator of the answer, if it is a strong one. */
static void keep_tag(struct exchange *x)
{
    const char *etag = jp_header_strong_etag(&x->headers);
    if (!x->rest.tag && etag)
        x->rest.tag = jp_strdup(etag);
}

/* Did it break off on the way? What took too long, or was refused, is not asked for again. */
static bool broke_off(const struct exchange *x)
{
    switch (x->result) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return x->rest.is_wanted;
    default:
        return x->rest.may_come_later;
    }
}

/* Longer before each try that follows one which brought nothing; not at all before the first. */
static int wait_a_while(struct exchange *x)
{
    struct pollfd asking = {.fd = x->socket, .events = POLLIN};
    int ms = x->rest.tries < 2 ? 0 : TICK_MS << (x->rest.tries - 2);
    x->is_gone = poll(&asking, 1, ms) > 0;
    return x->is_gone ? -1 : 0;
}

/* Is it worth asking for the rest? Then everything is as before a request. */
static bool may_continue(struct exchange *x)
{
    if (!x->request->continues || x->is_gone || !x->has_head || x->status != 200)
        return false;
    keep_tag(x);
    if (!x->rest.tag || x->received == 0 || !broke_off(x) || is_over_time(x))
        return false;
    if (x->received - x->rest.mark >= WORTH_A_TRY) {
        x->rest.mark = x->received;
        x->rest.tries = 0;
    }
    if (++x->rest.tries > MAX_TRIES || wait_a_while(x) < 0)
        return false;
    jp_error_clear(&x->failure);
    x->result = CURLE_OK;
    x->text[0] = '\0';
    x->is_paused = false;
    x->rest.is_wanted = true;
    x->rest.has_head = false;
    x->rest.may_come_later = false;
    return true;
}

/* One request and what comes of it. */
static int ask(struct exchange *x)
{
    struct curl_slist *headers = NULL;
    int r = set_up(x, &headers);
    if (r == 0 && curl_multi_add_handle(x->all->multi, x->easy) != CURLM_OK)
        r = jp_oom(&x->failure);
    if (r == 0) {
        r = perform(x);
        if (r == 0 && !x->has_head)
            r = tell_head(x);
        (void)curl_multi_remove_handle(x->all->multi, x->easy);
    }
    curl_easy_cleanup(x->easy);
    x->easy = NULL;
    curl_slist_free_all(headers);
    return r;
}

static int transfer(struct exchange *x, struct jp_strv *metas)
{
    int r = ask(x);
    while (r < 0 && may_continue(x))
        r = ask(x);
    if (r == 0)
        return complete(x, metas);
    hand_on_rest(x);
    return r;
}

static int tell_end(struct exchange *x, int result, struct jp_strv metas, struct jp_error *err)
{
    struct jp_wire_event end = {
        .kind = JP_WIRE_END,
        .code = result < 0 ? (uint32_t)x->failure.code : JP_OK,
        .text = result < 0 ? (char *)(uintptr_t)jp_error_text(&x->failure) : NULL,
        .metas = metas,
        .note = (unsigned char *)x->note.data,
        .note_len = x->note.len,
    };
    return jp_wire_send_event(x->socket, &end, false, err);
}

static void be_nonblocking(int fd)
{
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int jp_exchange_run(struct jp_exchanges *exchanges, int socket,
                    const struct jp_wire_request *request, const int fds[2], struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int body_fd = request->has_body ? fds[0] : -1;
    JP_AUTO_FD int input_fd = request->has_input ? fds[request->has_body ? 1 : 0] : -1;
    JP_AUTO(jp_strv) metas = JP_STRV_INIT;
    struct exchange x = {
        .all = exchanges,
        .request = request,
        .socket = socket,
        .body_fd = body_fd,
        .input_fd = input_fd,
        .is_input_file = input_fd >= 0 && fstat(input_fd, &st) == 0 && S_ISREG(st.st_mode),
        .failure = JP_ERROR_INIT,
        .end_ms = request->max_seconds ? jp_time_monotonic_ms() + request->max_seconds * 1000LL : 0,
    };
    be_nonblocking(body_fd);
    int r = transfer(&x, &metas);
    jp_fd_close(&body_fd);
    if (x.is_gone)
        r = jp_fail(err, JP_EINTERRUPTED, 0, "nobody waits for the answer");
    else
        r = tell_end(&x, r, metas, err);
    jp_strv_clear(&x.headers);
    jp_buf_clear(&x.waiting);
    jp_buf_clear(&x.page);
    jp_buf_clear(&x.note);
    jp_error_clear(&x.failure);
    jp_strv_clear(&x.rest.headers);
    free(x.rest.tag);
    return r;
}
