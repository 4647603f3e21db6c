/*
 * The pod's jail: made, found, signalled, ended.
 *
 * Every allow.* that this kernel knows is taken away unless the pod's parameters ask for it: the
 * list comes from the kernel, so that one that a later kernel adds is off as well. Parameters that
 * decide where the jail is and who it is are ours alone.
 */
#include <sys/param.h>
#include <sys/jail.h>
#include <sys/sysctl.h>
#include <sys/user.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"
#include "platform/freebsd/options.h"
#include "platform/freebsd/parameter.h"

#define MAX_JAILS   100000 /* jails looked through */
#define MAX_ROUNDS  500    /* of signals to what is left in a jail */
#define END_TIMEOUT 10000  /* ms until the last process of a jail must be gone */
#define UUID_LEN    36

/* ---- making ---- */

static int use_addresses(struct jp_freebsd_parameters *ps, const char *how, struct jp_error *err)
{
    if (jp_freebsd_parameters_set(ps, "ip4", how, err) < 0)
        return -1;
    return jp_freebsd_parameters_set(ps, "ip6", how, err);
}

/* Without stacks of their own, pods that shall have no network may use no address at all. */
static int add_network(struct jp_freebsd_parameters *ps, const struct jp_plan_net *net,
                       struct jp_error *err)
{
    switch (net->mode) {
    case JP_NET_NONE:
        if (!jp_freebsd_has_stacks())
            return use_addresses(ps, "disable", err);
        return jp_freebsd_parameters_set(ps, "vnet", "new", err);
    case JP_NET_POD:
        return jp_freebsd_parameters_set(ps, "vnet", "new", err);
    case JP_NET_ALIAS:
        if (jp_freebsd_parameters_set(ps, "ip6", "disable", err) < 0)
            return -1;
        return jp_freebsd_parameters_set(ps, "ip4.addr", net->address, err);
    default:
        return use_addresses(ps, "inherit", err);
    }
}

static int add_parameters(struct jp_freebsd_parameters *ps, const struct jp_plan *plan,
                          const char *world, struct jp_error *err)
{
    JP_AUTO_FREE char *name = jp_format("%s%s", plan->jail_prefix, plan->uuid);
    if (!name)
        return jp_oom(err);
    if (jp_freebsd_parameters_deny_all(ps, err) < 0)
        return -1;
    static const char *const fixed[][2] = {
        {"children.max", "0"},
        {"enforce_statfs", "2"},
        {"persist", "true"},
    };
    for (size_t i = 0; i < JP_LEN(fixed); i++) {
        if (jp_freebsd_parameters_set(ps, fixed[i][0], fixed[i][1], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < plan->jail_parameters.count; i++) {
        if (jp_freebsd_parameters_ask(ps, plan->jail_parameters.items[i], err) < 0)
            return -1;
    }
    if (jp_freebsd_parameters_set(ps, "name", name, err) < 0 ||
        jp_freebsd_parameters_set(ps, "path", world, err) < 0 ||
        jp_freebsd_parameters_set(ps, "host.hostname", plan->hostname, err) < 0 ||
        jp_freebsd_parameters_set(ps, "host.hostuuid", plan->uuid, err) < 0)
        return -1;
    return add_network(ps, &plan->net, err);
}

static int make(struct jp_freebsd_parameters *ps, int *ret_jid, struct jp_error *err)
{
    struct jp_options options = JP_OPTIONS_INIT;
    for (size_t i = 0; i < ps->count; i++)
        jp_options_add(&options, ps->items[i].name, ps->items[i].value, ps->items[i].len);
    int jid = jp_options_jail_set(&options, JAIL_CREATE);
    if (jid < 0 && options.message[0] != '\0')
        return jp_fail(err, errno == EEXIST ? JP_EBUSY : JP_ESYS, errno, "make the jail: %s",
                       options.message);
    if (jid < 0)
        return jp_fail_sys(err, "make the jail");
    *ret_jid = jid;
    return 0;
}

int jp_freebsd_jail_create(const struct jp_plan *plan, const char *world, struct jp_strv *warnings,
                           int *ret_jid, struct jp_error *err)
{
    struct jp_freebsd_parameters ps = {.warnings = warnings};
    int r = add_parameters(&ps, plan, world, err);
    if (r == 0)
        r = make(&ps, ret_jid, err);
    jp_freebsd_parameters_clear(&ps);
    return r;
}

/* ---- finding ---- */

void jp_freebsd_jail_find(const char *uuid, void (*each)(void *context, int jid, bool is_dying),
                          void *context)
{
    int last = 0;
    for (int n = 0; n < MAX_JAILS; n++) {
        char name[MAXHOSTNAMELEN] = "";
        int dying = 0;
        struct jp_options options = JP_OPTIONS_INIT;
        jp_options_add(&options, "lastjid", &last, sizeof(last));
        jp_options_add(&options, "name", name, sizeof(name));
        jp_options_add(&options, "dying", &dying, sizeof(dying));
        last = jp_options_jail_get(&options, JAIL_DYING);
        if (last < 0)
            return;
        size_t len = strlen(name);
        if (len >= UUID_LEN && strcmp(name + len - UUID_LEN, uuid) == 0)
            each(context, last, dying != 0);
    }
}

/* ---- signals and the end ---- */

static int signal_all(void *context, struct jp_error *err)
{
    const int *signal = context;
    int jailed = 0;
    size_t len = sizeof(jailed);
    /* "Everybody" must not be the host's everybody. */
    if (sysctlbyname("security.jail.jailed", &jailed, &len, NULL, 0) < 0 || jailed != 1)
        return jp_fail(err, JP_ESYS, 0, "this process is in no jail");
    for (int i = 0; i < MAX_ROUNDS; i++) {
        if (kill(-1, *signal) < 0)
            return errno == ESRCH ? 0 : jp_fail_sys(err, "signal the jail's processes");
        if (*signal != SIGKILL)
            return 0;
        (void)poll(NULL, 0, 1); /* another round: somebody may have been forking */
    }
    return 0;
}

int jp_freebsd_jail_signal(int jid, int signal, struct jp_error *err)
{
    return jid > 0 ? jp_freebsd_in_jail(jid, signal_all, &signal, err) : 0;
}

/* Is anybody but zombies left whose jail it was? Kills who is. */
static bool is_inhabited(int jid)
{
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
    size_t len = 0;
    if (sysctl(name, JP_LEN(name), NULL, &len, NULL, 0) < 0)
        return false;
    len += len / 4;
    JP_AUTO_FREE struct kinfo_proc *all = malloc(len);
    if (!all || sysctl(name, JP_LEN(name), all, &len, NULL, 0) < 0)
        return true;
    bool is_there = false;
    for (size_t i = 0; i < len / sizeof(*all); i++) {
        if (all[i].ki_jid != jid || all[i].ki_stat == SZOMB)
            continue;
        is_there = true;
        (void)kill(all[i].ki_pid, SIGKILL);
    }
    return is_there;
}

int jp_freebsd_jail_end(int jid, struct jp_error *err)
{
    if (jid <= 0)
        return 0;
    if (jail_remove(jid) < 0 && errno != EINVAL)
        return jp_fail_sys(err, "remove the jail");
    for (int waited = 0; is_inhabited(jid); waited += 5) {
        if (waited >= END_TIMEOUT)
            return jp_fail(err, JP_EBUSY, 0, "processes of the jail %d do not end", jid);
        (void)poll(NULL, 0, 5);
    }
    return 0;
}
