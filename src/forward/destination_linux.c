#include <string.h>

#include "forward/destination.h"

const int jp_destination_option = IP_PKTINFO;
const int jp_destination_type = IP_PKTINFO;
const int jp_destination_source = IP_PKTINFO;

void jp_destination_read(const void *data, struct sockaddr_in *ret)
{
    struct in_pktinfo info;
    memcpy(&info, data, sizeof(info));
    ret->sin_family = AF_INET;
    ret->sin_addr = info.ipi_addr;
}

size_t jp_destination_write(void *data, const struct sockaddr_in *from)
{
    struct in_pktinfo info;
    memset(&info, 0, sizeof(info));
    info.ipi_spec_dst = from->sin_addr;
    memcpy(data, &info, sizeof(info));
    return sizeof(info);
}
