/*
 * Filters of system calls, call by call: what the default list blocks and nothing else, what a
 * retain set lets through and nothing else (ace.md "os/linux/seccomp-retain-set": our own part
 * "MUST be the minimum"), and every error that POSIX.1-2001 and C99 know. The program is run here,
 * not in the kernel, for every number that a call may have.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "tap.h"

#define MAX_CALLS 1024 /* numbers that are tried */
#define MAX_STEPS 4096 /* a filter cannot go back */

struct machine {
    uint32_t a;
    uint32_t memory[BPF_MEMWORDS];
};

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word = 0;
    if (offset <= sizeof(*data) - sizeof(word))
        memcpy(&word, (const char *)data + offset, sizeof(word));
    return word;
}

static bool jumps(const struct sock_filter *f, uint32_t a)
{
    switch (BPF_OP(f->code)) {
    case BPF_JEQ:
        return a == f->k;
    case BPF_JGT:
        return a > f->k;
    case BPF_JGE:
        return a >= f->k;
    default:
        return a & f->k;
    }
}

/* What the filter answers; 0xffffffff for what this machine does not know. */
static uint32_t answer(const struct sock_filter *program, size_t count,
                       const struct seccomp_data *data)
{
    struct machine m = {.a = 0};
    size_t at = 0;
    for (size_t n = 0; n < MAX_STEPS && at < count; n++) {
        const struct sock_filter *f = &program[at++];
        if (f->code == (BPF_LD | BPF_W | BPF_ABS))
            m.a = load(data, f->k);
        else if (f->code == (BPF_LD | BPF_MEM) && f->k < BPF_MEMWORDS)
            m.a = m.memory[f->k];
        else if (f->code == BPF_ST && f->k < BPF_MEMWORDS)
            m.memory[f->k] = m.a;
        else if (f->code == (BPF_ALU | BPF_AND | BPF_K))
            m.a &= f->k;
        else if (f->code == (BPF_JMP | BPF_JA))
            at += f->k;
        else if (BPF_CLASS(f->code) == BPF_JMP)
            at += jumps(f, m.a) ? f->jt : f->jf;
        else if (f->code == (BPF_RET | BPF_K))
            return f->k;
        else
            break;
    }
    return UINT32_MAX;
}

struct filter {
    unsigned char *bytes;
    size_t len;
};

static uint32_t ask(const struct filter *f, int number)
{
    struct seccomp_data data = {.nr = number, .arch = seccomp_arch_native()};
    JP_AUTO_FREE struct sock_filter *program = jp_alloc(f->len);
    if (program)
        memcpy(program, f->bytes, f->len);
    return program ? answer(program, f->len / sizeof(*program), &data) : UINT32_MAX;
}

static bool is_in(const char *const *names, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_syscall_resolve_name(names[i]) == number)
            return true;
    }
    return false;
}

/* How many calls get `action` without being in the list, or are in it and do not; says which. */
static size_t count_strays(const struct filter *f, uint32_t action, const char *const *names,
                           size_t count)
{
    size_t strays = 0;
    for (int number = 0; number < MAX_CALLS; number++) {
        bool is_so = ask(f, number) == action;
        if (is_so == is_in(names, count, number))
            continue;
        char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number);
        if (!name && !is_so)
            continue;
        printf("# %s (%d) %s\n", name ? name : "?", number, is_so ? "too much" : "missing");
        free(name);
        strays++;
    }
    return strays;
}

/* What an administrator does, and interfaces whose record is bad. No ordinary program is here. */
static const char *const administration[] = {
    /* code in the kernel, another kernel */
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "get_kernel_syms",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    /* mounts and namespaces: an app has what it was given */
    "mount",
    "umount2",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "open_tree",
    "mount_setattr",
    "pivot_root",
    "setns",
    "unshare",
    "open_by_handle_at",
    "sethostname",
    "setdomainname",
    /* the host's clock, swap, quotas, accounts, log, ports */
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
    "acct",
    "syslog",
    "ioperm",
    "iopl",
    "vhangup",
    /* keys are not in a namespace */
    "add_key",
    "keyctl",
    "request_key",
    /* the whole machine watched, or exploited often */
    "bpf",
    "perf_event_open",
    "fanotify_init",
    "lookup_dcookie",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    /* nobody has called these for decades */
    "_sysctl",
    "sysfs",
    "uselib",
    "ustat",
    "nfsservctl",
    "afs_syscall",
    "getpmsg",
    "putpmsg",
    "security",
    "tuxcall",
    "vserver",
};

static void test_default(void)
{
    struct filter f = {.len = 0};
    f.bytes = (unsigned char *)(uintptr_t)jp_pod_seccomp_default(&f.len);
    TAP_OK(count_strays(&f, SECCOMP_RET_ERRNO | EPERM, administration, JP_LEN(administration)) == 0,
           "the default list: administration, and nothing else");
    static const char *const clone3[] = {"clone3"};
    TAP_OK(count_strays(&f, SECCOMP_RET_ERRNO | ENOSYS, clone3, 1) == 0,
           "and clone3, whose flags cannot be looked at, is not there");
}

static bool compile(const char *isolator_name, const char *json, struct filter *ret)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_isolator isolator = JP_ISOLATOR_INIT;
    char note[160];
    *ret = (struct filter){.len = 0};
    int r = jp_isolator_parse(isolator_name, json, &isolator, &err);
    if (r == 0)
        r = jp_pod_seccomp_compile(&isolator, &ret->bytes, &ret->len, note, &err);
    if (r < 0)
        printf("# %s\n", jp_error_text(&err));
    jp_isolator_clear(&isolator);
    return r == 0;
}

static void test_retain(void)
{
    /* To reach the program, to end, to come back from a handler of a signal. */
    static const char *const least[] = {"getppid",      "execve",    "exit",           "exit_group",
                                        "rt_sigreturn", "sigreturn", "restart_syscall"};
    struct filter f;
    TAP_OK(compile("os/linux/seccomp-retain-set", "{\"set\":[\"getppid\"]}", &f),
           "a retain set of one call");
    TAP_OK(count_strays(&f, SECCOMP_RET_ALLOW, least, JP_LEN(least)) == 0,
           "lets through that call, and the least that life takes");
    TAP_OK(ask(&f, seccomp_syscall_resolve_name("read")) == SECCOMP_RET_KILL_PROCESS,
           "what else is called ends the program");
    free(f.bytes);
}

static void test_remove(void)
{
    static const char *const removed[] = {"getppid", "mkdir"};
    struct filter f;
    TAP_OK(compile("os/linux/seccomp-remove-set",
                   "{\"errno\":\"EXDEV\",\"set\":[\"getppid\",\"mkdir\"]}", &f),
           "a remove set of two calls");
    TAP_OK(count_strays(&f, SECCOMP_RET_ERRNO | EXDEV, removed, JP_LEN(removed)) == 0,
           "gives its error to these two");
    TAP_OK(count_strays(&f, SECCOMP_RET_ERRNO | EPERM, administration, JP_LEN(administration)) == 0,
           "and blocks beside them the default list alone");
    free(f.bytes);
}

#define E(name)                                                                                    \
    {                                                                                              \
#name, name                                                                                \
    }
/* POSIX.1-2001 <errno.h>, which has those of C99: EDOM, EILSEQ, ERANGE. */
static const struct {
    const char *name;
    unsigned number;
} posix[] = {
    E(E2BIG),
    E(EACCES),
    E(EADDRINUSE),
    E(EADDRNOTAVAIL),
    E(EAFNOSUPPORT),
    E(EAGAIN),
    E(EALREADY),
    E(EBADF),
    E(EBADMSG),
    E(EBUSY),
    E(ECANCELED),
    E(ECHILD),
    E(ECONNABORTED),
    E(ECONNREFUSED),
    E(ECONNRESET),
    E(EDEADLK),
    E(EDESTADDRREQ),
    E(EDOM),
    E(EDQUOT),
    E(EEXIST),
    E(EFAULT),
    E(EFBIG),
    E(EHOSTUNREACH),
    E(EIDRM),
    E(EILSEQ),
    E(EINPROGRESS),
    E(EINTR),
    E(EINVAL),
    E(EIO),
    E(EISCONN),
    E(EISDIR),
    E(ELOOP),
    E(EMFILE),
    E(EMLINK),
    E(EMSGSIZE),
    E(EMULTIHOP),
    E(ENAMETOOLONG),
    E(ENETDOWN),
    E(ENETRESET),
    E(ENETUNREACH),
    E(ENFILE),
    E(ENOBUFS),
    E(ENODATA),
    E(ENODEV),
    E(ENOENT),
    E(ENOEXEC),
    E(ENOLCK),
    E(ENOLINK),
    E(ENOMEM),
    E(ENOMSG),
    E(ENOPROTOOPT),
    E(ENOSPC),
    E(ENOSR),
    E(ENOSTR),
    E(ENOSYS),
    E(ENOTCONN),
    E(ENOTDIR),
    E(ENOTEMPTY),
    E(ENOTSOCK),
    E(ENOTSUP),
    E(ENOTTY),
    E(ENXIO),
    E(EOPNOTSUPP),
    E(EOVERFLOW),
    E(EPERM),
    E(EPIPE),
    E(EPROTO),
    E(EPROTONOSUPPORT),
    E(EPROTOTYPE),
    E(ERANGE),
    E(EROFS),
    E(ESPIPE),
    E(ESRCH),
    E(ESTALE),
    E(ETIME),
    E(ETIMEDOUT),
    E(ETXTBSY),
    E(EWOULDBLOCK),
    E(EXDEV),
    /* of Linux */
    E(ENOKEY),
    E(EHWPOISON),
    E(ENOMEDIUM),
    E(EUCLEAN),
    E(EREMOTEIO),
};

static void test_errors(void)
{
    for (size_t i = 0; i < JP_LEN(posix); i++) {
        char json[80];
        struct filter f;
        (void)snprintf(json, sizeof(json), "{\"errno\":\"%s\",\"set\":[\"getppid\"]}",
                       posix[i].name);
        TAP_OK(compile("os/linux/seccomp-remove-set", json, &f) &&
                   ask(&f, seccomp_syscall_resolve_name("getppid")) ==
                       (SECCOMP_RET_ERRNO | posix[i].number),
               "%s", posix[i].name);
        free(f.bytes);
    }
}

int main(void)
{
    test_default();
    test_retain();
    test_remove();
    test_errors();
    return tap_done();
}
