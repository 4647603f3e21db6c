/*
 * The asking side: permissions, redirects, the helper's life. What the helper says is taken for
 * what a stranger says: the next URL of a redirect is parsed and permitted like any other.
 */
#include "fetch/transfer.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fetch/header.h"
#include "fetch/proxy.h"
#include "fetch/wire.h"
#include "sys/fd.h"
#include "sys/process.h"

#define MAX_REDIRECTS 10 /* row 47: a loop ends */
#define TICK_MS       200
#define COPY_BYTES    (256U * 1024U)
#define PROGRESS_STEP (64U * 1024U)
#define PAGE_BYTES    (1024U * 1024U) /* row 51 */

struct jp_transfer {
    struct jp_transfer_settings settings;
    int socket; /* -1: no helper runs */
    pid_t pid;
    bool is_busy; /* an exchange has not come to its end */
};

/* ---- the helper ------------------------------------------------------------------------------ */

int jp_transfer_new(const struct jp_transfer_settings *settings, struct jp_transfer **ret,
                    struct jp_error *err)
{
    struct jp_transfer *t = jp_calloc(1, sizeof(*t));
    if (!t)
        return jp_oom(err);
    t->settings = *settings;
    t->socket = -1;
    *ret = t;
    return 0;
}

static void stop(struct jp_transfer *t)
{
    t->is_busy = false;
    if (t->socket < 0)
        return;
    jp_fd_close(&t->socket);
    /* It keeps nothing that a farewell would save; not waited for yet, so the pid is its own. */
    (void)kill(t->pid, SIGKILL);
    while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void jp_transfer_free(struct jp_transfer *transfer)
{
    if (!transfer)
        return;
    stop(transfer);
    free(transfer);
}

static int start(struct jp_transfer *t, struct jp_error *err)
{
    char name[] = "jetpack-fetch";
    char *const argv[] = {(char *)(uintptr_t)t->settings.program, NULL};
    int pair[2];
    if (t->is_busy)
        stop(t);
    if (t->socket >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return jp_fail_sys(err, "make a socket");
    JP_AUTO_FD int ours = pair[0];
    JP_AUTO_FD int its = pair[1];
    const int stdio[3] = {its, -1, STDERR_FILENO};
    struct jp_wire_settings settings = {
        .version = JP_WIRE_VERSION,
        .uid = t->settings.uid,
        .gid = t->settings.gid,
        .ca_file = (char *)(uintptr_t)t->settings.ca_file,
    };
    if (jp_process_start(argv, stdio, &t->pid, err) < 0)
        return jp_wrap(err, "start %s", name);
    t->socket = jp_fd_take(&ours);
    if (jp_wire_send_settings(t->socket, &settings, err) < 0) {
        stop(t);
        return -1;
    }
    return 0;
}

/* The next thing that the helper says. JP_EINTERRUPTED; JP_ESYS when it is gone. */
static int hear(struct jp_transfer *t, struct jp_wire_event *ret, struct jp_error *err)
{
    const volatile sig_atomic_t *cancel = t->settings.cancel;
    struct pollfd waiting = {.fd = t->socket, .events = POLLIN};
    int r;
    do {
        if (cancel && *cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        r = poll(&waiting, 1, TICK_MS);
    } while (r == 0 || (r < 0 && errno == EINTR));
    if (r < 0)
        return jp_fail_sys(err, "wait for jetpack-fetch");
    r = jp_wire_receive_event(t->socket, ret, err);
    t->is_busy |= r <= 0; /* whatever it was: the next exchange has a new one */
    if (r == 0)
        return jp_fail(err, JP_ESYS, 0, "jetpack-fetch ended without an answer");
    return r < 0 ? -1 : 0;
}

/* ---- what is permitted ----------------------------------------------------------------------- */

static bool is_named(const struct jp_transfer *t, const struct jp_url *url)
{
    const struct jp_strv *hosts = t->settings.http_hosts;
    for (size_t i = 0; hosts && i < hosts->count; i++) {
        if (jp_url_is_at(url, hosts->items[i]))
            return true;
    }
    return false;
}

bool jp_transfer_is_named(const struct jp_transfer *transfer, const char *name)
{
    JP_AUTO(jp_url) url = JP_URL_INIT;
    JP_AUTO_FREE char *text = jp_format("http://%s", name);
    return text && jp_url_parse(text, &url, NULL) == 0 && is_named(transfer, &url);
}

/* Row 47. `is_typed`: the user wrote it, or http led here from what the user wrote. */
static int permit(const struct jp_transfer *t, const struct jp_url *url, bool is_typed,
                  struct jp_error *err)
{
    if (url->is_https || is_named(t, url) || (is_typed && t->settings.allows_http))
        return 0;
    return jp_fail(err, JP_EUNTRUSTED, 0,
                   "this is not https: use -allow-http %s if nobody on the way can harm you",
                   url->host);
}

/* ---- one hop --------------------------------------------------------------------------------- */

struct hop {
    struct jp_url url;
    enum jp_http_method method;
    bool is_typed;
    bool is_public;
    bool has_input;
};

static uint64_t pick(uint64_t own, uint64_t general)
{
    return own ? own : general;
}

static int add_header(struct jp_strv *headers, char *owned, struct jp_error *err)
{
    return jp_strv_add_owned(headers, owned) < 0 ? jp_oom(err) : 0;
}

static int add_authorization(const struct jp_transfer *t, const struct jp_transfer_request *request,
                             const struct hop *hop, struct jp_strv *headers, struct jp_error *err)
{
    JP_AUTO_FREE char *found = NULL;
    JP_AUTO(jp_url) first = JP_URL_INIT;
    const char *value = NULL;
    if (jp_url_parse(request->url, &first, err) < 0)
        return -1;
    if (request->authorization && jp_url_is_same_origin(&first, &hop->url))
        value = request->authorization;
    if (!value && t->settings.authorize) {
        if (t->settings.authorize(t->settings.authorize_context, &hop->url, &found, err) < 0)
            return -1;
        value = found;
    }
    return value ? add_header(headers, jp_format("Authorization: %s", value), err) : 0;
}

static int add_headers(const struct jp_transfer *t, const struct jp_transfer_request *request,
                       const struct hop *hop, struct jp_strv *headers, struct jp_error *err)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (jp_strv_add(headers, request->headers[i]) < 0)
            return jp_oom(err);
    }
    if (request->etag &&
        add_header(headers, jp_format("If-None-Match: %s", request->etag), err) < 0)
        return -1;
    if (request->offset > 0 &&
        (add_header(headers, jp_format("Range: bytes=%llu-", (unsigned long long)request->offset),
                    err) < 0 ||
         add_header(headers, jp_format("If-Range: %s", request->if_range), err) < 0))
        return -1;
    if (add_authorization(t, request, hop, headers, err) < 0)
        return -1;
    for (size_t i = 0; i < headers->count; i++) {
        if (strpbrk(headers->items[i], "\r\n"))
            return jp_fail(err, JP_EINVALID, 0, "a header with a line break");
    }
    return 0;
}

/* Sends the request; *ret_body gets the reading end of the pipe where a body may come. */
static int ask(struct jp_transfer *t, const struct jp_transfer_request *request,
               const struct hop *hop, bool wants_metas, int *ret_body, struct jp_error *err)
{
    const struct jp_transfer_limits *own = &request->limits;
    const struct jp_transfer_limits *all = &t->settings.limits;
    int pipes[2] = {-1, -1};
    int fds[2];
    size_t n_fds = 0;
    struct jp_wire_request wire = {
        .method = (uint8_t)hop->method,
        .url = hop->url.text,
        .proxy =
            (char *)(uintptr_t)jp_proxy_for(&hop->url, t->settings.proxy, t->settings.no_proxy),
        .allows_http = !hop->url.is_https,
        .refuses_inner = hop->is_public && !t->settings.allows_private,
        .has_body = !wants_metas && hop->method != JP_HTTP_HEAD,
        .has_input = hop->has_input,
        .wants_metas = wants_metas,
        .continues = request->continues && request->offset == 0 && hop->method == JP_HTTP_GET,
        .input_bytes = request->input_bytes,
        .max_bytes = wants_metas ? PAGE_BYTES : pick(own->bytes, all->bytes),
        .max_seconds = (uint32_t)pick(own->seconds, all->seconds),
        .connect_seconds = (uint32_t)pick(own->connect_seconds, all->connect_seconds),
        .low_bytes = (uint32_t)pick(own->low_bytes, all->low_bytes),
        .low_seconds = (uint32_t)pick(own->low_seconds, all->low_seconds),
    };
    JP_AUTO(jp_strv) headers = JP_STRV_INIT;
    if (add_headers(t, request, hop, &headers, err) < 0)
        return -1;
    wire.headers = headers;
    if (wire.has_body && pipe2(pipes, O_CLOEXEC) < 0)
        return jp_fail_sys(err, "make a pipe");
    JP_AUTO_FD int reading = pipes[0];
    JP_AUTO_FD int writing = pipes[1];
    if (wire.has_body)
        fds[n_fds++] = writing;
    if (wire.has_input)
        fds[n_fds++] = request->input_fd;
    if (start(t, err) < 0)
        return -1;
    t->is_busy = true; /* also when it is gone already */
    if (jp_wire_send_request(t->socket, &wire, fds, n_fds, err) < 0)
        return -1;
    *ret_body = jp_fd_take(&reading);
    return 0;
}

/* Events until the end of the exchange; what the end says goes to *end (JP_OK in it or not). */
static int hear_end(struct jp_transfer *t, struct jp_wire_event *end, struct jp_error *err)
{
    do {
        jp_wire_event_clear(end);
        if (hear(t, end, err) < 0)
            return -1;
    } while (end->kind != JP_WIRE_END);
    t->is_busy = false;
    return end->code == JP_OK ? 0 : jp_fail(err, (enum jp_code)end->code, 0, "%s", end->text);
}

/* Events until the head; an exchange that ends without one has failed. */
static int hear_head(struct jp_transfer *t, const struct jp_transfer_request *request,
                     struct jp_wire_event *head, struct jp_error *err)
{
    for (;;) {
        jp_wire_event_clear(head);
        if (hear(t, head, err) < 0)
            return -1;
        if (head->kind == JP_WIRE_HEAD)
            return 0;
        if (head->kind == JP_WIRE_PROGRESS) {
            if (request->sent)
                request->sent(request->sent_context, head->done, request->input_bytes);
            continue;
        }
        t->is_busy = false;
        if (head->code == JP_OK)
            return jp_fail(err, JP_ECORRUPT, 0, "jetpack-fetch gave no answer");
        return jp_fail(err, (enum jp_code)head->code, 0, "%s", head->text);
    }
}

static const char *method_name(enum jp_http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "POST", "PATCH"};
    return names[method];
}

/* ---- redirects ------------------------------------------------------------------------------- */

static bool is_redirect(uint32_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* RFC 9110, 15.4: 303, and by custom 301 and 302 to POST, are followed by GET. */
static int follow(const struct jp_transfer_request *request, const struct jp_wire_event *head,
                  struct hop *hop, struct jp_error *err)
{
    JP_AUTO(jp_url) next = JP_URL_INIT;
    bool is_same_method = head->status == 307 || head->status == 308 ||
                          hop->method == JP_HTTP_GET || hop->method == JP_HTTP_HEAD;
    if (!is_same_method && head->status != 303 && hop->method != JP_HTTP_POST)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "%s is redirected by %u", method_name(hop->method),
                       head->status);
    if (is_same_method && hop->has_input && lseek(request->input_fd, 0, SEEK_CUR) < 0)
        return jp_fail(err, JP_EUNSUPPORTED, 0, "a body that was a pipe cannot be sent again");
    if (jp_url_parse(head->redirect, &next, err) < 0)
        return jp_wrap(err, "redirected");
    if (!is_same_method) {
        hop->method = JP_HTTP_GET;
        hop->has_input = false;
    }
    hop->is_typed = hop->is_typed && !hop->url.is_https;
    hop->is_public |= !head->is_inner;
    jp_url_clear(&hop->url);
    hop->url = next;
    next = (struct jp_url)JP_URL_INIT;
    return 0;
}

/* One request and the head of its answer; 1 when it leads elsewhere, and *hop says where. */
static int step(struct jp_transfer *t, const struct jp_transfer_request *request, struct hop *hop,
                bool wants_metas, struct jp_wire_event *head, int *body, struct jp_error *err)
{
    JP_AUTO(jp_wire_event) end = JP_WIRE_EVENT_INIT;
    jp_fd_close(body);
    if (permit(t, &hop->url, hop->is_typed, err) < 0 ||
        ask(t, request, hop, wants_metas, body, err) < 0 || hear_head(t, request, head, err) < 0)
        return -1;
    if (!is_redirect(head->status) || !head->redirect || request->keeps_redirect) {
        hop->is_public |= !head->is_inner;
        return 0;
    }
    if (hear_end(t, &end, err) < 0 || follow(request, head, hop, err) < 0)
        return -1;
    return 1;
}

static int walk(struct jp_transfer *t, const struct jp_transfer_request *request, struct hop *hop,
                bool wants_metas, struct jp_wire_event *head, int *body, struct jp_error *err)
{
    for (int i = 0; i <= MAX_REDIRECTS; i++) {
        int r = step(t, request, hop, wants_metas, head, body, err);
        if (r <= 0)
            return r < 0 ? jp_wrap(err, "%s '%.300s'", method_name(hop->method), hop->url.text) : 0;
    }
    return jp_fail(err, JP_ELIMIT, 0, "%s '%.300s': more than %d redirects",
                   method_name(request->method), request->url, MAX_REDIRECTS);
}

/* ---- exchanges ------------------------------------------------------------------------------- */

/* What a page's end, or the end of an answer that is no good one, brings. */
static int take_end(struct jp_transfer *t, struct jp_strv *metas, struct jp_transfer_response *ret,
                    struct jp_error *err)
{
    JP_AUTO(jp_wire_event) end = JP_WIRE_EVENT_INIT;
    if (hear_end(t, &end, err) < 0)
        return jp_wrap(err, "'%.300s'", ret->url);
    if (end.note_len > 0) {
        ret->note = jp_memdup0(end.note, end.note_len);
        if (!ret->note)
            return jp_oom(err);
    }
    if (metas) {
        *metas = end.metas;
        end.metas = (struct jp_strv)JP_STRV_INIT;
    }
    return 0;
}

static int exchange(struct jp_transfer *t, const struct jp_transfer_request *request,
                    struct jp_strv *metas, struct jp_transfer_response *ret, struct jp_error *err)
{
    JP_AUTO(jp_wire_event) head = JP_WIRE_EVENT_INIT;
    JP_AUTO_FD int body = -1;
    struct hop hop = {
        .url = JP_URL_INIT,
        .method = request->method,
        .is_typed = request->is_typed,
        .is_public = request->is_from_public,
        .has_input = request->input_fd >= 0,
    };
    int r = jp_url_parse(request->url, &hop.url, err);
    if (r == 0)
        r = walk(t, request, &hop, metas != NULL, &head, &body, err);
    if (r == 0) {
        ret->url = jp_take(&hop.url.text);
        ret->status = head.status;
        ret->length = head.length;
        ret->is_public = hop.is_public;
        ret->headers = head.headers;
        head.headers = (struct jp_strv)JP_STRV_INIT;
    }
    jp_url_clear(&hop.url);
    if (r < 0)
        return -1;
    bool has_body = ret->status / 100 == 2 && body >= 0;
    if (!has_body)
        return take_end(t, metas, ret, err);
    ret->body_fd = jp_fd_take(&body);
    return 0;
}

int jp_transfer_begin(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                      struct jp_transfer_response *ret, struct jp_error *err)
{
    return exchange(transfer, request, NULL, ret, err);
}

int jp_transfer_metas(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                      struct jp_strv *ret_metas, struct jp_transfer_response *ret,
                      struct jp_error *err)
{
    return exchange(transfer, request, ret_metas, ret, err);
}

/* Is there something in the pipe that was not read? */
static bool has_more(const struct jp_transfer_response *response)
{
    struct pollfd body = {.fd = response->body_fd, .events = POLLIN};
    char byte;
    return poll(&body, 1, 0) > 0 && (body.revents & POLLIN) &&
           read(response->body_fd, &byte, 1) != 0;
}

bool jp_transfer_has_failed(struct jp_transfer *transfer, struct jp_transfer_response *response,
                            struct jp_error *err)
{
    struct pollfd body = {.fd = response->body_fd, .events = POLLIN};
    bool is_over = poll(&body, 1, 0) > 0 && !has_more(response);
    return is_over && jp_transfer_end(transfer, response, err) < 0;
}

int jp_transfer_end(struct jp_transfer *transfer, struct jp_transfer_response *response,
                    struct jp_error *err)
{
    JP_AUTO(jp_wire_event) end = JP_WIRE_EVENT_INIT;
    struct pollfd body = {.fd = response->body_fd, .events = POLLIN};
    char byte;
    bool has_more =
        poll(&body, 1, 0) > 0 && (body.revents & POLLIN) && read(response->body_fd, &byte, 1) != 0;
    jp_fd_close(&response->body_fd);
    if (has_more) {
        stop(transfer);
        return jp_fail(err, JP_EINVALID, 0, "'%.300s' was not read to its end", response->url);
    }
    return hear_end(transfer, &end, err) < 0 ? jp_wrap(err, "'%.300s'", response->url) : 0;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* As read(2), but looks at `cancel` meanwhile. */
static ssize_t read_some(struct jp_transfer *t, int fd, char *bytes, size_t len,
                         struct jp_error *err)
{
    const volatile sig_atomic_t *cancel = t->settings.cancel;
    for (;;) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (cancel && *cancel)
            return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
        if (poll(&waiting, 1, TICK_MS) <= 0)
            continue;
        ssize_t n = read(fd, bytes, len);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return jp_fail_sys(err, "read what jetpack-fetch brings");
    }
}

int jp_transfer_copy(struct jp_transfer *transfer, struct jp_transfer_response *response,
                     int out_fd, void (*progress)(void *context, uint64_t done, uint64_t total),
                     void *context, struct jp_error *err)
{
    uint64_t done = 0;
    uint64_t total = response->length > 0 ? (uint64_t)response->length : 0;
    JP_AUTO_FREE char *bytes = jp_alloc(COPY_BYTES);
    if (!bytes)
        return jp_oom(err);
    for (;;) {
        ssize_t n = read_some(transfer, response->body_fd, bytes, COPY_BYTES, err);
        if (n < 0 || (n > 0 && jp_fd_write_all(out_fd, bytes, (size_t)n, "download", err) < 0))
            return -1;
        if (n == 0)
            return jp_transfer_end(transfer, response, err);
        done += (uint64_t)n;
        if (progress)
            progress(context, done, total);
    }
}

int jp_transfer_get(struct jp_transfer *transfer, const struct jp_transfer_request *request,
                    size_t max, struct jp_buf *out, struct jp_transfer_response *ret,
                    struct jp_error *err)
{
    char bytes[16384];
    struct jp_transfer_request limited = *request;
    if (limited.limits.bytes == 0 || limited.limits.bytes > max)
        limited.limits.bytes = max;
    if (jp_transfer_begin(transfer, &limited, ret, err) < 0)
        return -1;
    size_t left = max;
    while (ret->body_fd >= 0) {
        ssize_t n = read_some(transfer, ret->body_fd, bytes, sizeof(bytes), err);
        if (n < 0)
            return -1;
        if (n == 0)
            return jp_transfer_end(transfer, ret, err);
        if ((size_t)n > left)
            return jp_fail(err, JP_ELIMIT, 0, "'%.300s' is larger than %zu bytes", ret->url, max);
        left -= (size_t)n;
        jp_buf_add(out, bytes, (size_t)n);
        if (jp_buf_failed(out))
            return jp_oom(err);
    }
    return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

void jp_transfer_response_clear(struct jp_transfer_response *response)
{
    free(response->url);
    free(response->note);
    jp_strv_clear(&response->headers);
    jp_fd_close(&response->body_fd);
    *response = (struct jp_transfer_response)JP_TRANSFER_RESPONSE_INIT;
}

const char *jp_transfer_header(const struct jp_transfer_response *response, const char *name)
{
    return jp_header_value(&response->headers, name);
}

int jp_transfer_fail_status(const struct jp_transfer_response *response, struct jp_error *err)
{
    static const struct {
        uint32_t status;
        enum jp_code code;
        const char *text;
    } known[] = {
        {304, JP_EINVALID, "Not Modified"},
        {400, JP_EINVALID, "Bad Request"},
        {401, JP_EUNTRUSTED, "Unauthorized: a password or token is needed (fetch.credentials)"},
        {403, JP_EUNTRUSTED, "Forbidden"},
        {404, JP_ENOTFOUND, "Not Found"},
        {410, JP_ENOTFOUND, "Gone"},
        {416, JP_EINVALID, "Range Not Satisfiable"},
        {429, JP_EBUSY, "Too Many Requests"},
        {500, JP_ESYS, "Internal Server Error"},
        {502, JP_ESYS, "Bad Gateway"},
        {503, JP_EBUSY, "Service Unavailable"},
    };
    for (size_t i = 0; i < JP_LEN(known); i++) {
        if (known[i].status == response->status)
            return jp_fail(err, known[i].code, 0, "'%.300s': %u %s", response->url,
                           response->status, known[i].text);
    }
    return jp_fail(err, JP_ESYS, 0, "'%.300s': answered with status %u", response->url,
                   response->status);
}
