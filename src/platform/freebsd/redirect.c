/*
 * net.publish = nat: what comes to a pod's published ports is sent on to the pod by pf, past its
 * forwarder, which listens all the same. The rules of a pod are an anchor of their own (pf.h). They
 * do not pass by pf.conf's filter: what comes is seen there, with the pod's address.
 */
#include <string.h>

#include "base/buf.h"
#include "platform/freebsd/freebsd.h"
#include "platform/freebsd/pf.h"

static void put_rule(const struct jp_plan_net *net, const struct jp_plan_port *port,
                     const char *source, struct jp_buf *out)
{
    const char *host = port->host_ip ? port->host_ip : "(self)";
    jp_buf_printf(out,
                  "rdr on ! %s inet proto %s from %s to %s port %u:%u tag " JP_PF_TAG
                  " -> %s port %u:*\n",
                  net->bridge, port->is_udp ? "udp" : "tcp", source, host, port->host_port,
                  port->host_port + port->count - 1, net->address, port->pod_port);
}

/* Pods have IPv4 alone: what comes by IPv6 is carried. */
static bool is_four(const char *address)
{
    return !strchr(address, ':');
}

static void put_port(const struct jp_plan_net *net, const struct jp_plan_port *port,
                     struct jp_buf *out)
{
    if (port->host_ip && !is_four(port->host_ip))
        return;
    if (port->sources.count == 0)
        put_rule(net, port, "any", out);
    for (size_t i = 0; i < port->sources.count; i++) {
        if (is_four(port->sources.items[i]))
            put_rule(net, port, port->sources.items[i], out);
    }
}

int jp_freebsd_redirect(const struct jp_plan *plan, struct jp_error *err)
{
    JP_AUTO(jp_buf) rules = JP_BUF_INIT;
    /* Who asks from the host itself asks the forwarder. */
    jp_buf_printf(&rules, "no rdr on lo0 all\n");
    for (size_t i = 0; i < plan->ports.count; i++)
        put_port(&plan->net, &plan->ports.items[i], &rules);
    return jp_pf_check(err) < 0 ? -1 : jp_pf_load(plan->uuid, plan->dir, &rules, err);
}

int jp_freebsd_redirect_end(const char *uuid, const char *dir, struct jp_error *err)
{
    return jp_pf_unload(uuid, dir, err);
}
