/*
 * The shim on Linux: capabilities, seccomp, and the step into the pod's PID namespace.
 *
 * Stage 1 starts the shim with the pod's PID namespace set for its *children* only. So as long as
 * it holds more than the program may have, no process of the pod can see or trace it, whatever
 * capabilities the pod was given; what forks into the namespace holds the program's rights.
 *
 * One right outlives that step when a filter is asked for without no_new_privs: CAP_SYS_ADMIN,
 * which seccomp(2) then needs. The bounding set no longer has it, so execve(2) takes it away; until
 * then the process is not dumpable, and only a pod that was given CAP_SYS_PTRACE could reach it.
 *
 * A label of a security module is the program's as well: the shim asks the kernel for it while it
 * is not yet seen by the pod, and execve(2) brings it.
 *
 * The sets of the program come from execve(2) itself: for root permitted = bounding, for everybody
 * else nothing; inheritable and ambient are empty (CVE-2022-27650 and relatives).
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "stage2/shim.h"

#define MAX_CAPABILITY 63 /* bits in the orders' mask */

int jp_shim_protect(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void jp_shim_signals(void)
{
    /* The system call: sigaction(3) refuses the two or three signals of threads. */
    static const unsigned long defaults[16] = {0}; /* struct sigaction as the kernel knows it */
    for (int n = 1; n < NSIG; n++)
        (void)syscall(SYS_rt_sigaction, n, defaults, NULL, NSIG / CHAR_BIT);
}

int jp_shim_check_cwd(void)
{
    /* The system call, not libc's: it says "(unreachable)/..." for what is outside the root. */
    char path[PATH_MAX];
    long n = syscall(SYS_getcwd, path, sizeof(path));
    if (n < 0)
        return -1;
    if (path[0] != '/') {
        errno = EXDEV;
        return -1;
    }
    return 0;
}

/*
 * A /proc that nobody else has mounted anything on: what is written to attributes through that of
 * the pod may end elsewhere (CVE-2019-16884, CVE-2025-52881).
 */
static int open_proc(void)
{
    int fs = fsopen("proc", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    int fd = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0
                 ? -1
                 : fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    (void)close(fs);
    return fd;
}

/* For the next execve(2), which a fork inherits: how it is said, and where. */
static const struct {
    const char *file;
    const char *verb;
    size_t colons; /* so many parts of a label are read back as they were written */
} label_ways[JP_LABELS] = {
    /* The level comes back as the kernel writes it: "s0:c0,c1,c2" as "s0:c0.c2". */
    [JP_LABEL_SELINUX] = {"self/attr/exec", "", 3},
    [JP_LABEL_APPARMOR] = {"self/attr/apparmor/exec", "exec ", SIZE_MAX},
};

#define MAX_LABEL 4095 /* a page without its last byte: what the kernel takes at once */

/* "name" as "name", "name\n" or "name (enforce)\n". */
static bool is_label(const char *got, const char *label, size_t colons)
{
    size_t i = 0;
    for (; label[i] && colons > 0; i++) {
        if (got[i] != label[i])
            return false;
        colons -= label[i] == ':';
    }
    return colons == 0 || got[i] == '\0' || got[i] == '\n' || strncmp(got + i, " (", 2) == 0;
}

static int apply_label(int proc_fd, enum jp_label kind, const char *label)
{
    char text[MAX_LABEL + 1];
    size_t verb_len = strlen(label_ways[kind].verb), len = strlen(label);
    if (len == 0 || verb_len + len > MAX_LABEL) {
        errno = EINVAL;
        return -1;
    }
    memcpy(text, label_ways[kind].verb, verb_len);
    memcpy(text + verb_len, label, len);
    int fd = openat(proc_fd, label_ways[kind].file, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = pwrite(fd, text, verb_len + len, 0);
    if (n >= 0)
        n = pread(fd, text, MAX_LABEL, 0);
    (void)close(fd);
    if (n < 0)
        return -1;
    text[n] = '\0';
    if (is_label(text, label, label_ways[kind].colons))
        return 0;
    errno = EPROTO;
    return -1;
}

int jp_shim_label(const struct jp_orders *orders)
{
    for (unsigned i = 0; i < JP_LABELS; i++) {
        if (!orders->labels.items[i])
            continue;
        int proc_fd = open_proc();
        int r = proc_fd < 0 ? -1 : apply_label(proc_fd, i, orders->labels.items[i]);
        int saved = errno;
        if (proc_fd >= 0)
            (void)close(proc_fd);
        errno = saved;
        if (r < 0)
            return -1;
    }
    return 0;
}

int jp_shim_limit(const struct jp_orders *orders)
{
    for (int n = 0; n <= MAX_CAPABILITY; n++) {
        int has = prctl(PR_CAPBSET_READ, n, 0, 0, 0);
        if (has < 0)
            break; /* beyond the last one that this kernel knows */
        if (has == 1 && !(orders->capabilities >> n & 1) && prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
            return -1;
    }
    return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

int jp_shim_groups(const struct jp_orders *orders)
{
    return setgroups(orders->n_groups, (const gid_t *)orders->groups);
}

int jp_shim_ids(const struct jp_orders *orders)
{
    if (setresgid(orders->gid, orders->gid, orders->gid) < 0)
        return -1;
    return setresuid(orders->uid, orders->uid, orders->uid);
}

static bool needs_admin(const struct jp_orders *orders)
{
    return orders->seccomp_len > 0 && !orders->no_new_privileges;
}

int jp_shim_drop(const struct jp_orders *orders)
{
    uint64_t keep = orders->uid == 0 ? orders->capabilities : 0;
    if (needs_admin(orders))
        keep |= 1ULL << CAP_SYS_ADMIN;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2];
    if (syscall(SYS_capget, &header, now) < 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        now[i].permitted &= (uint32_t)(keep >> (32 * i));
        now[i].effective = now[i].permitted;
        now[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, now) < 0)
        return -1;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    if (orders->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    /* A change of ids may have reset it to fs.suid_dumpable, which can be 2. */
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int jp_shim_enter(pid_t *ret_pid)
{
    /* CLONE_PARENT: the program is stage 1's child, as if we had never been between them. */
    struct clone_args args = {.flags = CLONE_PARENT};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        return -1;
    *ret_pid = (pid_t)pid;
    return 0;
}

int jp_shim_filter(const struct jp_orders *orders)
{
    if (orders->seccomp_len == 0)
        return 0;
    struct sock_fprog program = {
        .len = (unsigned short)(orders->seccomp_len / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(void *)orders->seccomp,
    };
    if (orders->seccomp_len % sizeof(struct sock_filter) != 0 ||
        orders->seccomp_len / sizeof(struct sock_filter) > BPF_MAXINSNS) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
