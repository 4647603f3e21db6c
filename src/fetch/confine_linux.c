/*
 * Linux: Landlock for files, then a list of system calls, made from what libcurl, OpenSSL, libxml2
 * and the resolver of the C library call here (strace); a call that is not on it fails with EPERM,
 * so that an update of one of them shows as an error and not as a death.
 */
#include "config.h"

#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <unistd.h>

#include "base/macros.h"
#include "fetch/confine.h"
#include "sys/callfilter.h"
#include "sys/drop.h"
#include "sys/fd.h"

#define HANDLED_FS_V1 ((1ULL << 13) - 1) /* every right of Landlock's first version */
#define READ_RIGHTS   (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define READ_FILE     LANDLOCK_ACCESS_FS_READ_FILE

/* What resolver (its modules are loaded when the first name is asked) and TLS read. */
static const char *const readable[] = {
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/dev/urandom",
};

/* What is not there needs no permission. */
static int permit_reading(int rules, const char *path, struct jp_error *err)
{
    JP_AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct landlock_path_beneath_attr below = {.allowed_access = READ_RIGHTS, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) == 0)
        return 0;
    below.allowed_access = READ_FILE; /* not a directory */
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
        return jp_fail_sys(err, "permit reading '%s'", path);
    return 0;
}

static int restrict_files(const char *ca_file, struct jp_error *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0; /* this kernel has none, or it is switched off */
    uint64_t handled = HANDLED_FS_V1;
    JP_AUTO_FD int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
    if (rules < 0)
        return jp_fail_sys(err, "restrict access to files");
    for (size_t i = 0; i < JP_LEN(readable); i++) {
        if (permit_reading(rules, readable[i], err) < 0)
            return -1;
    }
    if (ca_file && permit_reading(rules, ca_file, err) < 0)
        return -1;
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return jp_fail_sys(err, "restrict access to files");
    return 0;
}

static const unsigned allowed[] = {
    SYS_bind,
    SYS_brk,
    SYS_clock_gettime,
    SYS_clone, /* the resolver's threads; nothing can be executed */
    SYS_clone3,
    SYS_close,
    SYS_connect,
    SYS_exit,
    SYS_exit_group,
    SYS_faccessat2,
    SYS_fcntl,
    SYS_fstat,
    SYS_futex,
    SYS_getdents64,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getpeername,
    SYS_getpid,
    SYS_getrandom,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_ioctl,
    SYS_lseek,
    SYS_madvise,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_newfstatat,
#ifdef SYS_open
    SYS_open,
    SYS_stat,
    SYS_access,
#endif
    SYS_openat,
    SYS_pipe2,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_pread64,
    SYS_read,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_set_robust_list,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_socketpair,
    SYS_statx,
    SYS_sysinfo,
    SYS_tgkill, /* abort(3) */
#ifdef SYS_time
    SYS_time,
#endif
    SYS_uname,
    SYS_write,
    SYS_writev,
};

#define AF_INET_NUMBER  2
#define AF_INET6_NUMBER 10

static const struct jp_call_limit limited[] = {
    {SYS_socket,
     {{UINT32_MAX, {AF_INET_NUMBER, AF_INET6_NUMBER}}, /* no service of this host, no netlink */
      {0xf, {1 /* SOCK_STREAM */, 2 /* SOCK_DGRAM */}}}},
};

int jp_fetch_confine(const struct jp_wire_settings *settings, struct jp_error *err)
{
    const struct jp_drop drop = {.uid = settings->uid, .gid = settings->gid, .keeps_files = true};
    if (jp_drop_rights(&drop, err) < 0)
        return -1;
    if (JP_SANITIZED)
        return 0;
    if (restrict_files(settings->ca_file, err) < 0)
        return -1;
    return jp_callfilter_apply(allowed, JP_LEN(allowed), limited, JP_LEN(limited), err);
}
