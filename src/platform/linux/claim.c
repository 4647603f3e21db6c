#include "platform/linux/claim.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/subnet.h"
#include "sys/fd.h"
#include "sys/lock.h"

#define CLAIM_PREFIX                                                                               \
    "bridge-" /* a file in the installation's state: the bridge of that name is ours */
#define ALIAS_PREFIX "jetpack " /* the bridge's alias: and the directory of whose it is */
#define MAX_ALIAS    256        /* IFALIASZ */
#define MAX_ROUTES   (1U << 20)

/* ---- other installations -----------------------------------------------------------------------
 */

static int set_alias(int fd, unsigned index, const char *state, struct jp_error *err)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)index};
    JP_AUTO_FREE char *alias = jp_format(ALIAS_PREFIX "%s", state);
    if (!alias)
        return jp_oom(err);
    if (strlen(alias) >= MAX_ALIAS)
        return 0; /* nobody can tell then */
    jp_netlink_begin(&b, "say whose the bridge is", RTM_NEWLINK, 0, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    jp_netlink_attribute(&b, IFLA_IFALIAS, alias, strlen(alias));
    return jp_netlink_send(fd, &b, err);
}

struct alias {
    char text[MAX_ALIAS];
};

static void read_alias(void *context, const unsigned char *bytes, size_t len)
{
    struct alias *alias = context;
    struct jp_netlink_value value;
    if (jp_netlink_find(bytes, len, NLMSG_ALIGN(sizeof(struct ifinfomsg)), IFLA_IFALIAS, &value))
        (void)snprintf(alias->text, sizeof(alias->text), "%.*s", (int)value.len,
                       (const char *)value.bytes);
}

/* The state directory of the installation that the bridge is of; "": nobody's. */
static int find_owner(int fd, unsigned index, struct alias *ret, struct jp_error *err)
{
    const size_t len = strlen(ALIAS_PREFIX);
    ret->text[0] = '\0';
    if (jp_linux_ask_device(fd, index, read_alias, ret, err) < 0)
        return -1;
    bool is_ours = strncmp(ret->text, ALIAS_PREFIX, len) == 0;
    memmove(ret->text, is_ours ? ret->text + len : "", is_ours ? strlen(ret->text) - len + 1 : 1);
    return 0;
}

static bool has_pods(const char *state)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, state, NULL);
    JP_AUTO_FD int lock = dir < 0 ? -1 : jp_lock_take(dir, "lock", JP_LOCK_EXCLUSIVE, false, &why);
    return lock < 0 && why.code == JP_EBUSY;
}

int jp_linux_claim_bridge(int fd, const struct jp_plan_host *host, const char *bridge,
                          unsigned index, struct jp_error *err)
{
    struct alias owner;
    if (find_owner(fd, index, &owner, err) < 0)
        return -1;
    if (strcmp(owner.text, host->state) == 0)
        return 0;
    if (owner.text[0] != '\0' && has_pods(owner.text))
        return jp_fail(err, JP_EBUSY, 0,
                       "the bridge '%s' is that of another installation with pods that run ('%s'): "
                       "give this one a net.bridge and a net.subnet of its own",
                       bridge, owner.text);
    return set_alias(fd, index, host->state, err);
}

/* ---- the host's routes -------------------------------------------------------------------------
 */

/* From a line of /proc/net/route, whose numbers are in network byte order. */
static bool read_route(const char *line, char name[IFNAMSIZ], struct jp_subnet *ret)
{
    unsigned destination, mask;
    if (sscanf(line, "%15s %8x %*s %*s %*s %*s %*s %8x", name, &destination, &mask) != 3 ||
        mask == 0)
        return false;
    *ret = (struct jp_subnet){ntohl(destination), (uint32_t)__builtin_popcount(mask)};
    return true;
}

void jp_linux_overlap(const struct jp_linux_link *link, bool narrow, char out[JP_LINUX_ROUTE_SIZE])
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    const uint32_t shift = 32 - link->prefix_len;
    const struct jp_subnet ours = {ntohl(link->gateway.s_addr) >> shift << shift, link->prefix_len};
    out[0] = '\0';
    if (jp_file_read(AT_FDCWD, "/proc/net/route", MAX_ROUTES, &text, NULL) < 0)
        return;
    const char *line = strchr(jp_buf_text(&text), '\n'); /* the first names the columns */
    for (; line && line[1]; line = strchr(line + 1, '\n')) {
        struct jp_subnet route;
        char name[IFNAMSIZ], quad[JP_QUAD_SIZE];
        if (!read_route(line + 1, name, &route) || strcmp(name, link->bridge) == 0 ||
            !jp_subnet_overlaps(&ours, &route) || (narrow && route.prefix_len < ours.prefix_len))
            continue;
        jp_quad_format(route.network, quad);
        (void)snprintf(out, JP_LINUX_ROUTE_SIZE, "%s/%u by %s", quad, route.prefix_len, name);
        return;
    }
}
