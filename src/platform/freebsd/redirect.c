/*
 * net.publish = nat: what comes to a pod's published ports is sent on to the pod by pf, past its
 * forwarder, which listens all the same. The rules of a pod are an anchor of their own,
 * jetpack/UUID, that pf.conf must have a place for: rdr-anchor "jetpack" with a slash and a star
 * behind. pfctl(8) takes them from a file in the pod's directory, by an argument vector.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/process.h"

#define RULES_FILE "pf.rules" /* in the pod's directory */

static void put_rule(const struct jp_plan_net *net, const struct jp_plan_port *port,
                     const char *source, struct jp_buf *out)
{
    const char *host = port->host_ip ? port->host_ip : "(self)";
    jp_buf_printf(out, "rdr on ! %s inet proto %s from %s to %s port %u:%u -> %s port %u:*\n",
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

static int run(char *const argv[], struct jp_error *err)
{
    const int stdio[3] = {-1, -1, -1};
    int status = 0;
    if (jp_process_run(argv, stdio, &status, err) < 0)
        return -1;
    return status == 0 ? 0
                       : jp_fail(err, JP_ESYS, 0, "pfctl failed (status %d): is pf enabled?",
                                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static char *anchor_of(const char *uuid)
{
    return jp_format("jetpack/%s", uuid);
}

int jp_freebsd_redirect(const struct jp_plan *plan, struct jp_error *err)
{
    static char pfctl[] = "pfctl", quiet[] = "-q", anchor[] = "-a", file[] = "-f";
    JP_AUTO(jp_buf) rules = JP_BUF_INIT;
    JP_AUTO_FREE char *name = anchor_of(plan->uuid);
    JP_AUTO_FREE char *path = jp_format("%s/" RULES_FILE, plan->dir);
    for (size_t i = 0; i < plan->ports.count; i++)
        put_port(&plan->net, &plan->ports.items[i], &rules);
    if (!name || !path || jp_buf_failed(&rules))
        return jp_oom(err);
    JP_AUTO_FD int dir = jp_fd_open_dir(AT_FDCWD, plan->dir, err);
    if (dir < 0 ||
        jp_file_replace(dir, RULES_FILE, jp_buf_text(&rules), rules.len, 0600, false, err) < 0)
        return -1;
    char *const argv[] = {pfctl, quiet, anchor, name, file, path, NULL};
    return run(argv, err);
}

int jp_freebsd_redirect_end(const char *uuid, const char *dir, struct jp_error *err)
{
    static char pfctl[] = "pfctl", quiet[] = "-q", anchor[] = "-a", flush[] = "-F", all[] = "all";
    JP_AUTO_FREE char *name = anchor_of(uuid);
    JP_AUTO_FREE char *path = jp_format("%s/" RULES_FILE, dir);
    if (!name || !path)
        return jp_oom(err);
    if (access(path, F_OK) < 0)
        return 0;
    char *const argv[] = {pfctl, quiet, anchor, name, flush, all, NULL};
    if (run(argv, err) < 0)
        return -1;
    return jp_sys.unlinkat(AT_FDCWD, path, 0) < 0 ? jp_fail_sys(err, "remove '%s'", path) : 0;
}
