#include "stage1/harness.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/time.h"
#include "plan/renewal.h"
#include "plan/state.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/tree.h"

#define MAX_APPS 4
#define ABOVE    32 /* descriptors are moved here before they are put in their places */

static struct harness *current;

static void remove_all(const struct harness *h)
{
    JP_AUTO_FD int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tmp < 0 || jp_tree_remove(tmp, h->dir + strlen("/tmp/"), NULL) < 0)
        warn("harness: remove '%s'", h->dir);
}

/* Leaves nothing behind on the way out either. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    warn("harness: %s", what);
    if (current && current->supervisor > 0) {
        jp_fd_close(&current->owner); /* the pod is stopped */
        (void)kill(current->supervisor, SIGTERM);
        (void)waitpid(current->supervisor, NULL, 0);
    }
    if (current)
        remove_all(current);
    exit(99);
}

static char *copy(const char *text)
{
    char *c = jp_strdup(text);
    must(c, "memory");
    return c;
}

void harness_open(struct harness *h)
{
    *h = (struct harness){.owner = -1, .supervisor = -1, .plan = JP_PLAN_INIT};
    (void)alarm(HARNESS_LIMIT_S);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(h->dir, sizeof(h->dir), "/tmp/jetpack-stage1-XXXXXX");
    must(mkdtemp(h->dir), "mkdtemp");
    current = h;
    h->dir_fd = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(h->dir_fd >= 0 && mkdirat(h->dir_fd, "fake", 0700) == 0 &&
             mkdirat(h->dir_fd, "pod", 0700) == 0 && mkdirat(h->dir_fd, "root", 0755) == 0,
         "directories");
    h->pod_fd = openat(h->dir_fd, "pod", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char fake[128], uuid[JP_UUID_SIZE];
    (void)snprintf(fake, sizeof(fake), "%s/fake", h->dir);
    must(setenv("JETPACK_FAKE_DIR", fake, 1) == 0 && jp_uuid_new(uuid, NULL) == 0, "uuid");
    h->plan.uuid = copy(uuid);
    h->plan.name = copy("calm-otter");
    h->plan.hostname = copy("calm-otter");
    h->plan.net.mode = JP_NET_NONE;
    h->plan.apps = jp_calloc(MAX_APPS, sizeof(*h->plan.apps));
    h->plan.stop_grace_ms = HARNESS_WAIT_MS;
    h->plan.log_max_bytes = 10 << 20;
    h->plan.log_files = 5;
}

void harness_close(struct harness *h)
{
    jp_fd_close(&h->owner);
    if (h->supervisor > 0)
        (void)harness_wait(h);
    jp_plan_clear(&h->plan);
    jp_buf_clear(&h->output);
    jp_fd_close(&h->pod_fd);
    jp_fd_close(&h->dir_fd);
    current = NULL;
    remove_all(h);
}

static void add(struct jp_strv *v, const char *text)
{
    must(jp_strv_add(v, text) == 0, "memory");
}

static void shell(struct jp_strv *argv, const char *script)
{
    add(argv, "/bin/sh");
    add(argv, "-c");
    add(argv, script);
}

struct jp_plan_app *harness_app(struct harness *h, const char *name, const char *script)
{
    must(h->plan.n_apps < MAX_APPS, "too many apps");
    struct jp_plan_app *app = &h->plan.apps[h->plan.n_apps++];
    char root[128];
    (void)snprintf(root, sizeof(root), "%s/root", h->dir);
    app->name = copy(name);
    app->root.kind = JP_ROOT_DIRECTORY;
    app->root.dir = copy(root);
    shell(&app->argv, script);
    add(&app->env, "PATH=/usr/bin:/bin");
    add(&app->env, "container=jetpack");
    app->cwd = copy("/");
    app->user = copy("0");
    app->group = copy("0");
    app->stop_signal = SIGTERM;
    return app;
}

void harness_busybox(struct harness *h)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    JP_AUTO_FD int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
    must(from >= 0 && jp_fd_read_all(from, 64 << 20, "busybox", &bytes, NULL) == 0, "busybox");
    must(mkdirat(h->dir_fd, "root/bin", 0755) == 0, "root/bin");
    int to = openat(h->dir_fd, "root/bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    must(to >= 0 && jp_fd_write_all(to, bytes.data, bytes.len, "busybox", NULL) == 0, "busybox");
    jp_fd_close(&to);
    static const char *const names[] = {"sh", "sleep", "cat", "id", "touch", "yes", "head", "ps"};
    for (size_t i = 0; i < JP_LEN(names); i++) {
        JP_AUTO_FREE char *path = jp_format("root/bin/%s", names[i]);
        must(path && symlinkat("busybox", h->dir_fd, path) == 0, "link");
    }
}

void harness_handler(struct jp_plan_handler *handler, const char *script)
{
    shell(&handler->argv, script);
}

void harness_renew(struct harness *h, const char *script)
{
    JP_AUTO_FREE char *whole =
        jp_format("answer() { cat %s/renewal; }; cd %s/root; %s", h->dir, h->dir, script);
    must(whole, "memory");
    jp_strv_clear(&h->plan.renew);
    shell(&h->plan.renew, whole);
    add(&h->plan.renew, "renew");
}

static void write_renewal(struct harness *h)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    must(h->plan.n_apps > 0 && jp_renewal_encode(&h->plan.apps[0].root, &bytes, NULL) == 0,
         "encode a root");
    int fd = openat(h->dir_fd, "renewal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len, "write a root");
    jp_fd_close(&fd);
    if (h->plan.renew.count == 0)
        harness_renew(h, "answer");
}

static int plan_fd(struct harness *h)
{
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    must(jp_plan_encode(&h->plan, &bytes, NULL) == 0, "encode the plan");
    int fd = openat(h->dir_fd, "plan", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len, "write the plan");
    return fd;
}

static void run_supervisor(const int fds[5])
{
    int moved[5];
    for (int i = 0; i < 5; i++)
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ABOVE);
    for (int i = 0; i < 5; i++)
        (void)dup2(moved[i], JP_STAGE1_FD_PLAN + i);
    (void)alarm(0);
    (void)setsid();
    const char *program = getenv("JETPACK_TEST_STAGE1");
    if (program)
        (void)execl(program, "jetpack-stage1", (char *)NULL);
    warn("execute '%s'", program ? program : "$JETPACK_TEST_STAGE1");
    _exit(99);
}

void harness_start(struct harness *h, int attach_flags)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    write_renewal(h);
    int lock = jp_lock_take(h->pod_fd, "lock", JP_LOCK_LIFE, false, NULL);
    must(lock >= 0, "take the lock");
    const char *stage2 = getenv("JETPACK_TEST_STAGE2");
    int shim = open(stage2 ? stage2 : "/dev/null", O_RDONLY | O_CLOEXEC);
    must(shim >= 0, "open stage 2");
    int fds[5] = {plan_fd(h), h->pod_fd, lock, ends[1], shim};
    h->owner = ends[0];
    harness_send(h->owner, JP_CONTROL_HELLO, JP_CONTROL_VERSION);
    if (attach_flags >= 0) {
        struct jp_control_message m = JP_CONTROL_MESSAGE_INIT;
        m.type = JP_CONTROL_ATTACH;
        m.flags = (unsigned)attach_flags;
        must(jp_control_send(h->owner, &m, NULL) == 1, "send ATTACH");
    }
    (void)fflush(stdout);
    h->supervisor = fork();
    must(h->supervisor >= 0, "fork");
    if (h->supervisor == 0)
        run_supervisor(fds);
    jp_fd_close(&fds[0]);
    jp_fd_close(&fds[2]);
    jp_fd_close(&fds[3]);
    jp_fd_close(&fds[4]);
}

bool harness_await(struct harness *h, int socket, int type, struct jp_control_message *ret)
{
    for (;;) {
        struct pollfd p = {.fd = socket, .events = POLLIN};
        must(poll(&p, 1, HARNESS_WAIT_MS) == 1, "nothing was heard in time");
        if (jp_control_receive(socket, ret, NULL) != 1)
            return false;
        if (ret->type == JP_CONTROL_OUTPUT)
            jp_buf_add(&h->output, ret->data, ret->data_len);
        if (ret->type == type)
            return true;
        if (ret->type == JP_CONTROL_FAILED)
            printf("# failed: %.*s\n", (int)ret->data_len, (char *)ret->data);
    }
}

long harness_await_number(struct harness *h, int socket, int type)
{
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    return harness_await(h, socket, type, &m) ? (long)m.number : -1;
}

void harness_send(int socket, int type, long number)
{
    struct jp_control_message m = JP_CONTROL_MESSAGE_INIT;
    m.type = (uint8_t)type;
    m.number = number;
    must(jp_control_send(socket, &m, NULL) == 1, "send");
}

void harness_input(int socket, const char *text)
{
    struct jp_control_message m = JP_CONTROL_MESSAGE_INIT;
    char *bytes = copy(text);
    m.type = JP_CONTROL_INPUT;
    m.data = (unsigned char *)bytes;
    m.data_len = strlen(text);
    must(jp_control_send(socket, &m, NULL) == 1, "send INPUT");
    free(bytes);
}

int harness_connect(struct harness *h)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/pod/control", h->dir);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    harness_send(fd, JP_CONTROL_HELLO, JP_CONTROL_VERSION);
    must(harness_await_number(h, fd, JP_CONTROL_HELLO) == JP_CONTROL_VERSION, "HELLO");
    return fd;
}

void harness_exec(int socket, const char *script, unsigned flags)
{
    JP_AUTO(jp_control_message) m = JP_CONTROL_MESSAGE_INIT;
    m.type = JP_CONTROL_EXEC;
    m.flags = flags;
    if (script)
        shell(&m.argv, script);
    must(jp_control_send(socket, &m, NULL) == 1, "send EXEC");
}

int harness_wait(struct harness *h)
{
    must(waitpid(h->supervisor, &h->exit_status, 0) == h->supervisor, "wait");
    h->supervisor = -1;
    return h->exit_status;
}

/* The member at a path with dots, numbers being indexes; borrowed from `root`. */
static json_t *member(json_t *root, const char *path)
{
    JP_AUTO_FREE char *text = copy(path);
    char *rest = text;
    for (char *name = strsep(&rest, "."); name && root; name = strsep(&rest, ".")) {
        if (json_is_array(root))
            root = json_array_get(root, strtoul(name, NULL, 10));
        else
            root = json_object_get(root, name);
    }
    return root;
}

static json_t *record(struct harness *h)
{
    json_error_t error;
    json_t *root = json_loads(harness_file(h, "pod/state"), JSON_REJECT_DUPLICATES, &error);
    if (!root)
        printf("# record: %s\n", error.text);
    return root;
}

bool harness_record_is(struct harness *h, const char *path, const char *text)
{
    json_t *root = record(h);
    const char *value = json_string_value(member(root, path));
    bool same = value && strcmp(value, text) == 0;
    if (!same)
        printf("# record %s: %s\n", path, value ? value : "absent");
    json_decref(root);
    return same;
}

long harness_record_number(struct harness *h, const char *path)
{
    json_t *root = record(h);
    json_t *value = member(root, path);
    long number = json_is_integer(value) ? (long)json_integer_value(value) : -1;
    json_decref(root);
    return number;
}

const char *harness_file(struct harness *h, const char *path)
{
    static struct jp_buf text;
    jp_buf_reset(&text);
    JP_AUTO_FD int fd = openat(h->dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        must(jp_fd_read_all(fd, 64 << 20, path, &text, NULL) == 0, path);
    return jp_buf_text(&text);
}

void harness_await_file(struct harness *h, const char *path)
{
    int64_t until = jp_time_monotonic_ms() + HARNESS_WAIT_MS;
    struct stat st;
    while (fstatat(h->dir_fd, path, &st, 0) < 0) {
        must(jp_time_monotonic_ms() < until, path);
        (void)poll(NULL, 0, 5);
    }
}

static size_t count_entries(struct harness *h, const char *path)
{
    JP_AUTO_FREE char *whole = jp_format("%s/%s", h->dir, path);
    DIR *dir = whole ? opendir(whole) : NULL;
    size_t n = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            printf("# left: %s/%s\n", path, entry->d_name);
            n++;
        }
    }
    if (dir)
        (void)closedir(dir);
    return n;
}

bool harness_is_clean(struct harness *h)
{
    size_t n = count_entries(h, "fake/isolation") + count_entries(h, "fake/mounts") +
               count_entries(h, "fake/limits") + count_entries(h, "fake/links");
    int held = jp_lock_is_held(h->pod_fd, "lock", NULL);
    if (held != 0)
        printf("# the lock is held\n");
    return n == 0 && held == 0;
}
