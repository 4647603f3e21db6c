/*
 * Linux: Landlock for files and ports, then a list of system calls. The list was made from what
 * libmicrohttpd and the C library call here (strace), and what they call when memory or descriptors
 * run short; a call that is not on it fails with EPERM, so that an update of either shows as an
 * error and not as a death.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/landlock.h>
#include <stdint.h>
#include <unistd.h>

#include "base/macros.h"
#include "mds/confine.h"
#include "sys/callfilter.h"
#include "sys/fd.h"

/* Not in the headers of every C library that we build with. */
#define HANDLED_FS_V1 ((1ULL << 13) - 1) /* every right of Landlock's first version */
#define NET_RIGHTS    3ULL               /* bind and connect of TCP: version 4 */
#define READ_RIGHTS   (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net;
};

static int restrict_files(int dir_fd, struct jp_error *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0; /* this kernel has none, or it is switched off */
    struct ruleset rules = {.handled_fs = HANDLED_FS_V1,
                            .handled_net = version >= 4 ? NET_RIGHTS : 0};
    struct landlock_path_beneath_attr below = {.allowed_access = READ_RIGHTS, .parent_fd = dir_fd};
    size_t size = version >= 4 ? sizeof(rules) : sizeof(rules.handled_fs);
    JP_AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0 || syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return jp_fail_sys(err, "restrict access to files");
    return 0;
}

static const unsigned allowed[] = {
    SYS_accept4,
    SYS_brk,
    SYS_clock_gettime,
    SYS_close,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_exit,
    SYS_exit_group,
    SYS_fcntl,
    SYS_flock,
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
    SYS_lseek,
    SYS_madvise,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_newfstatat,
    SYS_openat, /* reading, below one directory: Landlock */
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
    SYS_read,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sendfile,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_tgkill, /* abort(3) */
#ifdef SYS_time
    SYS_time,
#endif
    SYS_write,
    SYS_writev,
};

int jp_confine_self(int dir_fd, struct jp_error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return jp_fail_sys(err, "give up new privileges");
    /* The sanitizers' reports and their check for leaks at the end need /proc and ptrace(2). */
    if (prctl(PR_SET_DUMPABLE, JP_SANITIZED ? 1 : 0, 0, 0, 0) < 0)
        return jp_fail_sys(err, "keep out of core files");
    if (JP_SANITIZED)
        return 0;
    if (restrict_files(dir_fd, err) < 0)
        return -1;
    return jp_callfilter_apply(allowed, JP_LEN(allowed), NULL, 0, err);
}
