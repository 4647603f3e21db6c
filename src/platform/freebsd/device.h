/*
 * One network device at a time, by its name: of the host, or of the jail that the caller is in.
 *
 * `fd` is a socket of jp_device_socket(), made where the device is. What returns int gives 0, or -1
 * and JP_ESYS unless something else is said; what is there already is fine.
 */
#ifndef JP_PLATFORM_FREEBSD_DEVICE_H
#define JP_PLATFORM_FREEBSD_DEVICE_H

#include <sys/param.h>
#include <sys/socket.h>

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>

#include "base/error.h"

#define JP_DEVICE_LOOPBACK "lo0"

/* A socket to ask by; the caller's. -1: there is none. */
int jp_device_socket(struct jp_error *err);
/* A request about the device of that name, otherwise empty. */
struct ifreq jp_device_request(const char *name);
struct sockaddr_in jp_device_sockaddr(struct in_addr address);
/* Writes the address, as a sockaddr_in, over a member of a request. */
void jp_device_put_address(struct sockaddr *to, struct in_addr address);

/* Makes a device of a kind ("epair"): its name, as the kernel chose it. JP_EUNSUPPORTED: which
 * module is missing. */
int jp_device_create(int fd, const char *kind, char out[IFNAMSIZ], struct jp_error *err);
/* Without a text: 0, or -1 and errno (EEXIST: another has that name). */
int jp_device_rename(int fd, const char *from, const char *to);
/* One that is not there is fine. */
int jp_device_destroy(int fd, const char *name, struct jp_error *err);

int jp_device_add_address(int fd, const char *name, struct in_addr address, uint32_t prefix_len,
                          struct jp_error *err);
/* One that is made from the pod's address: who has it next is found under it at once. */
int jp_device_set_hardware_address(int fd, const char *name, struct in_addr address,
                                   struct jp_error *err);
int jp_device_up(int fd, const char *name, struct jp_error *err);
/* Puts it into the group of a bridge (jp_freebsd_group_of). */
int jp_device_join_group(int fd, const char *name, const char *bridge, struct jp_error *err);

#endif
