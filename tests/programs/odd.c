/*
 * Starts a program with every attribute that processes inherit changed from the ordinary:
 *
 *   odd PROGRAM ARG...
 *
 * What must not follow from the command line into a pod. An attribute that this host does not let
 * us change stays; the test looks at what came of it.
 */
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void limit(int resource, rlim_t soft)
{
    struct rlimit now;
    getrlimit(resource, &now);
    now.rlim_cur = soft;
    setrlimit(resource, &now);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    (void)!write(fd, text, strlen(text));
    close(fd);
}

int main(int argc, char **argv)
{
    cpu_set_t one;
    sigset_t some;
    if (argc < 2)
        return 2;
    limit(RLIMIT_NOFILE, 77);
    limit(RLIMIT_CORE, 4096);
    limit(RLIMIT_STACK, 3 << 20);
    limit(RLIMIT_NPROC, 54321);
    limit(RLIMIT_DATA, 1L << 60); /* the sanitizers reserve terabytes */
    limit(RLIMIT_MSGQUEUE, 12345);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    setpriority(PRIO_PROCESS, 0, 5);
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
    prctl(PR_SET_TIMERSLACK, 123456);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    unsigned long node = 1;
    syscall(SYS_set_mempolicy, 1, &node, 8 * sizeof(node)); /* MPOL_PREFERRED */
    personality(ADDR_NO_RANDOMIZE);
    put("/proc/self/oom_score_adj", "333");
    put("/proc/self/coredump_filter", "0x1");
    syscall(SYS_keyctl, 1, "jetpack-test"); /* KEYCTL_JOIN_SESSION_KEYRING */
    syscall(SYS_add_key, "user", "jetpack-test", "secret", 6, -3);
    umask(0177);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
