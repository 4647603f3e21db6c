/*
 * What the shim needs of a C library, on Linux for x86-64, and no more.
 *
 * Why not libc itself: its start asks the processor for its features some thirty times, each time a
 * trap to the hypervisor in a virtual machine (0.2 ms of every exec), and it brings 800 KiB that
 * are copied into a sealed file for every pod (0.35 ms). What is left is also what has to be read
 * to trust the last code of ours before an application: no locale, no stdio, no environment.
 *
 * Each function does what its manual page says, within what the shim asks of it; where that is
 * less than the page, a comment says so. One thread, no signal handlers. The stack is protected as
 * everywhere else: the canary comes from the kernel's random bytes. This file itself is compiled
 * without protection and without builtins (its memcpy must not become a call of memcpy).
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <asm/prctl.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define KERNEL_MAX_ERRNO 4095
#define KERNEL_SIGSET    8 /* bytes of a set of signals in the kernel's eyes */

/* ---- system calls ---- */

static int last_error;

int *__errno_location(void);
int *__errno_location(void)
{
    return &last_error;
}

static long raw(long number, const long arguments[6])
{
    long result;
    register long d __asm__("r10") = arguments[3];
    register long e __asm__("r8") = arguments[4];
    register long f __asm__("r9") = arguments[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(d),
                       "r"(e), "r"(f)
                     : "rcx", "r11", "memory");
    return result;
}

static long call(long number, const long arguments[6])
{
    long result = raw(number, arguments);
    if (result < 0 && result >= -KERNEL_MAX_ERRNO) {
        last_error = (int)-result;
        return -1;
    }
    return result;
}

#define CALL(number, ...) call((number), (const long[6]){__VA_ARGS__})

long syscall(long number, ...)
{
    long arguments[6];
    va_list ap;
    va_start(ap, number);
    for (size_t i = 0; i < JP_LEN(arguments); i++)
        arguments[i] = va_arg(ap, long);
    va_end(ap);
    return call(number, arguments);
}

ssize_t read(int fd, void *bytes, size_t len)
{
    return CALL(SYS_read, fd, (long)bytes, (long)len);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return CALL(SYS_write, fd, (long)bytes, (long)len);
}

int close(int fd)
{
    return (int)CALL(SYS_close, fd);
}

/* Linux 5.9: older than what we support. */
void closefrom(int first)
{
    (void)CALL(SYS_close_range, first, (long)~0U, 0);
}

int fcntl(int fd, int command, ...)
{
    va_list ap;
    va_start(ap, command);
    long argument = va_arg(ap, long);
    va_end(ap);
    return (int)CALL(SYS_fcntl, fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    long argument = va_arg(ap, long);
    va_end(ap);
    return (int)CALL(SYS_ioctl, fd, (long)request, argument);
}

int prctl(int option, ...)
{
    long arguments[6] = {option};
    va_list ap;
    va_start(ap, option);
    for (size_t i = 1; i < 5; i++)
        arguments[i] = va_arg(ap, long);
    va_end(ap);
    return (int)call(SYS_prctl, arguments);
}

int chdir(const char *path)
{
    return (int)CALL(SYS_chdir, (long)path);
}

int execve(const char *path, char *const argv[], char *const env[])
{
    return (int)CALL(SYS_execve, (long)path, (long)argv, (long)env);
}

pid_t getpid(void)
{
    return (pid_t)CALL(SYS_getpid, 0);
}

pid_t setsid(void)
{
    return (pid_t)CALL(SYS_setsid, 0);
}

mode_t umask(mode_t mask)
{
    return (mode_t)CALL(SYS_umask, (long)mask);
}

int setgroups(size_t count, const gid_t *groups)
{
    return (int)CALL(SYS_setgroups, (long)count, (long)groups);
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
    return (int)CALL(SYS_setresgid, (long)real, (long)effective, (long)saved);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    return (int)CALL(SYS_setresuid, (long)real, (long)effective, (long)saved);
}

void _exit(int status)
{
    for (;;)
        (void)CALL(SYS_exit_group, status);
}

/* ---- signals ---- */

int sigemptyset(sigset_t *set)
{
    memset(set, 0, sizeof(*set));
    return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return (int)CALL(SYS_rt_sigprocmask, how, (long)set, (long)old, KERNEL_SIGSET);
}

/* The default action and "ignore" only: there is nothing here to return from a handler. */
int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } kernel = {0};
    if (old || !action || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)) {
        last_error = EINVAL;
        return -1;
    }
    kernel.handler = action->sa_handler;
    return (int)CALL(SYS_rt_sigaction, number, (long)&kernel, 0, KERNEL_SIGSET);
}

/* ---- bytes and strings ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    for (size_t i = 0; i < len; i++)
        t[i] = f[i];
    return to;
}

void *memset(void *to, int byte, size_t len)
{
    unsigned char *t = to;
    for (size_t i = 0; i < len; i++)
        t[i] = (unsigned char)byte;
    return to;
}

size_t strlen(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0')
        len++;
    return len;
}

int strncmp(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i])
            return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        if (a[i] == '\0')
            break;
    }
    return 0;
}

char *strchr(const char *text, int byte)
{
    for (;; text++) {
        if (*text == (char)byte)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

size_t strcspn(const char *text, const char *reject)
{
    size_t len = 0;
    while (text[len] != '\0' && !strchr(reject, text[len]))
        len++;
    return len;
}

/* ---- memory ---- */

/*
 * Small blocks come one after the other out of the arena, which is never given back: the process
 * ends or becomes another program within a millisecond. Others are mappings of their own.
 */
#define ARENA_SIZE (128U << 10)
#define ALIGNMENT  16U

struct block {
    size_t size;
    size_t mapped; /* bytes of the mapping with this header in it; 0: in the arena */
};
_Static_assert(sizeof(struct block) == ALIGNMENT, "what follows a header is aligned");

static unsigned char arena[ARENA_SIZE] __attribute__((__aligned__(ALIGNMENT)));
static size_t arena_used;

void *malloc(size_t size)
{
    if (size > PTRDIFF_MAX - 2 * ALIGNMENT) {
        last_error = ENOMEM;
        return NULL;
    }
    size_t need = sizeof(struct block) + ((size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
    struct block *block;
    if (need <= ARENA_SIZE - arena_used) {
        block = (struct block *)(void *)(arena + arena_used);
        arena_used += need;
        block->mapped = 0;
    } else {
        long mapping = CALL(SYS_mmap, 0, (long)need, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == -1)
            return NULL;
        block = (struct block *)mapping; /* NOLINT(performance-no-int-to-ptr) */
        block->mapped = need;
    }
    block->size = size;
    return block + 1;
}

void free(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)memory - 1;
    if (block->mapped > 0)
        (void)CALL(SYS_munmap, (long)block, (long)block->mapped);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        last_error = ENOMEM;
        return NULL;
    }
    return malloc(bytes); /* all zeros: a freed block of the arena is never given out again */
}

void *realloc(void *old, size_t size)
{
    void *grown = malloc(size);
    if (!grown || !old)
        return grown;
    size_t len = ((struct block *)old - 1)->size;
    memcpy(grown, old, len < size ? len : size);
    free(old);
    return grown;
}

/* ---- errors of the base library ---- */

/* The shim reports a step and an errno: nobody here passes anything that a text could go into. */
int jp_fail(JP_UNUSED struct jp_error *err, JP_UNUSED enum jp_code code, JP_UNUSED int sys,
            JP_UNUSED const char *fmt, ...)
{
    return -1;
}

/* ---- the beginning ---- */

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    __builtin_trap();
}

/* What %fs points to, as far as compilers know it: itself first, the canary in the sixth place. */
static uintptr_t thread[8];

int main(void);
JP_NORETURN void jp_bare_start(const uintptr_t *stack);

/* The stack holds argc, the arguments, NULL, the environment, NULL, and the kernel's notes. */
void jp_bare_start(const uintptr_t *stack)
{
    const uintptr_t *p = stack + 1 + stack[0] + 1;
    while (*p != 0)
        p++;
    uintptr_t canary = 0;
    for (p++; p[0] != AT_NULL; p += 2) {
        if (p[0] == AT_RANDOM)
            memcpy(&canary, (const void *)p[1], sizeof(canary)); /* NOLINT */
    }
    thread[0] = (uintptr_t)thread;
    /* Its lowest byte is zero, so that no copied string contains it. */
    thread[5] = canary & ~(uintptr_t)0xff;
    if (canary == 0 || CALL(SYS_arch_prctl, ARCH_SET_FS, (long)thread) < 0)
        _exit(125);
    _exit(main());
}

__asm__(".text\n"
        ".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %rsp, %rdi\n"
        "    andq $-16, %rsp\n"
        "    call jp_bare_start\n"
        "    hlt\n");
