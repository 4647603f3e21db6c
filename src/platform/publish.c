#include "platform/publish.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "plan/forward.h"
#include "sys/fd.h"

#define FIRST_SPARE_FD 16 /* above what the child rearranges */
#define N_FDS          3

/* Mailbox, life, and nothing for errors. */
static int arrange(const struct jp_publish *publish)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int wanted[N_FDS] = {publish->mailbox, publish->life, null};
    int spare[N_FDS];
    for (int i = 0; i < N_FDS; i++) {
        spare[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
        if (spare[i] < 0)
            return -1;
    }
    for (int i = 0; i < N_FDS; i++) {
        if (dup2(spare[i], i) < 0)
            return -1;
    }
    closefrom(N_FDS);
    return 0;
}

JP_NORETURN static void become(const struct jp_publish *publish, bool is_plain)
{
    static char name[] = JP_FORWARD_PROGRAM, plain[] = JP_FORWARD_PLAIN;
    char *const argv[] = {name, is_plain ? plain : NULL, NULL};
    char *const environment[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (arrange(publish) == 0)
        (void)execve(publish->program, argv, environment);
    _exit(125);
}

int jp_publish_spawn(const struct jp_publish *publish, int (*enter)(void *context), void *context,
                     pid_t *ret_pid, struct jp_error *err)
{
    pid_t pid = fork();
    if (pid == 0) {
        int r = enter ? enter(context) : 0;
        if (r < 0)
            _exit(125);
        become(publish, r > 0);
    }
    if (pid < 0)
        return jp_fail_sys(err, "make a process");
    *ret_pid = pid;
    return 0;
}
