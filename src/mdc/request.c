#include "mdc/request.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/time.h"
#include "sys/fd.h"

#define MAX_HEADERS 65536
#define SCHEME      "http://"
#define HTTP        80

struct place {
    struct sockaddr_in address;
    char host[64];
    const char *path; /* in the URL */
};

static int parse_url(const char *url, struct place *ret, struct jp_error *err)
{
    char address[sizeof(ret->host)];
    uint64_t port = HTTP;
    size_t len = strncmp(url, SCHEME, strlen(SCHEME)) == 0 ? strcspn(url + strlen(SCHEME), "/") : 0;
    if (len == 0 || len >= sizeof(ret->host))
        return jp_fail(err, JP_EINVALID, 0, "the URL of the metadata service is none");
    memcpy(ret->host, url + strlen(SCHEME), len);
    ret->host[len] = '\0';
    ret->path = url + strlen(SCHEME) + len;
    memcpy(address, ret->host, len + 1);
    char *colon = strchr(address, ':');
    if (colon)
        *colon = '\0';
    if (colon && !jp_parse_u64(colon + 1, 10, 1, UINT16_MAX, &port))
        return jp_fail(err, JP_EINVALID, 0, "the URL of the metadata service has a bad port");
    ret->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &ret->address.sin_addr) != 1)
        return jp_fail(err, JP_EINVALID, 0, "the URL of the metadata service has no IPv4 address");
    return 0;
}

static int connect_to(const struct place *place, struct jp_error *err)
{
    struct timeval limit = {.tv_sec = JP_MDC_TIMEOUT_MS / 1000};
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return jp_fail_sys(err, "make a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) < 0)
        return jp_fail_sys(err, "connect to the metadata service at %s", place->host);
    return jp_fd_take(&fd);
}

static int send_request(int fd, const struct place *place, const char *path, struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    jp_buf_printf(&text,
                  "GET %s%s HTTP/1.1\r\nHost: %s\r\nMetadata-Flavor: AppContainer\r\n"
                  "Connection: close\r\n\r\n",
                  place->path, path, place->host);
    if (jp_buf_failed(&text))
        return jp_oom(err);
    for (size_t at = 0; at < text.len;) {
        ssize_t n = send(fd, text.data + at, text.len - at, MSG_NOSIGNAL);
        if (n < 0)
            return jp_fail_sys(err, "ask the metadata service");
        at += (size_t)n;
    }
    return 0;
}

static int receive(int fd, struct jp_buf *ret, struct jp_error *err)
{
    char bytes[16384];
    int64_t end = jp_time_monotonic_ms() + JP_MDC_TIMEOUT_MS;
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return jp_fail_sys(err, "hear the metadata service");
        jp_buf_add(ret, bytes, (size_t)n);
        if (jp_buf_failed(ret))
            return jp_oom(err);
        if (ret->len > JP_MDC_MAX_ANSWER || jp_time_monotonic_ms() > end)
            return jp_fail(err, JP_ELIMIT, 0, "the metadata service talks too long");
    }
}

/* "HTTP/1.1 200 OK", headers, an empty line, the body: sent whole, as its length says. */
static int parse_answer(struct jp_buf *answer, struct jp_buf *ret, struct jp_error *err)
{
    const char *text = jp_buf_text(answer);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length: ");
    char digits[24] = "";
    char status_text[4] = "";
    uint64_t status = 0;
    uint64_t len = 0;
    if (end && end - text < MAX_HEADERS && length && length < end) {
        length += strlen("\r\nContent-Length: ");
        size_t n = strcspn(length, "\r");
        if (n < sizeof(digits))
            memcpy(digits, length, n);
    }
    if (answer->len > 12)
        memcpy(status_text, text + 9, 3);
    if (strncmp(text, "HTTP/1.", 7) != 0 || !jp_parse_u64(status_text, 10, 100, 599, &status) ||
        !jp_parse_u64(digits, 10, 0, JP_MDC_MAX_ANSWER, &len) ||
        answer->len - (size_t)(end + 4 - text) != len)
        return jp_fail(err, JP_ECORRUPT, 0, "the metadata service sent no proper answer");
    jp_buf_add(ret, end + 4, (size_t)len);
    return jp_buf_failed(ret) ? jp_oom(err) : (int)status;
}

int jp_mdc_get(const char *url, const char *path, struct jp_buf *ret, struct jp_error *err)
{
    struct place place;
    JP_AUTO(jp_buf) answer = JP_BUF_INIT;
    if (parse_url(url, &place, err) < 0)
        return -1;
    JP_AUTO_FD int fd = connect_to(&place, err);
    if (fd < 0 || send_request(fd, &place, path, err) < 0 || receive(fd, &answer, err) < 0)
        return -1;
    return parse_answer(&answer, ret, err);
}
