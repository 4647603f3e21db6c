/*
 * HTTP by hand, static, for the tests of the metadata service, in pods and outside:
 *
 *   web ask ADDRESS PORT           sends standard input, writes what comes back until the end
 *   web many ADDRESS PORT N        sends standard input N times over one connection at a time, each
 *                                  after the answer to the one before; writes how many were "200"
 *   web trickle ADDRESS PORT       sends standard input, then a byte a second until the other side
 *                                  closes ("closed SECONDS", with the answer's first line) or two
 *                                  minutes have passed
 *   web burst ADDRESS PORT N       opens N connections as fast as they come, some hundred at a
 *                                  time, sends half a request on each; writes how many could be
 *                                  opened
 *   web together ADDRESS PORT N    opens N connections, sends standard input on each, and only then
 *                                  looks for answers; writes how many were "200"
 *   web hold ADDRESS PORT N        opens N connections, sends half a request on each, says
 * "holding" and waits web listen ADDRESS PORT        listens and waits
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in where;
static char request[1 << 20];
static size_t request_len;

static int open_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 ||
        (connect(fd, (struct sockaddr *)&where, sizeof(where)) < 0 && errno != EINPROGRESS)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int send_request(int fd)
{
    size_t at = 0;
    while (at < request_len) {
        ssize_t n = send(fd, request + at, request_len - at, MSG_NOSIGNAL);
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

static int ask(void)
{
    char bytes[65536];
    int fd = open_socket(0);
    if (fd < 0) {
        printf("no connection: %s\n", strerror(errno));
        return 1;
    }
    (void)send_request(fd);
    (void)shutdown(fd, SHUT_WR);
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0)
            break;
        fwrite(bytes, 1, (size_t)n, stdout);
    }
    close(fd);
    return 0;
}

/* Reads one answer with a Content-Length; its status, -1 at the end. */
static int read_answer(int fd)
{
    static char bytes[1 << 20];
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0);
        if (n <= 0)
            return -1;
        len += (size_t)n;
        bytes[len] = '\0';
        char *end = strstr(bytes, "\r\n\r\n");
        char *length = strcasestr(bytes, "\r\nContent-Length:");
        if (end && length && len >= (size_t)(end + 4 - bytes) + strtoul(length + 17, NULL, 10))
            return atoi(bytes + 9);
    }
}

static int many(long count)
{
    long good = 0;
    int fd = -1;
    for (long i = 0; i < count; i++) {
        if (fd < 0)
            fd = open_socket(0);
        if (fd < 0)
            break;
        if (send_request(fd) == 0 && read_answer(fd) == 200) {
            good++;
        } else {
            close(fd);
            fd = -1;
        }
    }
    printf("%ld\n", good);
    return good == count ? 0 : 1;
}

static int trickle(void)
{
    char bytes[4096];
    time_t begin = time(NULL);
    int fd = open_socket(0);
    if (fd < 0 || send_request(fd) < 0)
        return 1;
    while (time(NULL) - begin < 120) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 1000) > 0) {
            ssize_t n = recv(fd, bytes, sizeof(bytes) - 1, 0);
            bytes[n > 0 ? n : 0] = '\0';
            bytes[strcspn(bytes, "\r")] = '\0';
            printf("closed %ld %s\n", (long)(time(NULL) - begin), bytes);
            return 0;
        }
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
    }
    printf("still open\n");
    return 1;
}

#define AT_ONCE 400

static int burst(long count)
{
    static int fds[AT_ONCE];
    long opened = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        fds[i] = -1;
    for (long i = 0; i < count; i++) {
        int *fd = &fds[i % AT_ONCE];
        if (*fd >= 0) {
            struct linger hard = {.l_onoff = i % 2, .l_linger = 0}; /* some of them by reset */
            (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
            close(*fd);
        }
        *fd = open_socket(SOCK_NONBLOCK);
        if (*fd < 0)
            continue;
        opened++;
        (void)send(*fd, "GET / HTTP/1.1\r\nHo", 18, MSG_NOSIGNAL);
    }
    printf("%ld\n", opened);
    return 0;
}

#define TOGETHER 1000

static int together(long count)
{
    static int fds[TOGETHER];
    long good = 0;
    for (long i = 0; i < count && i < TOGETHER; i++) {
        fds[i] = open_socket(0);
        if (fds[i] >= 0)
            (void)send_request(fds[i]);
    }
    for (long i = 0; i < count && i < TOGETHER; i++) {
        good += fds[i] >= 0 && read_answer(fds[i]) == 200;
        close(fds[i]);
    }
    printf("%ld\n", good);
    return 0;
}

static int hold(long count)
{
    for (long i = 0; i < count; i++) {
        int fd = open_socket(0);
        if (fd >= 0)
            (void)send(fd, "GET / HTTP/1.1\r\nHo", 18, MSG_NOSIGNAL);
    }
    printf("holding\n");
    fflush(stdout);
    pause();
    return 0;
}

static int listen_there(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, 8) < 0) {
        printf("%s\n", strerror(errno));
        return 1;
    }
    printf("listening\n");
    fflush(stdout);
    pause();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4 || inet_pton(AF_INET, argv[2], &where.sin_addr) != 1)
        return 99;
    where.sin_family = AF_INET;
    where.sin_port = htons((unsigned short)atoi(argv[3]));
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(argv[1], "listen") == 0)
        return listen_there();
    if (strcmp(argv[1], "burst") == 0)
        return burst(atol(argv[4]));
    if (strcmp(argv[1], "hold") == 0)
        return hold(atol(argv[4]));
    request_len = fread(request, 1, sizeof(request), stdin);
    if (strcmp(argv[1], "many") == 0)
        return many(atol(argv[4]));
    if (strcmp(argv[1], "together") == 0)
        return together(atol(argv[4]));
    return strcmp(argv[1], "trickle") == 0 ? trickle() : ask();
}
