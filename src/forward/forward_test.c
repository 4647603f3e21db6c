/*
 * The forwarder between a client and a pod that are both this test: loopback addresses, a process
 * of its own for the forwarder's code (under the sanitizers too), and the installed program at the
 * end.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "forward/forward.h"
#include "sys/fd.h"
#include "tap.h"

#define PATIENCE_MS 60000
#define MEGABYTE    (1024 * 1024)
#define FEW_FILES   256 /* RLIMIT_NOFILE of a forwarder that shall come to its limits */

enum { TCP4, TCP6, GUARDED, UDP4, NOBODY, N_PORTS };

struct bed {
    struct jp_forward_settings settings;
    struct jp_plan_port ports[N_PORTS];
    struct jp_forward_listener listeners[N_PORTS];
    char *sources[2];
    int sockets[N_PORTS];
    union jp_address at[N_PORTS]; /* where clients go */
    int pod_tcp;                  /* what an app in the pod listens with */
    int pod_udp;
    int life;
    pid_t pid;
};

static union jp_address parse(const char *text, uint16_t port)
{
    union jp_address address;
    memset(&address, 0, sizeof(address));
    (void)jp_address_read(text, port, &address, NULL);
    return address;
}

static uint16_t port_of(int fd)
{
    union jp_address address;
    socklen_t len = sizeof(address);
    return getsockname(fd, &address.any, &len) < 0 ? 0 : jp_address_port(&address);
}

static int bound(const char *text, int type)
{
    union jp_address address = parse(text, 0);
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, &address.any, jp_address_len(&address)) < 0 ||
                    ((type & 15) == SOCK_STREAM && listen(fd, 4096) < 0)))
        jp_fd_close(&fd);
    return fd;
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, PATIENCE_MS) == 1;
}

static int dial(const union jp_address *to)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &to->any, jp_address_len(to)) < 0)
        jp_fd_close(&fd);
    return fd;
}

static int answer_call(const struct bed *b)
{
    return wait_for(b->pod_tcp, POLLIN) ? accept(b->pod_tcp, NULL, NULL) : -1;
}

/* Both ends of a new connection through the forwarder. */
static bool join(const struct bed *b, int port, int *client, int *pod)
{
    *client = dial(&b->at[port]);
    *pod = *client < 0 ? -1 : answer_call(b);
    return *pod >= 0;
}

static bool says(int from, int to, const char *text)
{
    char got[64] = "";
    size_t len = strlen(text), have = 0;
    if (write(from, text, len) != (ssize_t)len)
        return false;
    while (have < len && wait_for(to, POLLIN)) {
        ssize_t n = read(to, got + have, len - have);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return strcmp(got, text) == 0;
}

/* 0 end of file, else errno; -1 when there is something to read. */
static int end_of(int fd)
{
    char byte;
    if (!wait_for(fd, POLLIN))
        return ETIMEDOUT;
    ssize_t n = read(fd, &byte, 1);
    return n < 0 ? errno : n == 0 ? 0 : -1;
}

static void reset(int *fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    jp_fd_close(fd);
}

/* A connection that the forwarder resets: connect(2) may hear of it already. */
static bool is_reset(const union jp_address *to)
{
    JP_AUTO_FD int fd = dial(to);
    return (fd < 0 ? errno : end_of(fd)) == ECONNRESET;
}

/* ---- the bed --------------------------------------------------------------------------------- */

static void lay(struct bed *b)
{
    static const struct {
        const char *host;
        int type;
    } table[N_PORTS] = {
        [TCP4] = {"127.0.0.1", SOCK_STREAM},    [TCP6] = {"::1", SOCK_STREAM},
        [GUARDED] = {"127.0.0.1", SOCK_STREAM}, [UDP4] = {"0.0.0.0", SOCK_DGRAM},
        [NOBODY] = {"127.0.0.1", SOCK_STREAM},
    };
    static char name[] = "port", pod[] = "127.0.0.1", source[] = "10.0.0.0/8";
    memset(b, 0, sizeof(*b));
    b->pod_tcp = bound(pod, SOCK_STREAM);
    b->pod_udp = bound(pod, SOCK_DGRAM);
    int nobody = bound(pod, SOCK_STREAM);
    b->sources[0] = source;
    for (size_t i = 0; i < N_PORTS; i++) {
        bool is_udp = table[i].type == SOCK_DGRAM;
        b->sockets[i] = bound(table[i].host, table[i].type | SOCK_NONBLOCK);
        b->at[i] = parse(is_udp ? pod : table[i].host, port_of(b->sockets[i]));
        b->ports[i] = (struct jp_plan_port){
            .name = name,
            .is_udp = is_udp,
            .host_port = port_of(b->sockets[i]),
            .pod_port = port_of(is_udp        ? b->pod_udp
                                : i == NOBODY ? nobody
                                              : b->pod_tcp),
            .count = 1,
        };
        b->listeners[i].port = (uint32_t)i;
    }
    b->ports[GUARDED].sources = (struct jp_strv){b->sources, 1, 1};
    b->settings = (struct jp_forward_settings){
        .version = JP_FORWARD_VERSION,
        .uid = 65534,
        .gid = 65534,
        .address = pod,
        .ports = {b->ports, N_PORTS},
        .listeners = b->listeners,
        .n_listeners = N_PORTS,
    };
    jp_fd_close(&nobody);
}

static int forward(struct bed *b, int life, rlim_t files)
{
    struct jp_forwarder f;
    struct rlimit limit;
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    jp_fd_close(&b->pod_tcp);
    jp_fd_close(&b->pod_udp);
    if (files > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = files;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    int r = jp_forwarder_open(&f, &b->settings, b->sockets, &err);
    if (r == 0)
        jp_forwarder_run(&f, life);
    else
        printf("# %s\n", jp_error_text(&err));
    jp_forwarder_close(&f);
    return r == 0 ? 0 : 1;
}

static void begin(struct bed *b, rlim_t files)
{
    int ends[2];
    lay(b);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        exit(1);
    b->life = ends[0];
    b->pid = fork();
    if (b->pid == 0) {
        jp_fd_close(&ends[0]);
        exit(forward(b, ends[1], files)); /* not _exit: what leaked shall be told */
    }
    jp_fd_close(&ends[1]);
    for (size_t i = 0; i < N_PORTS; i++)
        jp_fd_close(&b->sockets[i]);
}

static void end(struct bed *b)
{
    int status = -1;
    jp_fd_close(&b->life);
    (void)waitpid(b->pid, &status, 0);
    TAP_OK(status == 0, "the forwarder ends when the other end of its life does");
    int fd = dial(&b->at[TCP4]);
    TAP_OK(fd < 0 && errno == ECONNREFUSED, "... and its ports refuse");
    jp_fd_close(&fd);
    jp_fd_close(&b->pod_tcp);
    jp_fd_close(&b->pod_udp);
}

static unsigned open_files(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        (void)closedir(dir);
    return count;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static void test_plain(struct bed *b)
{
    int client, pod;
    TAP_OK(join(b, TCP4, &client, &pod) && says(client, pod, "ping") && says(pod, client, "pong"),
           "TCP by IPv4");
    jp_fd_close(&client);
    TAP_OK(end_of(pod) == 0, "the client's end is the pod's");
    jp_fd_close(&pod);
    TAP_OK(join(b, TCP6, &client, &pod) && says(client, pod, "ping") && says(pod, client, "pong"),
           "TCP by IPv6 to a pod that has IPv4 only");
    jp_fd_close(&pod);
    TAP_OK(end_of(client) == 0, "the pod's end is the client's");
    jp_fd_close(&client);
}

static void test_half_closed(struct bed *b)
{
    int client, pod;
    TAP_OK(join(b, TCP4, &client, &pod) && says(client, pod, "question") &&
               shutdown(client, SHUT_WR) == 0 && end_of(pod) == 0,
           "a client that has said everything");
    TAP_OK(says(pod, client, "a late answer") && says(pod, client, "and more"), "... is answered");
    jp_fd_close(&pod);
    TAP_OK(end_of(client) == 0, "... to the end");
    jp_fd_close(&client);
    TAP_OK(join(b, TCP4, &client, &pod) && shutdown(pod, SHUT_WR) == 0 && end_of(client) == 0,
           "a pod that has said everything");
    TAP_OK(says(client, pod, "hears") && says(client, pod, "the rest"), "... hears");
    jp_fd_close(&client);
    TAP_OK(end_of(pod) == 0, "... to the end");
    jp_fd_close(&pod);
}

static void test_resets(struct bed *b)
{
    int client, pod;
    TAP_OK(join(b, TCP4, &client, &pod) && says(client, pod, "x"), "connected");
    reset(&client);
    TAP_OK(end_of(pod) == ECONNRESET, "a client's reset is one for the pod");
    jp_fd_close(&pod);
    TAP_OK(join(b, TCP4, &client, &pod) && says(client, pod, "x"), "connected");
    reset(&pod);
    TAP_OK(end_of(client) == ECONNRESET, "a pod's reset is one for the client");
    jp_fd_close(&client);
    TAP_OK(is_reset(&b->at[NOBODY]), "where nobody listens in the pod: reset");
    TAP_OK(is_reset(&b->at[GUARDED]), "a client that may not come: reset");
    TAP_OK(join(b, TCP4, &client, &pod), "and the next one is served");
    jp_fd_close(&client);
    jp_fd_close(&pod);
}

/* The last words of a pod that closes although the client still talks arrive. */
static void test_last_words(struct bed *b)
{
    int client, pod;
    char text[16] = "";
    bool ok = join(b, TCP4, &client, &pod) && write(client, "unread", 6) == 6 &&
              wait_for(pod, POLLIN) && write(pod, "too large", 9) == 9;
    jp_fd_close(&pod);
    TAP_OK(ok && wait_for(client, POLLIN) && read(client, text, sizeof(text) - 1) == 9 &&
               strcmp(text, "too large") == 0,
           "what a pod says before it closes on a client that still talks arrives");
    jp_fd_close(&client);
}

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 2654435761U >> 13);
}

/* Sends `size` bytes one way while the other side reads slowly; true when all arrive as sent. */
static bool carries(int from, int to, size_t size)
{
    static unsigned char bytes[65536];
    size_t sent = 0, got = 0;
    bool is_same = true;
    (void)fcntl(from, F_SETFL, O_NONBLOCK);
    while (got < size && is_same) {
        size_t len = size - sent < sizeof(bytes) ? size - sent : sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern(sent + i);
        ssize_t n = len > 0 ? write(from, bytes, len) : 0;
        sent += n > 0 ? (size_t)n : 0;
        if (n > 0)
            continue; /* fill everything on the way first */
        if (!wait_for(to, POLLIN))
            return false;
        n = read(to, bytes, 1 + got % sizeof(bytes));
        for (ssize_t i = 0; i < n && is_same; i++)
            is_same = bytes[i] == pattern(got + (size_t)i);
        got += n > 0 ? (size_t)n : 0;
        is_same = is_same && n > 0;
    }
    return is_same;
}

static void test_much(struct bed *b)
{
    int client, pod;
    TAP_OK(join(b, TCP4, &client, &pod) && carries(client, pod, 48 * MEGABYTE),
           "48 MiB into the pod, whole");
    TAP_OK(carries(pod, client, 48 * MEGABYTE), "48 MiB out of it");
    jp_fd_close(&client);
    jp_fd_close(&pod);
}

/* Nobody reads: the sender is held back after what the kernel and a hold keep. */
static void test_back_pressure(struct bed *b)
{
    static const unsigned char bytes[65536];
    int client, pod;
    size_t sent = 0;
    bool ok = join(b, TCP4, &client, &pod);
    (void)fcntl(client, F_SETFL, O_NONBLOCK);
    for (int quiet = 0; ok && quiet < 20 && sent < 256U * MEGABYTE;) {
        ssize_t n = write(client, bytes, sizeof(bytes));
        struct pollfd p = {.fd = client, .events = POLLOUT};
        if (n > 0)
            sent += (size_t)n;
        else
            quiet = poll(&p, 1, 10) == 1 ? 0 : quiet + 1;
    }
    TAP_OK(ok && sent < 256U * MEGABYTE, "what nobody reads is not taken (%zu KiB were)",
           sent / 1024);
    reset(&client);
    jp_fd_close(&pod);
}

/* ---- many ------------------------------------------------------------------------------------ */

/* Serves the next one that comes: it has sent its number, and gets it back. -1: nobody came. */
static int serve_next(const struct bed *b, const int *clients, int count)
{
    int number = -1, echoed = -1;
    JP_AUTO_FD int pod = answer_call(b);
    if (pod < 0 || !wait_for(pod, POLLIN) ||
        read(pod, &number, sizeof(number)) != (ssize_t)sizeof(number) || number < 0 ||
        number >= count)
        return -1;
    (void)!write(pod, &number, sizeof(number));
    return wait_for(clients[number], POLLIN) &&
                   read(clients[number], &echoed, sizeof(echoed)) == (ssize_t)sizeof(echoed) &&
                   echoed == number
               ? number
               : -1;
}

/* As one of many clients, where loopback has more than one address. -1: it has not, or refused. */
static int dial_as(const union jp_address *to, int client)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "127.0.1.%d", client % 100 + 1);
    union jp_address from = parse(text, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, &from.any, jp_address_len(&from)) < 0 ||
                    connect(fd, &to->any, jp_address_len(to)) < 0))
        jp_fd_close(&fd);
    return fd;
}

static bool has_many_addresses(void)
{
    JP_AUTO_FD int fd = bound("127.0.1.1", SOCK_STREAM);
    return fd >= 0;
}

/* Clients come faster than they go; the forwarder has room for some twenty at a time. */
static void test_limit(struct bed *b)
{
    enum { CLIENTS = 200 };
    static int clients[CLIENTS];
    unsigned most = 0;
    int served = 0, number;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial_as(&b->at[TCP4], i);
        (void)!write(clients[i], &i, sizeof(i));
    }
    for (; served < CLIENTS && (number = serve_next(b, clients, CLIENTS)) >= 0; served++) {
        unsigned now = open_files(b->pid);
        most = now > most ? now : most;
        jp_fd_close(&clients[number]);
    }
    TAP_OK(served == CLIENTS, "%d of %d clients are served, as others go", served, CLIENTS);
    TAP_OK(most <= FEW_FILES + 2, "with at most %d descriptors (%u seen)", FEW_FILES, most);
    for (int i = 0; i < CLIENTS; i++)
        jp_fd_close(&clients[i]);
}

/* The next that comes to the pod has sent a number: *ret_pod is its socket. */
static int hear_next(const struct bed *b, int *ret_pod)
{
    int number = -1;
    *ret_pod = answer_call(b);
    if (*ret_pod < 0 || !wait_for(*ret_pod, POLLIN) ||
        read(*ret_pod, &number, sizeof(number)) != (ssize_t)sizeof(number))
        return -1;
    return number;
}

/* One client opens all that it can; the last of these clients is another. */
static void test_greed(struct bed *b)
{
    enum { GREED = 25 };
    int clients[GREED + 1], pods[GREED + 1], carried = 0, waited = 0;
    for (int i = 0; i <= GREED; i++) {
        clients[i] = dial_as(&b->at[TCP4], i == GREED);
        (void)!write(clients[i], &i, sizeof(i));
        pods[i] = -1;
    }
    int number = hear_next(b, &pods[0]);
    while (number >= 0 && number < GREED && carried < GREED)
        number = hear_next(b, &pods[++carried]);
    TAP_OK(number == GREED, "beside a client that opens %d connections another is let in", GREED);
    TAP_OK(carried > 3 && carried < GREED, "... which has %d of them carried", carried);
    for (int i = 0; i < carried; i++) {
        jp_fd_close(&clients[i]);
        jp_fd_close(&pods[i]);
    }
    for (int pod = -1; waited < GREED - carried; waited++) {
        number = hear_next(b, &pod);
        jp_fd_close(&pod);
        if (number < carried || number >= GREED)
            break;
        jp_fd_close(&clients[number]);
    }
    TAP_OK(waited == GREED - carried, "... and the other %d when those have gone", waited);
    for (int i = 0; i <= GREED; i++) {
        jp_fd_close(&clients[i]);
        jp_fd_close(&pods[i]);
    }
}

static void test_hostile(struct bed *b)
{
    enum { CLIENTS = 10 };
    int idle[CLIENTS];
    const int last = 0;
    for (int i = 0; i < CLIENTS; i++)
        idle[i] = dial(&b->at[TCP4]);
    for (int i = 0; i < CLIENTS; i++) {
        int pod = answer_call(b);
        jp_fd_close(&pod); /* the clients hold on, half-closed */
    }
    for (int i = 0; i < 500; i++) {
        int client = dial(&b->at[TCP4]);
        if (client >= 0 && i % 2)
            (void)!write(client, "x", 1);
        if (client >= 0)
            reset(&client);
    }
    JP_AUTO_FD int client = dial(&b->at[TCP4]);
    (void)!write(client, &last, sizeof(last));
    bool is_served = false;
    for (int i = 0; i <= 500 + CLIENTS && !is_served; i++)
        is_served = serve_next(b, &client, 1) == 0;
    TAP_OK(is_served, "after 500 that reset and beside 10 that hold on one is served");
    for (int i = 0; i < CLIENTS; i++)
        jp_fd_close(&idle[i]);
}

/* ---- UDP ------------------------------------------------------------------------------------- */

static union jp_address flow; /* as the pod saw the last one that asked */

static bool asks(const struct bed *b, int client, const union jp_address *to, const char *text,
                 union jp_address *ret_answer_from)
{
    char got[64] = "";
    socklen_t len = sizeof(flow);
    (void)sendto(client, text, strlen(text), 0, &to->any, jp_address_len(to));
    if (!wait_for(b->pod_udp, POLLIN))
        return false;
    ssize_t n = recvfrom(b->pod_udp, got, sizeof(got) - 1, 0, &flow.any, &len);
    if (n < 0 || strcmp(got, text) != 0)
        return false;
    (void)sendto(b->pod_udp, got, (size_t)n, 0, &flow.any, len);
    memset(got, 0, sizeof(got));
    len = sizeof(*ret_answer_from);
    if (!wait_for(client, POLLIN))
        return false;
    (void)recvfrom(client, got, sizeof(got) - 1, 0, &ret_answer_from->any, &len);
    return strcmp(got, text) == 0;
}

/* Linux has all of 127/8. */
static bool has_address(const union jp_address *address)
{
    union jp_address own = *address;
    jp_address_set_port(&own, 0);
    JP_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, &own.any, jp_address_len(&own)) == 0;
}

static void test_udp(struct bed *b)
{
    union jp_address from;
    union jp_address other = parse("127.0.0.9", jp_address_port(&b->at[UDP4]));
    memset(&from, 0, sizeof(from));
    int one = bound("127.0.0.1", SOCK_DGRAM), two = bound("127.0.0.1", SOCK_DGRAM);
    TAP_OK(asks(b, one, &b->at[UDP4], "one", &from) && jp_address_equal(&from, &b->at[UDP4]),
           "UDP: an answer");
    TAP_OK(asks(b, two, &b->at[UDP4], "two", &from) && asks(b, one, &b->at[UDP4], "again", &from),
           "... each client gets its own");
    if (has_address(&other))
        TAP_OK(asks(b, one, &other, "elsewhere", &from) && jp_address_equal(&from, &other),
               "... from the address that was asked");
    else
        tap_skip("... from the address that was asked", "not here: one loopback address");
    jp_fd_close(&one);
    jp_fd_close(&two);
}

/* More clients than flows: the forwarder's descriptors stay bounded, and who is answered stays. */
static void test_flood(struct bed *b)
{
    union jp_address from;
    char drain[16];
    int friend = bound("127.0.0.1", SOCK_DGRAM);
    TAP_OK(asks(b, friend, &b->at[UDP4], "friend", &from), "a client that is talked with");
    union jp_address friends = flow;
    for (int i = 0; i < 1000; i++) {
        int fd = bound("127.0.0.1", SOCK_DGRAM);
        (void)sendto(fd, "flood", 5, 0, &b->at[UDP4].any, jp_address_len(&b->at[UDP4]));
        jp_fd_close(&fd);
        while (recv(b->pod_udp, drain, sizeof(drain), MSG_DONTWAIT) > 0)
            ;
    }
    unsigned files = open_files(b->pid);
    while (recv(b->pod_udp, drain, sizeof(drain), MSG_DONTWAIT) > 0)
        ;
    TAP_OK(files <= FEW_FILES + 2, "1000 senders do not take its descriptors (%u)", files);
    (void)sendto(b->pod_udp, "stay", 4, 0, &friends.any, jp_address_len(&friends));
    TAP_OK(wait_for(friend, POLLIN) && recv(friend, drain, sizeof(drain), 0) == 4 &&
               memcmp(drain, "stay", 4) == 0,
           "nor the flow of who is talked with");
    jp_fd_close(&friend);
}

/* ---- the limit of bytes ---------------------------------------------------------------------- */

static void test_rate(void)
{
    struct jp_rate none = {.bytes_per_second = 0};
    struct jp_rate some = {.bytes_per_second = 1};
    TAP_OK(jp_rate_allows(&none, 1U << 30) == 1U << 30, "without a limit everything");
    size_t first = jp_rate_allows(&some, 1U << 30);
    TAP_OK(first > 0 && first <= 65536, "with one a burst (%zu)", first);
    jp_rate_used(&some, first);
    TAP_OK(jp_rate_allows(&some, 1U << 30) <= 1, "... and then nothing");
}

static void test_tasks(void)
{
    struct jp_tasks list = {.first = NULL};
    struct jp_task tasks[3];
    memset(tasks, 0, sizeof(tasks));
    for (int i = 0; i < 3; i++)
        jp_task_put(&list, &tasks[i]);
    jp_task_put(&list, &tasks[0]);
    jp_task_drop(&tasks[2]);
    jp_task_drop(&tasks[0]);
    jp_task_put(&list, &tasks[0]);
    TAP_OK(list.first == &tasks[1] && tasks[1].next == &tasks[0] && !tasks[0].next,
           "tasks keep their order, each once");
    jp_task_drop(&tasks[1]);
    jp_task_drop(&tasks[0]);
    TAP_OK(!list.first, "none left");
    jp_task_put(&list, &tasks[1]);
    TAP_OK(list.first == &tasks[1], "and one again");
    jp_task_drop(&tasks[1]);
}

struct again {
    struct jp_task task;
    struct jp_tasks *list;
    int times;
};

static void come_again(struct jp_task *task)
{
    struct again *again = (struct again *)(void *)task;
    again->times++;
    jp_task_put(again->list, task);
}

/* Each round of somebody who is paused takes JP_RATE_MS: these are ten seconds at least. */
static void test_retries(void)
{
    struct jp_forwarder f = {.queue = jp_watch_open(NULL)};
    struct again busy = {.task = {.run = come_again}, .list = &f.paused};
    struct again waiting = {.task = {.run = come_again}, .list = &f.waiting};
    jp_task_put(busy.list, &busy.task);
    jp_task_put(waiting.list, &waiting.task);
    for (int i = 0; i < 1000 && waiting.times < 2; i++)
        jp_forwarder_round(&f);
    TAP_OK(waiting.times == 2 && busy.times >= 2,
           "what the system had nothing left for is tried again beside one who is busy");
    jp_fd_close(&f.queue);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void execute(const char *program, int mailbox, int life)
{
    char *argv[] = {(char *)(uintptr_t)program, NULL};
    (void)dup2(mailbox, JP_FORWARD_FD_MAILBOX);
    (void)dup2(life, JP_FORWARD_FD_LIFE);
    (void)execve(program, argv, argv + 1);
    _exit(127);
}

/* Its answer, "" when there is none. */
static void start_program(struct bed *b, int mailbox, char answer[JP_FORWARD_MAX_ANSWER])
{
    int life[2];
    memset(answer, 0, JP_FORWARD_MAX_ANSWER);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life) < 0)
        return;
    b->pid = fork();
    if (b->pid == 0)
        execute(getenv("JETPACK_TEST_FORWARD"), mailbox, life[1]);
    jp_fd_close(&life[1]);
    b->life = life[0];
    (void)!recv(b->life, answer, JP_FORWARD_MAX_ANSWER - 1, 0);
}

static bool status_has(pid_t pid, const char *line)
{
    char path[64];
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    return jp_file_read(AT_FDCWD, path, 65536, &text, NULL) == 0 &&
           strstr(jp_buf_text(&text), line) != NULL;
}

static void check_rights(pid_t pid)
{
    if (geteuid() != 0) {
        tap_skip("what it gives up", "not here: only root has something to give up");
        return;
    }
    if (access("/proc/self/status", R_OK) < 0) {
        tap_skip("what it gives up", "not here: no /proc as on Linux");
        return;
    }
    TAP_OK(status_has(pid, "\nUid:\t65534\t65534\t65534\t65534\n") &&
               status_has(pid, "\nGid:\t65534\t65534\t65534\t65534\n") &&
               status_has(pid, "\nGroups:\t65534 \n"),
           "it is another user");
    TAP_OK(status_has(pid, "\nCapPrm:\t0000000000000000\n") &&
               status_has(pid, "\nCapBnd:\t0000000000000000\n") &&
               status_has(pid, "\nCapInh:\t0000000000000000\n"),
           "without capabilities");
    TAP_OK(status_has(pid, "\nNoNewPrivs:\t1\n") && status_has(pid, "\nSeccomp:\t2\n"),
           "and with few system calls");
}

static void test_program(void)
{
    struct bed b;
    int mailbox[2], client, pod;
    char answer[JP_FORWARD_MAX_ANSWER];
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    union jp_address from;
    lay(&b);
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox);
    if (!TAP_OK(jp_forward_post(mailbox[0], &b.settings, b.sockets, &err) == 0,
                "settings are posted"))
        printf("# %s\n", jp_error_text(&err));
    for (size_t i = 0; i < N_PORTS; i++)
        jp_fd_close(&b.sockets[i]);
    jp_fd_close(&mailbox[0]);
    start_program(&b, mailbox[1], answer);
    jp_fd_close(&mailbox[1]);
    TAP_STR(answer, "ok", "the program begins");
    check_rights(b.pid);
    TAP_OK(join(&b, TCP4, &client, &pod) && says(client, pod, "ping") && says(pod, client, "pong"),
           "it carries TCP");
    TAP_OK(carries(client, pod, 8 * MEGABYTE), "... much of it");
    jp_fd_close(&client);
    jp_fd_close(&pod);
    int asker = bound("127.0.0.1", SOCK_DGRAM);
    TAP_OK(asks(&b, asker, &b.at[UDP4], "datagram", &from), "... and UDP");
    jp_fd_close(&asker);
    end(&b);
}

/* Settings without their sockets, or nothing at all. */
static void test_broken_mailbox(bool has_settings)
{
    struct bed b;
    int mailbox[2], status = -1;
    char answer[JP_FORWARD_MAX_ANSWER];
    static char bytes[JP_FORWARD_MAX_PACKET];
    lay(&b);
    (void)!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox);
    if (has_settings && jp_forward_post(mailbox[0], &b.settings, b.sockets, NULL) == 0) {
        ssize_t n = read(mailbox[1], bytes, sizeof(bytes));
        jp_fd_close(&mailbox[0]);
        jp_fd_close(&mailbox[1]);
        (void)!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mailbox);
        (void)!write(mailbox[0], bytes, (size_t)n);
    }
    jp_fd_close(&mailbox[0]);
    start_program(&b, mailbox[1], answer);
    jp_fd_close(&mailbox[1]);
    (void)waitpid(b.pid, &status, 0);
    TAP_OK(strcmp(answer, "ok") != 0 && answer[0] && WIFEXITED(status) && WEXITSTATUS(status) == 1,
           "a mailbox that is %s: %s", has_settings ? "cut short" : "empty", answer);
    jp_fd_close(&b.life);
    jp_fd_close(&b.pod_tcp);
    jp_fd_close(&b.pod_udp);
    for (size_t i = 0; i < N_PORTS; i++)
        jp_fd_close(&b.sockets[i]);
}

int main(void)
{
    struct bed b;
    (void)signal(SIGPIPE, SIG_IGN);
    test_rate();
    test_tasks();
    test_retries();
    begin(&b, 0);
    test_plain(&b);
    test_half_closed(&b);
    test_resets(&b);
    test_last_words(&b);
    test_much(&b);
    test_back_pressure(&b);
    test_udp(&b);
    end(&b);
    begin(&b, 0);
    test_hostile(&b);
    end(&b);
    begin(&b, FEW_FILES);
    if (has_many_addresses()) {
        test_limit(&b);
        test_greed(&b);
    } else {
        tap_skip("limits of connections", "not here: loopback has one address");
    }
    test_flood(&b);
    end(&b);
    test_program();
    test_broken_mailbox(false);
    test_broken_mailbox(true);
    return tap_done();
}
