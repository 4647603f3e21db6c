#include <sys/syscall.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "base/macros.h"
#include "sys/callfilter.h"

#define MAX_STATEMENTS 512

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define OUR_ARCH AUDIT_ARCH_I386
#elif defined(__arm__)
#define OUR_ARCH AUDIT_ARCH_ARM
#elif defined(__riscv)
#define OUR_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
#define OUR_ARCH AUDIT_ARCH_PPC64LE
#endif

struct program {
    struct sock_filter statements[MAX_STATEMENTS];
    size_t count;
};

static void add(struct program *p, struct sock_filter statement)
{
    if (p->count < MAX_STATEMENTS)
        p->statements[p->count] = statement;
    p->count++;
}

static void load(struct program *p, size_t offset)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void decide(struct program *p, uint32_t action)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Skips `no` statements when the value is another one. */
static void compare(struct program *p, uint32_t value, uint8_t yes, uint8_t no)
{
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no));
}

static size_t low_half_of_argument(size_t index)
{
    size_t offset = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    offset += sizeof(uint32_t);
#endif
    return offset;
}

/* The kernel, too, looks at the low halves of these only: they are ints. */
static void add_limited(struct program *p, const struct jp_call_limit *limit)
{
    enum { PER_ARGUMENT = 5 };
    compare(p, limit->call, 0, 2 * PER_ARGUMENT + 1);
    for (size_t i = 0; i < JP_LEN(limit->arguments); i++) {
        load(p, low_half_of_argument(i));
        add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, limit->arguments[i].mask));
        compare(p, limit->arguments[i].values[0], 2, 0);
        compare(p, limit->arguments[i].values[1], 1, 0);
        decide(p, SECCOMP_RET_ERRNO | EPERM);
    }
    decide(p, SECCOMP_RET_ALLOW);
}

int jp_callfilter_apply(const unsigned *calls, size_t count, const struct jp_call_limit *limited,
                        size_t n_limited, struct jp_error *err)
{
    struct program p = {.count = 0};
    load(&p, offsetof(struct seccomp_data, arch));
    compare(&p, OUR_ARCH, 1, 0);
    decide(&p, SECCOMP_RET_KILL_PROCESS);
    load(&p, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < n_limited; i++)
        add_limited(&p, &limited[i]);
    for (size_t i = 0; i < count; i++) {
        compare(&p, calls[i], 0, 1);
        decide(&p, SECCOMP_RET_ALLOW);
    }
    decide(&p, SECCOMP_RET_ERRNO | EPERM);
    if (p.count > MAX_STATEMENTS)
        return jp_fail(err, JP_ELIMIT, 0, "too many system calls for a filter");
    struct sock_fprog filter = {.len = (unsigned short)p.count, .filter = p.statements};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 && errno != EINVAL &&
        errno != ENOSYS)
        return jp_fail_sys(err, "restrict system calls");
    return 0;
}
