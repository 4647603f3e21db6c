/*
 * The pod's world on Linux: PID 1 in namespaces of its own, and its end.
 *
 * The supervisor stays in the host's namespaces; only for a moment it enters the pod's network
 * namespace, because making one takes long and PID 1 can build mounts meanwhile. PID 1 is held by
 * a pidfd and sends no SIGCHLD, so that no waitpid(-1) of the caller takes it away from us.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "platform/linux/kernel.h"
#include "platform/linux/linux.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"

#define WORLD            (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
#define MAX_PROCESSES    4194304 /* PID_MAX_LIMIT of Linux */
#define CLEAN_TIMEOUT_MS 10000

static uint64_t own_bounding_set(void)
{
    uint64_t set = 0;
    for (int n = 0; n < 64; n++) {
        int has = prctl(PR_CAPBSET_READ, n, 0, 0, 0);
        if (has < 0)
            break;
        set |= (uint64_t)has << n;
    }
    return set;
}

static struct jp_isolation *new_isolation(const struct jp_plan *plan, int stage2_fd)
{
    struct jp_isolation *pod = jp_calloc(1, sizeof(*pod));
    struct jp_linux_app *apps = jp_calloc(plan->n_apps + 1, sizeof(*apps));
    if (!pod || !apps) {
        free(pod);
        free(apps);
        return NULL;
    }
    for (size_t i = 0; i < plan->n_apps; i++)
        apps[i] = (struct jp_linux_app){.root_fd = -1, .ns_fd = -1, .pts_fd = -1, .view_fd = -1};
    *pod = (struct jp_isolation){.plan = plan,
                                 .stage2_fd = stage2_fd,
                                 .socket = -1,
                                 .init_fd = -1,
                                 .init_pid = -1,
                                 .host_net_fd = -1,
                                 .net_fd = -1,
                                 .net_lock_fd = -1,
                                 .netlink_fd = -1,
                                 .proc_fd = -1,
                                 .shm_fd = -1,
                                 .capabilities = own_bounding_set(),
                                 .apps = apps};
    return pod;
}

static int start_init(struct jp_isolation *pod, struct jp_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    pod->socket = ends[0];
    sigset_t all, before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pod->init_pid = jp_linux_fork(WORLD | CLONE_NEWCGROUP, 0, &pod->init_fd);
    if (pod->init_pid < 0 && errno == EINVAL) /* no control groups in this kernel */
        pod->init_pid = jp_linux_fork(WORLD, 0, &pod->init_fd);
    if (pod->init_pid == 0)
        jp_linux_init(pod->plan, ends[1]);
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    jp_fd_close(&ends[1]);
    errno = saved;
    if (pod->init_pid < 0)
        return jp_fail_sys(err, "make namespaces");
    return 0;
}

static int open_net(struct jp_error *err)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jp_fail_sys(err, "open '/proc/self/ns/net'");
    return fd;
}

/* A network namespace, the host's to return to, and a socket in the former. */
struct net {
    int host_fd;
    int fd;
    int netlink_fd;
    bool passes_marks;
};

static struct net net_ahead = {-1, -1, -1, false};

static void net_clear(struct net *net)
{
    jp_fd_close(&net->netlink_fd);
    jp_fd_close(&net->fd);
    jp_fd_close(&net->host_fd);
}

static int new_net(struct net *ret, struct jp_error *err)
{
    struct net net = {open_net(err), -1, -1, false};
    if (net.host_fd < 0)
        return -1;
    if (unshare(CLONE_NEWNET) < 0) {
        jp_fail_sys(err, "make a network namespace");
        net_clear(&net);
        return -1;
    }
    net.fd = open_net(err);
    net.passes_marks = jp_linux_net_settle();
    if (net.fd >= 0)
        net.netlink_fd = jp_netlink_open(err);
    int r = net.netlink_fd < 0 ? -1 : 0;
    /* In the wrong network nothing may go on, whoever called. */
    if (setns(net.host_fd, CLONE_NEWNET) < 0)
        abort();
    if (r < 0)
        net_clear(&net);
    else
        *ret = net;
    return r;
}

static void ahead(void)
{
    (void)new_net(&net_ahead, NULL);
}

static int make_net(struct jp_isolation *pod, struct jp_error *err)
{
    struct net net = net_ahead;
    net_ahead = (struct net){-1, -1, -1, false};
    if (pod->plan->net.mode == JP_NET_HOST) {
        net_clear(&net);
        return 0;
    }
    if (net.fd < 0 && new_net(&net, err) < 0)
        return -1;
    pod->host_net_fd = net.host_fd;
    pod->net_fd = net.fd;
    pod->netlink_fd = net.netlink_fd;
    pod->passes_marks = net.passes_marks;
    struct jp_linux_request request = {.kind = JP_LINUX_NET};
    if (jp_fd_send(pod->socket, &request, sizeof(request), &pod->net_fd, 1, 0) < 0)
        return jp_fail_sys(err, "hand over the network namespace");
    return 0;
}

static void destroy(struct jp_isolation *pod);

static int create(const struct jp_plan *plan, int stage2_fd, struct jp_isolation **ret,
                  struct jp_error *err)
{
    /* Children are born like this: what enters the pod cannot be traced (CVE-2016-9962). */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return jp_fail_sys(err, "forbid core dumps");
    struct jp_isolation *pod = new_isolation(plan, stage2_fd);
    if (!pod)
        return jp_oom(err);
    if (jp_linux_forget_caller(&pod->warnings, err) < 0 || jp_linux_home_enter(pod, err) < 0 ||
        start_init(pod, err) < 0 || make_net(pod, err) < 0) {
        destroy(pod);
        return jp_wrap(err, "isolate the pod");
    }
    *ret = pod;
    return 0;
}

static struct jp_strv *warnings(struct jp_isolation *pod)
{
    return &pod->warnings;
}

static int watch_fd(const struct jp_isolation *pod)
{
    return pod->init_fd;
}

/*
 * The kernel ends every process of the namespace with PID 1, but lets PID 1 go only when no zombie
 * is left in it: so our own children first.
 */
static void kill_world(struct jp_isolation *pod)
{
    if (pod->init_pid > 0) {
        (void)jp_linux_kill_fd(pod->init_fd);
        jp_linux_reap_children(pod);
        while (waitpid(pod->init_pid, NULL, __WALL) < 0 && errno == EINTR)
            ;
        pod->init_pid = -1;
    }
}

static void destroy(struct jp_isolation *pod)
{
    if (!pod)
        return;
    kill_world(pod);
    jp_linux_home_leave(pod); /* its groups can go only now: the forwarder has ended, too */
    jp_linux_limit.teardown(pod);
    for (size_t i = 0; i < pod->plan->n_apps; i++) {
        jp_fd_close(&pod->apps[i].root_fd);
        jp_fd_close(&pod->apps[i].ns_fd);
        jp_fd_close(&pod->apps[i].pts_fd);
        jp_fd_close(&pod->apps[i].view_fd);
    }
    for (size_t i = 0; i < pod->n_left; i++)
        jp_fd_close(&pod->left[i].ns_fd);
    free(pod->left);
    jp_fd_close(&pod->proc_fd);
    jp_fd_close(&pod->shm_fd);
    jp_fd_close(&pod->net_lock_fd);
    jp_fd_close(&pod->netlink_fd);
    jp_fd_close(&pod->net_fd);
    jp_fd_close(&pod->host_net_fd);
    jp_fd_close(&pod->socket);
    jp_fd_close(&pod->init_fd);
    jp_error_clear(&pod->failure);
    jp_strv_clear(&pod->warnings);
    free(pod->children);
    free(pod->apps);
    free(pod);
}

/*
 * True when /proc/PID is a PID 1 of ours for this pod: by its name, by being a PID 1, and by its
 * user. Name and place anybody can have, in a namespace of their own, and there they can also keep
 * a killed process from ending, for which we would wait in vain.
 */
static bool is_init_of(int proc_fd, const char *pid, const char *name)
{
    char path[64];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "%s/status", pid);
    if (jp_file_read(proc_fd, path, 65536, &text, NULL) < 0)
        return false;
    char line[32], user[64];
    unsigned uid = geteuid();
    (void)snprintf(line, sizeof(line), "Name:\t%s\n", name);
    (void)snprintf(user, sizeof(user), "\nUid:\t%u\t%u\t%u\t%u\n", uid, uid, uid, uid);
    const char *all = jp_buf_text(&text);
    const char *ids = strstr(all, "\nNSpid:");
    if (strncmp(all, line, strlen(line)) != 0 || !ids || !strstr(all, user))
        return false;
    size_t len = strcspn(ids + 1, "\n");
    return len > 2 && strncmp(ids + 1 + len - 2, "\t1", 2) == 0;
}

static int end_init(pid_t pid, int proc_fd, const char *text, const char *name,
                    struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_linux_pidfd(pid);
    if (fd < 0 || !is_init_of(proc_fd, text, name))
        return 0; /* ended meanwhile; the pidfd holds what we look at now */
    (void)jp_linux_kill_fd(fd);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, CLEAN_TIMEOUT_MS) != 1)
        return jp_fail(err, JP_EBUSY, 0, "process %s of the pod does not end", text);
    return 0;
}

/* Everything dies with the supervisor; it may only take a moment, which we wait for. */
static int clean(const char *uuid, JP_UNUSED const char *dir, struct jp_error *err)
{
    if (!jp_uuid_valid(uuid))
        return jp_fail(err, JP_EINVALID, 0, "bad UUID '%s'", uuid);
    char name[16];
    (void)snprintf(name, sizeof(name), "jp-%s", uuid);
    DIR *proc = opendir("/proc");
    if (!proc)
        return jp_fail_sys(err, "open '/proc'");
    int r = 0;
    const struct dirent *entry;
    for (size_t n = 0; n < MAX_PROCESSES && r == 0 && (entry = readdir(proc)); n++) {
        uint64_t pid;
        if (jp_parse_u64(entry->d_name, 10, 2, MAX_PROCESSES, &pid) &&
            is_init_of(dirfd(proc), entry->d_name, name))
            r = end_init((pid_t)pid, dirfd(proc), entry->d_name, name, err);
    }
    (void)closedir(proc);
    return r;
}

const struct jp_isolation_ops jp_linux_isolation = {
    .ahead = ahead,
    .create = create,
    .spawn = jp_linux_spawn,
    .warnings = warnings,
    .watch_fd = watch_fd,
    .signal = jp_linux_signal,
    .kill = kill_world,
    .destroy = destroy,
    .clean = clean,
};
