#include "config.h"

#include <sys/syscall.h>

#include "base/macros.h"
#include "openpgp/confine.h"
#include "openpgp/limits.h"
#include "sys/callfilter.h"
#include "sys/drop.h"

/* What librnp, Botan and the C and C++ libraries call once they are loaded (strace). */
static const unsigned allowed[] = {
    SYS_brk,
    SYS_clock_gettime,
    SYS_close,
    SYS_exit,
    SYS_exit_group,
    SYS_fstat,
    SYS_futex,
    SYS_getpid,
    SYS_getrandom,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_lseek,
    SYS_madvise,
    SYS_mlock,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munlock,
    SYS_munmap,
    SYS_newfstatat,
    SYS_pread64,
    SYS_read,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sendmsg,
    SYS_sendto,
    SYS_tgkill, /* abort(3) */
#ifdef SYS_time
    SYS_time,
#endif
    SYS_write,
    /* For signing alone. */
    SYS_clone,
    SYS_clone3,
    SYS_rseq,
    SYS_sched_getaffinity,
    SYS_set_robust_list,
};

#define N_FOR_THREADS 5 /* the last ones */

int jp_openpgp_confine(const struct jp_openpgp_head *head, struct jp_error *err)
{
    const struct jp_drop drop = {.uid = head->uid, .gid = head->gid};
    if (jp_openpgp_limit(head->data_bytes, err) < 0 || jp_drop_rights(&drop, err) < 0)
        return -1;
    if (JP_SANITIZED)
        return 0;
    size_t count = JP_LEN(allowed) - (head->is_signing ? 0 : N_FOR_THREADS);
    return jp_callfilter_apply(allowed, count, NULL, 0, err);
}
