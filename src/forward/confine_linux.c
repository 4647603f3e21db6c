#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "forward/confine.h"
#include "sys/callfilter.h"
#include "sys/fd.h"

/* Nothing that we might execute could get a capability back; we cannot execute anything either. */
static int empty_bounding_set(struct jp_error *err)
{
    for (unsigned long n = 0; n < 64 && prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0; n++) {
        if (prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
            return jp_fail_sys(err, "drop capability %lu", n);
    }
    return 0;
}

static int become_user(const struct jp_forward_rights *rights, struct jp_error *err)
{
    gid_t gid = (gid_t)rights->gid;
    uid_t uid = (uid_t)rights->uid;
    if (uid == 0)
        return jp_fail(err, JP_EINVALID, 0, "the forwarder does not run as root");
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(1, &gid) < 0 ||
        setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return jp_fail_sys(err, "become user %u", (unsigned)uid);
    return 0;
}

static int keep_capability(bool keeps_raw, struct jp_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof(data));
    if (keeps_raw)
        data[0].permitted = data[0].effective = 1U << CAP_NET_RAW;
    if (syscall(SYS_capset, &header, data) < 0)
        return jp_fail_sys(err, "give up capabilities");
    if (setresuid(0, 0, 0) == 0)
        return jp_fail(err, JP_ESYS, 0, "could not give up root for good");
    return 0;
}

int jp_forward_confine_ids(const struct jp_forward_rights *rights, struct jp_error *err)
{
    const struct rlimit none = {0, 0};
    jp_fd_allow(INT_MAX);
    (void)setrlimit(RLIMIT_CORE, &none);
    if (geteuid() == 0 && (empty_bounding_set(err) < 0 || become_user(rights, err) < 0 ||
                           keep_capability(rights->keeps_address, err) < 0))
        return -1;
    /* These are undone by a change of ids, so they come after it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return jp_fail_sys(err, "give up rights");
    return 0;
}

/* What the forwarder and musl or glibc below it call. */
static const unsigned allowed[] = {
    SYS_accept4,        SYS_bind,         SYS_brk,         SYS_clock_gettime, SYS_close,
    SYS_connect,        SYS_epoll_ctl,    SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_exit,           SYS_exit_group,   SYS_fcntl,       SYS_futex,         SYS_getpeername,
    SYS_getpid,         SYS_getsockopt,   SYS_madvise,     SYS_mmap,          SYS_mprotect,
    SYS_mremap,         SYS_munmap,       SYS_pipe2,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,          SYS_read,         SYS_recvfrom,    SYS_recvmsg,       SYS_restart_syscall,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sendmsg,     SYS_sendto,        SYS_setsockopt,
    SYS_shutdown,       SYS_splice,       SYS_write,
};

#define AF_INET_NUMBER  2
#define AF_INET6_NUMBER 10

static const struct jp_call_limit limited[] = {
    {SYS_socket,
     {{UINT32_MAX, {AF_INET_NUMBER, AF_INET6_NUMBER}}, /* no raw sockets, no packets, no netlink */
      {0xf, {1 /* SOCK_STREAM */, 2 /* SOCK_DGRAM */}}}},
};

int jp_forward_confine_calls(struct jp_error *err)
{
    return jp_callfilter_apply(allowed, JP_LEN(allowed), limited, JP_LEN(limited), err);
}
