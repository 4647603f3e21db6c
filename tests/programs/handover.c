/*
 * A service manager for tests: binds sockets and hands them to a command, as sd_listen_fds(3) says.
 *
 *   handover PROTOCOL ADDRESS PORT [PROTOCOL ADDRESS PORT...] -- COMMAND...
 *
 * PROTOCOL is tcp or udp. The address :: takes both families, as systemd's sockets do.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int give_up(const char *what)
{
    perror(what);
    return 126;
}

static int open_one(const char *protocol, const char *address, int port)
{
    int off = 0, on = 1;
    int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
    int is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
        return -1;
    int fd = socket(is_v4 ? AF_INET : AF_INET6, type, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!is_v4)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    int r = is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
                  : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
    if (r < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0))
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    int count = 0, at = 1;
    char number[16];
    for (; at + 2 < argc && strcmp(argv[at], "--") != 0; at += 3, count++) {
        int fd = open_one(argv[at], argv[at + 1], atoi(argv[at + 2]));
        if (fd < 0)
            return give_up(argv[at + 1]);
        if (fd != 3 + count && dup2(fd, 3 + count) < 0)
            return give_up("dup2");
    }
    if (at + 1 >= argc)
        return 2;
    (void)snprintf(number, sizeof(number), "%d", count);
    (void)setenv("LISTEN_FDS", number, 1);
    (void)snprintf(number, sizeof(number), "%ld", (long)getpid());
    (void)setenv("LISTEN_PID", number, 1);
    (void)execvp(argv[at + 1], argv + at + 1);
    return give_up(argv[at + 1]);
}
