#include "where.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

socklen_t where_parse(const char *address, const char *port, union where *ret)
{
    in_port_t number = htons((in_port_t)atoi(port));
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, address, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = number;
        return sizeof(ret->v4);
    }
    if (inet_pton(AF_INET6, address, &ret->v6.sin6_addr) != 1)
        return 0;
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = number;
    return sizeof(ret->v6);
}
