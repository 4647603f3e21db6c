/* A published port, as the plan, the forwarder's settings and the supervisor's record know it. */
#ifndef JP_PLAN_PORT_H
#define JP_PLAN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/strv.h"

#define JP_PORT_MAX         256 /* ports of a pod; ranges count as one */
#define JP_PORT_RANGE       512 /* numbers of one port that is published */
#define JP_PORT_MAX_SOURCES 64  /* networks that one port is limited to */

struct jp_plan_port {
    char *name;             /* of the manifest's port */
    bool is_udp;            /* else TCP */
    char *host_ip;          /* IPv4 or IPv6 address of the host; NULL: every one */
    uint32_t host_port;     /* the first of the range */
    uint32_t pod_port;      /* the first of the range */
    uint32_t count;         /* 1 or more; neither range passes 65535 */
    struct jp_strv sources; /* ADDRESS[/BITS], who may come; empty: everybody */
};

struct jp_plan_ports {
    struct jp_plan_port *items;
    size_t count;
};

/* Walks every field; reading checks numbers, not texts. */
void jp_plan_ports_code(struct jp_codec *c, struct jp_plan_ports *ports);
void jp_plan_ports_clear(struct jp_plan_ports *ports);

#endif
