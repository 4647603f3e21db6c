/*
 * The metadata service seen from outside: is one running, and if not, start it (plan/service.h).
 *
 * Root binds the sockets and hands them over: whoever else sits on the port makes the start of the
 * pod fail, so that no token is ever sent to a stranger. That ours is running is known from a lock
 * on a file that only root can open; what answers on a port proves nothing.
 */
#include "plan/service.h"

#include "config.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/random.h"
#include "base/time.h"
#include "plan/token.h"
#include "pod/internal.h"
#include "sys/account.h"
#include "sys/calls.h"
#include "sys/fd.h"
#include "sys/listen.h"
#include "sys/lock.h"
#include "sys/notify.h"
#include "sys/process.h"
#include "sys/readable.h"

#define LOOPBACK      "127.0.0.1"
#define DIR_MODE      0750
#define LOCK_PAUSE_MS 5
#define LIFE_PAUSE_MS 500   /* between looks at a service whose end nothing tells */
#define ANSWER_MS     60000 /* a service that has not answered by then never will */
#define LOCK_WAIT_MS  90000 /* others start a service meanwhile: longer than that may take */
#define MAX_INFO      4096

/* ---- the directory --------------------------------------------------------------------------- */

static int find_user(const struct jp_pod_metadata *metadata, uint32_t *ret_uid, uint32_t *ret_gid,
                     struct jp_error *err)
{
    *ret_uid = (uint32_t)geteuid();
    *ret_gid = (uint32_t)getegid();
    if (metadata->keeps_uid)
        return 0;
    if (jp_account_ensure(metadata->user, ret_uid, ret_gid, NULL, err) < 0)
        return jp_wrap(err, "mds.user");
    if (*ret_uid == 0)
        return jp_fail(err, JP_EINVALID, 0,
                       "mds.user: the metadata service does not run as root "
                       "(mds.keep-uid leaves it the user that started it)");
    return 0;
}

/* Gives the directory to the service's group; usually it has it. */
static int own_dir(int dir_fd, uint32_t gid, struct jp_error *err)
{
    struct stat st;
    if (fstat(dir_fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", JP_SERVICE_DIR);
    if (st.st_gid != gid && jp_sys.fchown(dir_fd, st.st_uid, (gid_t)gid) < 0)
        return jp_fail_sys(err, "set the group of '%s'", JP_SERVICE_DIR);
    if ((st.st_mode & 07777) != DIR_MODE && jp_sys.fchmod(dir_fd, DIR_MODE) < 0)
        return jp_fail_sys(err, "set the mode of '%s'", JP_SERVICE_DIR);
    return 0;
}

int jp_pod_service_dir(const struct jp_pod_context *ctx, struct jp_error *err)
{
    struct stat st;
    JP_AUTO_FD int fd = jp_fd_open_dir(jp_store_root_fd(ctx->store), JP_SERVICE_DIR, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", JP_SERVICE_DIR);
    if ((st.st_mode & 07777) != DIR_MODE) {
        uint32_t uid, gid;
        if (find_user(ctx->metadata, &uid, &gid, err) < 0 || own_dir(fd, gid, err) < 0)
            return -1;
    }
    return jp_fd_take(&fd);
}

int jp_pod_service_lock(int dir_fd, struct jp_error *err)
{
    int64_t end = jp_time_monotonic_ms() + LOCK_WAIT_MS;
    JP_AUTO_FD int fd = jp_fd_open_dir(dir_fd, ".", err);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return jp_fail_sys(err, "lock '%s'", JP_SERVICE_DIR);
        if (jp_time_monotonic_ms() > end)
            return jp_fail(err, JP_EBUSY, 0, "another command holds '%s'", JP_SERVICE_DIR);
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return jp_fd_take(&fd);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int configured_key(const char *digits, struct jp_buf *ret, struct jp_error *err)
{
    unsigned char bytes[JP_SERVICE_KEY_MAX];
    size_t len = strlen(digits) / 2;
    if (len == 0 || len > sizeof(bytes) || !jp_hex_decode(digits, bytes, len))
        return jp_fail(err, JP_EINVALID, 0, "a configured key is no even number of digits");
    jp_buf_add(ret, bytes, len);
    explicit_bzero(bytes, sizeof(bytes));
    return jp_buf_failed(ret) ? jp_oom(err) : 0;
}

static int make_key(int dir_fd, const char *file, struct jp_error *err)
{
    unsigned char bytes[JP_SERVICE_KEY_SIZE];
    struct stat st;
    if (fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0; /* somebody was faster */
    if (jp_random_bytes(bytes, sizeof(bytes), err) < 0)
        return -1;
    int r = jp_file_replace(dir_fd, file, bytes, sizeof(bytes), 0600, true, err);
    explicit_bzero(bytes, sizeof(bytes));
    return r;
}

static int make_key_locked(int dir_fd, bool has_lock, const char *file, struct jp_error *err)
{
    JP_AUTO_FD int lock = has_lock ? -1 : jp_pod_service_lock(dir_fd, err);
    if (!has_lock && lock < 0)
        return -1;
    return make_key(dir_fd, file, err);
}

int jp_pod_service_key(int dir_fd, bool has_lock, const char *file, const char *digits,
                       struct jp_buf *ret, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (digits)
        return configured_key(digits, ret, err);
    int r = jp_file_read(dir_fd, file, JP_SERVICE_KEY_MAX, ret, &why);
    if (r < 0 && why.code == JP_ENOTFOUND) {
        if (make_key_locked(dir_fd, has_lock, file, err) < 0)
            return -1;
        r = jp_file_read(dir_fd, file, JP_SERVICE_KEY_MAX, ret, err);
    } else if (r < 0) {
        jp_error_move(err, &why);
    }
    if (r == 0 && ret->len < JP_SERVICE_KEY_SIZE)
        return jp_fail(err, JP_ECORRUPT, 0, "'%s/%s' is cut short: remove it", JP_SERVICE_DIR,
                       file);
    return r;
}

/* ---- one that runs --------------------------------------------------------------------------- */

/* The text in the file `service`, as long as its lock is held: lines "NAME VALUE". */
static char *info_value(const char *info, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = info; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, name, len) == 0 && line[len] == ' ')
            return jp_memdup0(line + len + 1, strcspn(line + len + 1, "\n"));
        if (!strchr(line, '\n'))
            break;
    }
    return NULL;
}

/* Where a service listens: the host's address in every network where pods reach it. */
static int find_addresses(const struct jp_pod_context *ctx, struct jp_strv *ret,
                          struct jp_error *err)
{
    const struct jp_networks *networks = jp_pod_networks(ctx);
    for (size_t i = 0; i < networks->count; i++) {
        if (networks->items[i].kind != JP_NET_MACVLAN &&
            jp_strv_add_owned(ret, jp_network_gateway(&networks->items[i])) < 0)
            return jp_oom(err);
    }
    return jp_strv_add(ret, LOOPBACK) < 0 ? jp_oom(err) : 0;
}

int jp_pod_service_is_at(const struct jp_pod_context *ctx, const char *address,
                         struct jp_error *err)
{
    JP_AUTO(jp_strv) addresses = JP_STRV_INIT;
    if (find_addresses(ctx, &addresses, err) < 0)
        return -1;
    return jp_strv_contains(&addresses, address);
}

static char *wanted_listeners(const struct jp_pod_context *ctx, struct jp_error *err)
{
    JP_AUTO(jp_strv) addresses = JP_STRV_INIT;
    JP_AUTO(jp_buf) text = JP_BUF_INIT;
    if (find_addresses(ctx, &addresses, err) < 0)
        return NULL;
    for (size_t i = 0; i < addresses.count; i++)
        jp_buf_printf(&text, "%s%s:%u", i ? " " : "", addresses.items[i], ctx->metadata->port);
    char *all = jp_buf_failed(&text) ? NULL : jp_buf_steal(&text);
    if (!all)
        jp_oom(err);
    return all;
}

/* 1 one runs, 0 none does. */
static int read_info(int dir_fd, struct jp_buf *ret, struct jp_error *err)
{
    int held = jp_lock_is_held(dir_fd, JP_SERVICE_LIFE, err);
    if (held <= 0)
        return held;
    return jp_file_read(dir_fd, JP_SERVICE_LIFE, MAX_INFO, ret, err) < 0 ? -1 : 1;
}

/* A service that listens elsewhere (its configuration was another) does not help this pod. */
static int check_info(const struct jp_pod_context *ctx, const char *info, struct jp_error *err)
{
    JP_AUTO_FREE char *have = info_value(info, "listen");
    JP_AUTO_FREE char *want = wanted_listeners(ctx, err);
    if (!want)
        return -1;
    if (have && strcmp(have, want) == 0)
        return 0;
    JP_AUTO_FREE char *pid = info_value(info, "pid");
    return jp_fail(err, JP_EBUSY, 0,
                   "the service that runs (process %s) listens on %s, not on %s: stop it first",
                   pid ? pid : "?", have ? have : "?", want);
}

/* ---- starting one ---------------------------------------------------------------------------- */

struct start {
    const struct jp_pod_context *ctx;
    int dir_fd; /* the caller's */
    bool is_on_demand;
    struct jp_service_settings settings;
    int fds[JP_SERVICE_MAX_FDS];
    size_t n_fds;
    char nonce[2 * JP_TOKEN_NONCE_SIZE + 1];
    char *program;
};

static void start_clear(struct start *s)
{
    for (size_t i = 1; i < s->n_fds; i++)
        jp_fd_close(&s->fds[i]);
    jp_service_settings_clear(&s->settings);
    free(s->program);
}

static int put_fd(struct start *s, int fd)
{
    if (fd < 0)
        return -1;
    s->fds[s->n_fds++] = fd;
    return 0;
}

/* Standard error is of use in the foreground only. */
static int open_log(struct start *s, struct jp_error *err)
{
    const char *log = s->ctx->metadata->log;
    bool is_none = log && (strcmp(log, "none") == 0 || strcmp(log, "/dev/null") == 0);
    bool is_stderr = !log || strcmp(log, "-") == 0;
    s->settings.has_log = !is_none && !(is_stderr && s->is_on_demand);
    if (!s->settings.has_log)
        return put_fd(s, jp_fd_open(AT_FDCWD, "/dev/null", O_WRONLY, 0, err));
    if (!is_stderr)
        return put_fd(s, jp_fd_open(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0640, err));
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? jp_fail_sys(err, "duplicate standard error") : put_fd(s, fd);
}

static int open_sockets(struct start *s, struct jp_error *err)
{
    JP_AUTO(jp_strv) addresses = JP_STRV_INIT;
    uint16_t port = s->ctx->metadata->port;
    if (find_addresses(s->ctx, &addresses, err) < 0)
        return -1;
    for (size_t i = 0; i < addresses.count; i++) {
        if (jp_strv_add_owned(&s->settings.listeners,
                              jp_format("%s:%u", addresses.items[i], (unsigned)port)) < 0)
            return jp_oom(err);
        if (put_fd(s, jp_listen_tcp(addresses.items[i], port, err)) < 0)
            return -1;
    }
    return 0;
}

static int put_keys(struct start *s, struct jp_error *err)
{
    const struct jp_pod_metadata *metadata = s->ctx->metadata;
    struct jp_service_settings *to = &s->settings;
    unsigned char nonce[JP_TOKEN_NONCE_SIZE];
    char token[JP_TOKEN_SIZE];
    JP_AUTO(jp_buf) tokens = JP_BUF_INIT;
    JP_AUTO(jp_buf) signing = JP_BUF_INIT;
    if (jp_random_bytes(nonce, sizeof(nonce), err) < 0 ||
        jp_pod_service_key(s->dir_fd, /* has_lock= */ true, JP_SERVICE_TOKENS, metadata->token_key,
                           &tokens, err) < 0 ||
        jp_pod_service_key(s->dir_fd, true, JP_SERVICE_SIGNING, metadata->signing_key, &signing,
                           err) < 0)
        return -1;
    to->owner_digest = jp_alloc(JP_MAC_SIZE);
    if (!to->owner_digest)
        return jp_oom(err);
    to->owner_digest_len = JP_MAC_SIZE;
    jp_hex_encode(nonce, sizeof(nonce), s->nonce);
    jp_token_make((struct jp_token_key){tokens.data, tokens.len}, JP_NIL_UUID, nonce, token);
    jp_token_digest(token, strlen(token), to->owner_digest);
    to->key_len = signing.len;
    to->key = (unsigned char *)jp_buf_steal(&signing);
    explicit_bzero(tokens.data, tokens.len);
    explicit_bzero(token, sizeof(token));
    return to->key ? 0 : jp_oom(err);
}

/* Order of the descriptors: plan/service.h. */
static int prepare(struct start *s, struct jp_error *err)
{
    const struct jp_pod_metadata *metadata = s->ctx->metadata;
    s->settings.is_on_demand = s->is_on_demand;
    s->settings.keeps_uid = metadata->keeps_uid;
    s->settings.idle_ms = metadata->idle_ms;
    int program = jp_pod_program(s->ctx, JP_SERVICE_PROGRAM, &s->program, err);
    if (program < 0)
        return -1;
    jp_fd_close(&program);
    if (find_user(metadata, &s->settings.uid, &s->settings.gid, err) < 0 ||
        own_dir(s->dir_fd, s->settings.gid, err) < 0)
        return -1;
    s->fds[s->n_fds++] = s->dir_fd;
    int life = jp_lock_take(s->dir_fd, JP_SERVICE_LIFE, JP_LOCK_LIFE, false, err);
    if (put_fd(s, life) < 0 || open_log(s, err) < 0 || open_sockets(s, err) < 0)
        return -1;
    return put_keys(s, err);
}

/* One packet to a socket whose other end becomes the service's standard input; that end. */
static int send_settings(struct start *s, int *ret_ours, struct jp_error *err)
{
    int ends[2];
    JP_AUTO(jp_buf) bytes = JP_BUF_INIT;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int ours = ends[0];
    JP_AUTO_FD int theirs = ends[1];
    int r = jp_service_settings_encode(&s->settings, &bytes, err);
    if (r == 0 && jp_fd_send(ours, bytes.data, bytes.len, s->fds, s->n_fds, MSG_NOSIGNAL) < 0)
        r = jp_fail_sys(err, "hand over the settings");
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.len);
    if (r < 0)
        return -1;
    *ret_ours = jp_fd_take(&ours);
    return jp_fd_take(&theirs);
}

/*
 * Before the service runs: without this no pod could use one whose starter was killed just then.
 * Its pid comes behind, when it is known.
 */
static int write_info(struct start *s, struct jp_error *err)
{
    int life = s->fds[JP_SERVICE_FD_LIFE];
    JP_AUTO_FREE char *listeners = wanted_listeners(s->ctx, err);
    JP_AUTO_FREE char *text =
        listeners ? jp_format("listen %s\nversion %s\nnonce %s\n", listeners, JP_VERSION, s->nonce)
                  : NULL;
    if (!text)
        return jp_oom(err);
    if (jp_sys.ftruncate(life, 0) < 0 || lseek(life, 0, SEEK_SET) < 0)
        return jp_fail_sys(err, "write '%s'", JP_SERVICE_LIFE);
    return jp_fd_write_all(life, text, strlen(text), JP_SERVICE_LIFE, err);
}

static int write_pid(struct start *s, int pid, struct jp_error *err)
{
    const char *pid_file = s->ctx->metadata->pid_file;
    char line[32];
    (void)snprintf(line, sizeof(line), "pid %d\n", pid);
    if (jp_fd_write_all(s->fds[JP_SERVICE_FD_LIFE], line, strlen(line), JP_SERVICE_LIFE, err) < 0)
        return -1;
    if (!pid_file)
        return 0;
    char number[16];
    (void)snprintf(number, sizeof(number), "%d\n", pid);
    JP_AUTO_FD int fd = jp_fd_open(AT_FDCWD, pid_file, O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
    return fd < 0 ? -1 : jp_fd_write_all(fd, number, strlen(number), pid_file, err);
}

/* "ok PID", or why not. */
static int await_answer(int socket, int *ret_pid, struct jp_error *err)
{
    char text[1024];
    struct pollfd fd = {.fd = socket, .events = POLLIN};
    int64_t end = jp_time_monotonic_ms() + ANSWER_MS;
    int n;
    do {
        int64_t left = end - jp_time_monotonic_ms();
        n = poll(&fd, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    ssize_t len = n > 0 ? recv(socket, text, sizeof(text) - 1, 0) : -1;
    if (len <= 0)
        return jp_fail(err, JP_ESYS, 0, n > 0 ? "it died while starting" : "it does not answer");
    text[len] = '\0';
    uint64_t pid = 0;
    if (strncmp(text, "ok ", 3) != 0 || !jp_parse_u64(text + 3, 10, 1, INT32_MAX, &pid))
        return jp_fail(err, JP_ESYS, 0, "%s", text);
    *ret_pid = (int)pid;
    return 0;
}

static int launch(struct start *s, struct jp_error *err)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char *environment[] = {path, NULL};
    char *argv[] = {s->program, NULL};
    JP_AUTO_FD int ours = -1;
    int status = 0;
    int pid = 0;
    JP_AUTO_FD int theirs = send_settings(s, &ours, err);
    if (theirs < 0 || write_info(s, err) < 0)
        return -1;
    const int stdio[3] = {theirs, -1, -1};
    if (jp_process_run_in(argv, environment, stdio, &status, err) < 0)
        return -1;
    jp_fd_close(&theirs);
    if (await_answer(ours, &pid, err) < 0)
        return -1;
    return write_pid(s, pid, err);
}

int jp_pod_service_ensure(const struct jp_pod_context *ctx, int dir_fd, struct jp_error *err)
{
    JP_AUTO(jp_buf) info = JP_BUF_INIT;
    int running = read_info(dir_fd, &info, err);
    if (running != 0)
        return running < 0 ? -1 : check_info(ctx, jp_buf_text(&info), err);
    __attribute__((__cleanup__(start_clear))) struct start s = {
        .ctx = ctx,
        .dir_fd = dir_fd,
        .is_on_demand = true,
        .settings = JP_SERVICE_SETTINGS_INIT,
    };
    if (prepare(&s, err) < 0 || launch(&s, err) < 0)
        return jp_wrap(err, "start it");
    return 0;
}

/* ---- in the foreground ----------------------------------------------------------------------- */

static int become(struct start *s, struct jp_error *err)
{
    char *argv[] = {s->program, NULL};
    JP_AUTO_FD int ours = -1;
    JP_AUTO_FD int theirs = -1;
    if (prepare(s, err) < 0 || (theirs = send_settings(s, &ours, err)) < 0 ||
        write_info(s, err) < 0 || write_pid(s, (int)getpid(), err) < 0)
        return -1;
    if (dup2(theirs, STDIN_FILENO) < 0)
        return jp_fail_sys(err, "hand over the settings");
    /* The sockets listen: whoever comes from now on is served. */
    jp_notify("READY=1\nSTATUS=serving");
    (void)execv(s->program, argv);
    return jp_fail_sys(err, "execute '%s'", s->program);
}

static int info_pid(const char *info)
{
    JP_AUTO_FREE char *pid = info_value(info, "pid");
    uint64_t number = 0;
    return pid && jp_parse_u64(pid, 10, 1, INT32_MAX, &number) ? (int)number : 0;
}

/*
 * Becomes readable with the end of the service that runs; -1 when nothing tells it: one whose
 * starter was killed has left no pid. The directory's lock is held, so that whoever has the lock of
 * a life has written its pid, if it is one at all.
 */
static int watch_service(int dir_fd, const char *info)
{
    struct jp_process process = JP_PROCESS_INIT;
    if (jp_process_open(info_pid(info), &process, NULL) < 0)
        return -1;
    /* Alive as before: the process that was opened is no stranger with its pid. */
    int watch =
        jp_lock_is_held(dir_fd, JP_SERVICE_LIFE, NULL) > 0 ? jp_process_watch(&process) : -1;
    jp_process_clear(&process);
    return watch;
}

/* 1 none runs, and the lock of the directory is held by *ret_lock; 0 one does, see above. */
static int is_free(int dir_fd, int *ret_lock, int *ret_watch, struct jp_error *err)
{
    JP_AUTO(jp_buf) info = JP_BUF_INIT;
    JP_AUTO_FD int lock = jp_pod_service_lock(dir_fd, err);
    int running = lock < 0 ? -1 : read_info(dir_fd, &info, err);
    if (running == 0)
        *ret_lock = jp_fd_take(&lock);
    else if (running > 0)
        *ret_watch = watch_service(dir_fd, jp_buf_text(&info));
    return running < 0 ? -1 : !running;
}

int jp_pod_service_become(const struct jp_pod_context *ctx, struct jp_error *err)
{
    bool has_told = false;
    JP_AUTO_FD int dir_fd = jp_pod_service_dir(ctx, err);
    JP_AUTO_FD int lock = -1;
    if (dir_fd < 0)
        return -1;
    for (;;) {
        JP_AUTO_FD int watch = -1;
        int r = is_free(dir_fd, &lock, &watch, err);
        if (r < 0 || jp_pod_check_interrupt(ctx, err) < 0)
            return -1;
        if (r > 0)
            break;
        if (!has_told) {
            jp_pod_say(ctx, JP_POD_WARNING,
                       "a metadata service is running: this one takes over when it ends");
            /* There is one: nobody who waits for it must wait for ours. */
            jp_notify("READY=1\nSTATUS=waiting for the end of the service that runs");
        }
        has_told = true;
        if (jp_wait_readable(watch, watch < 0 ? LIFE_PAUSE_MS : -1, ctx->interrupted, err) < 0)
            return -1;
    }
    __attribute__((__cleanup__(start_clear))) struct start s = {
        .ctx = ctx, .dir_fd = dir_fd, .settings = JP_SERVICE_SETTINGS_INIT};
    return become(&s, err);
}

/* ---- for commands ---------------------------------------------------------------------------- */

int jp_pod_service_prepare(const struct jp_pod_context *ctx, struct jp_error *err)
{
    static const char *const files[] = {JP_SERVICE_TOKENS, JP_SERVICE_SIGNING};
    uint32_t uid, gid;
    JP_AUTO_FD int dir_fd = jp_pod_service_dir(ctx, err);
    if (dir_fd < 0 || find_user(ctx->metadata, &uid, &gid, err) < 0)
        return -1;
    JP_AUTO_FD int lock = jp_pod_service_lock(dir_fd, err);
    if (lock < 0 || own_dir(dir_fd, gid, err) < 0)
        return -1;
    for (size_t i = 0; i < JP_LEN(files); i++) {
        if (make_key(dir_fd, files[i], err) < 0)
            return -1;
    }
    return 0;
}

/* The token that the service was told to know; the key and the nonce are root's alone. */
static char *owner_token(const struct jp_pod_context *ctx, int dir_fd, const char *info,
                         struct jp_error *err)
{
    JP_AUTO(jp_buf) key = JP_BUF_INIT;
    unsigned char nonce[JP_TOKEN_NONCE_SIZE];
    char token[JP_TOKEN_SIZE];
    JP_AUTO_FREE char *digits = info_value(info, "nonce");
    if (!digits || !jp_hex_decode(digits, nonce, sizeof(nonce))) {
        jp_fail(err, JP_ECORRUPT, 0, "'%s/%s' is broken", JP_SERVICE_DIR, JP_SERVICE_LIFE);
        return NULL;
    }
    if (jp_pod_service_key(dir_fd, false, JP_SERVICE_TOKENS, ctx->metadata->token_key, &key, err) <
        0)
        return NULL;
    jp_token_make((struct jp_token_key){key.data, key.len}, JP_NIL_UUID, nonce, token);
    return jp_strdup(token);
}

int jp_pod_service_find(const struct jp_pod_context *ctx, struct jp_pod_service *ret,
                        struct jp_error *err)
{
    JP_AUTO(jp_buf) info = JP_BUF_INIT;
    JP_AUTO_FD int dir_fd = jp_pod_service_dir(ctx, err);
    if (dir_fd < 0)
        return -1;
    /* A service that is just being started has not written everything. */
    JP_AUTO_FD int lock = jp_pod_service_lock(dir_fd, err);
    int running = lock < 0 ? -1 : read_info(dir_fd, &info, err);
    jp_fd_close(&lock);
    if (running <= 0)
        return running;
    const char *text = jp_buf_text(&info);
    ret->pid = info_pid(text);
    ret->is_running = true;
    ret->listeners = info_value(text, "listen");
    ret->version = info_value(text, "version");
    ret->token = owner_token(ctx, dir_fd, text, err);
    return ret->listeners && ret->token ? 0 : -1;
}

void jp_pod_service_clear(struct jp_pod_service *service)
{
    free(service->listeners);
    free(service->version);
    free(service->token);
    *service = (struct jp_pod_service){.is_running = false};
}
