/*
 * Starts a program with every attribute that processes inherit changed from the ordinary:
 *
 *   odd PROGRAM ARG...
 *
 * What must not follow from the command line into a pod. An attribute that this host does not let
 * us change stays; the test looks at what came of it. What only one system has: odd_SYSTEM.c.
 */
#include "odd.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void limit(int resource, rlim_t soft)
{
    struct rlimit now;
    getrlimit(resource, &now);
    now.rlim_cur = soft;
    setrlimit(resource, &now);
}

int main(int argc, char **argv)
{
    sigset_t some;
    if (argc < 2)
        return 2;
    limit(RLIMIT_NOFILE, 77);
    limit(RLIMIT_CORE, 4096);
    limit(RLIMIT_STACK, 3 << 20);
    limit(RLIMIT_NPROC, 4321);
    limit(RLIMIT_DATA, 1L << 60); /* the sanitizers reserve terabytes */
    setpriority(PRIO_PROCESS, 0, 5);
    become_odd();
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
