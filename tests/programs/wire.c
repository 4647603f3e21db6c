/*
 * Both ends of connections, static, for the tests of published ports: in pods and outside.
 *
 * wire tcp PORT: serves, answers each piece with "ADDRESS: PIECE", the end with "bye"
 *
 * wire udp PORT: the same for datagrams, without an end
 *
 * wire ask tcp|udp ADDRESS PORT TEXT: sends TEXT (and over TCP the end), writes what comes back;
 * from port $WIRE_FROM if that is set; if WIRE_KEEP is, it sends no end and the first piece is all
 *
 * wire many ADDRESS PORT N: N connections, a thousand at once, which is more than one client is
 * given and less than is refused: each sends a byte and its end and waits for the other's end;
 * writes how many were answered
 *
 * wire hold ADDRESS PORT N: opens N connections, writes "held", keeps them until it is killed
 */
#include <sys/epoll.h>
#include <sys/resource.h>
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
#include <unistd.h>

#include "where.h"

#define PATIENCE_MS 60000
#define AT_ONCE     1000

static char bytes[65536];

static void fail(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

static socklen_t parse(const char *text, const char *port, union where *ret)
{
    socklen_t len = where_parse(text, port, ret);
    if (len == 0)
        fail(text);
    return len;
}

/* Of either family on one socket: IPv4 is written as such. */
static const char *name_of(const union where *address)
{
    static char text[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text));
    else if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
        inet_ntop(AF_INET, address->v6.sin6_addr.s6_addr + 12, text, sizeof(text));
    else
        inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof(text));
    return text;
}

static int serve_at(const char *port, int type)
{
    union where here;
    const int on = 1;
    socklen_t len = parse("::", port, &here);
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);
    if (fd < 0) { /* no IPv6 here */
        len = parse("0.0.0.0", port, &here);
        fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &here.any, len) < 0 || (type == SOCK_STREAM && listen(fd, 4096) < 0))
        fail("bind");
    return fd;
}

static void answer(int fd)
{
    union where peer;
    socklen_t len = sizeof(peer);
    char text[sizeof(bytes) + 64];
    ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0 && getpeername(fd, &peer.any, &len) == 0) {
        bytes[n] = '\0';
        int size = snprintf(text, sizeof(text), "%s: %s\n", name_of(&peer), bytes);
        if (write(fd, text, (size_t)size) == size)
            return;
    }
    if (n == 0)
        (void)!write(fd, "bye\n", 4);
    close(fd);
}

static void allow_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void serve_tcp(const char *port)
{
    allow_files();
    int listening = serve_at(port, SOCK_STREAM);
    int queue = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(queue, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        if (epoll_wait(queue, &event, 1, -1) != 1)
            continue;
        if (event.data.fd != listening) {
            answer(event.data.fd);
            continue;
        }
        struct epoll_event new = {.events = EPOLLIN,
                                  .data.fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)};
        if (new.data.fd >= 0)
            epoll_ctl(queue, EPOLL_CTL_ADD, new.data.fd, &new);
    }
}

static void serve_udp(const char *port)
{
    int fd = serve_at(port, SOCK_DGRAM);
    char text[sizeof(bytes) + 64];
    for (;;) {
        union where peer;
        socklen_t len = sizeof(peer);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, -1);
        ssize_t n = recvfrom(fd, bytes, sizeof(bytes) - 1, 0, &peer.any, &len);
        if (n < 0)
            continue;
        bytes[n] = '\0';
        int size = snprintf(text, sizeof(text), "%s: %s\n", name_of(&peer), bytes);
        (void)sendto(fd, text, (size_t)size, 0, &peer.any, len);
    }
}

static void bind_from(int fd, sa_family_t family, const char *port)
{
    union where here;
    const int on = 1;
    socklen_t len = parse(family == AF_INET6 ? "::" : "0.0.0.0", port, &here);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &here.any, len) < 0)
        fail("bind");
}

static int ask(const char *protocol, const char *address, const char *port, const char *text)
{
    union where there;
    socklen_t len = parse(address, port, &there);
    int is_tcp = strcmp(protocol, "tcp") == 0;
    int ends = is_tcp && !getenv("WIRE_KEEP");
    int fd = socket(there.any.sa_family, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (getenv("WIRE_FROM"))
        bind_from(fd, there.any.sa_family, getenv("WIRE_FROM"));
    if (connect(fd, &there.any, len) < 0)
        fail("connect");
    if (write(fd, text, strlen(text)) < 0)
        fail("send");
    if (ends)
        (void)shutdown(fd, SHUT_WR); /* a connection that was reset meanwhile: read(2) tells that */
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, PATIENCE_MS) != 1) {
            errno = ETIMEDOUT;
            fail("wait");
        }
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n < 0)
            fail("receive");
        if (n == 0)
            return 0;
        if (write(1, bytes, (size_t)n) < 0 || !ends)
            return 0;
    }
}

static int dial(const union where *there, socklen_t len)
{
    int fd = socket(there->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, &there->any, len) < 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static int many(const char *address, const char *port, int wanted)
{
    union where there;
    socklen_t len = parse(address, port, &there);
    int queue = epoll_create1(0), begun = 0, open = 0, answered = 0;
    allow_files();
    while (begun < wanted || open > 0) {
        int fd = begun < wanted && open < AT_ONCE ? dial(&there, len) : -1;
        if (fd >= 0) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
            epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
            begun++;
            open++;
        }
        struct epoll_event event;
        int n = epoll_wait(queue, &event, 1, fd >= 0 ? 0 : PATIENCE_MS);
        if (n == 0 && fd < 0)
            break;
        if (n != 1)
            continue;
        fd = event.data.fd;
        if (event.events == EPOLLOUT) { /* connected: the only time that nothing can be read */
            (void)!write(fd, "x", 1);
            shutdown(fd, SHUT_WR);
            continue;
        }
        ssize_t got = 1, last = 0;
        while ((got = read(fd, bytes, sizeof(bytes))) > 0)
            last = got >= 4 && memcmp(bytes + got - 4, "bye\n", 4) == 0;
        if (last)
            answered++;
        if (got < 0 && errno == EAGAIN && !last && !(event.events & (EPOLLHUP | EPOLLERR)))
            continue;
        close(fd);
        open--;
    }
    printf("%d\n", answered);
    return 0;
}

static void hold(const char *address, const char *port, int wanted)
{
    union where there;
    socklen_t len = parse(address, port, &there);
    allow_files();
    for (int i = 0; i < wanted; i++) {
        int fd = socket(there.any.sa_family, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, &there.any, len) < 0)
            fail("connect");
    }
    (void)!write(1, "held\n", 5);
    for (;;)
        (void)pause();
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "tcp") == 0)
        serve_tcp(argv[2]);
    if (argc == 3 && strcmp(argv[1], "udp") == 0)
        serve_udp(argv[2]);
    if (argc == 6 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 5 && strcmp(argv[1], "many") == 0)
        return many(argv[2], argv[3], atoi(argv[4]));
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        hold(argv[2], argv[3], atoi(argv[4]));
    fprintf(stderr, "wire: bad arguments\n");
    return 2;
}
