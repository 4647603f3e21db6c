#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "forward/hold.h"
#include "sys/fd.h"

#define SPARE_PIPES 16           /* empty ones that are kept: connections come and go quickly */
#define PIPE_BYTES  (256 * 1024) /* asked for; the kernel gives less to a user who has many */

static int spare[SPARE_PIPES][2];
static size_t n_spare;

static int get_pipe(int pipe[2])
{
    if (n_spare > 0) {
        n_spare--;
        pipe[0] = spare[n_spare][0];
        pipe[1] = spare[n_spare][1];
        return 0;
    }
    if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    (void)fcntl(pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

/* An empty one. */
static void put_pipe(int pipe[2])
{
    if (n_spare < SPARE_PIPES) {
        spare[n_spare][0] = pipe[0];
        spare[n_spare++][1] = pipe[1];
    } else {
        jp_fd_close(&pipe[0]);
        jp_fd_close(&pipe[1]);
    }
}

ssize_t jp_hold_take(struct jp_hold *hold, int from, size_t max)
{
    if (get_pipe(hold->pipe) < 0)
        return -1;
    ssize_t n = splice(from, NULL, hold->pipe[1], NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
        hold->len = (size_t)n;
    } else {
        int saved = errno;
        put_pipe(hold->pipe);
        errno = saved;
    }
    return n;
}

ssize_t jp_hold_give(struct jp_hold *hold, int to)
{
    ssize_t n = splice(hold->pipe[0], NULL, to, NULL, hold->len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n <= 0)
        return n;
    hold->len -= (size_t)n;
    if (hold->len == 0)
        put_pipe(hold->pipe);
    return n;
}

void jp_hold_drop(struct jp_hold *hold)
{
    if (hold->len == 0)
        return;
    jp_fd_close(&hold->pipe[0]);
    jp_fd_close(&hold->pipe[1]);
    hold->len = 0;
}

void jp_holds_trim(void)
{
    while (n_spare > 0) {
        n_spare--;
        jp_fd_close(&spare[n_spare][0]);
        jp_fd_close(&spare[n_spare][1]);
    }
}
