#include "platform/freebsd/firewall.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/if_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/mem.h"
#include "base/strv.h"
#include "platform/freebsd/freebsd.h"
#include "platform/freebsd/pf.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define FORWARDING     "net.inet.ip.forwarding"
#define FORWARDED_FILE "forwarding" /* in the state directory: boot time of a change of ours */
#define MAX_STATE      64
#define SAME_BOOT_S    60 /* a boot time moves when the clock is set */
#define REMEDY         "jetpack network repair"
#define LOOPBACKS      "lo" /* the group of all of them */

/* ---- rules ---- */

static bool is_bridge_of(const struct jp_plan_host *host, const char *name)
{
    for (size_t i = 0; i < host->n_networks; i++) {
        if (strcmp(host->networks[i].bridge, name) == 0)
            return true;
    }
    return false;
}

/* The devices by which pods leave: with an IPv4 address, no loopback and no bridge of ours. */
static int list_devices(const struct jp_plan_host *host, struct jp_strv *ret, struct jp_error *err)
{
    struct ifaddrs *all = NULL;
    int r = 0;
    if (getifaddrs(&all) < 0)
        return jp_fail_sys(err, "list the network interfaces");
    for (const struct ifaddrs *e = all; e && r == 0; e = e->ifa_next) {
        if (e->ifa_addr && e->ifa_addr->sa_family == AF_INET && !(e->ifa_flags & IFF_LOOPBACK) &&
            !is_bridge_of(host, e->ifa_name) && !jp_strv_contains(ret, e->ifa_name))
            r = jp_strv_add(ret, e->ifa_name);
    }
    freeifaddrs(all);
    if (r < 0)
        return jp_oom(err);
    jp_strv_sort(ret);
    return 0;
}

static uint8_t type_of(const char *name)
{
    struct ifaddrs *all = NULL;
    uint8_t type = 0;
    if (getifaddrs(&all) < 0)
        return 0;
    for (const struct ifaddrs *e = all; e && type == 0; e = e->ifa_next) {
        struct if_data data;
        if (!e->ifa_addr || e->ifa_addr->sa_family != AF_LINK || !e->ifa_data ||
            strcmp(e->ifa_name, name) != 0)
            continue;
        memcpy(&data, e->ifa_data, sizeof(data));
        type = data.ifi_type;
    }
    freeifaddrs(all);
    return type;
}

/* The group of devices where the network's own packets are seen. False: it is not ours to rule. */
static bool home_of(const struct jp_plan_network *network, char out[JP_FREEBSD_GROUP])
{
    uint8_t type = type_of(network->bridge);
    if (network->kind != JP_NET_BRIDGE)
        return false;
    if (type == IFT_LOOP)
        (void)snprintf(out, JP_FREEBSD_GROUP, LOOPBACKS);
    else
        jp_freebsd_group_of(network->bridge, out);
    /* Addresses on a device that others are on as well (net.mode = alias) go as the host's do. */
    return type == 0 || type == IFT_BRIDGE || type == IFT_LOOP;
}

static void print_rules(const struct jp_plan_host *host, const struct jp_strv *devices,
                        struct jp_buf *out)
{
    char home[JP_FREEBSD_GROUP];
    /* Translations come first in pf's order. */
    for (size_t i = 0; i < host->n_networks; i++) {
        const struct jp_plan_network *network = &host->networks[i];
        for (size_t k = 0; home_of(network, home) && k < devices->count; k++)
            jp_buf_printf(out, "nat on %s inet from %s to ! %s -> (%s:0)\n", devices->items[k],
                          network->subnet, network->subnet, devices->items[k]);
    }
    for (size_t i = 0; i < host->n_networks; i++) {
        const struct jp_plan_network *network = &host->networks[i];
        if (home_of(network, home))
            jp_buf_printf(
                out, "block drop in quick on ! %s inet from any to %s ! tagged " JP_PF_TAG "\n",
                home, network->subnet);
    }
}

static int compose(const struct jp_plan_host *host, struct jp_buf *out, struct jp_error *err)
{
    JP_AUTO(jp_strv) devices = JP_STRV_INIT;
    if (list_devices(host, &devices, err) < 0)
        return -1;
    print_rules(host, &devices, out);
    return jp_buf_failed(out) ? jp_oom(err) : 0;
}

void jp_freebsd_firewall_print(const struct jp_plan_host *host, struct jp_buf *out)
{
    jp_buf_printf(out,
                  "# in pf.conf: nat-anchor " JP_PF_ANCHORS ", rdr-anchor " JP_PF_ANCHORS
                  ", anchor " JP_PF_ANCHORS "\n# in the anchor jetpack/%s:\n",
                  host->table ? host->table : "jetpack");
    (void)compose(host, out, NULL);
}

/* ---- forwarding ---- */

static int64_t boot_time(void)
{
    struct timeval booted = {0};
    size_t len = sizeof(booted);
    return sysctlbyname("kern.boottime", &booted, &len, NULL, 0) < 0 ? 0 : booted.tv_sec;
}

static bool is_forwarding(void)
{
    int value = 0;
    size_t len = sizeof(value);
    return sysctlbyname(FORWARDING, &value, &len, NULL, 0) == 0 && value != 0;
}

static int set_forwarding(int value, struct jp_error *err)
{
    return sysctlbyname(FORWARDING, NULL, NULL, &value, sizeof(value)) < 0
               ? jp_fail_sys(err, "set " FORWARDING)
               : 0;
}

/* Written down first: what is changed is put back even if we are killed between the two. */
static int begin_forwarding(int state_fd, struct jp_error *err)
{
    char text[MAX_STATE];
    if (is_forwarding())
        return 0;
    int len = snprintf(text, sizeof(text), "%" PRId64 "\n", boot_time());
    if (jp_file_replace(state_fd, FORWARDED_FILE, text, (size_t)len, 0600, false, err) < 0)
        return -1;
    return set_forwarding(1, err);
}

/* What was changed before the host was booted last is not changed any more. */
static void end_forwarding(int state_fd)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    int64_t noted = 0;
    if (jp_file_read(state_fd, FORWARDED_FILE, MAX_STATE, &text, NULL) < 0)
        return;
    if (sscanf(jp_buf_text(&text), "%" SCNd64, &noted) == 1 &&
        llabs(noted - boot_time()) <= SAME_BOOT_S)
        (void)set_forwarding(0, NULL);
    (void)jp_sys.unlinkat(state_fd, FORWARDED_FILE, 0);
}

/* ---- made and removed ---- */

int jp_freebsd_firewall_ensure(const struct jp_plan_host *host, bool forwards, struct jp_error *err)
{
    JP_AUTO(jp_buf) rules = JP_BUF_INIT;
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, err);
    if (state_fd < 0 || jp_pf_check(err) < 0 || compose(host, &rules, err) < 0 ||
        jp_pf_load(host->table, host->state, &rules, err) < 0)
        return -1;
    return forwards ? begin_forwarding(state_fd, err) : 0;
}

int jp_freebsd_firewall_remove(const struct jp_plan_host *host, struct jp_error *err)
{
    JP_AUTO_FD int state_fd = jp_fd_open_dir(AT_FDCWD, host->state, NULL);
    if (state_fd < 0)
        return 0;
    end_forwarding(state_fd);
    return host->table ? jp_pf_unload(host->table, host->state, err) : 0;
}

/* ---- looking after it ---- */

/* The places in pf.conf; without one what is in the anchors does nothing. */
static int inspect_places(const struct jp_link_report *report, struct jp_error *err)
{
    static const struct {
        const char *list; /* of pfctl -s */
        const char *line;
    } places[] = {{"nat", "nat-anchor " JP_PF_ANCHORS},
                  {"nat", "rdr-anchor " JP_PF_ANCHORS},
                  {"rules", "anchor " JP_PF_ANCHORS}};
    for (size_t i = 0; i < JP_LEN(places); i++) {
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        JP_AUTO_FREE char *remedy = jp_format("add the line: %s", places[i].line);
        if (!remedy)
            return jp_oom(err);
        if (jp_pf_tell(places[i].list, NULL, NULL, &text, err) < 0)
            return -1;
        if (!strstr(jp_buf_text(&text), places[i].line))
            report->say(report->context, "pf.conf", "has no place for the rules of pods", remedy);
    }
    return 0;
}

static int inspect_skip(const struct jp_plan_network *network, const struct jp_link_report *report,
                        struct jp_error *err)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FREE char *skipped = jp_format("%s (skip)", network->bridge);
    JP_AUTO_FREE char *remedy = jp_format("take %s from 'set skip on' in pf.conf", network->bridge);
    if (!skipped || !remedy)
        return jp_oom(err);
    if (type_of(network->bridge) != IFT_LOOP)
        return 0;
    if (jp_pf_tell("Interfaces", NULL, network->bridge, &text, err) < 0)
        return -1;
    if (strstr(jp_buf_text(&text), skipped))
        report->say(report->context, network->bridge, "is skipped by pf: rules on it are idle",
                    remedy);
    return 0;
}

/* As they were loaded: what is in the anchor now is compared by number, pfctl words them anew. */
static int count_rules(const struct jp_plan_host *host, size_t *ret, struct jp_error *err)
{
    static const char *const lists[] = {"nat", "rules"};
    *ret = 0;
    for (size_t i = 0; i < JP_LEN(lists); i++) {
        JP_AUTO(jp_buf) text = JP_BUF_INIT;
        if (jp_pf_tell(lists[i], host->table, NULL, &text, err) < 0)
            return -1;
        for (const char *at = jp_buf_text(&text); (at = strchr(at, '\n')); at++)
            ++*ret;
    }
    return 0;
}

static int inspect_rules(const struct jp_plan_host *host, bool forwards, bool repair,
                         const struct jp_link_report *report, struct jp_error *err)
{
    JP_AUTO(jp_buf) wanted = JP_BUF_INIT;
    size_t has = 0, lines = 0;
    if (compose(host, &wanted, err) < 0 || count_rules(host, &has, err) < 0)
        return -1;
    for (const char *at = jp_buf_text(&wanted); (at = strchr(at, '\n')); at++)
        lines++;
    bool is_whole = has == lines;
    bool is_open = !forwards || is_forwarding();
    if (repair && !(is_whole && is_open) && jp_freebsd_firewall_ensure(host, forwards, err) < 0)
        return -1;
    if (!is_whole)
        report->say(report->context, "pf anchor", has ? "was changed" : "is empty",
                    repair ? NULL : REMEDY);
    if (!is_open)
        report->say(report->context, FORWARDING, "is off: pods reach nothing outside",
                    repair ? NULL : REMEDY);
    return 0;
}

int jp_freebsd_firewall_inspect(const struct jp_plan_host *host, bool forwards, bool repair,
                                const struct jp_link_report *report, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (jp_pf_check(&why) < 0) {
        if (why.code != JP_EUNSUPPORTED) {
            jp_error_move(err, &why);
            return -1;
        }
        report->say(report->context, "firewall", "pods reach nothing outside of this host",
                    jp_error_text(&why));
        return 0;
    }
    for (size_t i = 0; i < host->n_networks; i++) {
        if (inspect_skip(&host->networks[i], report, err) < 0)
            return -1;
    }
    return inspect_places(report, err) < 0 ? -1
                                           : inspect_rules(host, forwards, repair, report, err);
}
