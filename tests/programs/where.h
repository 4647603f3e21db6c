/* What the test programs are told: an address of either family and a port. */
#ifndef JP_TESTS_WHERE_H
#define JP_TESTS_WHERE_H

#include <sys/socket.h>

#include <netinet/in.h>

union where {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The length of what is in *ret then; 0 when `address` is none. */
socklen_t where_parse(const char *address, const char *port, union where *ret);

#endif
