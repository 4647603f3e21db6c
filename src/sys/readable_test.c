/* Signals that come while, before and just before somebody waits for a pipe. */
#include <sys/time.h>

#include "sys/fd.h"
#include "sys/readable.h"
#include "tap.h"

#define ROUNDS 3000

static volatile sig_atomic_t cancel;

static void note(int signal)
{
    cancel = signal;
}

static bool is_interrupted(int fd)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    int r = jp_wait_readable(fd, -1, &cancel, &err);
    return r < 0 && err.code == JP_EINTERRUPTED;
}

/* A signal at some moment of the first microseconds; one that is lost is waited for in vain. */
static bool is_ended_by_alarm(int fd, int microseconds)
{
    struct itimerval soon = {.it_value.tv_usec = microseconds};
    cancel = 0;
    return setitimer(ITIMER_REAL, &soon, NULL) == 0 && is_interrupted(fd);
}

int main(void)
{
    int ends[2];
    int lost = 0;
    struct sigaction action = {.sa_handler = note};
    if (pipe(ends) < 0 || sigaction(SIGALRM, &action, NULL) < 0)
        return 1;
    TAP_OK(jp_wait_readable(ends[0], 0, &cancel, NULL) == 0, "nothing to read");
    TAP_OK(jp_wait_readable(ends[0], 20, NULL, NULL) == 0, "... nor in a while");
    cancel = 1;
    TAP_OK(is_interrupted(ends[0]), "a signal that came before");
    for (int i = 0; i < ROUNDS; i++)
        lost += !is_ended_by_alarm(ends[0], 1 + i % 100);
    TAP_OK(lost == 0, "%d signals at any moment", ROUNDS);
    cancel = 0;
    TAP_OK(write(ends[1], "x", 1) == 1 && jp_wait_readable(ends[0], -1, &cancel, NULL) == 1,
           "a byte");
    char byte;
    TAP_OK(read(ends[0], &byte, 1) == 1 && close(ends[1]) == 0 &&
               jp_wait_readable(ends[0], -1, &cancel, NULL) == 1,
           "the end");
    close(ends[0]);
    return tap_done();
}
