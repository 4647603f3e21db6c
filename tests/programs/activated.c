/*
 * A program that is socket activated (sd_listen_fds(3)), static, for tests:
 *
 *   activated          serves what it found open, for ever: answers each piece of a connection and
 *                      each datagram with "PORT NAME PID: PIECE"
 *   activated once     serves one connection, then ends with status 3
 *   activated show     writes what it found, and any other descriptor but 0, 1 and 2
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST 3
#define MOST  300

static char names[MOST][64];
static int count;

static int number_of(const char *name)
{
    const char *text = getenv(name);
    return text ? atoi(text) : -1;
}

static void take_up(void)
{
    const char *at = getenv("LISTEN_FDNAMES");
    count = number_of("LISTEN_PID") == getpid() ? number_of("LISTEN_FDS") : 0;
    for (int i = 0; at && i < count && i < MOST; i++) {
        size_t len = strcspn(at, ":");
        snprintf(names[i], sizeof(names[i]), "%.*s", (int)len, at);
        at += len + (at[len] == ':');
    }
}

static int get(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);
    (void)getsockopt(fd, SOL_SOCKET, option, &value, &len);
    return value;
}

static int port_of(int fd)
{
    struct sockaddr_in6 address = {.sin6_port = 0};
    socklen_t len = sizeof(address);
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.sin6_port); /* at the same place in both families */
}

static int show(void)
{
    struct stat st;
    printf("%d\n", count);
    for (int fd = FIRST; fd < FIRST + MOST; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
            continue;
        int is_known = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && fd < FIRST + count;
        printf("%d %s %s %d%s%s\n", fd, is_known ? names[fd - FIRST] : "?",
               get(fd, SO_TYPE) == SOCK_DGRAM ? "udp"
               : get(fd, SO_ACCEPTCONN)       ? "tcp"
                                              : "?",
               port_of(fd), flags & O_NONBLOCK ? " nonblocking" : "",
               fcntl(fd, F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
    }
    return 0;
}

static void answer(int i, int fd, int is_stream)
{
    char piece[256], text[512];
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    for (;;) {
        ssize_t n = is_stream
                        ? read(fd, piece, sizeof(piece) - 1)
                        : recvfrom(fd, piece, sizeof(piece) - 1, 0, (struct sockaddr *)&peer, &len);
        if (n <= 0)
            return;
        piece[n] = '\0';
        int size = snprintf(text, sizeof(text), "%d %s %d: %s\n", port_of(FIRST + i), names[i],
                            (int)getpid(), piece);
        if (!is_stream) {
            (void)sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&peer, len);
            return;
        }
        if (write(fd, text, (size_t)size) != size)
            return;
    }
}

/* One after the other, as a test asks. */
static void serve(int is_once)
{
    struct pollfd watched[MOST];
    for (int i = 0; i < count; i++) {
        watched[i] = (struct pollfd){.fd = FIRST + i, .events = POLLIN};
        if (fcntl(FIRST + i, F_GETFL) & O_NONBLOCK)
            puts("nonblocking");
        (void)fcntl(FIRST + i, F_SETFL, O_NONBLOCK); /* left so: the next run must not find it */
    }
    for (;;) {
        (void)poll(watched, (nfds_t)count, -1);
        for (int i = 0; i < count; i++) {
            if (!(watched[i].revents & POLLIN))
                continue;
            if (get(FIRST + i, SO_TYPE) == SOCK_DGRAM) {
                answer(i, FIRST + i, 0);
                continue;
            }
            int fd = accept(FIRST + i, NULL, NULL);
            if (fd < 0)
                continue;
            (void)fcntl(fd, F_SETFL, 0);
            answer(i, fd, 1);
            close(fd);
            if (is_once)
                exit(3);
        }
    }
}

int main(int argc, char **argv)
{
    take_up();
    if (argc > 1 && strcmp(argv[1], "show") == 0)
        return show();
    if (count == 0) {
        fprintf(stderr, "activated: nothing was found open\n");
        return 1;
    }
    serve(argc > 1 && strcmp(argv[1], "once") == 0);
}
