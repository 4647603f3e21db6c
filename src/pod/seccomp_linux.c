/*
 * The filter of system calls. Apps that ask for nothing get the default list, compiled when Jetpack
 * was built; only an isolator brings libseccomp to work.
 *
 * ace.md "os/linux/seccomp-remove-set": the named calls and our default list are blocked.
 * "os/linux/seccomp-retain-set": the named calls and what stage 2 needs to reach the program are
 * allowed, nothing else. Unknown names block nothing and are told.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pod/internal.h"
#include "pod/seccomp_default.h"
#include "pod/seccomp_rules_linux.h"
#include "sys/fd.h"

#define MAX_FILTER  (1U << 20) /* bytes; the kernel takes 4096 instructions of 8 */
#define SCOPE_ALL   "@appc.io/all"
#define SCOPE_EMPTY "@appc.io/empty"

/* What the shim does after the filter is in place, and what ends a process. */
static const char *const life_cycle[] = {
    "execve", "exit", "exit_group", "rt_sigreturn", "sigreturn", "restart_syscall",
};

#define E(name)                                                                                    \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct {
    const char *name;
    int number;
} errnos[] = {
    E(E2BIG),           E(EACCES),       E(EADDRINUSE),   E(EADDRNOTAVAIL),   E(EADV),
    E(EAFNOSUPPORT),    E(EAGAIN),       E(EALREADY),     E(EBADE),           E(EBADF),
    E(EBADFD),          E(EBADMSG),      E(EBADR),        E(EBADRQC),         E(EBADSLT),
    E(EBFONT),          E(EBUSY),        E(ECANCELED),    E(ECHILD),          E(ECHRNG),
    E(ECOMM),           E(ECONNABORTED), E(ECONNREFUSED), E(ECONNRESET),      E(EDEADLK),
    E(EDEADLOCK),       E(EDESTADDRREQ), E(EDOM),         E(EDOTDOT),         E(EDQUOT),
    E(EEXIST),          E(EFAULT),       E(EFBIG),        E(EHOSTDOWN),       E(EHOSTUNREACH),
    E(EHWPOISON),       E(EIDRM),        E(EILSEQ),       E(EINPROGRESS),     E(EINTR),
    E(EINVAL),          E(EIO),          E(EISCONN),      E(EISDIR),          E(EISNAM),
    E(EKEYEXPIRED),     E(EKEYREJECTED), E(EKEYREVOKED),  E(EL2HLT),          E(EL2NSYNC),
    E(EL3HLT),          E(EL3RST),       E(ELIBACC),      E(ELIBBAD),         E(ELIBEXEC),
    E(ELIBMAX),         E(ELIBSCN),      E(ELNRNG),       E(ELOOP),           E(EMEDIUMTYPE),
    E(EMFILE),          E(EMLINK),       E(EMSGSIZE),     E(EMULTIHOP),       E(ENAMETOOLONG),
    E(ENAVAIL),         E(ENETDOWN),     E(ENETRESET),    E(ENETUNREACH),     E(ENFILE),
    E(ENOANO),          E(ENOBUFS),      E(ENOCSI),       E(ENODATA),         E(ENODEV),
    E(ENOENT),          E(ENOEXEC),      E(ENOKEY),       E(ENOLCK),          E(ENOLINK),
    E(ENOMEDIUM),       E(ENOMEM),       E(ENOMSG),       E(ENONET),          E(ENOPKG),
    E(ENOPROTOOPT),     E(ENOSPC),       E(ENOSR),        E(ENOSTR),          E(ENOSYS),
    E(ENOTBLK),         E(ENOTCONN),     E(ENOTDIR),      E(ENOTEMPTY),       E(ENOTNAM),
    E(ENOTRECOVERABLE), E(ENOTSOCK),     E(ENOTSUP),      E(ENOTTY),          E(ENOTUNIQ),
    E(ENXIO),           E(EOPNOTSUPP),   E(EOVERFLOW),    E(EOWNERDEAD),      E(EPERM),
    E(EPFNOSUPPORT),    E(EPIPE),        E(EPROTO),       E(EPROTONOSUPPORT), E(EPROTOTYPE),
    E(ERANGE),          E(EREMCHG),      E(EREMOTE),      E(EREMOTEIO),       E(ERESTART),
    E(ERFKILL),         E(EROFS),        E(ESHUTDOWN),    E(ESOCKTNOSUPPORT), E(ESPIPE),
    E(ESRCH),           E(ESRMNT),       E(ESTALE),       E(ESTRPIPE),        E(ETIME),
    E(ETIMEDOUT),       E(ETOOMANYREFS), E(ETXTBSY),      E(EUCLEAN),         E(EUNATCH),
    E(EUSERS),          E(EWOULDBLOCK),  E(EXDEV),        E(EXFULL),
};
#undef E

const unsigned char *jp_pod_seccomp_default(size_t *ret_len)
{
    *ret_len = sizeof(default_filter);
    return default_filter;
}

static int action_of(const struct jp_isolator *isolator, uint32_t *ret, struct jp_error *err)
{
    *ret = SCMP_ACT_KILL_PROCESS; /* by SIGSYS */
    if (!isolator->errno_name || isolator->errno_name[0] == '\0')
        return 0;
    for (size_t i = 0; i < JP_LEN(errnos); i++) {
        if (strcmp(isolator->errno_name, errnos[i].name) == 0) {
            *ret = SCMP_ACT_ERRNO((uint32_t)errnos[i].number);
            return 0;
        }
    }
    return jp_fail(err, JP_EINVALID, 0, "there is no error '%s'", isolator->errno_name);
}

/* "@docker/default-whitelist" and its kind stand for the default list of whoever runs the image. */
static bool is_default_scope(const char *word)
{
    const char *slash = strchr(word, '/');
    return word[0] == '@' && slash && strncmp(slash, "/default-", 9) == 0;
}

static bool is_named(void *context, const char *name)
{
    const struct jp_isolator *isolator = context;
    return jp_strv_contains(&isolator->set, name);
}

struct compile {
    scmp_filter_ctx ctx;
    const struct jp_isolator *isolator;
    char *note; /* 160 bytes */
};

static void add_note(struct compile *c, const char *word)
{
    size_t used = strlen(c->note);
    (void)snprintf(c->note + used, 160 - used, "%s%s", used ? ", " : "unknown here: ", word);
}

static int add_rule(struct compile *c, uint32_t action, const char *name, struct jp_error *err)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    int rc = seccomp_rule_add(c->ctx, action, number, 0);
    /* -EACCES: the action is the default one; -EEXIST: it was named twice. */
    if (rc < 0 && rc != -EACCES && rc != -EEXIST)
        return jp_fail(err, JP_ESYS, -rc, "rule for system call '%s'", name);
    return 0;
}

static int add_named(struct compile *c, uint32_t action, struct jp_error *err)
{
    for (size_t i = 0; i < c->isolator->set.count; i++) {
        const char *word = c->isolator->set.items[i];
        if (word[0] == '@') {
            if (!is_default_scope(word))
                add_note(c, word);
            continue;
        }
        if (seccomp_syscall_resolve_name(word) == __NR_SCMP_ERROR)
            add_note(c, word);
        else if (add_rule(c, action, word, err) < 0)
            return -1;
    }
    return 0;
}

static int export(scmp_filter_ctx ctx, unsigned char **ret, size_t *ret_len, struct jp_error *err)
{
    JP_AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "make a file in memory");
    int rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return jp_fail(err, JP_ESYS, -rc, "compile the filter of system calls");
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "rewind the filter");
    struct jp_buf buf = JP_BUF_INIT;
    if (jp_fd_read_all(fd, MAX_FILTER, "filter of system calls", &buf, err) < 0) {
        jp_buf_clear(&buf);
        return -1;
    }
    size_t len = buf.len;
    char *bytes = jp_buf_steal(&buf);
    if (!bytes)
        return jp_oom(err);
    *ret = (unsigned char *)bytes;
    *ret_len = len;
    return 0;
}

static int compile_remove(struct compile *c, uint32_t action, struct jp_error *err)
{
    if (!jp_strv_contains(&c->isolator->set, SCOPE_EMPTY) && add_named(c, action, err) < 0)
        return -1;
    bool is_empty = jp_strv_contains(&c->isolator->set, SCOPE_EMPTY);
    int rc = jp_seccomp_add_default(c->ctx, seccomp_arch_native(), is_empty ? NULL : is_named,
                                    (void *)(uintptr_t)c->isolator);
    return rc < 0 ? jp_fail(err, JP_ESYS, -rc, "default filter of system calls") : 0;
}

static int compile_retain(struct compile *c, struct jp_error *err)
{
    if (add_named(c, SCMP_ACT_ALLOW, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(life_cycle); i++) {
        if (add_rule(c, SCMP_ACT_ALLOW, life_cycle[i], err) < 0)
            return -1;
    }
    return 0;
}

static int compile(struct compile *c, bool is_retain, unsigned char **ret, size_t *ret_len,
                   struct jp_error *err)
{
    uint32_t action = 0;
    if (action_of(c->isolator, &action, err) < 0)
        return -1;
    c->ctx = seccomp_init(is_retain ? action : SCMP_ACT_ALLOW);
    if (!c->ctx)
        return jp_oom(err);
    int rc = jp_seccomp_add_compat(c->ctx, seccomp_arch_native());
    int result = rc < 0 ? jp_fail(err, JP_ESYS, -rc, "second architecture") : 0;
    (void)seccomp_attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = is_retain ? compile_retain(c, err) : compile_remove(c, action, err);
    if (result == 0)
        result = export(c->ctx, ret, ret_len, err);
    seccomp_release(c->ctx);
    return result;
}

int jp_pod_seccomp_compile(const struct jp_isolator *isolator, unsigned char **ret, size_t *ret_len,
                           char note[160], struct jp_error *err)
{
    bool is_retain = isolator->kind == JP_ISOLATOR_SECCOMP_RETAIN;
    bool wants_default = false;
    for (size_t i = 0; i < isolator->set.count; i++)
        wants_default |= is_retain && is_default_scope(isolator->set.items[i]);
    note[0] = '\0';
    *ret = NULL;
    *ret_len = 0;
    if (is_retain && jp_strv_contains(&isolator->set, SCOPE_ALL))
        return 0;
    if (wants_default) {
        size_t len = 0;
        const unsigned char *bytes = jp_pod_seccomp_default(&len);
        if (!(*ret = (unsigned char *)jp_memdup0(bytes, len)))
            return jp_oom(err);
        *ret_len = len;
        return 0;
    }
    struct compile c = {.ctx = NULL, .isolator = isolator, .note = note};
    return compile(&c, is_retain, ret, ret_len, err);
}
