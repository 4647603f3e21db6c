/*
 * What the tests of the network ask with, in pods and outside; static:
 *
 *   knock listen PROTOCOL ADDRESS PORT   answers everybody with the address they come from; writes
 *                                        "ready" first
 *   knock ask PROTOCOL ADDRESS PORT [N]  writes the answer, or why there is none: "refused",
 *                                        "unreachable", or "nothing" after N seconds (60)
 *   knock addresses                      DEVICE ADDRESS/PREFIX of this network namespace, sorted by
 *                                        the kernel
 *
 * PROTOCOL is tcp or udp; addresses are of either family. That of a group (udp) is heard, and
 * asked, on eth0: whoever hears it answers.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "where.h"

#define RETRY_MS 1000 /* a datagram may be lost while neighbours look for each other */

static union where where;
static socklen_t where_len;
static int type;
static int is_group;

static int die(const char *what)
{
    fprintf(stderr, "knock: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_where(const char *address, const char *port)
{
    where_len = where_parse(address, port, &where);
    if (where_len == 0)
        die(address);
    if (where.any.sa_family == AF_INET) {
        is_group = IN_MULTICAST(ntohl(where.v4.sin_addr.s_addr));
    } else {
        is_group = IN6_IS_ADDR_MULTICAST(&where.v6.sin6_addr);
        where.v6.sin6_scope_id = is_group ? if_nametoindex("eth0") : 0;
    }
}

/* The 4 or 16 bytes of an address that is aligned for its family. */
static const unsigned char *bytes_of(const struct sockaddr *address)
{
    const void *any = address;
    return address->sa_family == AF_INET
               ? (const unsigned char *)&((const struct sockaddr_in *)any)->sin_addr
               : (const unsigned char *)&((const struct sockaddr_in6 *)any)->sin6_addr;
}

static void print_address(const struct sockaddr *address, char out[64])
{
    if (!inet_ntop(address->sa_family, bytes_of(address), out, 64))
        die("inet_ntop");
}

static void answer(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    char text[64], question[64];
    if (type == SOCK_DGRAM) {
        if (recvfrom(fd, question, sizeof(question), 0, (struct sockaddr *)&peer, &len) < 0)
            return;
        print_address((struct sockaddr *)&peer, text);
        (void)sendto(fd, text, strlen(text), 0, (struct sockaddr *)&peer, len);
        return;
    }
    int client = accept(fd, (struct sockaddr *)&peer, &len);
    if (client < 0)
        return;
    print_address((struct sockaddr *)&peer, text);
    (void)!write(client, text, strlen(text));
    close(client);
}

static int join(int fd)
{
    struct group_req request = {.gr_interface = if_nametoindex("eth0")};
    int level = where.any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    memcpy(&request.gr_group, &where, where_len);
    return setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof(request));
}

static int serve(void)
{
    int on = 1;
    int fd = socket(where.any.sa_family, type, 0);
    if (fd < 0)
        return die("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &where.any, where_len) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0) ||
        (is_group && join(fd) < 0))
        return die("listen");
    puts("ready");
    fflush(stdout);
    for (;;)
        answer(fd);
}

static int tell(int error)
{
    puts(error == ECONNREFUSED                           ? "refused"
         : error == EHOSTUNREACH || error == ENETUNREACH ? "unreachable"
         : error == ETIMEDOUT                            ? "nothing"
                                                         : strerror(error));
    return 1;
}

static int ask(int seconds)
{
    int fd = socket(where.any.sa_family, type | SOCK_NONBLOCK, 0);
    char text[128];
    if (fd < 0)
        return die("socket");
    /* A group does not answer, one of those who hear it does. */
    if (!is_group && connect(fd, &where.any, where_len) < 0 && errno != EINPROGRESS)
        return tell(errno);
    for (int waited = 0; waited < seconds * 1000; waited += RETRY_MS) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (type == SOCK_DGRAM)
            (void)sendto(fd, "?", 1, 0, is_group ? &where.any : NULL, is_group ? where_len : 0);
        if (poll(&p, 1, RETRY_MS) == 0)
            continue;
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
        if (n < 0)
            return tell(errno);
        text[n] = '\0';
        puts(text);
        return 0;
    }
    return tell(ETIMEDOUT);
}

static int addresses(void)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) < 0)
        return die("getifaddrs");
    for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
        char text[64];
        if (!at->ifa_addr ||
            (at->ifa_addr->sa_family != AF_INET && at->ifa_addr->sa_family != AF_INET6))
            continue;
        print_address(at->ifa_addr, text);
        unsigned bits = 0;
        const unsigned char *mask = bytes_of(at->ifa_netmask);
        for (unsigned i = 0; i < (at->ifa_addr->sa_family == AF_INET ? 4U : 16U); i++)
            bits += (unsigned)__builtin_popcount(mask[i]);
        printf("%s %s/%u\n", at->ifa_name, text, bits);
    }
    freeifaddrs(list);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "addresses") == 0)
        return addresses();
    if (argc < 5)
        return 2;
    type = strcmp(argv[2], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    read_where(argv[3], argv[4]);
    if (strcmp(argv[1], "listen") == 0)
        return serve();
    return ask(argc > 5 ? atoi(argv[5]) : 60);
}
