/*
 * The networks that pods may join: as configured (net.*), checked, ready to be looked up.
 *
 * One has no name of its own in the configuration: `--net=pod` means it, and it is called "pod"
 * here. Networks of one installation never overlap: an address tells its network.
 */
#ifndef JP_POD_NETWORK_H
#define JP_POD_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/subnet.h"
#include "plan/plan.h"

#define JP_NETWORK_POD "pod"

struct jp_config;

struct jp_network {
    char *name;
    uint8_t kind;    /* enum jp_net_kind */
    char *interface; /* the bridge, or what a macvlan device is on */
    char *subnet;    /* as text */
    struct jp_subnet addresses;
    uint32_t host; /* the host's own address in it: the first, but for an alias its interface's */
    struct jp_subnet6 addresses6; /* prefix_len 0: none */
    bool is_isolated;             /* its pods do not reach each other */
    bool is_alias;                /* addresses are put on `interface`, which is not ours */
};

struct jp_networks {
    struct jp_network *items; /* the first is "pod" */
    size_t count;
    const char *usual; /* what a pod joins that asks for none: "pod", "none" or "host" (net.mode) */
    char *table;       /* of the firewall (pf: anchor); NULL: net.firewall = off */
};

/*
 * Reads net.* of the configuration. JP_EINVALID names key and value: names that are no words of 12
 * letters at most, a network without a subnet, interfaces with impossible names, overlaps.
 */
int jp_networks_read(const struct jp_config *config, struct jp_networks *ret, struct jp_error *err);
void jp_networks_clear(struct jp_networks *networks);

/* Those of the context; without: "pod" as it is when nothing is configured. */
struct jp_pod_context;
const struct jp_networks *jp_pod_networks(const struct jp_pod_context *ctx);

/*
 * What networks need of the host, for plans and for looking after it; makes the directory for it.
 * Without networks in the context: nothing.
 */
int jp_network_host(const struct jp_pod_context *ctx, struct jp_plan_host *ret,
                    struct jp_error *err);

/*
 * Compares what running pods need of the host with what is there, and mends it with `repair`; each
 * finding goes to the report.
 */
struct jp_link_report;
int jp_network_inspect(const struct jp_pod_context *ctx, bool repair,
                       const struct jp_link_report *report, struct jp_error *err);

/* For `doctor`: whether pods find each other by name, and name servers at all. */
void jp_pod_names_examine(const struct jp_pod_context *ctx,
                          void (*say)(void *context, const char *name, bool is_fine,
                                      const char *text, const char *remedy),
                          void *context);

/* NULL: there is none of that name. */
const struct jp_network *jp_network_find(const struct jp_networks *networks, const char *name);
/* The network that a pod's address (dotted quad, or NULL) is of; NULL: none. */
const struct jp_network *jp_network_of(const struct jp_networks *networks, const char *address);

/* The host's address. The caller's; NULL: no memory. */
char *jp_network_gateway(const struct jp_network *network);
/* The IPv6 address beside an IPv4 address of the network; the caller's. NULL: there is none. */
char *jp_network_address6(const struct jp_network *network, const char *address);

/*
 * The IPv4 address that is meant by one of either family; *ret is the caller's. What is in no
 * network comes back as it is: the store knows best what to say about it.
 */
int jp_network_address(const struct jp_network *network, const char *text, char **ret,
                       struct jp_error *err);

/* Whether a network could be called so: [a-z][a-z0-9-]*, at most 12, none of pod, host, none. */
bool jp_network_name_valid(const char *name);

#endif
