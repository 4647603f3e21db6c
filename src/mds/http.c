/* See http.h. */
#include "mds/http.h"

#include "config.h"

#include <sys/select.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "mds/answer.h"
#include "mds/door.h"
#include "plan/token.h"
#include "sys/fd.h"

#define MAX_TOKEN 1024 /* bytes; ours have 128 */
#define MAX_RUNS  16   /* rounds for one address while another may be waiting */

struct listener {
    struct jp_http *http;
    struct MHD_Daemon *daemon;
    int socket;     /* that listens */
    int epoll_fd;   /* -1: there is none, select(2) must do */
    bool is_due;    /* has something to do now */
    bool is_called; /* somebody wants to come in */
    char *host;     /* what the header Host must say: "172.23.0.1:1104" */
    char *address;  /* its address alone: requests of the host itself come from there */
};

/* An answer that was given before: the same body of the same registration. */
struct ready {
    const char *body; /* whose; compared, never read */
    uint64_t generation;
    struct MHD_Response *response;
};

#define N_READY   64
#define MAX_READY 16384 /* bytes of a body that is kept */

struct jp_http {
    const struct jp_service_settings *settings;
    struct jp_registry *registry;
    struct jp_access_log *log;
    struct listener listeners[JP_SERVICE_MAX_LISTENERS];
    size_t n_listeners;
    struct ready ready[N_READY];
    struct jp_door door;
    uint64_t answers;
};

/* A request in the making. */
struct request {
    char *body; /* a byte longer than what may be in it */
    size_t len;
    bool is_too_large;
};

/* ---- may it be here? ------------------------------------------------------------------------- */

/* What the headers say, from one walk over them. */
struct headers {
    const char *wanted_host;
    size_t hosts;        /* how many Host there are */
    bool is_foreign;     /* another Host, an Origin, a browser's cross-site request */
    bool is_chunked;     /* any Transfer-Encoding */
    bool has_bad_length; /* a Content-Length that is none, or two of them */
    size_t lengths;
    uint64_t length;
    bool is_form;
};

/* "application/x-www-form-urlencoded", parameters allowed. */
static bool is_form_type(const char *type)
{
    static const char form[] = "application/x-www-form-urlencoded";
    size_t len = sizeof(form) - 1;
    return strncasecmp(type, form, len) == 0 && (type[len] == '\0' || strchr("; \t", type[len]));
}

static enum MHD_Result look_at_header(void *context, JP_UNUSED enum MHD_ValueKind kind,
                                      const char *name, const char *value)
{
    struct headers *h = context;
    if (!value)
        value = "";
    if (strcasecmp(name, "Host") == 0) {
        h->hosts++;
        h->is_foreign = h->is_foreign || strcmp(value, h->wanted_host) != 0;
    } else if (strcasecmp(name, "Origin") == 0) {
        h->is_foreign = true;
    } else if (strcasecmp(name, "Sec-Fetch-Site") == 0) {
        h->is_foreign = h->is_foreign || strcmp(value, "none") != 0;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->is_chunked = true;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->lengths++;
        if (!jp_parse_u64(value, 10, 0, UINT64_MAX, &h->length) || h->lengths > 1)
            h->has_bad_length = true;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        h->is_form = is_form_type(value);
    }
    return MHD_YES;
}

/* "/~TOKEN/REST": the token and what follows it; false when it is not of that form. */
static bool split(const char *url, const char **ret_token, size_t *ret_len, const char **ret_rest)
{
    if (strncmp(url, "/~", 2) != 0)
        return false;
    *ret_token = url + 2;
    *ret_len = strcspn(url + 2, "/");
    *ret_rest = url + 2 + *ret_len;
    return *ret_len > 0 && *ret_len <= MAX_TOKEN;
}

static void peer_of(struct MHD_Connection *connection, char ret[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    ret[0] = '\0';
    if (address && address->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                        ret, INET6_ADDRSTRLEN);
    else if (address && address->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                        ret, INET6_ADDRSTRLEN);
}

/* Everything that is known of one call of libmicrohttpd. */
struct call {
    struct listener *listener;
    struct MHD_Connection *connection;
    const char *method;
    const char *token;
    size_t token_len;
    const char *path; /* after the token; NULL: the URL is not of that form */
    char peer[INET6_ADDRSTRLEN];
    struct headers headers;
    const struct jp_registration *pod;
    bool is_owner; /* `jetpack mds` */
};

static bool is_owner(const struct call *call)
{
    const struct jp_service_settings *settings = call->listener->http->settings;
    unsigned char digest[JP_MAC_SIZE];
    jp_token_digest(call->token, call->token_len, digest);
    return jp_token_equal(digest, sizeof(digest), settings->owner_digest,
                          settings->owner_digest_len) &&
           strcmp(call->peer, call->listener->address) == 0;
}

static void examine(struct call *call, const char *url)
{
    call->headers = (struct headers){.wanted_host = call->listener->host};
    peer_of(call->connection, call->peer);
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, look_at_header,
                                    &call->headers);
    if (!split(url, &call->token, &call->token_len, &call->path)) {
        call->path = NULL;
        return;
    }
    bool is_here = call->headers.hosts == 1 && !call->headers.is_foreign;
    if (!is_here)
        return;
    call->pod =
        jp_registry_find(call->listener->http->registry, call->token, call->token_len, call->peer);
    call->is_owner = !call->pod && is_owner(call);
}

/* ---- sending --------------------------------------------------------------------------------- */

static struct MHD_Response *make_response(const struct jp_answer *answer, bool is_last)
{
    static const char *const always[][2] = {
        {"Cache-Control", "no-store"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
    };
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->len, (void *)(uintptr_t)answer->body, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return NULL;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    for (size_t i = 0; i < JP_LEN(always); i++)
        (void)MHD_add_response_header(response, always[i][0], always[i][1]);
    if (answer->allow)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    if (is_last)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

/* What a registration holds is asked for again and again: the response is made once. */
static struct MHD_Response *recall(struct jp_http *http, const struct jp_answer *answer)
{
    struct ready *ready = &http->ready[(uintptr_t)answer->body / 16 % N_READY];
    uint64_t generation = jp_registry_generation(http->registry);
    if (ready->response && ready->body == answer->body && ready->generation == generation)
        return ready->response;
    if (ready->response)
        MHD_destroy_response(ready->response);
    *ready = (struct ready){answer->body, generation, make_response(answer, false)};
    return ready->response;
}

static void log_answer(const struct call *call, const struct jp_answer *answer, bool is_refused)
{
    struct jp_access_log_entry entry = {
        .address = call->peer,
        .uuid = call->pod        ? call->pod->uuid
                : call->is_owner ? "host"
                                 : NULL,
        .method = call->method,
        .path = is_refused ? NULL : call->path,
        .status = answer->status,
        .len = answer->len,
    };
    jp_access_log_add(call->listener->http->log, &entry);
}

static enum MHD_Result send_answer(const struct call *call, const struct jp_answer *answer)
{
    struct jp_http *http = call->listener->http;
    bool is_refused = !call->pod && !call->is_owner;
    bool is_kept = call->pod && answer->is_of_pod && answer->len <= MAX_READY;
    struct MHD_Response *response =
        is_kept ? recall(http, answer) : make_response(answer, is_refused);
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(call->connection, answer->status, response);
    if (!is_kept)
        MHD_destroy_response(response);
    http->answers++;
    log_answer(call, answer, is_refused);
    return result;
}

static enum MHD_Result send_status(const struct call *call, unsigned status)
{
    struct jp_answer answer = {.status = 0};
    jp_answer_status(status, &answer);
    return send_answer(call, &answer);
}

/* What the prototype's health check asked for, in its words. */
static enum MHD_Result send_info(const struct call *call)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    const char *port = strrchr(call->listener->host, ':');
    struct jp_answer answer = {.status = 200, .type = JP_ANSWER_JSON};
    jp_buf_printf(&text,
                  "{\"Pid\":%d,\"Uid\":%u,\"Gid\":%u,\"Port\":%s,\"Version\":\"%s\",\"IP\":\"%s\","
                  "\"Pods\":%zu}",
                  (int)getpid(), (unsigned)getuid(), (unsigned)getgid(), port ? port + 1 : "80",
                  JP_VERSION, call->listener->address,
                  jp_registry_count(call->listener->http->registry));
    answer.body = jp_buf_text(&text);
    answer.len = text.len;
    return send_answer(call, &answer);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct request *request_new(uint64_t len)
{
    struct request *request = jp_calloc(1, sizeof(*request));
    if (request && !(request->body = jp_alloc((size_t)len + 1))) {
        free(request);
        return NULL;
    }
    return request;
}

/* Before its body: 0 it may send it, else the status that ends it here. */
static unsigned refuse_post(const struct call *call)
{
    const struct headers *h = &call->headers;
    if (!jp_answer_takes_posts(call->path))
        return 0; /* 404 or 405, by the table; its body is not read */
    if (h->is_chunked || h->lengths == 0)
        return 411;
    if (h->has_bad_length)
        return 400;
    if (h->length > JP_HTTP_MAX_BODY)
        return 413;
    return h->is_form ? 0 : 415;
}

static enum MHD_Result answer_call(const struct call *call, bool is_post, struct request *request)
{
    const struct jp_service_settings *settings = call->listener->http->settings;
    struct jp_question question = {.path = call->path,
                                   .is_post = is_post,
                                   .is_form = call->headers.is_form,
                                   .body = request ? request->body : NULL,
                                   .body_len = request ? request->len : 0};
    struct jp_answer answer;
    jp_answer(call->pod, (struct jp_token_key){settings->key, settings->key_len}, &question,
              &answer);
    enum MHD_Result result = send_answer(call, &answer);
    explicit_bzero(answer.text, sizeof(answer.text));
    return result;
}

static enum MHD_Result begin(const struct call *call, void **state)
{
    bool is_post = strcmp(call->method, MHD_HTTP_METHOD_POST) == 0;
    bool is_get = strcmp(call->method, MHD_HTTP_METHOD_GET) == 0 ||
                  strcmp(call->method, MHD_HTTP_METHOD_HEAD) == 0;
    if (call->is_owner)
        return strcmp(call->path, "/_info") == 0 && is_get ? send_info(call)
                                                           : send_status(call, 404);
    if (!call->pod)
        return send_status(call, 403);
    if (!is_post && !is_get) {
        struct jp_answer answer = {.allow = "GET, HEAD, POST"};
        jp_answer_status(405, &answer);
        return send_answer(call, &answer);
    }
    if (is_get || !jp_answer_takes_posts(call->path))
        return answer_call(call, is_post, NULL);
    unsigned status = refuse_post(call);
    if (status != 0)
        return send_status(call, status);
    *state = request_new(call->headers.length);
    return *state ? MHD_YES : MHD_NO;
}

/* The state of a request without a body, which is answered at its end: one that is answered at its
 * beginning cannot be followed by another on the same connection. */
static char without_body;

static bool has_body(struct MHD_Connection *connection)
{
    static const char *const names[] = {MHD_HTTP_HEADER_CONTENT_LENGTH,
                                        MHD_HTTP_HEADER_TRANSFER_ENCODING};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, names[i]))
            return true;
    }
    return false;
}

/* The handler of libmicrohttpd: once when the headers are there, for each part of a body, once at
 * the end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, JP_UNUSED const char *version, const char *data,
                              size_t *data_len, void **state)
{
    struct listener *listener = context;
    struct request *request = *state == &without_body ? NULL : *state;
    struct call call = {.listener = listener, .connection = connection, .method = method};
    if (!*state && !has_body(connection)) {
        *state = &without_body;
        return MHD_YES;
    }
    if (request && *data_len > 0) {
        size_t room = JP_HTTP_MAX_BODY - request->len;
        request->is_too_large = request->is_too_large || *data_len > room;
        if (!request->is_too_large) {
            memcpy(request->body + request->len, data, *data_len);
            request->len += *data_len;
        }
        *data_len = 0;
        return MHD_YES;
    }
    examine(&call, url);
    if (!request)
        return begin(&call, state);
    /* The pod may have ended while it sent. */
    if (!call.pod)
        return send_status(&call, 403);
    return request->is_too_large ? send_status(&call, 413) : answer_call(&call, true, request);
}

static void on_completed(JP_UNUSED void *context, struct MHD_Connection *connection, void **state,
                         JP_UNUSED enum MHD_RequestTerminationCode code)
{
    struct request *request = *state == &without_body ? NULL : *state;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct jp_visit *visit = info ? info->socket_context : NULL;
    if (visit)
        visit->since_ms = jp_time_monotonic_ms();
    if (!request)
        return;
    free(request->body);
    free(request);
    *state = NULL;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct jp_door *door = &((struct listener *)context)->http->door;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = info ? jp_door_visit(door, info->connect_fd) : NULL;
    } else if (*socket_context) {
        jp_door_leave(door, *socket_context);
        *socket_context = NULL;
    }
}

/* libmicrohttpd closes what it cannot take. */
static void let_in(void *where, int fd, const union jp_address *client)
{
    struct listener *listener = where;
    (void)MHD_add_connection(listener->daemon, fd, &client->any, jp_address_len(client));
    listener->is_due = true;
}

/*
 * Everything that is ready is served in one round of the registry. MHD_run() is called nowhere
 * else: what is answered past this would be answered by an older round, for pods that died since.
 */
static enum MHD_Result run_once(struct jp_http *http, struct MHD_Daemon *daemon)
{
    jp_registry_round(http->registry);
    return MHD_run(daemon);
}

/* libmicrohttpd sees the end of the stream and closes. */
void jp_http_reap(struct jp_http *http)
{
    int64_t now = jp_time_monotonic_ms();
    for (int fd = 0; fd < JP_DOOR_MAX_FDS; fd++) {
        const struct jp_visit *visit = jp_door_visit(&http->door, fd);
        if (visit && now - visit->since_ms > JP_HTTP_REQUEST_MS)
            (void)shutdown(fd, SHUT_RDWR);
    }
    jp_door_expire(&http->door);
    for (size_t i = 0; i < http->n_listeners; i++)
        /* Its own time-outs, when others are busy. */
        (void)run_once(http, http->listeners[i].daemon);
}

bool jp_http_is_busy(const struct jp_http *http)
{
    return http->door.n_inside > 0 || http->door.guests.n_parked > 0;
}

/* A path is taken as it was sent: %00 and %2e%2e mean nothing here (row 56). */
static size_t keep_as_is(JP_UNUSED void *context, JP_UNUSED struct MHD_Connection *connection,
                         char *text)
{
    return strlen(text);
}

/* ---- the daemons ----------------------------------------------------------------------------- */

static int listen_on(struct jp_http *http, const char *where, int socket, struct jp_error *err)
{
    struct listener *l = &http->listeners[http->n_listeners];
    bool has_epoll = MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES;
    const char *port = strrchr(where, ':');
    l->http = http;
    l->socket = socket;
    l->epoll_fd = -1;
    /* A client leaves the port out of Host when it is HTTP's own. */
    l->address = port ? jp_memdup0(where, (size_t)(port - where)) : jp_strdup(where);
    l->host = port && strcmp(port, ":80") == 0 ? jp_strdup(l->address) : jp_strdup(where);
    if (!l->address || !l->host)
        return jp_oom(err);
    http->n_listeners++;
    l->daemon = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | (has_epoll ? MHD_USE_EPOLL : MHD_NO_FLAG), 0, NULL, NULL, handle,
        l, MHD_OPTION_CONNECTION_LIMIT, (unsigned)JP_DOOR_MAX_FDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)JP_HTTP_MAX_HEADERS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)JP_HTTP_IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_as_is, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_END);
    if (!l->daemon)
        return jp_fail_sys(err, "serve on %s", where);
    const union MHD_DaemonInfo *info =
        has_epoll ? MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    l->epoll_fd = info ? info->epoll_fd : -1;
    return 0;
}

int jp_http_new(const struct jp_service_settings *settings, const int *sockets,
                struct jp_registry *registry, struct jp_access_log *log, struct jp_http **ret,
                struct jp_error *err)
{
    struct jp_http *http = jp_calloc(1, sizeof(*http));
    if (!http)
        return jp_oom(err);
    http->settings = settings;
    http->registry = registry;
    http->log = log;
    http->door.let_in = let_in;
    if (jp_door_open(&http->door, err) < 0) {
        jp_http_free(http);
        return -1;
    }
    for (size_t i = 0; i < settings->listeners.count; i++) {
        if (listen_on(http, settings->listeners.items[i], sockets[i], err) < 0) {
            jp_http_free(http);
            return -1;
        }
    }
    *ret = http;
    return 0;
}

void jp_http_free(struct jp_http *http)
{
    if (!http)
        return;
    for (size_t i = 0; i < http->n_listeners; i++) {
        if (http->listeners[i].daemon)
            MHD_stop_daemon(http->listeners[i].daemon);
        jp_fd_close(&http->listeners[i].socket);
        free(http->listeners[i].host);
        free(http->listeners[i].address);
    }
    for (size_t i = 0; i < N_READY; i++) {
        if (http->ready[i].response)
            MHD_destroy_response(http->ready[i].response);
    }
    jp_door_close(&http->door);
    free(http);
}

/* Until something is to be done whether anybody says so or not. */
static int shorter(const struct jp_http *http, int timeout_ms)
{
    if (!jp_door_is_open(&http->door) && timeout_ms > JP_DOOR_PAUSE_MS)
        timeout_ms = JP_DOOR_PAUSE_MS;
    if (jp_door_can_admit(&http->door))
        return 0;
    for (size_t i = 0; i < http->n_listeners; i++) {
        MHD_UNSIGNED_LONG_LONG wanted = 0;
        if (MHD_get_timeout(http->listeners[i].daemon, &wanted) == MHD_YES &&
            wanted < (MHD_UNSIGNED_LONG_LONG)timeout_ms)
            timeout_ms = (int)wanted;
    }
    return timeout_ms;
}

static int wait_epoll(struct jp_http *http, int wake_fd, int timeout_ms)
{
    struct pollfd fds[2 * JP_SERVICE_MAX_LISTENERS + 1] = {{.fd = wake_fd, .events = POLLIN}};
    size_t count = http->n_listeners;
    bool is_open = jp_door_is_open(&http->door);
    for (size_t i = 0; i < count; i++) {
        fds[1 + i] = (struct pollfd){.fd = http->listeners[i].epoll_fd, .events = POLLIN};
        fds[1 + count + i] =
            (struct pollfd){.fd = is_open ? http->listeners[i].socket : -1, .events = POLLIN};
    }
    int n = poll(fds, (nfds_t)(2 * count + 1), timeout_ms);
    for (size_t i = 0; i < count; i++) {
        http->listeners[i].is_due = n <= 0 || fds[1 + i].revents != 0;
        http->listeners[i].is_called = n > 0 && fds[1 + count + i].revents != 0;
    }
    return n;
}

static int wait_select(struct jp_http *http, int wake_fd, int timeout_ms)
{
    static fd_set readers, writers, others;
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    bool is_open = jp_door_is_open(&http->door);
    int max = wake_fd;
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    FD_ZERO(&others);
    FD_SET(wake_fd, &readers);
    for (size_t i = 0; i < http->n_listeners; i++) {
        struct listener *l = &http->listeners[i];
        (void)MHD_get_fdset2(l->daemon, &readers, &writers, &others, &max, FD_SETSIZE);
        l->is_due = true;
        if (is_open) {
            FD_SET(l->socket, &readers);
            max = l->socket > max ? l->socket : max;
        }
    }
    int n = select(max + 1, &readers, &writers, &others, &timeout);
    for (size_t i = 0; i < http->n_listeners; i++)
        http->listeners[i].is_called = n > 0 && FD_ISSET(http->listeners[i].socket, &readers);
    return n;
}

/* As long as there is something to answer: looking at the other addresses costs calls. */
static enum MHD_Result run(struct jp_http *http, struct MHD_Daemon *daemon)
{
    enum MHD_Result result = MHD_NO;
    for (unsigned i = 0; i < MAX_RUNS; i++) {
        uint64_t before = http->answers;
        result = run_once(http, daemon);
        if (result != MHD_YES || http->answers == before)
            break;
    }
    return result;
}

int jp_http_serve(struct jp_http *http, int wake_fd, int timeout_ms, struct jp_error *err)
{
    int wait_ms = shorter(http, timeout_ms);
    int n = http->listeners[0].epoll_fd >= 0 ? wait_epoll(http, wake_fd, wait_ms)
                                             : wait_select(http, wake_fd, wait_ms);
    if (n < 0 && errno != EINTR)
        return jp_fail_sys(err, "wait for requests");
    jp_door_admit(&http->door);
    for (size_t i = 0; i < http->n_listeners; i++) {
        if (http->listeners[i].is_called)
            jp_door_accept(&http->door, http->listeners[i].socket, &http->listeners[i]);
    }
    for (size_t i = 0; i < http->n_listeners; i++) {
        if (http->listeners[i].is_due && run(http, http->listeners[i].daemon) != MHD_YES)
            return jp_fail(err, JP_ESYS, 0, "serve on %s", http->listeners[i].host);
    }
    jp_access_log_flush(http->log);
    return 0;
}
