/*
 * The limit of a pod's start: a minimal C program that makes the bare system calls and nothing
 * else. Overlay mount, six namespaces, a veth pair with two addresses and a route, pivot_root, the
 * usual kernel file systems, fork, exec, wait. What Jetpack needs beyond this time is its own cost.
 *
 *   limit LOWER UPPER WORK MERGED BRIDGE ADDRESS/PREFIX GATEWAY PROGRAM ARGS...
 *
 * With BRIDGE "-" there is no network but the namespace. Errors end it with a line: it is a
 * yardstick, not a runtime.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
    } body;
    char attributes[512];
};

static void start(struct request *r, uint16_t type, uint16_t flags, size_t body)
{
    memset(r, 0, sizeof(*r));
    r->header.nlmsg_type = type;
    r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

static struct rtattr *attribute(struct request *r, uint16_t type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(a), data, len);
    r->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len));
    return a;
}

static void finish(struct request *r, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)((char *)r + r->header.nlmsg_len - (char *)nest);
}

static void talk(int fd, struct request *r, const char *what)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } reply;
    if (send(fd, r, r->header.nlmsg_len, 0) < 0 || recv(fd, &reply, sizeof(reply), 0) < 0)
        err(1, "%s", what);
    if (reply.error.error != 0)
        errx(1, "%s: %s", what, strerror(-reply.error.error));
}

static void veth(const char *bridge, pid_t pid)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    char name[IFNAMSIZ];
    (void)snprintf(name, sizeof(name), "lim%d", (int)pid);
    struct request r;
    start(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
    r.body.link.ifi_flags = IFF_UP;
    r.body.link.ifi_change = IFF_UP;
    unsigned master = if_nametoindex(bridge);
    attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
    attribute(&r, IFLA_MASTER, &master, sizeof(master));
    struct rtattr *info = attribute(&r, IFLA_LINKINFO, NULL, 0);
    attribute(&r, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = attribute(&r, IFLA_INFO_DATA, NULL, 0);
    struct ifinfomsg peer_body = {0};
    struct rtattr *peer = attribute(&r, VETH_INFO_PEER, &peer_body, sizeof(peer_body));
    attribute(&r, IFLA_IFNAME, "eth0", 5);
    attribute(&r, IFLA_NET_NS_PID, &pid, sizeof(pid));
    finish(&r, peer);
    finish(&r, data);
    finish(&r, info);
    talk(fd, &r, "veth");
    close(fd);
}

static void up(int fd, unsigned index)
{
    struct request r;
    start(&r, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
    r.body.link.ifi_index = (int)index;
    r.body.link.ifi_flags = IFF_UP;
    r.body.link.ifi_change = IFF_UP;
    talk(fd, &r, "link up");
}

static void addresses(const char *address, const char *gateway)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s", address);
    char *slash = strchr(text, '/');
    if (!slash)
        errx(2, "no prefix in %s", address);
    *slash = '\0';
    struct in_addr ip, via;
    if (inet_pton(AF_INET, text, &ip) != 1 || inet_pton(AF_INET, gateway, &via) != 1)
        errx(2, "bad address");
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    unsigned index = if_nametoindex("eth0");
    up(fd, 1);
    struct request r;
    start(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifaddrmsg));
    r.body.address.ifa_family = AF_INET;
    r.body.address.ifa_prefixlen = (unsigned char)strtoul(slash + 1, NULL, 10);
    r.body.address.ifa_index = index;
    attribute(&r, IFA_LOCAL, &ip, sizeof(ip));
    attribute(&r, IFA_ADDRESS, &ip, sizeof(ip));
    talk(fd, &r, "address");
    up(fd, index);
    start(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct rtmsg));
    r.body.route.rtm_family = AF_INET;
    r.body.route.rtm_table = RT_TABLE_MAIN;
    r.body.route.rtm_protocol = RTPROT_BOOT;
    r.body.route.rtm_type = RTN_UNICAST;
    attribute(&r, RTA_GATEWAY, &via, sizeof(via));
    talk(fd, &r, "route");
    close(fd);
}

static void mounted(const char *type, const char *where, unsigned long flags, const char *options)
{
    if (mkdir(where, 0755) < 0 && errno != EEXIST)
        err(1, "mkdir %s", where);
    if (mount(type, where, type, flags, options) < 0)
        err(1, "mount %s", where);
}

static void devices(void)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char from[32], to[32];
        (void)snprintf(from, sizeof(from), "/dev/%s", names[i]);
        (void)snprintf(to, sizeof(to), "dev/%s", names[i]);
        int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        if (fd < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0)
            err(1, "bind %s", to);
        close(fd);
    }
}

static void root(char **argv)
{
    char options[4096];
    (void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s,volatile", argv[1],
                   argv[2], argv[3]);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("overlay", argv[4], "overlay", 0, options) < 0 || chdir(argv[4]) < 0)
        err(1, "overlay");
    mounted("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mounted("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    mounted("tmpfs", "dev", MS_NOSUID, "mode=755,size=64k");
    devices();
    mounted("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
    mounted("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777");
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        err(1, "pivot_root");
}

/* PID 1 of the namespaces: builds the root, runs the program as a child, ends with its status. */
static int inside(char **argv, int ready)
{
    char byte;
    if (read(ready, &byte, 1) != 1)
        errx(1, "parent is gone");
    close(ready);
    root(argv);
    if (strcmp(argv[5], "-") != 0)
        addresses(argv[6], argv[7]);
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[8], argv + 8);
        err(127, "%s", argv[8]);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        err(1, "wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv)
{
    if (argc < 9)
        errx(2, "usage: limit LOWER UPPER WORK MERGED BRIDGE ADDRESS/PREFIX GATEWAY PROGRAM...");
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        err(1, "pipe");
    struct clone_args args = {
        .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
                 CLONE_NEWCGROUP,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        err(1, "clone3");
    if (pid == 0)
        _exit(inside(argv, ready[0]));
    if (strcmp(argv[5], "-") != 0)
        veth(argv[5], pid);
    if (write(ready[1], "", 1) != 1)
        err(1, "write");
    int status = 0;
    if (waitpid(pid, &status, 0) < 0)
        err(1, "wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
