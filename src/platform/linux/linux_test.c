/*
 * A program in a pod of the Linux back end: what it is, what it sees, what it cannot do, how it
 * starts and ends.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/linux/bed.h"
#include "platform/linux/kernel.h"
#include "sys/fd.h"
#include "tap.h"

/* Also those that libc would not let us touch: whoever starts us may have done it. */
static void ignore_realtime_signals(void)
{
    const unsigned long ignored[16] = {(unsigned long)(uintptr_t)SIG_IGN};
    for (int n = 32; n <= 64; n++)
        (void)syscall(SYS_rt_sigaction, n, ignored, NULL, 8);
}

static void test_identity(struct bed *bed)
{
    ignore_realtime_signals();
    struct outcome *out = run(bed, NULL, NULL, NULL);
    TAP_OK(out->started == 0 && out->status == 0, "a program runs");
    TAP_OK(says(out, "CapInh:\t0000000000000000") && says(out, "CapAmb:\t0000000000000000"),
           "inheritable and ambient sets are empty (CVE-2022-27650)");
    TAP_OK(says(out, "CapPrm:\t00000000a80425fb") && says(out, "CapEff:\t00000000a80425fb") &&
               says(out, "CapBnd:\t00000000a80425fb"),
           "root has exactly the capabilities of the plan");
    TAP_OK(says(out, "SigBlk:\t0000000000000000") && says(out, "SigIgn:\t0000000000000000"),
           "no signal is blocked or ignored");
    TAP_OK(says(out, "fd 2") && silent_about(out, "fd 3"), "no descriptor but the standard ones");
    TAP_OK(says(out, "host pod-host"), "the host name is the pod's");
    TAP_OK(says(out, "ppid 0") && says(out, "cwd /\n"), "the parent is out of sight");
    TAP_OK(says(out, "NoNewPrivs:\t0") && says(out, "Seccomp:\t0"), "nothing that was not asked");
}

static void test_user(struct bed *bed)
{
    struct jp_orders o = orders_of(NULL, NULL, NULL);
    o.uid = 1000;
    o.gid = 100;
    o.groups[0] = 100;
    o.groups[1] = 7;
    o.n_groups = 2;
    o.no_new_privileges = true;
    struct outcome *out = run_orders(bed, 0, &o);
    TAP_OK(says(out, "Uid:\t1000\t1000\t1000\t1000") && says(out, "Gid:\t100\t100\t100\t100"),
           "user and group");
    TAP_OK(says(out, "Groups:\t7 100 \n"), "exactly the groups asked for (CVE-2022-2990)");
    TAP_OK(says(out, "CapPrm:\t0000000000000000") && says(out, "CapBnd:\t00000000a80425fb"),
           "an ordinary user has none, the bounding set is the plan's");
    TAP_OK(says(out, "NoNewPrivs:\t1"), "no_new_privs");
    jp_orders_clear(&o);
}

static void test_filter(struct bed *bed, bool no_new_privileges)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 165 /* mount on amd64 */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 95),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct jp_orders o = orders_of("all", NULL, NULL);
    o.uid = no_new_privileges ? 0 : 1000;
    o.no_new_privileges = no_new_privileges;
    o.seccomp = (unsigned char *)jp_memdup0(filter, sizeof(filter));
    o.seccomp_len = sizeof(filter);
    struct outcome *out = run_orders(bed, 0, &o);
    TAP_OK(out->started == 0 && says(out, "Seccomp:\t2"), "a filter is set%s",
           no_new_privileges ? "" : " without no_new_privs");
    TAP_OK(silent_about(out, "CapEff:\t0000000000200000") &&
               says(out,
                    no_new_privileges ? "CapEff:\t00000000a80425fb" : "CapEff:\t0000000000000000"),
           "the capability that setting it took is gone");
    jp_orders_clear(&o);
}

static void test_failures(struct bed *bed)
{
    static const struct {
        const char *program, *cwd;
        enum jp_code code;
    } cases[] = {
        {"/no/such", "/", JP_ENOPROGRAM}, {"no-such", "/", JP_ENOPROGRAM},
        {"/etc/hosts", "/", JP_ENOEXEC},  {"/etc", "/", JP_ENOEXEC},
        {"script", "/", JP_ENOEXEC},      {"/bin/fingerprint", "/absent", JP_EINVALID},
        {"", "/", JP_ENOPROGRAM},         {"fingerprint", "/etc/hosts", JP_EINVALID},
        {"fingerprint", "/etc", JP_OK},
    };
    for (size_t i = 0; i < JP_LEN(cases); i++) {
        struct jp_orders o = orders_of(NULL, NULL, NULL);
        free(o.argv.items[0]);
        o.argv.items[0] = jp_strdup(cases[i].program);
        free(o.cwd);
        o.cwd = jp_strdup(cases[i].cwd);
        struct outcome *out = run_orders(bed, 0, &o);
        TAP_OK(out->code == cases[i].code, "'%s' in '%s': %s", cases[i].program, cases[i].cwd,
               out->started < 0 ? out->text : "runs");
        jp_orders_clear(&o);
    }
}

/* Row 3: no number of a descriptor leads to the host, whatever the caller had open. */
static void test_descriptors(struct bed *bed)
{
    int leaks[50];
    size_t accepted = 0;
    for (size_t i = 0; i < JP_LEN(leaks); i++)
        leaks[i] = open("/", O_RDONLY | O_DIRECTORY); /* inheritable on purpose */
    for (int fd = 3; fd <= 64; fd++) {
        struct jp_orders o = orders_of("all", NULL, NULL);
        free(o.cwd);
        o.cwd = jp_format("/proc/self/fd/%d", fd);
        accepted += run_orders(bed, 0, &o)->started == 0;
        jp_orders_clear(&o);
    }
    TAP_OK(accepted == 0, "no descriptor of ours is a working directory (CVE-2024-21626)");
    TAP_OK(silent_about(run(bed, NULL, NULL, NULL), "fd 3"), "inherited descriptors do not leak");
    for (size_t i = 0; i < JP_LEN(leaks); i++)
        close(leaks[i]);
}

static void test_mounts(struct bed *bed)
{
    struct outcome *out = run(bed, "mounts", NULL, NULL);
    TAP_OK(all_nodev(out->text), "every mount is nodev but the devices");
    TAP_OK(silent_about(out, bed->dir), "no path of the host shows in mountinfo");
    TAP_OK(silent_about(out, "cgroup"), "no control groups in sight");
    TAP_OK(says(out, " /proc/sys ro"), "/proc/sys is read-only");
    out = run(bed, "cat", "/top-file", "/etc/hosts");
    TAP_OK(says(out, "from the top") && says(out, "from the base"), "layers are stacked");
    out = run(bed, "write", "/proc/sys/kernel/hostname", "/sys/kernel/uevent_seqnum");
    TAP_OK(silent_about(out, "ok"), "kernel paths cannot be written");
    out = run(bed, "write", "/tmp/new", "/dev/null");
    TAP_OK(says(out, "write /tmp/new ok") && says(out, "write /dev/null ok"), "the root can");
    out = run(bed, "cat", "/proc/kcore", "/proc/timer_list");
    TAP_OK(silent_about(out, "content"), "hidden files are hidden");
    out = run(bed, "ls", "/sys/firmware", "/proc/acpi");
    TAP_OK(silent_about(out, "/sys/firmware/acpi"), "hidden directories are hidden");
    out = run(bed, "all", NULL, NULL);
    TAP_OK(says(out, "dev null 20666 103") && says(out, "dev console 20600 103") &&
               says(out, "dev tty 20666 500") && says(out, "dev ptmx 20666 502"),
           "the devices of OS-SPEC.md");
}

static void test_evil(struct bed *bed)
{
    struct stat before, after;
    (void)stat("/dev/null", &before);
    struct outcome *out = run(bed, "evil", NULL, NULL);
    (void)stat("/dev/null", &after);
    TAP_OK(says(out, "chmod-null Read-only file system") && before.st_mode == after.st_mode,
           "a pod cannot change the device nodes");
    TAP_OK(says(out, "mknod ok") && says(out, "open-disk Permission denied"),
           "a node of its own cannot be opened");
    TAP_OK(says(out, "mount Operation not permitted") && says(out, "chroot-escape no"),
           "no mounting, no way up");
}

static void test_terminal(struct bed *bed)
{
    JP_AUTO_FD int master = -1;
    JP_AUTO_FD int slave = -1;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_platform.mounts->terminal(bed->pod, 0, &master, &slave, &err);
    if (!TAP_OK(r == 0, "a terminal is opened %s", why(&err)))
        return;
    struct jp_orders o = orders_of("tty", NULL, NULL);
    o.has_tty = true;
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {slave, slave, slave}};
    pid_t pid;
    r = jp_platform.isolation->spawn(bed->pod, &spawn, &pid, &err);
    TAP_OK(r == 0, "a program runs on it %s", why(&err));
    jp_fd_close(&slave);
    static struct outcome out;
    read_all(master, &out);
    TAP_OK(says(&out, "tty /dev/pts/0 1") && says(&out, "dev-tty ok"), "it controls the terminal");
    (void)waitpid(pid, NULL, 0);
    jp_orders_clear(&o);
}

struct seen {
    pid_t pid;
    struct jp_pod_process process;
    size_t count;
};

static int see(void *context, const struct jp_pod_process *process)
{
    struct seen *seen = context;
    seen->count++;
    if (process->pid == seen->pid)
        seen->process = *process;
    return 0;
}

static void test_processes(struct bed *bed)
{
    struct jp_orders o = orders_of("sleep", "a\nb", NULL);
    o.uid = 1000;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {null, null, null}};
    struct seen seen = {.pid = -1};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_platform.isolation->spawn(bed->pod, &spawn, &seen.pid, NULL) == 0, "a sleeper runs");
    int r = 0;
    /* The kernel counts pages roughly: right after its start a process may seem to have none. */
    for (int i = 0; i < 500 && r == 0 && seen.process.resident_bytes == 0; i++) {
        seen.count = 0;
        r = jp_platform.host->processes(bed->uuid, getpid(), see, &seen, &err);
        (void)poll(NULL, 0, seen.process.resident_bytes == 0 ? 10 : 0);
    }
    TAP_OK(r == 0 && seen.count == 1, "it is the only process of the pod %s", why(&err));
    TAP_OK(seen.process.uid == 1000 && seen.process.pod_pid > 1 && seen.process.state != 'Z' &&
               seen.process.resident_bytes > 0,
           "with its user and its numbers");
    TAP_STR(seen.process.command, "/bin/fingerprint sleep a?b", "and its arguments");
    int64_t age = (int64_t)time(NULL) - seen.process.start_ns / 1000000000;
    TAP_OK(age >= -2 && age < 60, "that started just now");
    tap_kill(seen.pid, SIGKILL);
    (void)waitpid(seen.pid, NULL, 0);
    close(null);
    jp_orders_clear(&o);
}

static void count_line(void *context, const char *name, bool is_fine, const char *text,
                       const char *remedy)
{
    printf("# %s: %s (%s)\n", name, is_fine ? "fine" : remedy, text);
    *(size_t *)context += is_fine;
}

static void test_examine(void)
{
    size_t fine = 0;
    jp_platform.host->examine(count_line, &fine);
    TAP_OK(fine > 10, "the host is examined");
}

static void test_sealing_signal(struct bed *bed)
{
    struct jp_orders o = orders_of("sleep", NULL, NULL);
    o.uid = 1000;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {null, null, null}};
    pid_t pid = -1;
    int status = 0;
    TAP_OK(jp_platform.isolation->spawn(bed->pod, &spawn, &pid, NULL) == 0, "a sleeper runs");
    TAP_OK(jp_platform.isolation->signal(bed->pod, SIGTERM, NULL) == 0, "the pod is signalled");
    TAP_OK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
           "the signal reaches a process of another user");
    struct outcome *out = run(bed, "orphan", NULL, NULL);
    TAP_OK(out->status == 0, "an orphan is left to PID 1");
    struct pollfd p = {.fd = jp_platform.isolation->watch_fd(bed->pod), .events = POLLIN};
    TAP_OK(poll(&p, 1, 100) == 0, "PID 1 lives on");
    /* One that is not reaped by its caller must not block the end. */
    TAP_OK(jp_platform.isolation->spawn(bed->pod, &spawn, &pid, NULL) == 0, "another sleeper");
    jp_platform.isolation->kill(bed->pod);
    TAP_OK(kill(pid, 0) < 0 && poll(&p, 1, 0) == 1, "the world ends");
    TAP_OK(jp_platform.isolation->signal(bed->pod, SIGTERM, NULL) == 0, "nobody there is fine");
    close(null);
    jp_orders_clear(&o);
}

/* Row 2 (CVE-2016-9962): while programs start, root of the pod sees nothing but programs. */
static void test_spy(struct bed *bed)
{
    static struct outcome spied;
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        abort();
    struct jp_orders o = orders_of("spy", NULL, NULL);
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {pipe_fds[1], pipe_fds[1], 2}};
    pid_t pid = -1;
    TAP_OK(jp_platform.isolation->spawn(bed->pod, &spawn, &pid, NULL) == 0, "a spy runs");
    close(pipe_fds[1]);
    size_t ran = 0;
    for (int i = 0; i < 40; i++)
        ran += run(bed, "exit", "0", NULL)->started == 0;
    read_all(pipe_fds[0], &spied);
    close(pipe_fds[0]);
    (void)waitpid(pid, NULL, 0);
    TAP_OK(ran == 40 && says(&spied, "looked often"), "others start beside it");
    TAP_OK(silent_about(&spied, "spied"), "and show it neither shim nor descriptor");
    TAP_OK(says(&spied, "root-of-1 Permission denied"), "PID 1 is closed to it");
    jp_orders_clear(&o);
}

/* What the host sees of PID 1 at this moment. */
static void read_init_status(const struct bed *bed, struct outcome *out)
{
    char path[64];
    out->text[0] = '\0';
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
                   jp_platform.isolation->watch_fd(bed->pod));
    JP_AUTO(jp_buf) info = JP_BUF_INIT;
    if (jp_file_read(AT_FDCWD, path, 4096, &info, NULL) < 0)
        return;
    const char *at = strstr(jp_buf_text(&info), "\nPid:\t");
    long pid = at ? strtol(at + strlen("\nPid:\t"), NULL, 10) : 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    JP_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        read_all(fd, out);
}

/* A pod with CAP_SYS_PTRACE could become PID 1: it must have nothing left by then. */
static void test_small_init(void)
{
    static struct outcome status;
    struct bed bed;
    bed_open(&bed, 2);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_orders o = orders_of("sleep", NULL, NULL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {null, null, null}};
    pid_t pid = -1;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod of two apps starts")) {
        TAP_OK(jp_platform.isolation->spawn(bed.pod, &spawn, &pid, &err) == 0, "its first runs %s",
               why(&err));
        read_init_status(&bed, &status);
        TAP_OK(says(&status, "CapPrm:\t0000000000000020") && says(&status, "NoNewPrivs:\t1"),
               "PID 1 has given up its rights before the first program runs");
    }
    close(null);
    jp_orders_clear(&o);
    bed_close(&bed);
}

/*
 * Anybody can name a process of a namespace of their own as our PID 1 is named, and make one that
 * does not end when it is killed: to wait for it would keep the pod from being cleaned.
 */
static void test_impostor(void)
{
    char uuid[JP_UUID_SIZE];
    char byte;
    int ready[2];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (jp_uuid_new(uuid, NULL) < 0 || pipe2(ready, O_CLOEXEC) < 0)
        abort();
    pid_t pid = jp_linux_fork(CLONE_NEWPID, SIGCHLD, NULL);
    if (pid == 0) {
        char name[16];
        (void)snprintf(name, sizeof(name), "jp-%.12s", uuid);
        if (setresuid(1000, 1000, 1000) < 0 || prctl(PR_SET_NAME, name, 0, 0, 0) < 0 ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    close(ready[1]);
    TAP_OK(read(ready[0], &byte, 1) == 1, "another user has a process named like PID 1");
    close(ready[0]);
    TAP_OK(jp_platform.isolation->clean(uuid, NULL, &err) == 0, "cleaning goes well %s", why(&err));
    TAP_OK(waitpid(pid, NULL, WNOHANG) == 0, "and leaves that process alone");
    tap_kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void test_plain(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    make_file(&bed, "base/bin/script", "echo no interpreter\n");
    JP_AUTO_FREE char *script = in_bed(&bed, "base/bin/script");
    (void)chmod(script, 0755);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod starts")) {
        test_identity(&bed);
        test_user(&bed);
        test_filter(&bed, true);
        test_filter(&bed, false);
        test_failures(&bed);
        test_descriptors(&bed);
        test_mounts(&bed);
        test_evil(&bed);
        test_terminal(&bed);
        test_processes(&bed);
        test_spy(&bed);
        test_sealing_signal(&bed);
    }
    bed_close(&bed);
}

int main(int argc, char **argv)
{
    if (!bed_prepare(argc, argv)) {
        tap_skip("the Linux back end", "needs root");
        return tap_done();
    }
    size_t descriptors = count_descriptors();
    test_plain();
    test_small_init();
    test_impostor();
    test_examine();
    TAP_OK(count_descriptors() == descriptors, "no descriptor is left open");
    TAP_OK(waitpid(-1, NULL, WNOHANG | __WALL) < 0, "no child is left");
    return tap_done();
}
