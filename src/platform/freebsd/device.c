#include "platform/freebsd/device.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>

#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "platform/freebsd/freebsd.h"

struct ifreq jp_device_request(const char *name)
{
    struct ifreq request = {.ifr_flags = 0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return request;
}

int jp_device_socket(struct jp_error *err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? jp_fail_sys(err, "open a socket") : fd;
}

struct sockaddr_in jp_device_sockaddr(struct in_addr address)
{
    return (struct sockaddr_in){
        .sin_len = sizeof(struct sockaddr_in), .sin_family = AF_INET, .sin_addr = address};
}

void jp_device_put_address(struct sockaddr *to, struct in_addr address)
{
    struct sockaddr_in sin = jp_device_sockaddr(address);
    memcpy(to, &sin, sizeof(sin));
}

static struct in_addr mask_of(uint32_t prefix_len)
{
    struct in_addr mask = {prefix_len == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix_len))};
    return mask;
}

int jp_device_add_address(int fd, const char *name, struct in_addr address, uint32_t prefix_len,
                          struct jp_error *err)
{
    struct in_addr mask = mask_of(prefix_len);
    struct in_addr broadcast = {address.s_addr | ~mask.s_addr};
    /* Not in_aliasreq, which is the same: its header wants a <sys/tree.h> that is not ours. */
    struct ifaliasreq request = {.ifra_vhid = 0};
    (void)snprintf(request.ifra_name, sizeof(request.ifra_name), "%s", name);
    jp_device_put_address(&request.ifra_addr, address);
    jp_device_put_address(&request.ifra_mask, mask);
    if (prefix_len < 31 && strcmp(name, JP_DEVICE_LOOPBACK) != 0)
        jp_device_put_address(&request.ifra_broadaddr, broadcast);
    if (ioctl(fd, SIOCAIFADDR, &request) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "give '%s' its address", name);
    return 0;
}

int jp_device_up(int fd, const char *name, struct jp_error *err)
{
    struct ifreq request = jp_device_request(name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return jp_fail_sys(err, "look at '%s'", name);
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return jp_fail_sys(err, "bring '%s' up", name);
    return 0;
}

/* Locally administered, unicast, the IP address in its last four bytes: no stale neighbours. */
int jp_device_set_hardware_address(int fd, const char *name, struct in_addr address,
                                   struct jp_error *err)
{
    struct ifreq request = jp_device_request(name);
    unsigned char mac[ETHER_ADDR_LEN] = {0x02, 0x6a};
    memcpy(mac + 2, &address, sizeof(address));
    request.ifr_addr.sa_len = ETHER_ADDR_LEN;
    request.ifr_addr.sa_family = AF_LINK;
    memcpy(request.ifr_addr.sa_data, mac, sizeof(mac));
    if (ioctl(fd, SIOCSIFLLADDR, &request) < 0)
        return jp_fail_sys(err, "set the hardware address of '%s'", name);
    return 0;
}

int jp_device_rename(int fd, const char *from, const char *to)
{
    char name[IFNAMSIZ];
    struct ifreq request = jp_device_request(from);
    (void)snprintf(name, sizeof(name), "%s", to);
    request.ifr_data = name;
    return ioctl(fd, SIOCSIFNAME, &request);
}

/* Makes a device of a kind; its name as the kernel chose it. */
int jp_device_create(int fd, const char *kind, char out[IFNAMSIZ], struct jp_error *err)
{
    struct ifreq request = jp_device_request(kind);
    if (ioctl(fd, SIOCIFCREATE2, &request) < 0) {
        if (errno == EINVAL)
            return jp_fail(err, JP_EUNSUPPORTED, 0, "this kernel has no device '%s': kldload if_%s",
                           kind, kind);
        return jp_fail_sys(err, "make a device '%s'", kind);
    }
    (void)snprintf(out, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, request.ifr_name);
    return 0;
}

int jp_device_destroy(int fd, const char *name, struct jp_error *err)
{
    struct ifreq request = jp_device_request(name);
    if (if_nametoindex(name) == 0 || ioctl(fd, SIOCIFDESTROY, &request) == 0 || errno == ENXIO)
        return 0;
    return jp_fail_sys(err, "delete the network device '%s'", name);
}

void jp_freebsd_group_of(const char *bridge, char out[JP_FREEBSD_GROUP])
{
    (void)snprintf(out, JP_FREEBSD_GROUP, "%.13s_p", bridge);
}

int jp_device_join_group(int fd, const char *name, const char *bridge, struct jp_error *err)
{
    struct ifgroupreq request = {.ifgr_len = 0};
    (void)snprintf(request.ifgr_name, sizeof(request.ifgr_name), "%s", name);
    jp_freebsd_group_of(bridge, request.ifgr_group);
    if (ioctl(fd, SIOCAIFGROUP, &request) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "put '%s' into the group '%s'", name, request.ifgr_group);
    return 0;
}
