/*
 * What a program in a FreeBSD jail may try, for tests/freebsd/:
 *
 *   relay N     N families of processes of which each forks the next and ends, so that somebody is
 *               always in the middle of a fork; writes "ready" first
 *   trace       attaches to every other process that it sees, once, writes "traced NAME" and lets
 *               it go; writes "ready" first and never ends
 *   climb       goes up from its working directory; writes where it ends: "root" or "elsewhere"
 *
 * and what it reads of others, on the host:
 *
 *   ends FILE   in which order a pod was taken down, from what ktrace(1) noted of system calls:
 *               "device" (destroyed), "jail" (removed), a line each
 */
#include <sys/param.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off: it needs <sys/uio.h> */
#include <sys/ktrace.h>
/* clang-format on */

#define MAX_PROCESSES 256
#define LEVELS        64
#define MAX_PID       99999 /* of the kernel */

static int relay(int families)
{
    for (int i = 0; i < families; i++) {
        if (fork() == 0) {
            for (;;) {
                if (fork() > 0)
                    _exit(0);
            }
        }
    }
    puts("ready");
    for (;;)
        pause();
}

/* The name is asked for once it stands still: it may have become another program since it was
 * listed. */
static void trace_one(pid_t pid)
{
    int status, name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
    struct kinfo_proc now;
    size_t len = sizeof(now);
    if (ptrace(PT_ATTACH, pid, NULL, 0) < 0)
        return;
    (void)waitpid(pid, &status, 0);
    if (sysctl(name, 4, &now, &len, NULL, 0) == 0 && len == sizeof(now))
        printf("traced %s\n", now.ki_comm);
    (void)ptrace(PT_DETACH, pid, (caddr_t)1, 0);
}

/* No process is tried twice: a pid comes back only after all others. */
static int trace(void)
{
    static struct kinfo_proc all[MAX_PROCESSES];
    static bool is_known[MAX_PID + 1];
    puts("ready");
    is_known[getpid()] = true;
    for (;;) {
        int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PROC};
        size_t len = sizeof(all);
        if (sysctl(name, 3, all, &len, NULL, 0) < 0)
            return 1;
        for (size_t i = 0; i < len / sizeof(all[0]); i++) {
            if (all[i].ki_pid > MAX_PID || is_known[all[i].ki_pid])
                continue;
            is_known[all[i].ki_pid] = true;
            trace_one(all[i].ki_pid);
        }
    }
}

static int climb(void)
{
    struct stat here, root;
    for (int i = 0; i < LEVELS; i++) {
        if (chdir("..") < 0)
            break;
    }
    if (stat(".", &here) < 0 || stat("/", &root) < 0)
        return 1;
    puts(here.st_ino == root.st_ino && here.st_dev == root.st_dev ? "root" : "elsewhere");
    return 0;
}

static const char *step_of(const struct ktr_syscall *call, const register_t *args)
{
    if (call->ktr_code == SYS_jail_remove)
        return "jail";
    if (call->ktr_code == SYS_ioctl && call->ktr_narg > 1 &&
        (unsigned long)args[1] == (unsigned long)SIOCIFDESTROY)
        return "device";
    return NULL;
}

static int ends(const char *path)
{
    struct ktr_header header;
    struct {
        struct ktr_syscall call;
        char more[65536];
    } noted;
    const char *last = "";
    FILE *f = fopen(path, "re");
    while (f && fread(&header, sizeof(header), 1, f) == 1) {
        if (header.ktr_len < 0 || (size_t)header.ktr_len > sizeof(noted) ||
            fread(&noted, 1, (size_t)header.ktr_len, f) != (size_t)header.ktr_len)
            return 1;
        const char *step =
            header.ktr_type == KTR_SYSCALL ? step_of(&noted.call, noted.call.ktr_args) : NULL;
        if (step && strcmp(step, last) != 0)
            puts(last = step);
    }
    return !f;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "relay") == 0)
        return relay(argc > 2 ? atoi(argv[2]) : 1);
    if (strcmp(what, "trace") == 0)
        return trace();
    if (strcmp(what, "climb") == 0)
        return climb();
    if (strcmp(what, "ends") == 0 && argc > 2)
        return ends(argv[2]);
    return 2;
}
