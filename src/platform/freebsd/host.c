/*
 * Questions about the host: which processes are a pod's, and what this kernel can do.
 */
#include <sys/param.h>
#include <sys/jail.h>
#include <sys/module.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#include <sys/utsname.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/freebsd/freebsd.h"

#define MAX_COMMAND 4096

/* ---- processes ---- */

static void remember(void *context, int jid, bool is_dying)
{
    if (!is_dying)
        *(int *)context = jid;
}

/* The arguments joined by blanks; the program's name where there are none. */
static void command_of(const struct kinfo_proc *p, char *out, size_t size)
{
    char text[MAX_COMMAND];
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_ARGS, p->ki_pid};
    size_t len = sizeof(text);
    if (sysctl(name, JP_LEN(name), text, &len, NULL, 0) < 0 || len == 0) {
        (void)snprintf(out, size, "[%s]", p->ki_comm);
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i + 1 < len && used + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        out[used++] = c == '\0' ? ' ' : c < ' ' || c >= 0x7f ? '?' : (char)c;
    }
    out[used] = '\0';
}

static char state_of(const struct kinfo_proc *p)
{
    switch (p->ki_stat) {
    case SRUN:
    case SIDL:
        return 'R';
    case SSTOP:
        return 'T';
    case SZOMB:
        return 'Z';
    default:
        return (p->ki_tdflags & TDF_SINTR) ? 'S' : 'D';
    }
}

static void describe(const struct kinfo_proc *p, struct jp_pod_process *ret)
{
    *ret = (struct jp_pod_process){
        .pid = p->ki_pid,
        .pod_pid = 0,
        .uid = p->ki_uid,
        .start_ns = (int64_t)p->ki_start.tv_sec * 1000000000 + p->ki_start.tv_usec * 1000,
        .cpu_ns = p->ki_runtime * 1000,
        .resident_bytes = (uint64_t)p->ki_rssize * (uint64_t)getpagesize(),
        .state = state_of(p)};
    command_of(p, ret->command, sizeof(ret->command));
}

static int processes(const char *uuid, JP_UNUSED pid_t supervisor,
                     int (*each)(void *context, const struct jp_pod_process *), void *context,
                     struct jp_error *err)
{
    int jid = -1;
    jp_freebsd_jail_find(uuid, remember, &jid);
    if (jid <= 0)
        return 0;
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
    size_t len = 0;
    if (sysctl(name, JP_LEN(name), NULL, &len, NULL, 0) < 0)
        return jp_fail_sys(err, "list the processes");
    len += len / 4;
    JP_AUTO_FREE struct kinfo_proc *all = malloc(len);
    if (!all)
        return jp_oom(err);
    if (sysctl(name, JP_LEN(name), all, &len, NULL, 0) < 0)
        return jp_fail_sys(err, "list the processes");
    for (size_t i = 0; i < len / sizeof(*all); i++) {
        struct jp_pod_process process;
        if (all[i].ki_jid != jid)
            continue;
        describe(&all[i], &process);
        int r = each(context, &process);
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- what this host has ---- */

struct feature {
    const char *name;
    const char *sysctl; /* there: the kernel has it; NULL: ask for the module */
    const char *module;
    const char *there;
    const char *missing;
    const char *remedy;
};

static const struct feature features[] = {
    {"network stacks", "kern.features.vimage", NULL, "pods have stacks of their own (VNET)",
     "this kernel has no VIMAGE: pods have addresses on jail.interface",
     "a kernel with VIMAGE gives them stacks of their own"},
    {"network pairs", NULL, "if_epair", "epair", "no epair", "kldload if_epair"},
    {"bridges", NULL, "if_bridge", "bridge", "no bridge", "kldload if_bridge"},
    {"nullfs", NULL, "nullfs", "roots and volumes can be mounted", "no nullfs", "kldload nullfs"},
    {"fdescfs", NULL, "fdescfs", "pods have /dev/fd", "no fdescfs", "kldload fdescfs"},
    {"Linux programs", NULL, "linux64elf", "images for Linux run",
     "images for Linux do not run here", "kldload linux64 linprocfs linsysfs"},
};

static bool is_there(const struct feature *f)
{
    int value = 0;
    size_t len = sizeof(value);
    if (f->sysctl)
        return sysctlbyname(f->sysctl, &value, &len, NULL, 0) == 0 && value != 0;
    struct xvfsconf vfs;
    return modfind(f->module) >= 0 || getvfsbyname(f->module, &vfs) == 0;
}

bool jp_freebsd_has_stacks(void)
{
    return is_there(&features[0]);
}

static void examine(void (*say)(void *context, const char *name, bool is_fine, const char *text,
                                const char *remedy),
                    void *context)
{
    struct utsname name;
    if (uname(&name) == 0)
        say(context, "kernel", true, name.release, NULL);
    say(context, "privileges", geteuid() == 0, geteuid() == 0 ? "root" : "not root",
        geteuid() == 0 ? NULL : "run as root");
    for (size_t i = 0; i < JP_LEN(features); i++) {
        const struct feature *f = &features[i];
        bool has = is_there(f);
        say(context, f->name, has, has ? f->there : f->missing, has ? NULL : f->remedy);
    }
    int is_on = 0;
    size_t len = sizeof(is_on);
    bool has = sysctlbyname("kern.racct.enable", &is_on, &len, NULL, 0) == 0 && is_on == 1;
    say(context, "limits", has, has ? "rctl" : "RACCT is off: limits are ignored",
        has ? NULL : "kern.racct.enable=1 in /boot/loader.conf, and a restart");
}

static bool holder(JP_UNUSED bool is_udp, JP_UNUSED const union jp_address *address,
                   JP_UNUSED char *out, JP_UNUSED size_t size)
{
    return false;
}

const struct jp_host_ops jp_freebsd_host = {
    .processes = processes, .holder = holder, .examine = examine};
