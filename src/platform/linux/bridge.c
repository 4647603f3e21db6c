/*
 * The bridge of a network: made by the first pod that needs it, and it stays. Those who start at
 * the same time may both try; each step is fine with having been done.
 */
#include "platform/linux/bridge.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/subnet.h"
#include "platform/linux/hush.h"
#include "platform/linux/linux.h"
#include "sys/fd.h"

#define MAX_ADDRESSES (1U << 20) /* bytes of a list of addresses */

void jp_linux_link_read(const struct jp_plan_network *network, struct jp_linux_link *ret)
{
    struct jp_subnet four = {0, 0};
    struct jp_subnet6 six = {.prefix_len = 0};
    (void)jp_subnet_parse(network->subnet, &four);
    *ret = (struct jp_linux_link){.bridge = network->bridge,
                                  .is_isolated = network->is_isolated,
                                  .kind = network->kind,
                                  .gateway.s_addr = htonl(jp_subnet_gateway(&four)),
                                  .prefix_len = four.prefix_len};
    if (!network->subnet6 || !jp_subnet6_parse(network->subnet6, &six))
        return;
    ret->has_six = true;
    ret->prefix_len6 = six.prefix_len;
    jp_subnet6_address(&six, 1, ret->gateway6.s6_addr);
}

/* Locally administered, unicast, the IP address in its last four bytes. */
void jp_linux_hardware_address(struct in_addr address, unsigned char out[6])
{
    out[0] = 0x02;
    out[1] = 0x6a;
    memcpy(out + 2, &address, 4);
}

void jp_linux_request_address(struct jp_netlink_batch *b, const char *what, unsigned index,
                              struct in_addr address, uint32_t prefix_len)
{
    struct ifaddrmsg body = {
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix_len, .ifa_index = index};
    jp_netlink_begin(b, what, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, IFA_LOCAL, &address, sizeof(address));
    jp_netlink_attribute(b, IFA_ADDRESS, &address, sizeof(address));
    if (prefix_len < 31) {
        struct in_addr broadcast = {.s_addr = address.s_addr | htonl(0xffffffffU >> prefix_len)};
        if (prefix_len == 0)
            broadcast.s_addr = 0xffffffffU;
        jp_netlink_attribute(b, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    }
}

/* Nobody else can have it: it comes from the lease. Looking for another would take a second. */
void jp_linux_request_address6(struct jp_netlink_batch *b, const char *what, unsigned index,
                               const struct in6_addr *address, uint32_t prefix_len)
{
    struct ifaddrmsg body = {.ifa_family = AF_INET6,
                             .ifa_prefixlen = (uint8_t)prefix_len,
                             .ifa_flags = IFA_F_NODAD,
                             .ifa_index = index};
    jp_netlink_begin(b, what, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, JP_NETLINK_NO_IPV6);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_attribute(b, IFA_LOCAL, address, sizeof(*address));
}

void jp_linux_request_up(struct jp_netlink_batch *b, const char *what, unsigned index,
                         const char *name)
{
    struct ifinfomsg body = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    jp_netlink_begin(b, what, RTM_NEWLINK, 0, 0);
    jp_netlink_body(b, &body, sizeof(body));
    if (index == 0)
        jp_netlink_text(b, IFLA_IFNAME, name);
}

void jp_linux_request_silence(struct jp_netlink_batch *b, unsigned index, const char *name)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
    jp_netlink_begin(b, "keep the kernel from making an IPv6 address", RTM_NEWLINK, 0,
                     JP_NETLINK_NO_IPV6);
    jp_netlink_body(b, &body, sizeof(body));
    if (index == 0)
        jp_netlink_text(b, IFLA_IFNAME, name);
    size_t families = jp_netlink_open_nest(b, IFLA_AF_SPEC);
    size_t six = jp_netlink_open_nest(b, AF_INET6);
    jp_netlink_attribute(b, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    jp_netlink_close_nest(b, six);
    jp_netlink_close_nest(b, families);
}

/* RFC 4291, appendix A: the bit that says who assigned it is turned, 0xfffe stands in the middle.
 */
void jp_linux_request_link_local(struct jp_netlink_batch *b, unsigned index,
                                 const unsigned char mac[6])
{
    struct in6_addr address = {.s6_addr = {0xfe, 0x80, [8] = mac[0] ^ 0x02, mac[1], mac[2], 0xff,
                                           0xfe, mac[3], mac[4], mac[5]}};
    jp_linux_request_address6(b, "give the device its link-local address", index, &address, 64);
}

/* The other ports of the bridge that are isolated are no neighbours of this one; the host is. */
void jp_linux_request_isolation(struct jp_netlink_batch *b, const struct jp_linux_link *link)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    uint8_t on = 1;
    jp_netlink_begin(b, "isolate the pod's network device", RTM_NEWLINK, 0, 0);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, link->host_end);
    size_t info = jp_netlink_open_nest(b, IFLA_LINKINFO);
    jp_netlink_text(b, IFLA_INFO_SLAVE_KIND, "bridge");
    size_t data = jp_netlink_open_nest(b, IFLA_INFO_SLAVE_DATA);
    jp_netlink_attribute(b, IFLA_BRPORT_ISOLATED, &on, sizeof(on));
    jp_netlink_close_nest(b, data);
    jp_netlink_close_nest(b, info);
}

static void request_bridge(struct jp_netlink_batch *b, const struct jp_linux_link *link)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    unsigned char mac[6];
    jp_linux_hardware_address(link->gateway, mac);
    jp_netlink_begin(b, "make the bridge", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, EEXIST);
    jp_netlink_body(b, &body, sizeof(body));
    jp_netlink_text(b, IFLA_IFNAME, link->bridge);
    /* A bridge without an address of its own takes the lowest of its ports': it would change. */
    jp_netlink_attribute(b, IFLA_ADDRESS, mac, sizeof(mac));
    size_t info = jp_netlink_open_nest(b, IFLA_LINKINFO);
    jp_netlink_text(b, IFLA_INFO_KIND, "bridge");
    size_t data = jp_netlink_open_nest(b, IFLA_INFO_DATA);
    jp_linux_request_unlooking(b);
    jp_netlink_close_nest(b, data);
    jp_netlink_close_nest(b, info);
}

/* Asks a socket's namespace for the index of a device; 0 when there is none. */
unsigned jp_linux_device_index(int fd, const char *name)
{
    struct ifreq request = {0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

int jp_linux_ask_device(int fd, unsigned index,
                        void (*read)(void *context, const unsigned char *bytes, size_t len),
                        void *context, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)index};
    jp_netlink_before(&b, RTM_GETLINK, NLM_F_ACK);
    jp_netlink_body(&b, &body, sizeof(body));
    return jp_netlink_list(fd, &b, read, context, err);
}

/* True when the bridge is up and has the gateway's address: the usual case costs two questions. */
static bool is_ready(const struct jp_linux_link *link)
{
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link->bridge);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP))
        return false;
    /* Asked for one address, the kernel answers with that one if the device has it. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = link->gateway};
    memcpy(&request.ifr_addr, &address, sizeof(address));
    if (ioctl(fd, SIOCGIFADDR, &request) < 0)
        return false;
    memcpy(&address, &request.ifr_addr, sizeof(address));
    return address.sin_addr.s_addr == link->gateway.s_addr;
}

/* In /proc/net/if_inet6: the address as 32 digits, four numbers, the device. */
static bool has_address6(const char *device, const struct in6_addr *address)
{
    char wanted[33];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, "/proc/net/if_inet6", MAX_ADDRESSES, &text, NULL) < 0)
        return true; /* no IPv6 here: nothing was lost */
    jp_hex_encode(address, sizeof(*address), wanted);
    for (const char *line = jp_buf_text(&text); line && *line;) {
        char digits[33], name[IFNAMSIZ];
        if (sscanf(line, "%32s %*s %*s %*s %*s %15s", digits, name) == 2 &&
            strcmp(digits, wanted) == 0 && strcmp(name, device) == 0)
            return true;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

void jp_linux_distrust_routers(const char *device)
{
    char path[64 + IFNAMSIZ];
    (void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", device);
    (void)jp_file_put(path, "0", NULL);
}

int jp_linux_bridge_ensure(int fd, const struct jp_linux_link *link, unsigned *ret_index,
                           struct jp_error *err)
{
    unsigned index = jp_linux_device_index(fd, link->bridge);
    if (index == 0) {
        struct jp_netlink_batch make = {0};
        request_bridge(&make, link);
        if (jp_netlink_send(fd, &make, err) < 0)
            return -1;
        index = jp_linux_device_index(fd, link->bridge);
    }
    if (index == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "bridge '%s' has vanished", link->bridge);
    *ret_index = index;
    if (is_ready(link))
        return 0;
    jp_linux_distrust_routers(link->bridge);
    struct jp_netlink_batch b = {0};
    jp_linux_request_address(&b, "give the bridge its address", index, link->gateway,
                             link->prefix_len);
    if (link->has_six)
        jp_linux_request_address6(&b, "give the bridge its IPv6 address", index, &link->gateway6,
                                  link->prefix_len6);
    jp_linux_request_up(&b, "bring the bridge up", index, NULL);
    return jp_netlink_send(fd, &b, err);
}

/* What is wrong with a bridge, or NULL. */
const char *jp_linux_bridge_fault(int fd, const struct jp_linux_link *link)
{
    char address[JP_ADDRESS6_SIZE] = "";
    if (jp_linux_device_index(fd, link->bridge) == 0)
        return "is gone";
    if (!is_ready(link))
        return "is down or has lost its address";
    if (link->has_six && inet_ntop(AF_INET6, &link->gateway6, address, sizeof(address)) &&
        !has_address6(link->bridge, &link->gateway6))
        return "has lost its IPv6 address";
    return NULL;
}
