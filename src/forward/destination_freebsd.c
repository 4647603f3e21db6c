#include <string.h>

#include "forward/destination.h"

const int jp_destination_option = IP_RECVDSTADDR;
const int jp_destination_type = IP_RECVDSTADDR;
const int jp_destination_source = IP_SENDSRCADDR;

void jp_destination_read(const void *data, struct sockaddr_in *ret)
{
    ret->sin_family = AF_INET;
    memcpy(&ret->sin_addr, data, sizeof(ret->sin_addr));
}

size_t jp_destination_write(void *data, const struct sockaddr_in *from)
{
    memcpy(data, &from->sin_addr, sizeof(from->sin_addr));
    return sizeof(from->sin_addr);
}
