/* Where an IPv4 datagram went to, as each system says it; of IPv6 both say it alike. */
#ifndef JP_FORWARD_DESTINATION_H
#define JP_FORWARD_DESTINATION_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stddef.h>

extern const int jp_destination_option; /* makes the kernel say it */
extern const int jp_destination_type;   /* of the message that says it */
extern const int jp_destination_source; /* ... and of the one that chooses the source */

/* Reads the data of such a message into an address. */
void jp_destination_read(const void *data, struct sockaddr_in *ret);
/* Writes it; how many bytes it has, at most sizeof(struct in6_pktinfo). */
size_t jp_destination_write(void *data, const struct sockaddr_in *from);

#endif
