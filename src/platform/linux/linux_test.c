/*
 * The Linux back end driven as stage 1 drives it, with a root that holds one static program
 * (tests/fingerprint.c). Needs root; touches only its own temporary directory, namespaces, control
 * groups and a bridge of its own name.
 *
 * usage: linux-test STAGE2 FINGERPRINT
 */
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/netlink.h"
#include "platform/platform.h"
#include "sys/fd.h"
#include "sys/tree.h"
#include "tap.h"

#define CAPS 0x00000000a80425fbULL /* the specification's default set */

struct bed {
    char dir[64];
    char uuid[JP_UUID_SIZE];
    struct jp_plan plan;
    struct jp_plan_app apps[2];
    struct jp_plan_volume volumes[4];
    struct jp_plan_mount mounts[4];
    struct jp_plan_file files[3];
    struct jp_isolation *pod;
    char warnings[4096];
    char reports[4096];
    int roots[2];
};

static const char *stage2_path, *fingerprint_path;
static int stage2_fd;
static unsigned bed_count;

/* Text of several lines as comments of TAP, at most some 60 lines of it. */
static void note(const char *what, const char *text)
{
    printf("# %s\n", what);
    for (int i = 0; i < 60 && *text != '\0'; i++) {
        int len = (int)strcspn(text, "\n");
        printf("#   %.*s\n", len, text);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
}

static const char *why(const struct jp_error *err)
{
    return err->code == JP_OK ? "" : jp_error_text(err);
}

static char *in_bed(const struct bed *bed, const char *path)
{
    char *text = jp_format("%s/%s", bed->dir, path);
    if (!text)
        abort();
    return text;
}

static void make_dir(const struct bed *bed, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    if (mkdir(full, 0755) < 0)
        perror(full);
}

static void make_file(const struct bed *bed, const char *path, const char *content)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) < 0)
        perror(full);
    close(fd);
}

static void make_link(const struct bed *bed, const char *target, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    if (symlink(target, full) < 0)
        perror(full);
}

static void copy_program(const struct bed *bed, const char *path)
{
    JP_AUTO_FREE char *full = in_bed(bed, path);
    int from = open(fingerprint_path, O_RDONLY | O_CLOEXEC);
    int to = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    struct stat st;
    if (from < 0 || to < 0 || fstat(from, &st) < 0 ||
        copy_file_range(from, NULL, to, NULL, (size_t)st.st_size, 0) != st.st_size)
        perror(full);
    close(from);
    close(to);
}

static struct jp_plan_app app_in(const struct bed *bed, const char *name)
{
    struct jp_plan_app app = {.name = jp_strdup(name), .is_linux = true, .stop_signal = SIGTERM};
    app.root.kind = JP_ROOT_OVERLAY;
    app.root.is_volatile = true;
    if (jp_strv_add_owned(&app.root.layers, in_bed(bed, "top")) < 0 ||
        jp_strv_add_owned(&app.root.layers, in_bed(bed, "base")) < 0)
        abort();
    JP_AUTO_FREE char *upper = jp_format("%s-upper", name);
    JP_AUTO_FREE char *work = jp_format("%s-work", name);
    make_dir(bed, upper);
    make_dir(bed, work);
    app.root.upper = in_bed(bed, upper);
    app.root.work = in_bed(bed, work);
    app.confine.capabilities = CAPS;
    return app;
}

static void bed_open(struct bed *bed, size_t n_apps)
{
    *bed = (struct bed){.plan = JP_PLAN_INIT, .roots = {-1, -1}};
    (void)snprintf(bed->dir, sizeof(bed->dir), "/tmp/jetpack-linux-test.XXXXXX");
    if (!mkdtemp(bed->dir) || jp_uuid_new(bed->uuid, NULL) < 0)
        abort();
    bed_count++;
    make_dir(bed, "base");
    make_dir(bed, "top");
    make_dir(bed, "base/etc");
    make_dir(bed, "base/tmp");
    make_dir(bed, "base/bin");
    copy_program(bed, "base/bin/fingerprint");
    make_file(bed, "base/etc/hosts", "from the base\n");
    make_file(bed, "top/top-file", "from the top\n");
    for (size_t i = 0; i < n_apps; i++)
        bed->apps[i] = app_in(bed, i == 0 ? "one" : "two");
    bed->plan.uuid = bed->uuid;
    bed->plan.name = (char[]){"test"};
    bed->plan.hostname = jp_strdup("pod-host");
    bed->plan.jail_prefix = jp_strdup("jetpack-test/");
    bed->plan.net.mode = JP_NET_NONE;
    bed->plan.apps = bed->apps;
    bed->plan.n_apps = n_apps;
    bed->plan.volumes = bed->volumes;
}

static void bed_close(struct bed *bed)
{
    for (size_t i = 0; i < 2; i++)
        jp_fd_close(&bed->roots[i]);
    jp_platform.isolation->destroy(bed->pod);
    bed->pod = NULL;
    for (size_t i = 0; i < bed->plan.n_apps; i++) {
        free(bed->apps[i].name);
        jp_strv_clear(&bed->apps[i].root.layers);
        free(bed->apps[i].root.upper);
        free(bed->apps[i].root.work);
    }
    for (size_t i = 0; i < JP_LEN(bed->volumes); i++)
        free(bed->volumes[i].source);
    free(bed->plan.hostname);
    free(bed->plan.jail_prefix);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_FD int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (jp_tree_remove(tmp, bed->dir + strlen("/tmp/"), &err) < 0)
        printf("# %s\n", why(&err));
}

static void keep_warning(void *context, const char *text)
{
    struct bed *bed = context;
    size_t len = strlen(bed->warnings);
    (void)snprintf(bed->warnings + len, sizeof(bed->warnings) - len, "%s\n", text);
}

/* "memory/one:0" means enforced, 1 modified, 2 ignored. */
static void keep_report(void *context, const struct jp_limit_report *report)
{
    struct bed *bed = context;
    size_t len = strlen(bed->reports);
    (void)snprintf(bed->reports + len, sizeof(bed->reports) - len, "%s/%s:%d %s\n",
                   report->resource, report->app ? report->app : "pod", (int)report->verdict,
                   report->reason);
}

static int start_steps(struct bed *bed, struct jp_error *err)
{
    const struct jp_platform *p = &jp_platform;
    if (p->isolation->create(&bed->plan, stage2_fd, &bed->pod, err) < 0 ||
        p->links->setup(bed->pod, err) < 0 || p->limits->setup(bed->pod, keep_report, bed, err) < 0)
        return -1;
    for (size_t i = 0; i < bed->plan.n_apps; i++) {
        if (p->mounts->root(bed->pod, i, &bed->roots[i], err) < 0)
            return -1;
        for (size_t m = 0; m < bed->apps[i].n_mounts; m++) {
            if (p->mounts->volume(bed->pod, i, m, err) < 0)
                return -1;
        }
        if (p->mounts->seal(bed->pod, i, err) < 0)
            return -1;
    }
    return 0;
}

/* The steps of a start, in stage 1's order. */
static int bed_start(struct bed *bed, struct jp_error *err)
{
    int r = start_steps(bed, err);
    if (r < 0)
        printf("# %s\n", jp_error_text(err));
    return r;
}

struct outcome {
    int started; /* what spawn returned */
    enum jp_code code;
    int status;
    char text[65536];
};

static void read_all(int fd, struct outcome *out)
{
    size_t len = 0;
    ssize_t n;
    while (len + 1 < sizeof(out->text) &&
           (n = read(fd, out->text + len, sizeof(out->text) - 1 - len)) > 0)
        len += (size_t)n;
    out->text[len] = '\0';
}

/* Runs /bin/fingerprint with up to three arguments under the given orders. */
static struct outcome *run_orders(struct bed *bed, size_t app, struct jp_orders *orders)
{
    static struct outcome out;
    int pipe_fds[2];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    out = (struct outcome){.started = -1};
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        abort();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct jp_spawn spawn = {
        .app = app, .orders = orders, .stdio = {null, pipe_fds[1], pipe_fds[1]}};
    pid_t pid = -1;
    out.started = jp_platform.isolation->spawn(bed->pod, &spawn, &pid, &err);
    out.code = err.code;
    close(pipe_fds[1]);
    close(null);
    read_all(pipe_fds[0], &out);
    close(pipe_fds[0]);
    if (out.started < 0)
        (void)snprintf(out.text, sizeof(out.text), "%s", why(&err));
    else if (waitpid(pid, &out.status, 0) != pid)
        out.status = -1;
    return &out;
}

static struct jp_orders orders_of(const char *a, const char *b, const char *c)
{
    struct jp_orders o = {.capabilities = CAPS, .umask = 022, .cwd = jp_strdup("/")};
    const char *argv[] = {"/bin/fingerprint", a, b, c};
    for (size_t i = 0; i < 4 && argv[i]; i++) {
        if (jp_strv_add(&o.argv, argv[i]) < 0)
            abort();
    }
    o.groups = jp_calloc(4, sizeof(*o.groups));
    o.n_groups = 1;
    if (jp_strv_add(&o.env, "PATH=/nowhere:/bin") < 0)
        abort();
    return o;
}

static struct outcome *run(struct bed *bed, const char *a, const char *b, const char *c)
{
    struct jp_orders o = orders_of(a, b, c);
    struct outcome *out = run_orders(bed, 0, &o);
    jp_orders_clear(&o);
    return out;
}

static bool says(const struct outcome *out, const char *line)
{
    bool found = strstr(out->text, line) != NULL;
    if (!found) {
        printf("# no '%s'\n", line);
        note("in:", out->text);
    }
    return found;
}

static bool silent_about(const struct outcome *out, const char *line)
{
    bool found = strstr(out->text, line) != NULL;
    if (found) {
        printf("# there is '%s'\n", line);
        note("in:", out->text);
    }
    return !found;
}

static void test_identity(struct bed *bed)
{
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
    int leaks[20];
    size_t accepted = 0;
    for (size_t i = 0; i < JP_LEN(leaks); i++)
        leaks[i] = open("/", O_RDONLY | O_DIRECTORY); /* inheritable on purpose */
    for (int fd = 3; fd < 40; fd++) {
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

/* True when every line of mountinfo passes; says which does not. */
static bool all_nodev(const char *text)
{
    static const char *const exceptions[] = {
        " /dev/null ",    " /dev/zero ", " /dev/full ", " /dev/random ",
        " /dev/urandom ", " /dev/tty ",  " /dev/pts ",  " /dev/console ",
    };
    bool fine = true;
    char line[4096];
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
        (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
        bool excepted = strstr(line, "nodev") != NULL;
        for (size_t i = 0; i < JP_LEN(exceptions); i++)
            excepted = excepted || strstr(line, exceptions[i]);
        if (!excepted)
            printf("# %s\n", line);
        fine = fine && excepted;
        if (p[strcspn(p, "\n")] == '\0')
            break;
    }
    return fine;
}

static void test_mounts(struct bed *bed)
{
    struct outcome *out = run(bed, "mounts", NULL, NULL);
    TAP_OK(all_nodev(out->text), "every mount is nodev but the devices (ruling 13)");
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
    kill(seen.pid, SIGKILL);
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

static void add_volume(struct bed *bed, const char *source, const char *path, bool is_read_only)
{
    size_t n = bed->plan.n_volumes++;
    bed->volumes[n] = (struct jp_plan_volume){.name = (char[]){"vol"},
                                              .source = in_bed(bed, source),
                                              .is_host = true,
                                              .is_recursive = true};
    bed->mounts[n] = (struct jp_plan_mount){
        .volume = (uint32_t)n, .path = (char *)(uintptr_t)path, .is_read_only = is_read_only};
    bed->apps[0].mounts = bed->mounts;
    bed->apps[0].n_mounts = n + 1;
}

static void test_volumes(void)
{
    struct bed bed;
    bed_open(&bed, 2);
    make_dir(&bed, "data");
    make_file(&bed, "data/seen", "of the host\n");
    make_file(&bed, "single", "single file\n");
    make_file(&bed, "base/in-the-way", "x");
    add_volume(&bed, "data", "/made/deep/here", false);
    add_volume(&bed, "data", "/in-the-way", true);
    add_volume(&bed, "single", "/etc/single", false);
    add_volume(&bed, "data", "/tmp/../../../etc/up", true);
    struct jp_plan_file files[] = {
        {.path = (char[]){"/etc/hosts"}, .content = (char[]){"ours\n"}, .only_if_missing = true},
        {.path = (char[]){"/etc/resolv.conf"}, .content = (char[]){"nameserver\n"}},
    };
    bed.apps[0].files = files;
    bed.apps[0].n_files = 2;
    bed.apps[1].root.is_read_only = true;
    make_file(&bed, "canary", "canary\n");
    JP_AUTO_FREE char *canary = in_bed(&bed, "canary");
    make_link(&bed, canary, "base/etc/resolv.conf");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod with volumes starts")) {
        struct outcome *out = run(&bed, "cat", "/made/deep/here/seen", "/in-the-way/seen");
        TAP_OK(says(out, "content /made/deep/here/seen of the host") &&
                   says(out, "content /in-the-way/seen of the host"),
               "volumes are mounted, also in place of a file");
        out = run(&bed, "write", "/made/deep/here/new", "/in-the-way/new");
        TAP_OK(says(out, "here/new ok") && says(out, "in-the-way/new Read-only file system"),
               "read-only is read-only");
        out = run(&bed, "cat", "/etc/single", "/etc/up/seen");
        TAP_OK(says(out, "single file") && says(out, "/etc/up/seen of the host"),
               "one file as a volume; no path leads out (CVE-2022-23648)");
        out = run(&bed, "cat", "/etc/resolv.conf", "/etc/hosts");
        TAP_OK(says(out, "content /etc/resolv.conf nameserver") && says(out, "from the base"),
               "files are written, an image's own stays");
        struct jp_orders o = orders_of("write", "/root-file", "/dev/shm/x");
        out = run_orders(&bed, 1, &o);
        TAP_OK(says(out, "root-file Read-only file system") && says(out, "shm/x ok"),
               "a read-only root");
        jp_orders_clear(&o);
        TAP_OK(says(run(&bed, "ls", "/dev/shm", NULL), "/dev/shm/x"), "shared memory is the pod's");
        jp_platform.isolation->warnings(bed.pod, keep_warning, &bed);
        TAP_OK(strstr(bed.warnings, "replaces '/in-the-way' of the image"), "with a warning");
    }
    struct stat st;
    TAP_OK(stat(canary, &st) == 0 && st.st_size == 7, "no link led a file out (CVE-2025-24965)");
    bed_close(&bed);
}

/* Ruling 22: users are looked up in what the image brings, not in what a volume puts over it. */
static void test_clean_root(void)
{
    struct bed bed;
    bed_open(&bed, 2);
    make_dir(&bed, "data");
    make_file(&bed, "data/hosts", "from a volume\n");
    add_volume(&bed, "data", "/etc", false);
    const struct jp_platform *p = &jp_platform;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = p->isolation->create(&bed.plan, stage2_fd, &bed.pod, &err);
    TAP_OK(r == 0 && p->mounts->root(bed.pod, 0, &bed.roots[0], &err) == 0, "a root is there %s",
           why(&err));
    (void)poll(NULL, 0, 50); /* time in which the volume must not come */
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    JP_AUTO_FD int etc = openat(bed.roots[0], "etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    TAP_OK(jp_file_read(etc, "hosts", 4096, &text, NULL) == 0 &&
               strcmp(jp_buf_text(&text), "from the base\n") == 0,
           "and clean");
    TAP_OK(p->links->setup(bed.pod, &err) == 0 &&
               p->mounts->root(bed.pod, 1, &bed.roots[1], &err) == 0 &&
               p->mounts->volume(bed.pod, 0, 0, &err) == 0 &&
               p->mounts->seal(bed.pod, 0, &err) == 0 && p->mounts->seal(bed.pod, 1, &err) == 0,
           "the steps may come in another order");
    TAP_OK(says(run(&bed, "cat", "/etc/hosts", NULL), "from a volume"), "the volume is mounted");
    bed_close(&bed);
}

/* What the copy driver makes: a complete directory, bound instead of stacked. */
static void test_directory_root(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    bed.apps[0].root.kind = JP_ROOT_DIRECTORY;
    bed.apps[0].root.dir = in_bed(&bed, "base");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod in a directory starts")) {
        TAP_OK(all_nodev(run(&bed, "mounts", NULL, NULL)->text), "every mount is nodev there too");
        TAP_OK(says(run(&bed, "write", "/tmp/new", NULL), "new ok"), "and its root can be written");
    }
    JP_AUTO_FREE char *made = in_bed(&bed, "base/tmp/new");
    TAP_OK(access(made, F_OK) == 0, "which is the directory");
    free(bed.apps[0].root.dir);
    bed_close(&bed);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void refuse_volume(const char *what, const char *source, const char *path)
{
    struct bed bed;
    bed_open(&bed, 1);
    make_dir(&bed, "data");
    make_link(&bed, "data", "link");
    add_volume(&bed, "data", "/data", false);
    add_volume(&bed, source, path, false);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct outcome *out = NULL;
    if (bed_start(&bed, &err) == 0)
        out = run(&bed, NULL, NULL, NULL);
    TAP_OK(!out || out->started < 0, "%s: %s", what, out ? out->text : why(&err));
    JP_AUTO_FREE char *made = in_bed(&bed, "data/below");
    TAP_OK(access(made, F_OK) < 0, "nothing is made on the host");
    bed_close(&bed);
}

static void test_bad_volumes(void)
{
    refuse_volume("a link as source is refused", "link", "/x");
    refuse_volume("a missing source is refused", "absent", "/x");
    refuse_volume("a volume on /proc is refused", "data", "/proc/self");
    refuse_volume("a volume as the root is refused", "data", "/");
    refuse_volume("a mount point inside a volume is not made", "data", "/data/below");
}

/* Row 15: what the image has in place of the system's directories does not matter. */
static void test_hostile_root(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    make_dir(&bed, "canary-dir");
    JP_AUTO_FREE char *canary = in_bed(&bed, "canary-dir");
    make_link(&bed, canary, "base/dev");
    make_link(&bed, "/proc", "top/sys");
    make_file(&bed, "base/proc", "a file");
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (TAP_OK(bed_start(&bed, &err) == 0, "a hostile root starts")) {
        struct outcome *out = run(&bed, "mounts", NULL, NULL);
        TAP_OK(says(out, " /dev ro") || says(out, " /dev rw"), "/dev is a mount of ours");
        TAP_OK(says(out, " - proc ") && says(out, " /sys ro"), "and so are /proc and /sys");
        TAP_OK(says(run(&bed, "all", NULL, NULL), "dev null 20666 103"), "with its devices");
    }
    TAP_OK(rmdir(canary) == 0, "nothing was made where the link pointed");
    bed_close(&bed);
}

/* Deletes the test's own bridge; that is all that a pod leaves on the host. */
static bool delete_bridge(const char *name)
{
    unsigned index = if_nametoindex(name);
    int fd = index == 0 ? -1 : jp_netlink_open(NULL);
    if (fd < 0)
        return false;
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_index = (int)index};
    jp_netlink_begin(&b, "delete", RTM_DELLINK, 0, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    int r = jp_netlink_send(fd, &b, NULL);
    close(fd);
    return r == 0;
}

static bool has_group(const char *uuid)
{
    struct jp_cgroup_layout layout = {.count = 0};
    bool found = false;
    if (jp_cgroup_find(&layout, NULL) < 0)
        return true;
    for (size_t i = 0; i < layout.count; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/jetpack-test/%s", layout.items[i].mount_point, uuid);
        if (access(path, F_OK) == 0) {
            printf("# %s\n", path);
            found = true;
        }
    }
    jp_cgroup_layout_clear(&layout);
    return found;
}

static bool is_zombie(pid_t pid)
{
    char path[64];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    return jp_file_read(AT_FDCWD, path, 65536, &text, NULL) < 0 ||
           strstr(jp_buf_text(&text), "\nState:\tZ");
}

/* Row 60: a killed supervisor leaves no process and no mount. */
static void test_killed(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    static char bridge[IFNAMSIZ], host_end[IFNAMSIZ];
    (void)snprintf(bridge, sizeof(bridge), "jpk%d", (int)getpid() % 100000);
    (void)snprintf(host_end, sizeof(host_end), "jp%.8s%.4s", bed.uuid, bed.uuid + 9);
    bed.apps[0].limits.processes = 50;
    bed.plan.net = (struct jp_plan_net){.mode = JP_NET_POD,
                                        .bridge = bridge,
                                        .address = (char[]){"10.213.79.2"},
                                        .gateway = (char[]){"10.213.79.1"},
                                        .prefix_len = 24};
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        abort();
    pid_t supervisor = fork();
    if (supervisor == 0) {
        struct jp_orders o = orders_of("sleep", NULL, NULL);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct jp_spawn spawn = {.app = 0, .orders = &o, .stdio = {null, null, null}};
        pid_t pid = -1;
        if (bed_start(&bed, NULL) == 0)
            (void)jp_platform.isolation->spawn(bed.pod, &spawn, &pid, NULL);
        (void)!write(ready[1], &pid, sizeof(pid));
        pause();
        _exit(0);
    }
    pid_t app = -1;
    TAP_OK(read(ready[0], &app, sizeof(app)) == sizeof(app) && app > 0 && kill(app, 0) == 0,
           "a pod runs under a supervisor");
    (void)kill(supervisor, SIGKILL);
    (void)waitpid(supervisor, NULL, 0);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_platform.isolation->clean(bed.uuid, &err) == 0, "clean %s", why(&err));
    TAP_OK(jp_platform.links->clean(bed.uuid, &err) == 0, "links %s", why(&err));
    TAP_OK(jp_platform.limits->clean(bed.uuid, &err) == 0, "limits %s", why(&err));
    TAP_OK(if_nametoindex(host_end) == 0 && delete_bridge(bridge), "its network device is gone");
    TAP_OK(!has_group(bed.uuid), "its control groups are gone");
    TAP_OK(kill(app, 0) < 0 || is_zombie(app), "its processes are gone");
    JP_AUTO(jp_buf) mounts = JP_BUF_INIT;
    JP_AUTO_FD int self = open("/proc/self", O_PATH | O_CLOEXEC);
    TAP_OK(jp_file_read(self, "mountinfo", 1 << 20, &mounts, NULL) == 0 &&
               !strstr(jp_buf_text(&mounts), bed.dir),
           "no mount was ever made on the host");
    close(ready[0]);
    close(ready[1]);
    bed_close(&bed);
}

/* A refused connection has been all the way to the pod and back. */
static bool reaches(const char *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 5};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    (void)inet_pton(AF_INET, address, &to.sin_addr);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
    bool reached = r < 0 && errno == ECONNREFUSED;
    if (!reached)
        perror("# connect");
    close(fd);
    return reached;
}

static void test_network(void)
{
    static char bridge[IFNAMSIZ], host_end[IFNAMSIZ];
    (void)snprintf(bridge, sizeof(bridge), "jpt%d", (int)getpid() % 100000);
    for (int round = 0; round < 2; round++) {
        struct bed bed;
        bed_open(&bed, 1);
        bed.plan.net = (struct jp_plan_net){.mode = JP_NET_POD,
                                            .bridge = bridge,
                                            .address = (char[]){"10.213.77.2"},
                                            .gateway = (char[]){"10.213.77.1"},
                                            .prefix_len = 24};
        (void)snprintf(host_end, sizeof(host_end), "jp%.8s%.4s", bed.uuid, bed.uuid + 9);
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        if (TAP_OK(bed_start(&bed, &err) == 0, "a pod with a network starts")) {
            struct outcome *out = run(&bed, "cat", "/proc/net/dev", "/proc/net/route");
            TAP_OK(says(out, "eth0:") && says(out, "lo:") && silent_about(out, bridge),
                   "it has its own devices");
            TAP_OK(says(out, "eth0\t00000000\t014DD50A"), "a default route");
            TAP_OK(reaches("10.213.77.2"), "and is reached from the host");
            TAP_OK(if_nametoindex(host_end) > 0, "through the device that its UUID names");
            TAP_OK(says(run(&bed, "ls", "/sys/class/net", NULL), "/sys/class/net/eth0"),
                   "/sys shows the pod's devices");
        }
        if (round == 1) {
            TAP_OK(jp_platform.links->clean(bed.uuid, &err) == 0 && if_nametoindex(host_end) == 0,
                   "clean deletes the device %s", why(&err));
            TAP_OK(jp_platform.links->clean(bed.uuid, &err) == 0, "twice is fine");
        }
        bed_close(&bed);
    }
    TAP_OK(delete_bridge(bridge), "the bridge is left, and nothing else");
}

static void test_host_network(void)
{
    struct bed bed;
    bed_open(&bed, 1);
    bed.plan.net.mode = JP_NET_HOST;
    char own[64] = "", line[80];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    ssize_t n = readlink("/proc/self/ns/net", own, sizeof(own) - 1);
    (void)snprintf(line, sizeof(line), "ns %.*s", (int)n, own);
    if (TAP_OK(bed_start(&bed, &err) == 0, "a pod in the host's network starts"))
        TAP_OK(says(run(&bed, NULL, NULL, NULL), line), "and is in it");
    bed_close(&bed);
}

static void test_limits(void)
{
    struct bed bed;
    bed_open(&bed, 2);
    bed.apps[0].limits = (struct jp_plan_limits){
        .memory_bytes = 32U << 20, .cpu_milli = 500, .cpu_request_milli = 100, .processes = 1};
    bed.plan.limits = (struct jp_plan_limits){.memory_bytes = (256U << 20) + 1, .cpu_milli = 1};
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    if (!TAP_OK(bed_start(&bed, &err) == 0, "a pod with limits starts")) {
        bed_close(&bed);
        return;
    }
    note("reports", bed.reports);
    if (strstr(bed.reports, "memory/one:0")) {
        TAP_OK(strstr(bed.reports, "memory/pod:1") && strstr(bed.reports, "cpu/pod:1"),
               "what was rounded is reported");
        TAP_OK(strstr(bed.reports, "cpu/one:1"), "an app's limit is bounded by the pod's");
        TAP_OK(strstr(bed.reports, "processes/one:0"), "what is enforced is reported");
        struct outcome *out = run(&bed, "eat", "8", NULL);
        TAP_OK(says(out, "ate") && !jp_platform.limits->was_out_of_memory(bed.pod, 0),
               "a modest program runs");
        out = run(&bed, "eat", "64", NULL);
        TAP_OK(WIFSIGNALED(out->status) && WTERMSIG(out->status) == SIGKILL,
               "a greedy one is killed");
        TAP_OK(jp_platform.limits->was_out_of_memory(bed.pod, 0), "because of its memory");
        TAP_OK(!jp_platform.limits->was_out_of_memory(bed.pod, 0) &&
                   !jp_platform.limits->was_out_of_memory(bed.pod, 1),
               "once, and no other app was");
        TAP_OK(says(run(&bed, "orphan", NULL, NULL), "orphan -1"), "no second process");
        TAP_OK(has_group(bed.uuid), "the groups are there");
    } else {
        tap_skip("limits are enforced", "this host cannot limit memory");
    }
    jp_platform.isolation->kill(bed.pod);
    jp_platform.limits->teardown(bed.pod);
    TAP_OK(!has_group(bed.uuid), "the groups are gone");
    bed_close(&bed);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 99;
    stage2_path = argv[1];
    fingerprint_path = argv[2];
    if (geteuid() != 0) {
        tap_skip("the Linux back end", "needs root");
        return tap_done();
    }
    stage2_fd = open(stage2_path, O_RDONLY | O_CLOEXEC);
    size_t descriptors = count_descriptors();
    test_plain();
    test_volumes();
    test_clean_root();
    test_directory_root();
    test_bad_volumes();
    test_hostile_root();
    test_network();
    test_host_network();
    test_limits();
    test_killed();
    test_examine();
    TAP_OK(count_descriptors() == descriptors, "no descriptor is left open");
    TAP_OK(waitpid(-1, NULL, WNOHANG | __WALL) < 0, "no child is left");
    return tap_done();
}
