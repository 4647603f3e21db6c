/*
 * Starting a supervisor: plan and shim go into sealed files in memory, five descriptors go to fixed
 * numbers, everything else is closed, and stage 1 begins a session of its own so that a Ctrl-C at
 * the terminal reaches the command and not the supervisor.
 *
 * The program is started first and gets its pod later, over a socket in the plan's place: so a
 * command that knows that it will run something has its supervisor loaded on another processor
 * while it still looks for images. One that gets no pod ends when the socket closes.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "plan/state.h"
#include "pod/internal.h"
#include "sys/fd.h"
#include "sys/self.h"

#define N_FDS         5   /* from JP_STAGE1_FD_PLAN to JP_STAGE1_FD_STAGE2 */
#define NOT_EXECUTED  125 /* exit status of a child that could not become stage 1 */
#define SAFE_FD       16  /* copies are made above what the child overwrites */
#define MAX_VARIABLES 32

/* What stage 1 gets, as copies that no dup2(2) of the child can hit. */
struct handover {
    int fds[N_FDS];
    char *program;
    bool expects_net;
    char *environment[MAX_VARIABLES];
};

static void handover_clear(struct handover *h)
{
    for (size_t i = 0; i < N_FDS; i++)
        jp_fd_close(&h->fds[i]);
    free(h->program);
}

static int put(struct handover *h, int number, int fd, struct jp_error *err)
{
    if (fd < 0)
        return -1;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
    if (copy < 0)
        return jp_fail_sys(err, "duplicate a descriptor");
    h->fds[number - JP_STAGE1_FD_PLAN] = copy;
    return 0;
}

static int seal_plan(const struct jp_plan *plan, struct jp_error *err)
{
    struct jp_buf bytes = JP_BUF_INIT;
    int fd = -1;
    /* Writing walks the plan with the reader's function: it changes nothing. */
    if (jp_plan_encode((struct jp_plan *)(uintptr_t)plan, &bytes, err) == 0)
        fd = jp_self_seal_bytes("jetpack-plan", bytes.data, bytes.len, err);
    jp_buf_clear(&bytes);
    return fd;
}

static int put_stage2(struct handover *h, const struct jp_pod_context *ctx, struct jp_error *err)
{
    JP_AUTO_FD int file = jp_pod_program(ctx, "jetpack-stage2", NULL, err);
    if (file < 0)
        return -1;
    JP_AUTO_FD int sealed = jp_self_seal_program("jetpack-stage2", file, err);
    return put(h, JP_STAGE1_FD_STAGE2, sealed, err);
}

/* PATH, and what tests of ours say to ours. */
static void put_environment(struct handover *h)
{
    extern char **environ;
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    size_t n = 0;
    h->environment[n++] = path;
    for (char **p = environ; p && *p && n + 1 < MAX_VARIABLES; p++) {
        if (strncmp(*p, "JETPACK_", 8) == 0)
            h->environment[n++] = *p;
    }
    h->environment[n] = NULL;
}

/* A supervisor that waits for its pod. */
struct jp_pod_ahead {
    pid_t pid;
    int owner;    /* our end of its owner's socket */
    int handover; /* where it waits for plan, directory and lock */
};

static int prepare(struct handover *h, const struct jp_pod_context *ctx, int owner, int handover,
                   struct jp_error *err)
{
    int program = jp_pod_program(ctx, "jetpack-stage1", &h->program, err);
    if (program < 0)
        return -1;
    jp_fd_close(&program);
    put_environment(h);
    if (put_stage2(h, ctx, err) < 0 || put(h, JP_STAGE1_FD_PLAN, handover, err) < 0 ||
        put(h, JP_STAGE1_FD_OWNER, owner, err) < 0)
        return -1;
    return 0;
}

/* In the child: only system calls, nothing of the parent's memory is written. */
JP_NORETURN static void become_stage1(const struct handover *h, int null_fd)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &plain, NULL);
    (void)setsid();
    (void)umask(022);
    int ok = chdir("/");
    for (int i = 0; i < 3 && ok == 0; i++)
        ok = dup2(null_fd, i) < 0 ? -1 : 0;
    for (int i = 0; i < N_FDS && ok == 0; i++) {
        if (h->fds[i] < 0)
            (void)close(JP_STAGE1_FD_PLAN + i);
        else
            ok = dup2(h->fds[i], JP_STAGE1_FD_PLAN + i) < 0 ? -1 : 0;
    }
    if (ok == 0) {
        closefrom(JP_STAGE1_FD_PLAN + N_FDS);
        char *net = h->expects_net ? (char *)(uintptr_t)JP_STAGE1_NET : NULL;
        char *const argv[] = {(char *)(uintptr_t) "jetpack-stage1", net, NULL};
        sigset_t none;
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)execve(h->program, argv, h->environment);
    }
    _exit(NOT_EXECUTED);
}

static pid_t spawn_child(const struct handover *h, struct jp_error *err)
{
    /* Not 0 to 2: a caller that closed those must not have it overwritten. */
    JP_AUTO_FD int null_fd = jp_fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    if (null_fd < 0)
        return -1;
    JP_AUTO_FD int safe = fcntl(null_fd, F_DUPFD_CLOEXEC, SAFE_FD);
    if (safe < 0)
        return jp_fail_sys(err, "duplicate a descriptor");
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    /* vfork: the tables of a process with an open database are not copied for an execve. */
    pid_t pid = vfork();
    if (pid == 0)
        become_stage1(h, safe);
    int saved = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    if (pid < 0)
        return jp_fail_sys(err, "make a process");
    return pid;
}

/* Said before stage 1 lives, so that not a byte of output is missed. */
static int greet(int socket, const struct jp_pod_spawn *spawn, struct jp_error *err)
{
    struct jp_control_message hello = JP_CONTROL_MESSAGE_INIT;
    hello.type = JP_CONTROL_HELLO;
    hello.number = JP_CONTROL_VERSION;
    if (jp_control_send(socket, &hello, err) < 0)
        return -1;
    if (!spawn->wants_output && spawn->window != 0) {
        struct jp_control_message resize = JP_CONTROL_MESSAGE_INIT;
        resize.type = JP_CONTROL_RESIZE;
        resize.number = spawn->window;
        return jp_control_send(socket, &resize, err) < 0 ? -1 : 0;
    }
    if (!spawn->wants_output)
        return 0;
    struct jp_control_message attach = JP_CONTROL_MESSAGE_INIT;
    attach.type = JP_CONTROL_ATTACH;
    attach.flags = spawn->has_stdin ? JP_CONTROL_F_STDIN : 0;
    attach.number = spawn->window; /* the app must find its terminal's size, not learn it later */
    attach.app = (char *)(uintptr_t)spawn->input_app;
    return jp_control_send(socket, &attach, err) < 0 ? -1 : 0;
}

static int begin(const struct jp_pod_context *ctx, bool expects_net, struct jp_pod_ahead *ret,
                 struct jp_error *err)
{
    __attribute__((__cleanup__(handover_clear))) struct handover h = {.fds = {-1, -1, -1, -1, -1},
                                                                      .expects_net = expects_net};
    int owner[2], handover[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, owner) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int ours = owner[0];
    JP_AUTO_FD int theirs = owner[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, handover) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int giving = handover[0];
    JP_AUTO_FD int taking = handover[1];
    if (prepare(&h, ctx, theirs, taking, err) < 0)
        return -1;
    pid_t pid = spawn_child(&h, err);
    if (pid < 0)
        return -1;
    *ret = (struct jp_pod_ahead){
        .pid = pid, .owner = jp_fd_take(&ours), .handover = jp_fd_take(&giving)};
    return 0;
}

/* One that got no pod ends at once: nobody shall see it after the command. */
static void give_up(struct jp_pod_ahead *ahead)
{
    jp_fd_close(&ahead->handover);
    jp_fd_close(&ahead->owner);
    while (ahead->pid > 0 && waitpid(ahead->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    ahead->pid = 0;
}

static bool expects_net(const struct jp_pod_context *ctx, const struct jp_pod_request *request)
{
    const char *net = jp_pod_networks(ctx)->usual;
    for (size_t i = 0; request && i < request->n_settings; i++) {
        const struct jp_pod_setting *setting = &request->settings[i];
        if (setting->option == JP_POD_OPT_NET)
            net = setting->value;
    }
    return request && strcmp(net, "host") != 0;
}

int jp_pod_start_ahead(struct jp_pod_context *ctx, const struct jp_pod_request *request,
                       struct jp_error *err)
{
    struct jp_pod_ahead *ahead = ctx->ahead ? ctx->ahead : jp_calloc(1, sizeof(*ahead));
    if (!ahead)
        return jp_oom(err);
    ctx->ahead = ahead;
    return ahead->pid > 0 ? 0 : begin(ctx, expects_net(ctx, request), ahead, err);
}

void jp_pod_ahead_free(struct jp_pod_ahead *ahead)
{
    if (!ahead)
        return;
    if (ahead->pid > 0)
        give_up(ahead);
    free(ahead);
}

static int hand_over(const struct jp_pod_ahead *ahead, const struct jp_pod_spawn *spawn,
                     struct jp_error *err)
{
    JP_AUTO_FD int plan = seal_plan(spawn->plan, err);
    if (plan < 0)
        return -1;
    const int fds[JP_STAGE1_HANDOVER_MAX] = {plan, spawn->pod_fd, spawn->lock_fd,
                                             spawn->mailbox_fd};
    size_t count = spawn->mailbox_fd < 0 ? JP_STAGE1_HANDOVER : JP_STAGE1_HANDOVER_MAX;
    if (jp_fd_send(ahead->handover, "", 1, fds, count, MSG_NOSIGNAL) < 0)
        return jp_fail_sys(err, "hand the pod over to its supervisor");
    return 0;
}

/*
 * A supervisor that ended before it had a pod leaves us with a broken pipe. It has said why, or its
 * exit status tells: 125 when it could not even be executed.
 */
static int tell_early_end(struct jp_pod_ahead *ahead, struct jp_error *err)
{
    JP_AUTO(jp_control_message) message = JP_CONTROL_MESSAGE_INIT;
    if (jp_control_receive(ahead->owner, &message, NULL) > 0 && message.type == JP_CONTROL_FAILED)
        return jp_pod_failed_message(&message, err);
    int status = 0;
    pid_t pid = waitpid(ahead->pid, &status, 0);
    ahead->pid = 0;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_EXECUTED)
        return jp_fail(err, JP_ESYS, 0, "the supervisor (jetpack-stage1) could not be executed");
    return jp_fail(err, JP_ESYS, 0, "the supervisor ended before it took the pod");
}

static int give_pod(struct jp_pod_ahead *ahead, const struct jp_pod_context *ctx,
                    const struct jp_pod_spawn *spawn, struct jp_error *err)
{
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    if (greet(ahead->owner, spawn, &why) == 0 && jp_pod_check_interrupt(ctx, &why) == 0 &&
        hand_over(ahead, spawn, &why) == 0)
        return 0;
    if (why.sys == EPIPE || why.sys == ECONNRESET)
        return tell_early_end(ahead, err);
    jp_error_move(err, &why);
    return -1;
}

int jp_pod_supervisor_spawn(const struct jp_pod_context *ctx, const struct jp_pod_spawn *spawn,
                            struct jp_pod_session **ret, struct jp_error *err)
{
    struct jp_pod_ahead ahead = {.owner = -1, .handover = -1};
    if (ctx->ahead && ctx->ahead->pid > 0) {
        ahead = *ctx->ahead;
        ctx->ahead->pid = 0;
    } else if (begin(ctx, false, &ahead, err) < 0) {
        return -1;
    }
    struct jp_pod_session *session = jp_pod_session_new(-1);
    if (!session)
        jp_oom(err);
    if (!session || give_pod(&ahead, ctx, spawn, err) < 0) {
        give_up(&ahead);
        free(session);
        return -1;
    }
    jp_fd_close(&ahead.handover);
    session->socket = jp_fd_take(&ahead.owner);
    session->pod_fd = fcntl(spawn->pod_fd, F_DUPFD_CLOEXEC, 3);
    session->is_owner = true;
    session->is_attached = spawn->wants_output;
    session->has_input = spawn->has_stdin;
    session->child = ahead.pid;
    *ret = session;
    return 0;
}
