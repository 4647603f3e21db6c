/*
 * The context: messages to the user and interruption.
 *
 * Signals of a terminal arrive at any moment. The handler only notes them; every operation asks
 * between its steps and walks back like for any other failure. Nothing is cleaned in a handler.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "pod/internal.h"
#include "sys/fd.h"

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};

static volatile sig_atomic_t interrupted;
static int pipe_ends[2] = {-1, -1};
static struct sigaction earlier[JP_LEN(caught)];
static struct sigaction earlier_pipe;

static void note(int signal)
{
    int saved = errno;
    if (signal != SIGWINCH && interrupted == 0)
        interrupted = signal;
    unsigned char byte = (unsigned char)signal;
    /* A full pipe means that whoever reads it has plenty to do already. */
    ssize_t ignored = write(pipe_ends[1], &byte, 1);
    (void)ignored;
    errno = saved;
}

int jp_pod_signals_catch(struct jp_pod_signals *ret, struct jp_error *err)
{
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return jp_fail_sys(err, "make a pipe for signals");
    interrupted = 0;
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < JP_LEN(caught); i++) {
        (void)sigaction(caught[i], NULL, &earlier[i]);
        /* nohup(1): what the caller ignores stays ignored. */
        if (earlier[i].sa_handler != SIG_IGN || caught[i] == SIGWINCH)
            (void)sigaction(caught[i], &action, NULL);
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, &earlier_pipe);
    ret->fd = pipe_ends[0];
    ret->interrupted = &interrupted;
    return 0;
}

void jp_pod_signals_release(struct jp_pod_signals *signals)
{
    if (pipe_ends[0] < 0)
        return;
    for (size_t i = 0; i < JP_LEN(caught); i++)
        (void)sigaction(caught[i], &earlier[i], NULL);
    (void)sigaction(SIGPIPE, &earlier_pipe, NULL);
    jp_fd_close(&pipe_ends[0]);
    jp_fd_close(&pipe_ends[1]);
    signals->fd = -1;
}

void jp_pod_say(const struct jp_pod_context *ctx, enum jp_pod_tell kind, const char *fmt, ...)
{
    if (!ctx->tell)
        return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    ctx->tell(ctx->tell_context, kind, text);
}

int jp_pod_check_interrupt(const struct jp_pod_context *ctx, struct jp_error *err)
{
    if (ctx->interrupted && *ctx->interrupted != 0)
        return jp_fail(err, JP_EINTERRUPTED, 0, "interrupted");
    return 0;
}

bool jp_pod_is_on(const char *text)
{
    static const char *const words[] = {"true", "on", "yes", "1"};
    for (size_t i = 0; text && i < JP_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}
