/*
 * The network of a pod without a stack of its own: its address becomes an alias of an interface of
 * the host, and the jail may use no other.
 *
 * What the alias is on stands in a file of the pod's directory, written before it is made: it is
 * found again without the supervisor.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/device.h"
#include "platform/freebsd/freebsd.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define ALIAS_FILE "alias" /* in the pod's directory: INTERFACE ADDRESS */
#define MAX_ALIAS  128

int jp_freebsd_alias_remove(const char *dir, struct jp_error *err)
{
    JP_AUTO_FREE char *path = jp_format("%s/" ALIAS_FILE, dir);
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char name[IFNAMSIZ], quad[INET_ADDRSTRLEN];
    struct in_addr address;
    if (!path)
        return jp_oom(err);
    if (access(path, F_OK) < 0)
        return 0;
    if (jp_file_read(AT_FDCWD, path, MAX_ALIAS, &text, err) < 0)
        return -1;
    if (sscanf(jp_buf_text(&text), "%15s %15s", name, quad) == 2 &&
        inet_pton(AF_INET, quad, &address) == 1) {
        JP_AUTO_FD int fd = jp_device_socket(err);
        struct ifreq request = jp_device_request(name);
        jp_device_put_address(&request.ifr_addr, address);
        if (fd < 0)
            return -1;
        if (ioctl(fd, SIOCDIFADDR, &request) < 0 && errno != EADDRNOTAVAIL && errno != ENXIO)
            return jp_fail_sys(err, "take the address %s from '%s'", quad, name);
    }
    (void)jp_sys.unlinkat(AT_FDCWD, path, 0);
    return 0;
}

static bool is_of_host(struct in_addr address)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;
    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *e = all; e && !is_found; e = e->ifa_next) {
        struct sockaddr_in in;
        if (!e->ifa_addr || e->ifa_addr->sa_family != AF_INET)
            continue;
        memcpy(&in, e->ifa_addr, sizeof(in));
        is_found = in.sin_addr.s_addr == address.s_addr;
    }
    freeifaddrs(all);
    return is_found;
}

/*
 * A further loopback (lo1) is made; another interface must be there. What the pods know as the
 * host's address (the metadata service listens on it) is put on it, if the host has it nowhere.
 */
static int ensure_interface(int fd, const struct jp_plan_net *net, struct jp_error *err)
{
    struct ifreq request = jp_device_request(net->interface);
    struct in_addr host;
    bool is_made = if_nametoindex(net->interface) == 0 && strncmp(net->interface, "lo", 2) == 0 &&
                   ioctl(fd, SIOCIFCREATE2, &request) == 0;
    if (if_nametoindex(net->interface) == 0)
        return jp_fail(err, JP_ENOTFOUND, 0, "there is no interface '%s' (jail.interface)",
                       net->interface);
    if (is_made && jp_device_up(fd, net->interface, err) < 0)
        return -1;
    if (!net->gateway || inet_pton(AF_INET, net->gateway, &host) != 1)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the host");
    return is_of_host(host) ? 0 : jp_device_add_address(fd, net->interface, host, 32, err);
}

int jp_freebsd_alias_add(const struct jp_plan *plan, struct jp_error *err)
{
    struct in_addr address;
    if (inet_pton(AF_INET, plan->net.address, &address) != 1)
        return jp_fail(err, JP_EINVALID, 0, "bad address of the pod");
    JP_AUTO_FD int fd = jp_device_socket(err);
    if (fd < 0 || ensure_interface(fd, &plan->net, err) < 0)
        return -1;
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, plan->dir, err);
    JP_AUTO_FREE char *text = jp_format("%s %s\n", plan->net.interface, plan->net.address);
    if (dir < 0 || !text ||
        jp_file_replace(dir, ALIAS_FILE, text, strlen(text), 0600, false, err) < 0)
        return -1;
    return jp_device_add_address(fd, plan->net.interface, address, 32, err);
}
