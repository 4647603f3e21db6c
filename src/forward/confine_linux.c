#include <sys/syscall.h>

#include <limits.h>

#include "base/macros.h"
#include "forward/confine.h"
#include "sys/callfilter.h"
#include "sys/drop.h"
#include "sys/fd.h"

int jp_forward_confine_ids(const struct jp_forward_rights *rights, struct jp_error *err)
{
    const struct jp_drop drop = {
        .uid = rights->uid,
        .gid = rights->gid,
        .keeps_raw_sockets = rights->keeps_address,
    };
    jp_fd_allow(INT_MAX);
    return jp_drop_rights(&drop, err);
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
