/*
 * A service manager for tests: binds sockets and hands them to a command, as sd_listen_fds(3) says.
 *
 *   handover PROTOCOL ADDRESS PORT [PROTOCOL ADDRESS PORT...] -- COMMAND...
 *
 * PROTOCOL is tcp or udp. The address :: takes both families, as systemd's sockets do.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "where.h"

static int give_up(const char *what)
{
    perror(what);
    return 126;
}

static int open_one(const char *protocol, const char *address, const char *port)
{
    int off = 0, on = 1;
    int type = strcmp(protocol, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    union where here;
    socklen_t len = where_parse(address, port, &here);
    int fd = len == 0 ? -1 : socket(here.any.sa_family, type, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (here.any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &here.any, len) < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0))
        return -1;
    return fd;
}

int main(int argc, char **argv)
{
    int count = 0, at = 1;
    char number[16];
    for (; at + 2 < argc && strcmp(argv[at], "--") != 0; at += 3, count++) {
        int fd = open_one(argv[at], argv[at + 1], argv[at + 2]);
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
