#include "plan/port.h"

#include <stdlib.h>

static bool is_sound(const struct jp_plan_port *port)
{
    return port->name && port->host_port >= 1 && port->pod_port >= 1 && port->count >= 1 &&
           port->count <= 65535 && port->host_port <= 65536 - port->count &&
           port->pod_port <= 65536 - port->count;
}

void jp_plan_ports_code(struct jp_codec *c, struct jp_plan_ports *ports)
{
    jp_codec_array(c, &ports->items, &ports->count, sizeof(*ports->items), JP_PORT_MAX);
    for (size_t i = 0; i < ports->count && !c->failed; i++) {
        struct jp_plan_port *port = &ports->items[i];
        jp_codec_str(c, &port->name);
        jp_codec_bool(c, &port->is_udp);
        jp_codec_str(c, &port->host_ip);
        jp_codec_u32(c, &port->host_port);
        jp_codec_u32(c, &port->pod_port);
        jp_codec_u32(c, &port->count);
        jp_codec_strv(c, &port->sources, JP_PORT_MAX_SOURCES);
        if (!is_sound(port))
            c->failed = true;
    }
}

void jp_plan_ports_clear(struct jp_plan_ports *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        free(ports->items[i].name);
        free(ports->items[i].host_ip);
        jp_strv_clear(&ports->items[i].sources);
    }
    free(ports->items);
    *ports = (struct jp_plan_ports){.items = NULL};
}
