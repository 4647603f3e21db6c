/*
 * The pod's forwarder: a child that is none of the pod's. The socket to it says when it is ready,
 * and tells it that we are gone, however that came about.
 */
#include "plan/forward.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "stage1/supervisor.h"
#include "sys/fd.h"

#define ANSWER_MS 60000 /* a program that has not answered by then never will */

int jp_forward_begin(struct jp_supervisor *s, struct jp_error *err)
{
    int ends[2];
    if (!s->plan.forwarder)
        return 0;
    JP_AUTO_FD int mailbox = jp_fd_take(&s->mailbox_fd);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return jp_fail_sys(err, "make a socket pair");
    JP_AUTO_FD int ours = ends[0];
    JP_AUTO_FD int theirs = ends[1];
    const struct jp_publish publish = {s->plan.forwarder, mailbox, theirs};
    if (jp_platform.links->publish(s->isolation, &publish, &s->forwarder, err) < 0)
        return -1;
    s->forwarder_life = jp_fd_take(&ours);
    return 0;
}

int jp_forward_await(struct jp_supervisor *s, struct jp_error *err)
{
    char text[JP_FORWARD_MAX_ANSWER + 1];
    struct pollfd fd = {.fd = s->forwarder_life, .events = POLLIN};
    if (s->forwarder_life < 0)
        return 0;
    int64_t end_ms = jp_time_monotonic_ms() + ANSWER_MS;
    int n;
    do {
        int64_t left_ms = end_ms - jp_time_monotonic_ms();
        n = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (n < 0 && errno == EINTR);
    ssize_t len = n > 0 ? recv(s->forwarder_life, text, sizeof(text) - 1, MSG_DONTWAIT) : -1;
    if (len <= 0)
        return jp_fail(err, JP_ESYS, 0, "the forwarder ('%s') %s", s->plan.forwarder,
                       n > 0 ? "died while starting" : "does not answer");
    text[len] = '\0';
    return strcmp(text, "ok") == 0 ? 0 : jp_fail(err, JP_ESYS, 0, "the forwarder: %s", text);
}

static bool reap(struct jp_supervisor *s, int options, int *ret_status)
{
    pid_t r;
    do {
        r = waitpid(s->forwarder, ret_status, options);
    } while (r < 0 && errno == EINTR);
    return r != 0;
}

void jp_forward_reap(struct jp_supervisor *s)
{
    int status = 0;
    if (s->forwarder <= 0 || !reap(s, WNOHANG, &status))
        return;
    s->forwarder = 0;
    jp_fd_close(&s->forwarder_life);
    JP_AUTO_FREE char *text =
        jp_format("the forwarder of the pod's ports has ended (%s %d): they are not published any "
                  "more",
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (text)
        jp_record_add_warning(s, text);
    s->record_is_stale = true;
}

void jp_forward_limit(const struct jp_supervisor *s)
{
    const uint64_t bytes_per_second = s->plan.limits.network_bytes;
    /* One that does not take it is about to end. */
    if (s->forwarder_life >= 0)
        (void)send(s->forwarder_life, &bytes_per_second, sizeof(bytes_per_second),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
}

void jp_forward_end(struct jp_supervisor *s)
{
    int status;
    jp_fd_close(&s->mailbox_fd);
    jp_fd_close(&s->forwarder_life);
    if (s->forwarder <= 0)
        return;
    /* It would go by itself; but its ports shall refuse now, whatever it is doing. */
    (void)kill(s->forwarder, SIGKILL);
    (void)reap(s, 0, &status);
    s->forwarder = 0;
}
