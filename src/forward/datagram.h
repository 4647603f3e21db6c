/* UDP on a socket of several addresses: the answer must come from where the question went to. */
#ifndef JP_FORWARD_DATAGRAM_H
#define JP_FORWARD_DATAGRAM_H

#include <sys/types.h>

#include "sys/address.h"

/* Makes the kernel tell where datagrams went to. */
int jp_datagram_prepare(int fd, sa_family_t family);

/* As recvfrom(2); *local: the address it was sent to, AF_UNSPEC when the kernel did not say. */
ssize_t jp_datagram_receive(int fd, void *bytes, size_t size, union jp_address *client,
                            union jp_address *local);

/* As sendto(2), from that address. */
ssize_t jp_datagram_send(int fd, const void *bytes, size_t len, const union jp_address *client,
                         const union jp_address *local);

#endif
