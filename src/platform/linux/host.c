/*
 * Questions about the host: which processes are a pod's, and what this kernel can do.
 *
 * A pod's processes are those in the PID namespace of the pod's PID 1, which is a child of the
 * supervisor and carries the pod's UUID in its name. PID 1 itself is ours and is left out.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/foreign.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"

#define MAX_PROCESSES 4194304 /* PID_MAX_LIMIT of Linux */
#define MAX_TEXT      65536   /* of a file in /proc that we read */
#define NS_PER_S      1000000000LL

/* Reads /proc/PID/FILE; false when the process has ended. */
static bool read_of(int proc_fd, pid_t pid, const char *file, struct jp_buf *text)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
    jp_buf_reset(text);
    return jp_file_read(proc_fd, path, MAX_TEXT, text, NULL) == 0;
}

/* The number of a process's PID namespace; 0 when it has ended. */
static ino_t namespace_of(int proc_fd, pid_t pid)
{
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%d/ns/pid", (int)pid);
    return fstatat(proc_fd, path, &st, 0) < 0 ? 0 : st.st_ino;
}

/* "Label:\tNUMBER": the number, 0 when there is none. With `last`: the last one of the line. */
static uint64_t number_after(const char *text, const char *label, bool last)
{
    const char *at = strstr(text, label);
    if (!at)
        return 0;
    at += strlen(label);
    uint64_t value = 0;
    for (size_t n = 0; n < 64; n++) { /* more than PID namespaces can be nested */
        char *end;
        at += strspn(at, " \t");
        if (*at < '0' || *at > '9')
            break;
        value = strtoull(at, &end, 10);
        at = end;
        if (!last)
            break;
    }
    return value;
}

static bool is_init(int proc_fd, pid_t pid, pid_t supervisor, const char *name)
{
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    char line[32];
    if (!read_of(proc_fd, pid, "status", &text))
        return false;
    (void)snprintf(line, sizeof(line), "Name:\t%s\n", name);
    const char *status = jp_buf_text(&text);
    if (strncmp(status, line, strlen(line)) != 0)
        return false;
    return number_after(status, "\nPPid:", false) == (uint64_t)supervisor &&
           number_after(status, "\nNSpid:", true) == 1;
}

/* Calls `each` for every number in /proc until it returns non-zero; that is returned. */
static int walk(int proc_fd, int (*each)(void *context, pid_t pid), void *context)
{
    int copy = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        jp_fd_close(&copy);
        return 0;
    }
    int r = 0;
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_PROCESSES && r == 0 && (entry = readdir(dir)); n++) {
        uint64_t pid;
        if (jp_parse_u64(entry->d_name, 10, 1, MAX_PROCESSES, &pid))
            r = each(context, (pid_t)pid);
    }
    (void)closedir(dir);
    return r;
}

struct search {
    int proc_fd;
    pid_t supervisor;
    char name[16];
    pid_t found;
};

static int match_init(void *context, pid_t pid)
{
    struct search *search = context;
    if (!is_init(search->proc_fd, pid, search->supervisor, search->name))
        return 0;
    search->found = pid;
    return 1;
}

/* Among the supervisor's children, where the kernel lists them, else among all processes. */
static pid_t find_init(struct search *search)
{
    char path[64];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "task/%d/children", (int)search->supervisor);
    if (!read_of(search->proc_fd, search->supervisor, path, &text)) {
        (void)walk(search->proc_fd, match_init, search);
        return search->found;
    }
    const char *p = jp_buf_text(&text);
    for (size_t n = 0; n < MAX_PROCESSES && *p >= '0' && *p <= '9'; n++) {
        char *end;
        if (match_init(search, (pid_t)strtol(p, &end, 10)) != 0)
            break;
        p = end + strspn(end, " ");
    }
    return search->found;
}

/* Nanoseconds since the epoch at which the machine's clock of /proc/PID/stat began. */
static int64_t boot_time_ns(void)
{
    struct timespec now, up;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_BOOTTIME, &up);
    return (now.tv_sec - up.tv_sec) * NS_PER_S + now.tv_nsec - up.tv_nsec;
}

/* "PID (NAME) STATE ..." where NAME may hold anything, so from the last parenthesis on. */
static bool parse_stat(const char *text, struct jp_pod_process *ret)
{
    const char *end = strrchr(text, ')');
    unsigned long long user, system, start;
    long long pages;
    char state;
    if (!end || sscanf(end + 1,
                       " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
                       "%*d %llu %*u %lld",
                       &state, &user, &system, &start, &pages) != 5)
        return false;
    uint64_t tick = (uint64_t)NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    ret->state = strchr("RSDTZ", state) ? state : state == 't' ? 'T' : 'S';
    ret->cpu_ns = (user + system) * tick;
    ret->start_ns = boot_time_ns() + (int64_t)(start * tick);
    ret->resident_bytes = pages < 0 ? 0 : (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

/* Arguments joined by blanks; for a process without any (a zombie) its name in brackets. */
static void describe(const struct jp_buf *arguments, const char *stat, struct jp_pod_process *ret)
{
    size_t len = arguments->len;
    while (len > 0 && arguments->data[len - 1] == '\0')
        len--;
    if (len == 0) {
        const char *open_at = strchr(stat, '(');
        const char *close_at = strrchr(stat, ')');
        int n = open_at && close_at ? (int)(close_at - open_at - 1) : 0;
        (void)snprintf(ret->command, sizeof(ret->command), "[%.*s]", n, open_at ? open_at + 1 : "");
        len = 0;
    }
    size_t max = sizeof(ret->command) - 1;
    for (size_t i = 0; i < len && i < max; i++) {
        char c = arguments->data[i];
        ret->command[i] = c == '\0' ? ' ' : c;
        ret->command[i + 1] = '\0';
    }
    for (char *c = ret->command; *c != '\0'; c++) {
        if (*c < 32 || *c == 127)
            *c = '?';
    }
}

struct listing {
    int proc_fd;
    pid_t init;
    ino_t space;
    int (*each)(void *context, const struct jp_pod_process *);
    void *context;
};

static int show(void *context, pid_t pid)
{
    struct listing *listing = context;
    struct jp_pod_process process = {.pid = pid};
    JP_AUTO(jp_buf) stat_text = JP_BUF_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (pid == listing->init || namespace_of(listing->proc_fd, pid) != listing->space)
        return 0;
    if (!read_of(listing->proc_fd, pid, "stat", &stat_text) ||
        !parse_stat(jp_buf_text(&stat_text), &process) ||
        !read_of(listing->proc_fd, pid, "status", &text))
        return 0; /* it has just ended */
    process.uid = (uint32_t)number_after(jp_buf_text(&text), "\nUid:", false);
    process.pod_pid = (pid_t)number_after(jp_buf_text(&text), "\nNSpid:", true);
    (void)read_of(listing->proc_fd, pid, "cmdline", &text);
    describe(&text, jp_buf_text(&stat_text), &process);
    return listing->each(listing->context, &process);
}

static int processes(const char *uuid, pid_t supervisor,
                     int (*each)(void *context, const struct jp_pod_process *), void *context,
                     struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    JP_AUTO_FD int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc_fd < 0)
        return jp_fail_sys(err, "open '/proc'");
    struct search search = {.proc_fd = proc_fd, .supervisor = supervisor, .found = -1};
    (void)snprintf(search.name, sizeof(search.name), "jp-%s", uuid);
    pid_t init = find_init(&search);
    if (init < 0)
        return 0; /* not there yet, or not any more */
    struct listing listing = {.proc_fd = proc_fd,
                              .init = init,
                              .space = namespace_of(proc_fd, init),
                              .each = each,
                              .context = context};
    return listing.space == 0 ? 0 : walk(proc_fd, show, &listing);
}

struct speaker {
    void (*say)(void *context, const char *name, bool is_fine, const char *text,
                const char *remedy);
    void *context;
};

static void say(const struct speaker *s, const char *name, bool is_fine, const char *text,
                const char *remedy)
{
    s->say(s->context, name, is_fine, text, is_fine ? NULL : remedy);
}

static void examine_kernel(const struct speaker *s)
{
    struct utsname name;
    struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_IN_ROOT};
    if (uname(&name) == 0)
        say(s, "kernel", true, name.release, NULL);
    long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
    say(s, "openat2", fd >= 0, fd >= 0 ? "available" : "missing: paths are walked step by step",
        "use Linux 5.6 or later");
    if (fd >= 0)
        (void)close((int)fd);
    bool can = jp_linux_can(JP_LINUX_SETATTR);
    say(s, "mount-api", true, can ? "available" : "without mount_setattr: mounts change one by one",
        NULL);
    bool filters = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
    say(s, "seccomp", filters, filters ? "available" : "missing: no system call filters",
        "use a kernel with CONFIG_SECCOMP_FILTER");
    bool is_root = geteuid() == 0;
    say(s, "root", is_root, is_root ? "yes" : "no", "run jetpack as root");
}

static void examine_namespaces(const struct speaker *s)
{
    static const char *const names[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        char path[64], title[64];
        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        (void)snprintf(title, sizeof(title), "namespace-%s", names[i]);
        bool is_there = access(path, F_OK) == 0;
        say(s, title, is_there, is_there ? "available" : "missing",
            "mount /proc, or use a kernel with all namespaces");
    }
}

static void examine_file_systems(const struct speaker *s)
{
    static const char *const names[] = {"overlay", "tmpfs", "devpts", "mqueue"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        char title[64];
        (void)snprintf(title, sizeof(title), "file-system-%s", names[i]);
        JP_AUTO_FD int fd = fsopen(names[i], FSOPEN_CLOEXEC);
        say(s, title, fd >= 0, fd >= 0 ? "available" : strerror(errno),
            "load the kernel's module, or for overlay set storage.driver = copy");
    }
}

static void examine_groups(const struct speaker *s)
{
    struct jp_cgroup_layout layout = {.count = 0};
    if (jp_cgroup_find(&layout, NULL) < 0)
        return;
    for (unsigned i = 0; i < JP_CGROUP_CONTROLLERS; i++) {
        char title[64], text[PATH_MAX + 32];
        const struct jp_cgroup_hierarchy *h = jp_cgroup_with(&layout, i);
        (void)snprintf(title, sizeof(title), "cgroup-%s", jp_cgroup_name(i, false));
        if (h)
            (void)snprintf(text, sizeof(text), "%s in %s", h->is_v2 ? "v2" : "v1", h->mount_point);
        say(s, title, h != NULL, h ? text : "no controller: such limits are ignored",
            "mount cgroup2 on /sys/fs/cgroup");
    }
    jp_cgroup_layout_clear(&layout);
}

/* Bits of the answer of try_devices. */
#define HAS_BRIDGE   1
#define HAS_VETH     2
#define HAS_NFTABLES 4

static bool make_device(int fd, const char *kind)
{
    struct jp_netlink_batch b = {0};
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
    jp_netlink_begin(&b, kind, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    jp_netlink_body(&b, &body, sizeof(body));
    size_t info = jp_netlink_open_nest(&b, IFLA_LINKINFO);
    jp_netlink_text(&b, IFLA_INFO_KIND, kind);
    jp_netlink_close_nest(&b, info);
    return jp_netlink_send(fd, &b, NULL) == 0;
}

/* Makes devices in a network namespace of its own, which vanishes with the process. */
static JP_NORETURN void try_devices(void)
{
    int answer = 0;
    if (unshare(CLONE_NEWNET) < 0)
        _exit(0);
    int fd = jp_netlink_open(NULL);
    if (fd >= 0 && make_device(fd, "bridge"))
        answer |= HAS_BRIDGE;
    if (fd >= 0 && make_device(fd, "veth"))
        answer |= HAS_VETH;
    if (socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) >= 0)
        answer |= HAS_NFTABLES;
    _exit(answer);
}

static void examine_network(const struct speaker *s)
{
    int status = 0;
    pid_t pid = jp_linux_fork(0, SIGCHLD, NULL);
    if (pid == 0)
        try_devices();
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return;
    int has = WEXITSTATUS(status);
    static const struct {
        int bit;
        const char *name, *remedy;
    } features[] = {
        {HAS_BRIDGE, "bridge", "load the module bridge, or use --net=host"},
        {HAS_VETH, "veth", "load the module veth, or use --net=host"},
        {HAS_NFTABLES, "netfilter", "load the module nf_tables"},
    };
    for (size_t i = 0; i < JP_LEN(features); i++) {
        bool is_fine = (has & features[i].bit) != 0;
        say(s, features[i].name, is_fine, is_fine ? "available" : "missing", features[i].remedy);
    }
}

/* Nothing is missing then; but who looks for why pods reach nothing finds it here. */
static void examine_foreign(const struct speaker *s)
{
    static const struct {
        enum jp_foreign_hook hook;
        const char *name, *text;
    } hooks[] = {
        {JP_FOREIGN_FORWARD, "forwarding",
         "pods reach the outside as far as it lets their bridges"},
        {JP_FOREIGN_INPUT, "input",
         "it decides who reaches published ports, and whether pods ask the host for names (port "
         "53) and metadata (mds.port)"},
    };
    for (size_t i = 0; i < JP_LEN(hooks); i++) {
        JP_AUTO(jp_buf) chains = JP_BUF_INIT;
        if (!jp_foreign_droppers(hooks[i].hook, &chains))
            continue;
        JP_AUTO_FREE char *text = jp_format("the host drops what %s does not name: %s",
                                            jp_buf_text(&chains), hooks[i].text);
        if (text)
            say(s, hooks[i].name, true, text, NULL);
    }
}

static void examine(void (*callback)(void *context, const char *name, bool is_fine,
                                     const char *text, const char *remedy),
                    void *context)
{
    struct speaker s = {.say = callback, .context = context};
    examine_kernel(&s);
    examine_namespaces(&s);
    examine_file_systems(&s);
    examine_groups(&s);
    examine_network(&s);
    examine_foreign(&s);
}

const struct jp_host_ops jp_linux_host = {
    .processes = processes, .holder = jp_linux_holder, .examine = examine};
