/*
 * The default list of blocked system calls, for the generator (build time) and for remove sets (run
 * time). ace.md: it "SHOULD be a security-focused set of syscalls typically not required by apps".
 *
 * What is here: loading code into the kernel, other namespaces and mounts (an app has what it was
 * given), the host's clock, devices and keys, tracing of the whole machine, typing into terminals,
 * and interfaces whose record is bad (io_uring, userfaultfd, bpf). Blocked calls fail with EPERM,
 * so that programs which only try go on.
 */
#ifndef JP_POD_SECCOMP_RULES_LINUX_H
#define JP_POD_SECCOMP_RULES_LINUX_H

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const char *const jp_seccomp_denied[] = {
    "_sysctl",
    "acct",
    "add_key",
    "afs_syscall",
    "bpf",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_settime",
    "clock_settime64",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "getpmsg",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "putpmsg",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "security",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "tuxcall",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
    "vm86old",
    "vserver",
};

#define JP_SECCOMP_CLONE_NEWUSER 0x10000000U
#define JP_SECCOMP_TIOCSTI       0x5412U
#define JP_SECCOMP_TIOCLINUX     0x541CU
#define JP_SECCOMP_AF_VSOCK      40U

/* The second architecture that programs of this one may be written for. */
static inline int jp_seccomp_add_compat(scmp_filter_ctx ctx, uint32_t native)
{
    uint32_t compat = native == SCMP_ARCH_X86_64    ? SCMP_ARCH_X86
                      : native == SCMP_ARCH_AARCH64 ? SCMP_ARCH_ARM
                                                    : 0;
    return compat ? seccomp_arch_add(ctx, compat) : 0;
}

/* Calls that are harmless but for one argument. */
static inline int jp_seccomp_add_arguments(scmp_filter_ctx ctx, uint32_t native,
                                           bool (*is_named)(void *, const char *), void *context)
{
    uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    int rc = 0;
    /* s390 has the flags in the second argument. */
    bool is_swapped = native == SCMP_ARCH_S390X || native == SCMP_ARCH_S390;
    struct scmp_arg_cmp flags =
        is_swapped ? (struct scmp_arg_cmp)SCMP_A1(SCMP_CMP_MASKED_EQ, JP_SECCOMP_CLONE_NEWUSER,
                                                  JP_SECCOMP_CLONE_NEWUSER)
                   : (struct scmp_arg_cmp)SCMP_A0(SCMP_CMP_MASKED_EQ, JP_SECCOMP_CLONE_NEWUSER,
                                                  JP_SECCOMP_CLONE_NEWUSER);
    if (!is_named || !is_named(context, "clone"))
        rc = seccomp_rule_add_array(ctx, deny, SCMP_SYS(clone), 1, &flags);
    /* Its flags are behind a pointer: libraries fall back to clone on ENOSYS. */
    if (rc == 0 && (!is_named || !is_named(context, "clone3")))
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* CVE-2017-5226; the kernel looks at 32 bits of the request (CVE-2019-10063). */
    static const unsigned requests[] = {JP_SECCOMP_TIOCSTI, JP_SECCOMP_TIOCLINUX};
    for (size_t i = 0; i < 2 && rc == 0 && (!is_named || !is_named(context, "ioctl")); i++)
        rc = seccomp_rule_add(ctx, deny, SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, requests[i]));
    if (rc == 0 && (!is_named || !is_named(context, "socket")))
        rc = seccomp_rule_add(ctx, deny, SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_EQ, JP_SECCOMP_AF_VSOCK, 0));
    return rc;
}

/*
 * Adds the default list, without what `is_named` says is spoken for already (NULL: nothing is).
 * 0 or a negative errno, as libseccomp answers.
 */
static inline int jp_seccomp_add_default(scmp_filter_ctx ctx, uint32_t native,
                                         bool (*is_named)(void *, const char *), void *context)
{
    for (size_t i = 0; i < sizeof(jp_seccomp_denied) / sizeof(jp_seccomp_denied[0]); i++) {
        const char *name = jp_seccomp_denied[i];
        int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR || (is_named && is_named(context, name)))
            continue;
        int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (rc < 0)
            return rc;
    }
    return jp_seccomp_add_arguments(ctx, native, is_named, context);
}

#endif
