#include "platform/freebsd/bridge.h"

#include <sys/ioctl.h>
#include <sys/sockio.h>

#include <errno.h>
#include <net/ethernet.h>
#include <net/if_bridgevar.h>
#include <stdio.h>
#include <string.h>

#include "platform/freebsd/device.h"
#include "platform/freebsd/freebsd.h"

/* Pods that start at once may both try: one name, the other's device goes again. */
static int make_bridge(int fd, const char *bridge, struct jp_error *err)
{
    char name[IFNAMSIZ];
    if (if_nametoindex(bridge) != 0)
        return 0;
    if (jp_device_create(fd, "bridge", name, err) < 0)
        return -1;
    if (strcmp(name, bridge) == 0 || jp_device_rename(fd, name, bridge) == 0)
        return 0;
    int saved = errno;
    (void)jp_device_destroy(fd, name, NULL);
    if (saved == EEXIST)
        return 0;
    return jp_fail(err, JP_ESYS, saved, "name the bridge '%s'", bridge);
}

static bool is_ready(int fd, const struct jp_freebsd_link *link)
{
    struct ifreq request = jp_device_request(link->bridge);
    struct sockaddr_in address;
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP) ||
        ioctl(fd, SIOCGIFADDR, &request) < 0)
        return false;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    return address.sin_addr.s_addr == link->gateway.s_addr;
}

int jp_freebsd_bridge_ensure(int fd, const struct jp_freebsd_link *link, struct jp_error *err)
{
    if (make_bridge(fd, link->bridge, err) < 0 ||
        jp_device_join_group(fd, link->bridge, link->bridge, err) < 0)
        return -1;
    if (is_ready(fd, link))
        return 0;
    if (jp_device_add_address(fd, link->bridge, link->gateway, link->prefix_len, err) < 0)
        return -1;
    return jp_device_up(fd, link->bridge, err);
}

static int tell_bridge(int fd, const struct jp_freebsd_link *link, unsigned long command,
                       uint32_t flags)
{
    struct ifbreq member = {.ifbr_ifsflags = flags};
    struct ifdrv request = {.ifd_cmd = command, .ifd_len = sizeof(member), .ifd_data = &member};
    (void)snprintf(member.ifbr_ifsname, sizeof(member.ifbr_ifsname), "%s", link->host_end);
    (void)snprintf(request.ifd_name, sizeof(request.ifd_name), "%s", link->bridge);
    return ioctl(fd, SIOCSDRVSPEC, &request);
}

/* Before the device is up: nothing passes to a neighbour of an isolated network. */
int jp_freebsd_bridge_join(int fd, const struct jp_freebsd_link *link, struct jp_error *err)
{
    if (tell_bridge(fd, link, BRDGADD, 0) < 0 && errno != EEXIST)
        return jp_fail_sys(err, "put '%s' on the bridge '%s'", link->host_end, link->bridge);
    if (link->is_isolated &&
        tell_bridge(fd, link, BRDGSIFFLGS, IFBIF_LEARNING | IFBIF_DISCOVER | IFBIF_PRIVATE) < 0)
        return jp_fail_sys(err, "isolate '%s' on the bridge '%s'", link->host_end, link->bridge);
    return 0;
}
