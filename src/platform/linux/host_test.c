/* What a pod has on the host: links, control groups, and nothing after a killed supervisor. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/bed.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/netlink.h"
#include "sys/fd.h"
#include "tap.h"

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
    tap_kill(supervisor, SIGKILL);
    (void)waitpid(supervisor, NULL, 0);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    TAP_OK(jp_platform.isolation->clean(bed.uuid, NULL, &err) == 0, "clean %s", why(&err));
    TAP_OK(jp_platform.links->clean(bed.uuid, NULL, &err) == 0, "links %s", why(&err));
    TAP_OK(jp_platform.limits->clean(bed.uuid, NULL, &err) == 0, "limits %s", why(&err));
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
            TAP_OK(jp_platform.links->clean(bed.uuid, NULL, &err) == 0 &&
                       if_nametoindex(host_end) == 0,
                   "clean deletes the device %s", why(&err));
            TAP_OK(jp_platform.links->clean(bed.uuid, NULL, &err) == 0, "twice is fine");
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
    if (!bed_prepare(argc, argv)) {
        tap_skip("links and limits", "needs root");
        return tap_done();
    }
    size_t descriptors = count_descriptors();
    test_network();
    test_host_network();
    test_limits();
    test_killed();
    TAP_OK(count_descriptors() == descriptors, "no descriptor is left open");
    TAP_OK(waitpid(-1, NULL, WNOHANG | __WALL) < 0, "no child is left");
    return tap_done();
}
